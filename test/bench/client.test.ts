/** The load generator's client against the server itself: every way a body goes over the wire, and answers as servers cut them. */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Checksum, checksumHeader, digestsOf } from '../../bench/client/body-digests.ts';
import { Connection } from '../../bench/client/connection.ts';
import { plainWire, S3Client, type WireOptions } from '../../bench/client/s3-client.ts';
import { Signer } from '../../bench/client/signer.ts';
import { checksumAlgorithms } from '../../engine/body.ts';
import { seededBytes, temporaryDirectory } from '../support/files.ts';
import { xmlText } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { signHeader } from '../support/sign.ts';
import { tlsFlags } from './tls-flags.ts';

const payloads = ['signed', 'unsigned', 'streaming'] as const;
const checksums = ['none', ...checksumAlgorithms.map((name) => name.toLowerCase() as Checksum)] as const;
const work = temporaryDirectory('bench-client');
const servers = new Map<string, RunningServer>();

before(async () => {
  const tls = tlsFlags(work.path);
  servers.set('http', await startServer({ directory: join(work.path, 'http'), drives: 1 }));
  servers.set('https', await startServer({ directory: join(work.path, 'https'), drives: 1, args: tls }));
  for (const scheme of servers.keys()) await use(scheme, {}, (client) => client.must({ method: 'PUT', bucket: 'wire' }));
});

after(async () => {
  await Promise.all([...servers.values()].map((server) => server.stop()));
  work.remove();
});

async function use(scheme: string, wire: Partial<WireOptions>, work: (client: S3Client) => Promise<unknown>): Promise<void> {
  const { endpoint, accessKey, secretKey } = servers.get(scheme) as RunningServer;
  const options = { ...plainWire, insecure: true, ...wire };
  const client = new S3Client({ endpoint, accessKey, secretKey, region: 'us-east-1' }, 4, options);
  try {
    await work(client);
  } finally {
    client.close();
  }
}

async function readBack(client: S3Client, key: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  const answer = await client.must({ method: 'GET', bucket: 'wire', key, sink: (bytes) => void parts.push(Buffer.from(bytes)) });
  assert.equal(answer.body.length, 0);
  const body = Buffer.concat(parts);
  assert.equal(answer.header('content-length'), String(body.length));
  return body;
}

for (const scheme of ['http', 'https']) {
  for (const payload of payloads) {
    for (const keepAlive of [true, false]) {
      test(`${scheme}, ${payload}, ${keepAlive ? 'keep-alive' : 'a connection for each request'}: each checksum`, async () => {
        for (const checksum of checksums) {
          const wire = { payload, checksum, keepAlive };
          const sizes = keepAlive ? [0, 5000, 200_000] : [65_536];
          await use(scheme, wire, (client) => Promise.all(sizes.map((bytes) => putAndGet(client, wire, bytes))));
        }
      });
    }
  }
}

async function putAndGet(client: S3Client, { payload, checksum }: Pick<WireOptions, 'payload' | 'checksum'>, bytes: number): Promise<void> {
  const body = seededBytes(bytes, bytes);
  const key = `${payload}/${checksum} (${bytes}) é`;
  client.hashAhead(body);
  const put = await client.must({ method: 'PUT', bucket: 'wire', key, body });
  assert.equal(put.header('etag'), `"${digestsOf(body).md5}"`);
  assert.equal(put.headers.etag, put.header('etag'));
  assert.ok((await readBack(client, key)).equals(body), key);
  const head = await client.must({ method: 'HEAD', bucket: 'wire', key, headers: { 'x-amz-checksum-mode': 'ENABLED' } });
  assert.equal(head.header('content-length'), String(bytes));
  assert.equal(head.header('content-encoding'), undefined, 'the framing is not the object');
  if (checksum !== 'none') assert.equal(head.header(checksumHeader(checksum)), digestsOf(body).checksum(checksum), key);
}

test('a body that is not what its digests say is refused, however they travel', async () => {
  for (const scheme of ['http', 'https']) {
    for (const payload of payloads) {
      for (const checksum of checksums) {
        await use(scheme, { payload, checksum }, async (client) => {
          const body = seededBytes(70_000, 3);
          client.hashAhead(body);
          body[69_000] = (body[69_000] ?? 0) ^ 1;
          const answer = await client.call({ method: 'PUT', bucket: 'wire', key: 'damaged', body });
          const name = `${scheme} ${payload} ${checksum}: ${answer.status} ${answer.body}`;
          if (payload === 'unsigned' && checksum === 'none') assert.equal(answer.status, 200, name);
          else {
            assert.ok(answer.status === 400 || answer.status === 403, name);
            assert.match(
              xmlText(answer, 'Code') ?? '',
              /^(BadDigest|XAmzContentSHA256Mismatch|SignatureDoesNotMatch|InvalidRequest)$/,
              name,
            );
          }
        });
      }
    }
  }
});

test('parts carry the checksum that the upload announced', async () => {
  for (const payload of payloads) {
    await use('http', { payload, checksum: 'crc32c' }, async (client) => {
      const place = { bucket: 'wire', key: `parts/${payload}` };
      const begun = await client.must({ method: 'POST', ...place, query: { uploads: '' } });
      assert.equal(begun.headers['x-amz-checksum-algorithm'], 'CRC32C');
      const uploadId = xmlText(begun, 'UploadId') ?? '';
      const bodies = [seededBytes(5 * 1024 * 1024, 1), seededBytes(1000, 2)];
      let xml = '';
      for (const [at, body] of bodies.entries()) {
        const part = await client.must({ method: 'PUT', ...place, query: { uploadId, partNumber: String(at + 1) }, body });
        const sum = digestsOf(body).checksum('crc32c');
        assert.equal(part.header('x-amz-checksum-crc32c'), sum);
        xml += `<Part><PartNumber>${at + 1}</PartNumber><ETag>${part.header('etag')}</ETag><ChecksumCRC32C>${sum}</ChecksumCRC32C></Part>`;
      }
      const body = Buffer.from(`<CompleteMultipartUpload>${xml}</CompleteMultipartUpload>`);
      await client.must({ method: 'POST', ...place, query: { uploadId }, body });
      assert.ok((await readBack(client, place.key)).equals(Buffer.concat(bodies)));
    });
  }
});

test('a large streamed body, written faster than the server reads it', async () => {
  const body = seededBytes(24 * 1024 * 1024 + 17, 5);
  await use('http', { payload: 'streaming', checksum: 'crc64nvme' }, async (client) => {
    await client.must({ method: 'PUT', bucket: 'wire', key: 'large', body });
    assert.ok((await readBack(client, 'large')).equals(body));
    const slow: Buffer[] = [];
    const sink = async (bytes: Buffer): Promise<void> => {
      await sleep(1);
      slow.push(Buffer.from(bytes)); // the bytes are there until the promise resolves
    };
    await client.must({ method: 'GET', bucket: 'wire', key: 'large', headers: { range: 'bytes=1000-4000999' }, sink });
    assert.ok(Buffer.concat(slow).equals(body.subarray(1000, 4_001_000)));
  });
});

test('a certificate nobody vouches for is refused unless told otherwise', async () => {
  await use('https', { insecure: false }, async (client) => {
    await assert.rejects(client.call({ method: 'GET', bucket: 'wire' }), /self.signed certificate/);
  });
});

test('nobody listens', async () => {
  const client = new S3Client({ endpoint: 'http://127.0.0.1:1', accessKey: 'key', secretKey: 'secret', region: 'us-east-1' }, 1);
  await assert.rejects(client.call({ method: 'GET', bucket: 'wire' }), /ECONNREFUSED/);
  client.close();
});

test('signatures are those of the second implementation', () => {
  const keys = { accessKey: 'AKIAEXAMPLE', secretKey: 'a/secret+key', region: 'eu-central-1' };
  const cases: [string, Record<string, string>][] = [
    ['a key/with (odd) characters*', {}],
    ['copy', { 'x-amz-copy-source-range': 'bytes=0-9', 'x-amz-copy-source': '/a/b', 'content-type': 'text/plain' }],
  ];
  for (const [key, headers] of cases) {
    for (const sessionToken of [undefined, 'a-session-token']) {
      const path = `/bucket/${encodeURIComponent(key).replaceAll('%2F', '/').replace('(', '%28').replace(')', '%29').replace('*', '%2A')}`;
      const credentials = sessionToken === undefined ? keys : { ...keys, sessionToken };
      const signer = new Signer(credentials, 'host:9000');
      const signed = signer.sign({ method: 'PUT', path, query: 'partNumber=1&uploadId=x', headers, payload: 'UNSIGNED-PAYLOAD' });
      const time = Date.parse(signed.stamp.replace(/(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6Z'));
      const token: Record<string, string> = sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken };
      const query = [
        ['partNumber', '1'],
        ['uploadId', 'x'],
      ] as const;
      const draft = { method: 'PUT', path: `/bucket/${key}`, query, headers: { host: 'host:9000', ...headers, ...token } };
      assert.equal(signed.signature, signHeader(draft, keys, { time, payload: 'UNSIGNED-PAYLOAD' }).signature, key);
      if (sessionToken !== undefined) assert.match(signed.lines, /x-amz-security-token: a-session-token\r\n/);
    }
  }
});

/** Answers each request of a connection with the next of `answers`: pieces written one after the other; null ends the connection. */
async function answering(answers: readonly (readonly (string | null)[])[], work: (connection: Connection) => Promise<void>): Promise<void> {
  let connections = 0;
  let next = 0;
  const serve = (socket: Socket): void => {
    connections += 1;
    socket.on('error', () => undefined);
    socket.on('data', async () => {
      for (const piece of answers[next++] ?? []) {
        if (piece === null) socket.end();
        else socket.write(piece, 'latin1');
        await sleep(5);
      }
    });
  };
  const server = createServer(serve).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const connection = new Connection({ host: '127.0.0.1', port: (server.address() as { port: number }).port });
  try {
    await work(connection);
    assert.ok(connections >= 1);
  } finally {
    connection.close();
    server.close();
  }
}

const head = 'GET / HTTP/1.1\r\nhost: h\r\n\r\n';

test('answers in every cut', async () => {
  const answers = [
    ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Len', 'gth: 5\r\nX-Amz-Meta-A: \xc3\xa9\r\n\r', '\nhe', 'llo'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r', '\nhello\r\n6;x=y\r\n worl', 'd\r\n0\r\nTrailer: 1\r', '\n\r\n'],
    ['HTTP/1.1 204 No Content\r\n\r\n'],
    ['HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 4\r\n\r\ngone', null],
    ['HTTP/1.1 200 OK\r\n\r\nto the ', 'end', null],
    ['HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold', null],
  ];
  await answering(answers, async (connection) => {
    const first = await connection.send({ head });
    assert.deepEqual(
      [first.status, first.body.toString(), first.headers['x-amz-meta-a'], first.header('content-length')],
      [200, 'hello', 'é', '5'],
    );
    const texts: string[] = [];
    const second = await connection.send({ head, sink: (bytes) => void texts.push(bytes.toString()) });
    assert.deepEqual([second.status, texts.join(''), second.body.length], [200, 'hello world', 0]);
    assert.equal((await connection.send({ head })).status, 204);
    const fourth = await connection.send({ head, sink: () => assert.fail('an error keeps its body') });
    assert.deepEqual([fourth.status, fourth.body.toString()], [404, 'gone']);
    assert.equal((await connection.send({ head })).body.toString(), 'to the end');
    assert.equal((await connection.send({ head })).body.toString(), 'old');
  });
});

test('what is not an answer fails the request, and the next one has a new connection', async () => {
  const answers = [
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel', null],
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello'],
    ['SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'],
    ['HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n'],
    [null],
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ];
  const wrong = [/closed before/, /3 bytes more/, /not an answer/, /size of a chunk/, /content-length/, /closed before/];
  await answering(answers, async (connection) => {
    for (const message of wrong) await assert.rejects(connection.send({ head }), message);
    assert.equal((await connection.send({ head })).body.toString(), 'ok');
    const failing = connection.send({
      head,
      sink: () => {
        throw new Error('the sink is full');
      },
    });
    await assert.rejects(failing, /the sink is full/);
  });
});

test('a client that closes has no request left waiting', async () => {
  await answering([[]], async (connection) => {
    const waiting = connection.send({ head });
    await sleep(20);
    connection.close();
    await assert.rejects(waiting, /the client closed/);
  });
});
