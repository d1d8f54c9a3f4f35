/** A body of 5 GiB in, out and copied in parts, and 200 slow clients at once: the server's resident memory stays under 400 MiB. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { S3Client } from '../../bench/client/s3-client.ts';
import { encodePath, Signer } from '../../bench/client/signer.ts';
import { seededBytes, temporaryDirectory } from '../support/files.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const gib = 1024 ** 3;
const mib = 1024 ** 2;
const bodyBytes = Number(process.env.TRIAL_BODY_GIB ?? 5) * gib;
const residentBytesMax = 400 * mib;
const slowClients = 200;
/** Longest time that 8 MiB of a quick client may take while the slow ones hang there. */
const quickMillisecondsMax = 1_500;

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

/** A client that isn't slow gets its PUT and its GET done as though the slow ones weren't there. */
async function serveQuickly(bytes: number): Promise<void> {
  const at = { bucket: 'memory', key: `meanwhile/${bytes}` };
  const body = seededBytes(bytes, bytes);
  for (const method of ['PUT', 'GET'] as const) {
    const started = performance.now();
    const answer = await client.must(method === 'PUT' ? { ...at, method, body } : { ...at, method });
    const milliseconds = performance.now() - started;
    console.log(`${method} of ${bytes} bytes meanwhile: ${milliseconds.toFixed(0)} ms`);
    assert.ok(milliseconds < quickMillisecondsMax, `${method} of ${bytes} bytes took ${milliseconds.toFixed(0)} ms meanwhile`);
    if (method === 'GET') assert.ok(answer.body.equals(body), 'what is read meanwhile is what was written');
  }
}

/** Takes 200 KiB a second. */
function sip(socket: Socket, answers: string[]): void {
  socket.pause();
  let begun = false;
  const timer = setInterval(() => {
    const bytes: Buffer | null = socket.read(4096);
    if (bytes !== null && !begun) answers.push(bytes.toString('latin1', 0, 15));
    begun ||= bytes !== null;
  }, 20);
  socket.on('close', () => clearInterval(timer));
}

/** Sends 4 MiB at once, then 1 MiB when the server has taken that, all in all 64. */
function pour(socket: Socket, answers: string[]): void {
  let left = 60;
  socket.on('data', (bytes) => answers.push(bytes.toString('latin1', 0, 15)));
  socket.on('drain', () => setTimeout(() => left-- > 0 && socket.write(Buffer.alloc(mib)), 50));
  socket.write(Buffer.alloc(4 * mib));
}

/** Sends 64 KiB a second. */
function trickle(socket: Socket, answers: string[]): void {
  socket.on('data', (bytes) => answers.push(bytes.toString('latin1', 0, 15)));
  const timer = setInterval(() => socket.write(Buffer.alloc(16 * 1024)), 250);
  socket.on('close', () => clearInterval(timer));
}

test(`${slowClients} slow clients at once, half of them writing, half reading`, { timeout: 120_000 }, async () => {
  const { hostname, port, host } = new URL(server.endpoint);
  const signer = new Signer({ accessKey: server.accessKey, secretKey: server.secretKey, region: 'us-east-1' }, host);
  const answers: string[] = [];
  const sockets = Array.from({ length: slowClients }, (_, number) => {
    const writes = number % 2 === 0;
    const path = `/memory/${encodePath(writes ? `slow/${number}` : 'big')}`;
    const method = writes ? 'PUT' : 'GET';
    const { lines } = signer.sign({ method, path, query: '', headers: undefined, payload: 'UNSIGNED-PAYLOAD' });
    const length = writes ? `content-length: ${64 * mib}\r\n` : '';
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.on('close', () => answers.push('closed'));
    socket.write(`${method} ${path} HTTP/1.1\r\n${lines}${length}\r\n`);
    if (!writes) sip(socket, answers);
    else if (number % 4 === 0) pour(socket, answers);
    else trickle(socket, answers);
    return socket;
  });
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  for (let round = 0; round < 4; round += 1) {
    for (const bytes of [1, 8 * mib, mib]) await serveQuickly(bytes);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
  assert.deepEqual(
    answers.filter((answer) => !answer.startsWith('HTTP/1.1 200')),
    [],
    'no slow client is turned away',
  );
  assert.ok(answers.length >= slowClients / 4, 'and those who could have their answer');
  for (const socket of sockets) socket.destroy();
  stayed(`${slowClients} slow clients`);
});
