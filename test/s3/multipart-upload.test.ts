/** CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload, and GetObjectAttributes of what comes of it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  HeadObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { seededBytes } from '../support/files.ts';
import { type RawClient, refused, startRaw, xmlText } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const Bucket = 'uploads';
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

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();
const start = async (key: string, headers: Record<string, string> = {}) =>
  xmlText(await raw.must({ method: 'POST', bucket: Bucket, key, query: { uploads: '' }, headers }), 'UploadId') ?? '';
interface Target {
  readonly key: string;
  readonly uploadId: string;
}
const part = ({ key, uploadId }: Target, partNumber: number | string, body: Uint8Array, headers: Record<string, string> = {}) =>
  raw.call({ method: 'PUT', bucket: Bucket, key, query: { partNumber: String(partNumber), uploadId }, body, headers });
const complete = (key: string, uploadId: string, parts: readonly (readonly [number, string])[], headers: Record<string, string> = {}) => {
  const listed = parts.map(([number, etag]) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`).join('');
  const body = Buffer.from(`<CompleteMultipartUpload>${listed}</CompleteMultipartUpload>`);
  return raw.call({ method: 'POST', bucket: Bucket, key, query: { uploadId }, headers, body });
};
const abort = (key: string, uploadId: string) => raw.call({ method: 'DELETE', bucket: Bucket, key, query: { uploadId } });
const get = (key: string, query: Record<string, string> = {}, headers: Record<string, string> = {}) =>
  raw.call({ method: 'GET', bucket: Bucket, key, query, headers });

test('parts out of order, one sent again, put together by number', async () => {
  const key = 'whole';
  const uploadId = await start(key, { 'content-type': 'text/x-parts', 'x-amz-meta-of': 'upload', 'x-amz-tagging': 'a=1' });
  const bodies = [seededBytes(5 * mib, 1), seededBytes(5 * mib + 1, 2), seededBytes(100, 3)];
  await part({ key, uploadId }, 7, bodies[2]!);
  await part({ key, uploadId }, 2, seededBytes(5 * mib, 99));
  const etags = [
    await part({ key, uploadId }, 1, bodies[0]!),
    await part({ key, uploadId }, 2, bodies[1]!),
    await part({ key, uploadId }, 7, bodies[2]!),
  ].map((answer) => answer.headers.etag ?? '');
  assert.equal(etags[1], `"${md5(bodies[1]!).toString('hex')}"`);
  const listed = [
    [1, etags[0]!],
    [2, etags[1]!.replaceAll('"', '')],
    [7, etags[2]!.replaceAll('"', '&quot;')],
  ] as const;
  const done = await complete(key, uploadId, listed);
  assert.equal(done.status, 200, done.body.toString());
  const expected = `"${createHash('md5')
    .update(Buffer.concat(bodies.map(md5)))
    .digest('hex')}-3"`;
  assert.equal(xmlText(done, 'ETag'), expected);
  assert.equal(xmlText(done, 'Bucket'), Bucket);
  assert.equal(xmlText(done, 'Key'), key);
  assert.equal(xmlText(done, 'Location'), `${server.endpoint}/${Bucket}/${key}`);
  const read = await get(key);
  assert.ok(read.body.equals(Buffer.concat(bodies)));
  assert.equal(read.headers['content-type'], 'text/x-parts');
  assert.equal(read.headers['x-amz-meta-of'], 'upload');
  assert.equal(read.headers['x-amz-tagging-count'], '1');
  const again = await complete(key, uploadId, listed);
  assert.equal(again.status, 200, 'an answer that got lost is given again');
  assert.equal(xmlText(again, 'ETag'), expected);

  const second = await get(key, { partNumber: '2' });
  assert.equal(second.status, 206);
  assert.ok(second.body.equals(bodies[1]!));
  assert.equal(second.headers['x-amz-mp-parts-count'], '3');
  assert.equal(second.headers['content-range'], `bytes ${5 * mib}-${10 * mib}/${10 * mib + 101}`);
  refused(await get(key, { partNumber: '4' }), 416, 'InvalidPartNumber');
  const across = await get(key, {}, { range: `bytes=${5 * mib - 10}-${5 * mib + 9}` });
  assert.ok(across.body.equals(Buffer.concat(bodies).subarray(5 * mib - 10, 5 * mib + 10)));
});

test('CompleteMultipartUpload refuses lists that do not fit', async () => {
  const key = 'refused';
  const uploadId = await start(key);
  const one = (await part({ key, uploadId }, 1, seededBytes(5 * mib - 1, 1))).headers.etag ?? '';
  const two = (await part({ key, uploadId }, 2, seededBytes(10, 2))).headers.etag ?? '';
  refused(await complete(key, uploadId, []), 400, 'InvalidRequest', { Message: 'You must specify at least one part' });
  refused(await complete(key, uploadId, [[1, '"00000000000000000000000000000000"']]), 400, 'InvalidPart', {
    PartNumber: '1',
    UploadId: uploadId,
  });
  refused(
    await complete(key, uploadId, [
      [1, one],
      [3, two],
    ]),
    400,
    'InvalidPart',
  );
  refused(
    await complete(key, uploadId, [
      [2, two],
      [1, one],
    ]),
    400,
    'InvalidPartOrder',
    { UploadId: uploadId },
  );
  refused(
    await complete(key, uploadId, [
      [1, one],
      [1, one],
    ]),
    400,
    'InvalidPartOrder',
  );
  refused(
    await complete(key, uploadId, [
      [1, one],
      [2, two],
    ]),
    400,
    'EntityTooSmall',
    { PartNumber: '1', MinSizeAllowed: String(5 * mib) },
  );
  refused(await complete(key, uploadId, [[2, two]], { 'x-amz-mp-object-size': '11' }), 400, 'InvalidRequest');
  refused(await complete(key, uploadId, [[2, two]], { 'if-match': '"none"' }), 404, 'NoSuchKey');
  refused(await complete('another', uploadId, [[2, two]]), 404, 'NoSuchUpload', { UploadId: uploadId });
  refused(await complete(key, 'no-such-upload', [[2, two]]), 404, 'NoSuchUpload');
  const bad = await raw.call({
    method: 'POST',
    bucket: Bucket,
    key,
    query: { uploadId },
    body: Buffer.from('<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>'),
  });
  refused(bad, 400, 'MalformedXML');
  const done = await complete(key, uploadId, [[2, two]], { 'x-amz-mp-object-size': '10', 'if-none-match': '*' });
  assert.equal(done.status, 200, done.body.toString());
  assert.equal((await get(key)).headers['content-length'], '10');
});

test('UploadPart: numbers, unknown uploads, digests', async () => {
  const key = 'numbers';
  const uploadId = await start(key);
  for (const number of ['0', '10001', 'one', '']) refused(await part({ key, uploadId }, number, Buffer.from('x')), 400, 'InvalidArgument');
  assert.equal((await part({ key, uploadId }, 10_000, Buffer.from('x'))).status, 200);
  refused(await part({ key, uploadId: 'no-such-upload' }, 1, Buffer.from('x')), 404, 'NoSuchUpload', { UploadId: 'no-such-upload' });
  refused(await part({ key: 'another', uploadId }, 1, Buffer.from('x')), 404, 'NoSuchUpload');
  refused(
    await part({ key, uploadId }, 1, Buffer.from('x'), { 'content-md5': md5(Buffer.from('y')).toString('base64') }),
    400,
    'BadDigest',
  );
  refused(await raw.call({ method: 'POST', bucket: 'no-such-bucket', key, query: { uploads: '' } }), 404, 'NoSuchBucket');
});

test('AbortMultipartUpload', async () => {
  const key = 'aborted';
  const uploadId = await start(key);
  const etag = (await part({ key, uploadId }, 1, Buffer.from('x'))).headers.etag ?? '';
  refused(await abort('another', uploadId), 404, 'NoSuchUpload');
  assert.equal((await abort(key, uploadId)).status, 204);
  refused(await part({ key, uploadId }, 2, Buffer.from('x')), 404, 'NoSuchUpload');
  refused(await complete(key, uploadId, [[1, etag]]), 404, 'NoSuchUpload');
  refused(await abort(key, uploadId), 404, 'NoSuchUpload');
  refused(await get(key), 404, 'NoSuchKey');
});

test('checksums of parts and of the whole, in GetObjectAttributes and HeadObject', async () => {
  const bodies = [seededBytes(5 * mib, 21), seededBytes(1000, 22)];
  for (const ChecksumAlgorithm of ['CRC32', 'SHA256', 'CRC64NVME'] as const) {
    const Key = `sum-${ChecksumAlgorithm}`;
    const field = `Checksum${ChecksumAlgorithm}` as const;
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm }));
    const Parts = [];
    for (const [at, Body] of bodies.entries()) {
      const sent = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: at + 1, Body, ChecksumAlgorithm }));
      assert.match(sent[field] ?? '', /=$/);
      Parts.push({ PartNumber: at + 1, ETag: sent.ETag, [field]: sent[field] });
    }
    const done = await client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
    const type = ChecksumAlgorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE';
    assert.equal(done.ChecksumType, type);
    assert.match(done[field] ?? '', type === 'COMPOSITE' ? /=-2$/ : /=$/);
    const head = await client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    assert.equal(head[field], done[field]);
    const attributes = await client.send(
      new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'] }),
    );
    assert.equal(attributes.ETag, done.ETag?.replaceAll('"', ''));
    assert.equal(attributes.Checksum?.ChecksumType, type);
    assert.equal(attributes.ObjectSize, 5 * mib + 1000);
    assert.equal(attributes.StorageClass, 'STANDARD');
    assert.equal(attributes.ObjectParts?.TotalPartsCount, 2);
    // A checksum of the whole leaves none of the parts behind, and parts without one are not told of.
    const shown = Parts.map((row, at) => [row.PartNumber, bodies[at]!.length, row[field]]);
    assert.deepEqual(
      attributes.ObjectParts?.Parts?.map((row) => [row.PartNumber, row.Size, row[field]]),
      type === 'COMPOSITE' ? shown : undefined,
    );
    assert.equal(attributes.Checksum?.[field], done[field]?.replace(/-2$/, ''));
  }
  refused(
    await raw.call({ method: 'POST', bucket: Bucket, key: 'k', query: { uploads: '' }, headers: { 'x-amz-checksum-algorithm': 'MD4' } }),
    400,
    'InvalidRequest',
  );
  refused(
    await raw.call({
      method: 'POST',
      bucket: Bucket,
      key: 'k',
      query: { uploads: '' },
      headers: { 'x-amz-checksum-algorithm': 'SHA1', 'x-amz-checksum-type': 'FULL_OBJECT' },
    }),
    400,
    'InvalidRequest',
  );
});

test('GetObjectAttributes: pages of parts, plain objects, wrong names', async () => {
  const attributes = (key: string, headers: Record<string, string>) =>
    raw.call({ method: 'GET', bucket: Bucket, key, query: { attributes: '' }, headers });
  const first = await attributes('sum-CRC32', { 'x-amz-object-attributes': 'ObjectParts', 'x-amz-max-parts': '1' });
  assert.equal(xmlText(first, 'IsTruncated'), 'true');
  assert.equal(xmlText(first, 'NextPartNumberMarker'), '1');
  assert.equal(xmlText(first, 'ETag'), undefined);
  const next = await attributes('sum-CRC32', { 'x-amz-object-attributes': 'ObjectParts', 'x-amz-part-number-marker': '1' });
  assert.equal(xmlText(next, 'IsTruncated'), 'false');
  assert.equal(xmlText(next, 'PartNumber'), '2');
  await raw.must({ method: 'PUT', bucket: Bucket, key: 'plain', body: Buffer.from('plain') });
  const plain = await attributes('plain', { 'x-amz-object-attributes': 'ETag,ObjectParts, ObjectSize' });
  assert.equal(xmlText(plain, 'ObjectSize'), '5');
  assert.doesNotMatch(plain.body.toString(), /ObjectParts/);
  assert.match(plain.headers['last-modified'] ?? '', /GMT$/);
  refused(await attributes('plain', {}), 400, 'InvalidRequest');
  refused(await attributes('plain', { 'x-amz-object-attributes': 'ETag,Colour' }), 400, 'InvalidArgument');
  refused(await attributes('plain', { 'x-amz-object-attributes': 'ETag', 'x-amz-max-parts': 'x' }), 400, 'InvalidArgument');
  refused(await attributes('absent', { 'x-amz-object-attributes': 'ETag' }), 404, 'NoSuchKey');
});

test('ten thousand parts in one list', { timeout: 60_000 }, async () => {
  const key = 'crowd';
  const uploadId = await start(key);
  const wrong = Array.from({ length: 10_000 }, (_, at) => [at + 1, '"00000000000000000000000000000000"'] as const);
  refused(await complete(key, uploadId, wrong), 400, 'InvalidPart');
  refused(await complete(key, uploadId, [...wrong, [10_001, 'x']]), 400, 'InvalidArgument');
  assert.equal((await abort(key, uploadId)).status, 204);
});
