/** What of the framing of a body reaches S3's answers: the codings that are stored, lengths, chunks, trailers. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { provoke } from '../support/provocation.ts';
import { type RawClient, refused, startRaw } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { frameChunks, sha256Hex } from '../support/sign.ts';

const Bucket = 'framed';
const text = Buffer.from('0123456789');
let server: RunningServer;
let raw: RawClient;

before(async () => {
  server = await startServer();
  raw = startRaw(server);
  await raw.must({ method: 'PUT', bucket: Bucket });
});
after(async () => {
  raw?.close();
  await server?.stop();
});

const get = (key: string) => raw.call({ method: 'GET', bucket: Bucket, key });

test('aws-chunked in Content-Encoding: taken off where the body is framed, kept where it is signed whole, refused where nobody vouches for it', async () => {
  const sent = (payload: string, coding: string, body: string, more: Record<string, string> = {}) =>
    provoke(server, { method: 'PUT', path: `/${Bucket}/coded`, payload, body, headers: { 'content-encoding': coding, ...more } });
  const framed = frameChunks([text]).toString();
  for (const coding of ['aws-chunked', 'gzip, aws-chunked', 'AWS-Chunked,gzip']) {
    const told = { Message: 'aws-chunked encoding is not supported when x-amz-content-sha256 UNSIGNED-PAYLOAD is supplied' };
    const facts = { ArgumentName: 'Content-Encoding', ArgumentValue: coding, ...told };
    refused(await sent('UNSIGNED-PAYLOAD', coding, framed), 400, 'InvalidArgument', facts);
    refused(await get('coded'), 404, 'NoSuchKey');
  }
  for (const [coding, kept] of [
    ['aws-chunked', undefined],
    ['gzip,aws-chunked', 'gzip'],
    ['aws-chunked, gzip', 'gzip'],
    ['my-aws-chunked', 'my-aws-chunked'],
  ] as const) {
    const length = { 'x-amz-decoded-content-length': String(text.length) };
    assert.equal((await sent('STREAMING-UNSIGNED-PAYLOAD-TRAILER', coding, framed, length)).status, 200);
    assert.equal((await get('coded')).headers['content-encoding'], kept);
    assert.deepEqual((await get('coded')).body, text);
  }
  assert.equal((await sent(sha256Hex(text), 'gzip,aws-chunked', text.toString())).status, 200);
  assert.equal((await get('coded')).headers['content-encoding'], 'gzip,aws-chunked');
  assert.deepEqual((await get('coded')).body, text);
});

test('lengths, chunks and trailers that are wrong get the codes of S3, and nothing is stored', async () => {
  const crc = 'x-amz-checksum-crc32';
  const right = 'poTHxg==';
  const attempt = (body: string, headers: Record<string, string>) =>
    provoke(server, { method: 'PUT', path: `/${Bucket}/never`, payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', body, headers });
  const ten = { 'x-amz-decoded-content-length': '10' };
  const told = { ...ten, 'x-amz-trailer': crc };
  const framed = (trailer: string) => `a\r\n0123456789\r\n0\r\n${trailer}\r\n`;
  const small = frameChunks([Buffer.from('abc'), Buffer.from('defghij')]).toString();
  const rows: [body: string, headers: Record<string, string>, status: number, code: string, facts?: Record<string, string>][] = [
    [framed(''), {}, 411, 'MissingContentLength'],
    [framed(''), { 'x-amz-decoded-content-length': 'ten' }, 411, 'MissingContentLength'],
    [framed(''), { 'x-amz-decoded-content-length': '9' }, 400, 'IncompleteBody', { NumberBytesExpected: '9' }],
    [framed(''), { 'x-amz-decoded-content-length': '11' }, 400, 'IncompleteBody', { NumberBytesProvided: '10' }],
    [framed('').replace('a\r', 'z\r'), ten, 400, 'IncompleteBody', { Message: 'The request body terminated unexpectedly' }],
    [small, ten, 400, 'InvalidChunkSizeError', { Chunk: '2', BadChunkSize: '3' }],
    [framed(''), told, 400, 'MalformedTrailerError'],
    [framed(`${crc}:${right}\r\n`), ten, 400, 'MalformedTrailerError'],
    [framed(`x-amz-checksum-sha1:${right}\r\n`), told, 400, 'MalformedTrailerError'],
    [framed(`${crc}${right}\r\n`), told, 400, 'MalformedTrailerError'],
    [framed(`${crc}:no\r\n`), told, 400, 'InvalidRequest', { Message: `Value for ${crc} trailing header is invalid.` }],
    [framed(`${crc}:AAAAAA==\r\n`), told, 400, 'BadDigest', { Message: 'The CRC32 you specified did not match the calculated checksum.' }],
    [framed(`${crc}:${right}\r\n`), { ...told, 'x-amz-checksum-sha1': 'AA==' }, 400, 'InvalidRequest'],
    [framed(`${crc}:${right}\r\n`), { ...told, 'x-amz-sdk-checksum-algorithm': 'SHA1' }, 400, 'InvalidRequest'],
  ];
  for (const [body, headers, status, code, facts] of rows) {
    refused(await attempt(body, headers), status, code, facts);
    refused(await get('never'), 404, 'NoSuchKey');
  }
  const put = await attempt(framed(`${crc}:${right}\r\n`), told);
  assert.equal(put.status, 200, put.body.toString());
  assert.equal(put.headers[crc], right);
});
