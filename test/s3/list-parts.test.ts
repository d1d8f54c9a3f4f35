/** ListParts, ListMultipartUploads and UploadPartCopy. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { CreateBucketCommand, ListMultipartUploadsCommand, ListPartsCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Answer } from '../../bench/client/connection.ts';
import { seededBytes } from '../support/files.ts';
import { type RawClient, refused, startRaw, xmlText, xmlTexts } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const Bucket = 'parts';
const mib = 1024 * 1024;
let server: RunningServer;
let client: S3Client;
let raw: RawClient;

before(async () => {
  server = await startServer();
  client = server.client();
  raw = startRaw(server);
  await client.send(new CreateBucketCommand({ Bucket }));
});
after(async () => {
  raw?.close();
  await server?.stop();
});

const start = async (bucket: string, key: string) =>
  xmlText(await raw.must({ method: 'POST', bucket, key, query: { uploads: '' } }), 'UploadId') ?? '';

test('ListParts pages by number', async () => {
  const Key = 'paged';
  const UploadId = await start(Bucket, Key);
  for (const number of [10_000, 3, 1, 7, 5]) {
    await raw.must({
      method: 'PUT',
      bucket: Bucket,
      key: Key,
      query: { partNumber: String(number), uploadId: UploadId },
      body: Buffer.from(`part ${number}`),
    });
  }
  const seen: number[] = [];
  let PartNumberMarker: string | undefined;
  do {
    const page = await client.send(new ListPartsCommand({ Bucket, Key, UploadId, MaxParts: 2, PartNumberMarker }));
    assert.equal(page.UploadId, UploadId);
    assert.equal(page.MaxParts, 2);
    seen.push(...(page.Parts ?? []).map((row) => row.PartNumber ?? 0));
    for (const row of page.Parts ?? []) {
      assert.equal(row.Size, `part ${row.PartNumber}`.length);
      assert.equal(row.ETag, `"${createHash('md5').update(`part ${row.PartNumber}`).digest('hex')}"`);
    }
    PartNumberMarker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
  } while (PartNumberMarker !== undefined);
  assert.deepEqual(seen, [1, 3, 5, 7, 10_000]);
  const list = (query: Record<string, string>) => raw.call({ method: 'GET', bucket: Bucket, key: Key, query });
  refused(await list({ uploadId: 'no-such-upload' }), 404, 'NoSuchUpload');
  refused(await list({ uploadId: UploadId, 'max-parts': '-1' }), 400, 'InvalidArgument');
  refused(await list({ uploadId: UploadId, 'part-number-marker': 'x' }), 400, 'InvalidArgument');
});

test('ListMultipartUploads: order, prefix, delimiter, markers', async () => {
  const bucket = 'pending';
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  const ids = new Map<string, string[]>();
  for (const key of ['b', 'a/1', 'a/2', 'b', 'c']) ids.set(key, [...(ids.get(key) ?? []), await start(bucket, key)]);
  const all = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  assert.deepEqual(
    all.Uploads?.map((upload) => upload.Key),
    ['a/1', 'a/2', 'b', 'b', 'c'],
  );
  assert.deepEqual(new Set(all.Uploads?.map((upload) => upload.UploadId)), new Set([...ids.values()].flat()));
  assert.ok(all.Uploads?.[0]?.Initiated instanceof Date);
  assert.match(all.Uploads?.[0]?.Owner?.ID ?? '', /^[0-9a-f]{64}$/);
  const folded = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Delimiter: '/' }));
  assert.deepEqual(
    folded.CommonPrefixes?.map((row) => row.Prefix),
    ['a/'],
  );
  assert.deepEqual(
    folded.Uploads?.map((upload) => upload.Key),
    ['b', 'b', 'c'],
  );
  for (const MaxUploads of [1, 2, 3]) {
    const seen: string[] = [];
    let KeyMarker: string | undefined;
    let UploadIdMarker: string | undefined;
    for (let guard = 0; guard < 10; guard += 1) {
      const page = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, MaxUploads, KeyMarker, UploadIdMarker }));
      seen.push(...(page.Uploads ?? []).map((upload) => upload.UploadId ?? ''));
      if (!page.IsTruncated) break;
      KeyMarker = page.NextKeyMarker;
      UploadIdMarker = page.NextUploadIdMarker;
    }
    assert.deepEqual(
      seen,
      all.Uploads?.map((upload) => upload.UploadId),
      `pages of ${MaxUploads}`,
    );
  }
  await raw.must({ method: 'DELETE', bucket, key: 'c', query: { uploadId: ids.get('c')?.[0] ?? '' } });
  const left = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: 'c' }));
  assert.equal(left.Uploads?.length ?? 0, 0);
  refused(await raw.call({ method: 'GET', bucket, query: { uploads: '', 'max-uploads': 'x' } }), 400, 'InvalidArgument');
});

test('UploadPartCopy, whole and by range', async () => {
  const body = seededBytes(6 * mib, 6);
  await raw.must({ method: 'PUT', bucket: Bucket, key: 'source', body });
  const uploadId = await start(Bucket, 'joined');
  const copy = (partNumber: number, headers: Record<string, string>) =>
    raw.call({
      method: 'PUT',
      bucket: Bucket,
      key: 'joined',
      query: { partNumber: String(partNumber), uploadId },
      headers: { 'x-amz-copy-source': `${Bucket}/source`, ...headers },
    });
  const one = await copy(1, {});
  assert.equal(one.status, 200, one.body.toString());
  assert.equal(xmlText(one, 'ETag'), `"${createHash('md5').update(body).digest('hex')}"`);
  const two = await copy(2, { 'x-amz-copy-source-range': 'bytes=1000000-1500000' });
  const slice = body.subarray(1_000_000, 1_500_001);
  assert.equal(xmlText(two, 'ETag'), `"${createHash('md5').update(slice).digest('hex')}"`);
  for (const range of ['bytes=0-', 'bytes=-5', '0-5', 'bytes=5-1', 'bytes=0-99999999']) {
    refused(await copy(3, { 'x-amz-copy-source-range': range }), 400, 'InvalidArgument');
  }
  refused(await copy(3, { 'x-amz-copy-source-if-match': '"other"' }), 412, 'PreconditionFailed');
  refused(await copy(3, { 'x-amz-copy-source': `${Bucket}/absent` }), 404, 'NoSuchKey');
  const parts = [one, two].map((answer, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${xmlText(answer, 'ETag')}</ETag></Part>`);
  await raw.must({
    method: 'POST',
    bucket: Bucket,
    key: 'joined',
    query: { uploadId },
    body: Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`),
  });
  const read = await raw.must({ method: 'GET', bucket: Bucket, key: 'joined' });
  assert.ok(read.body.equals(Buffer.concat([body, slice])));
});

test('ListMultipartUploads: the last page names its last upload, and a marker is an upload of its key', async () => {
  const bucket = 'markers';
  await raw.must({ method: 'PUT', bucket });
  const list = (query: Record<string, string>) => raw.call({ method: 'GET', bucket, query: { uploads: '', ...query } });
  const next = (page: Answer) => [xmlText(page, 'NextKeyMarker'), xmlText(page, 'NextUploadIdMarker')];
  assert.deepEqual(next(await list({})), ['', '']);
  const [a1, a2, b] = [await start(bucket, 'a'), await start(bucket, 'a'), await start(bucket, 'dir/b')];
  const c = await start(bucket, 'dir/c/d');
  const last = await start(bucket, 'z');
  assert.deepEqual(next(await list({})), ['z', last]);
  assert.deepEqual(next(await list({ 'max-uploads': '1' })), ['a', [a1, a2].sort()[0]]);
  assert.deepEqual(next(await list({ 'key-marker': 'z' })), ['', '']);
  assert.deepEqual(next(await list({ prefix: 'dir/c', delimiter: '/' })), ['', ''], 'a common prefix is no upload');
  const told = { ArgumentName: 'upload-id-marker', Message: 'Invalid uploadId marker' };
  for (const marker of [b, 'no-upload', '0'.repeat(32), 'x'.repeat(2000)]) {
    const answer = await list({ 'key-marker': 'a', 'upload-id-marker': marker });
    refused(answer, 400, 'InvalidArgument', { ...told, ArgumentValue: marker });
  }
  const inside = await list({ 'key-marker': 'dir/c/d', 'upload-id-marker': c, prefix: 'dir/', delimiter: '/' });
  assert.deepEqual(xmlTexts(inside, 'Prefix'), ['dir/']);
  assert.deepEqual(
    next(await list({ 'upload-id-marker': b, 'max-uploads': '1' })),
    ['a', [a1, a2].sort()[0]],
    'without a key it says nothing',
  );
  await raw.must({ method: 'DELETE', bucket, key: 'a', query: { uploadId: a1 } });
  const gone = await list({ 'key-marker': 'a', 'upload-id-marker': a1 });
  assert.equal(gone.status, 200, 'an upload that ended between two pages is still a marker');
  assert.ok(xmlTexts(gone, 'UploadId').includes(b));
});
