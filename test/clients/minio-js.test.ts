/** minio (npm), plain calls: its streams, multipart, listings, presigned, notifications apart. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { Client } from 'minio';
import { seededBytes, temporaryDirectory, treeDigest, writeTree } from '../support/files.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const work = temporaryDirectory('minio-js');
let server: RunningServer;
let client: Client;

before(async () => {
  server = await startServer();
  const { hostname, port } = new URL(server.endpoint);
  client = new Client({ endPoint: hostname, port: Number(port), useSSL: false, accessKey: server.accessKey, secretKey: server.secretKey });
});
after(async () => {
  await server?.stop();
  work.remove();
});

test('minio-js: buckets, put, get, stat, stream, file, list, presigned, remove', async () => {
  await client.makeBucket('minio');
  assert.equal(await client.bucketExists('minio'), true);
  assert.equal(await client.bucketExists('minio-none'), false);
  const small = seededBytes(5_000, 10);
  await client.putObject('minio', 'small', small, small.length, { 'X-Amz-Meta-Who': 'minio' });
  const stat = await client.statObject('minio', 'small');
  assert.equal(stat.size, small.length);
  assert.equal(stat.metaData.who, 'minio');
  assert.deepEqual(await buffer(await client.getObject('minio', 'small')), small);
  assert.deepEqual(await buffer(await client.getPartialObject('minio', 'small', 100, 50)), small.subarray(100, 150));

  const big = seededBytes(70_000_000, 11);
  await client.putObject('minio', 'dir/stream ü.bin', Readable.from(chunksOf(big, 100_000)));
  assert.deepEqual(await buffer(await client.getObject('minio', 'dir/stream ü.bin')), big);
  writeTree(join(work.path, 'from'), { 'file.bin': big });
  await client.fPutObject('minio', 'file', join(work.path, 'from/file.bin'));
  await client.fGetObject('minio', 'file', join(work.path, 'to/file.bin'));
  assert.deepEqual(treeDigest(join(work.path, 'to')), treeDigest(join(work.path, 'from')));

  const names: string[] = [];
  for await (const item of client.listObjectsV2('minio', '', true)) names.push(item.name);
  assert.deepEqual(names.sort(), ['dir/stream ü.bin', 'file', 'small']);
  const url = await client.presignedGetObject('minio', 'small', 60);
  assert.deepEqual(Buffer.from(await (await fetch(url)).arrayBuffer()), small);
  const putUrl = await client.presignedPutObject('minio', 'presigned', 60);
  assert.equal((await fetch(putUrl, { method: 'PUT', body: 'by link' })).status, 200);
  await client.setObjectTagging('minio', 'small', { a: 'one' });
  assert.deepEqual(await client.getObjectTagging('minio', 'small'), [{ Key: 'a', Value: 'one' }]);
  await assert.rejects(client.statObject('minio', 'none'), (error: Error & { code?: string }) => error.code === 'NotFound');
  await client.removeObjects('minio', ['dir/stream ü.bin', 'file', 'small', 'presigned']);
  await client.removeBucket('minio');
});

function* chunksOf(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
