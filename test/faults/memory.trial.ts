/** A body of 5 GiB in, out and copied in parts, and 200 slow clients at once: the server's resident memory stays under 400 MiB. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { S3Client } from '../../bench/s3-client.ts';
import { encodePath, Signer } from '../../bench/signer.ts';
import { seededBytes, temporaryDirectory } from '../support/files.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const gib = 1024 ** 3;
const mib = 1024 ** 2;
const bodyBytes = Number(process.env.TRIAL_BODY_GIB ?? 5) * gib;
const residentBytesMax = 400 * mib;
const slowClients = 200;

const work = temporaryDirectory('memory');
let server: RunningServer;
let client: S3Client;
let peak = 0;
let sampler: NodeJS.Timeout;

const residentBytes = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;

before(async () => {
  server = await startServer({ directory: work.path });
  client = new S3Client({ endpoint: server.endpoint, accessKey: server.accessKey, secretKey: server.secretKey, region: 'us-east-1' }, 8);
  await client.must({ method: 'PUT', bucket: 'memory' });
  sampler = setInterval(() => {
    if (!server.exited) peak = Math.max(peak, residentBytes());
  }, 100);
});
after(async () => {
  clearInterval(sampler);
  client.close();
  await server.stop();
  work.remove();
});

function stayed(what: string): void {
  console.log(`${what}: peak resident ${(peak / mib).toFixed(0)} MiB`);
  assert.ok(peak > 0 && peak < residentBytesMax, `${what}: peak resident ${(peak / mib).toFixed(0)} MiB`);
}

/** `length` bytes in 1 MiB chunks, each told apart by its number; hashed as they go. */
function* bigBody(length: number, hash: ReturnType<typeof createHash>): Generator<Buffer> {
  const block = seededBytes(mib, 99);
  for (let at = 0; at < length; at += mib) {
    block.writeUInt32LE(at / mib, 0);
    const chunk = Buffer.from(block.subarray(0, Math.min(mib, length - at)));
    hash.update(chunk);
    yield chunk;
  }
}

async function digestOf(key: string): Promise<{ md5: string; bytes: number }> {
  const hash = createHash('md5');
  let bytes = 0;
  const sink = (chunk: Buffer): void => {
    hash.update(chunk);
    bytes += chunk.length;
  };
  await client.must({ method: 'GET', bucket: 'memory', key, sink });
  return { md5: hash.digest('hex'), bytes };
}

let wholeMd5 = '';

test('PUT and GET of one big body', { timeout: 900_000 }, async () => {
  const hash = createHash('md5');
  const put = await client.must({
    method: 'PUT',
    bucket: 'memory',
    key: 'big',
    stream: { length: bodyBytes, chunks: bigBody(bodyBytes, hash) },
  });
  wholeMd5 = hash.digest('hex');
  assert.equal(put.headers.etag, `"${wholeMd5}"`);
  stayed('PUT');
  assert.deepEqual(await digestOf('big'), { md5: wholeMd5, bytes: bodyBytes });
  stayed('GET');
});

test('multipart copy of it', { timeout: 900_000 }, async () => {
  const at = { bucket: 'memory', key: 'copy' };
  const started = await client.must({ ...at, method: 'POST', query: { uploads: '' } });
  const uploadId = /<UploadId>([^<]+)</.exec(started.body.toString())?.[1] ?? '';
  const partBytes = 512 * mib;
  const parts: string[] = [];
  for (let first = 0; first < bodyBytes; first += partBytes) {
    const partNumber = String(parts.length + 1);
    const headers = {
      'x-amz-copy-source': '/memory/big',
      'x-amz-copy-source-range': `bytes=${first}-${Math.min(first + partBytes, bodyBytes) - 1}`,
    };
    const { body } = await client.must({ ...at, method: 'PUT', query: { partNumber, uploadId }, headers });
    parts.push(`<Part><PartNumber>${partNumber}</PartNumber><ETag>${/<ETag>([^<]+)</.exec(body.toString())?.[1]}</ETag></Part>`);
  }
  await client.must({
    ...at,
    method: 'POST',
    query: { uploadId },
    body: Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`),
  });
  assert.deepEqual(await digestOf('copy'), { md5: wholeMd5, bytes: bodyBytes });
  stayed('multipart copy');
});

test(`${slowClients} slow clients at once, half of them writing, half reading`, { timeout: 120_000 }, async () => {
  const { hostname, port, host } = new URL(server.endpoint);
  const signer = new Signer({ accessKey: server.accessKey, secretKey: server.secretKey, region: 'us-east-1' });
  const sockets = Array.from({ length: slowClients }, (_, number) => {
    const writes = number % 2 === 0;
    const path = `/memory/${encodePath(writes ? `slow/${number}` : 'big')}`;
    const headers = signer.sign({ method: writes ? 'PUT' : 'GET', path, query: '', headers: {} }, host, 'UNSIGNED-PAYLOAD');
    if (writes) headers['content-length'] = String(64 * mib);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.write(`${writes ? 'PUT' : 'GET'} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    if (writes) {
      socket.on('drain', () => setTimeout(() => socket.write(Buffer.alloc(mib)), 50));
      socket.write(Buffer.alloc(4 * mib));
    } else {
      socket.pause();
      const sip = setInterval(() => socket.read(4096), 20);
      socket.on('close', () => clearInterval(sip));
    }
    return socket;
  });
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  const served = await client.must({ method: 'PUT', bucket: 'memory', key: 'meanwhile', body: Buffer.from('served') });
  assert.equal(served.status, 200, 'others are served meanwhile');
  for (const socket of sockets) socket.destroy();
  stayed(`${slowClients} slow clients`);
});
