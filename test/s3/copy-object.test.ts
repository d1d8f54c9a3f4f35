/** CopyObject: directives, conditions, versions, the many ways to write a source. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { seededBytes } from '../support/files.ts';
import { type RawClient, refused, startRaw, xmlText } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const Bucket = 'copies';
let server: RunningServer;
let client: S3Client;
let raw: RawClient;

before(async () => {
  server = await startServer();
  client = server.client();
  raw = startRaw(server);
  for (const name of [Bucket, 'versions']) await client.send(new CreateBucketCommand({ Bucket: name }));
  await client.send(new PutBucketVersioningCommand({ Bucket: 'versions', VersioningConfiguration: { Status: 'Enabled' } }));
  await client.send(
    new PutObjectCommand({ Bucket, Key: 'source', Body: 'small', ContentType: 'text/plain', Metadata: { a: '1' }, Tagging: 'color=red' }),
  );
});
after(async () => {
  raw?.close();
  await server?.stop();
});

const copy = (key: string, source: string, headers: Record<string, string> = {}) =>
  raw.call({ method: 'PUT', bucket: Bucket, key, headers: { 'x-amz-copy-source': source, ...headers } });

test('CopyObject keeps metadata and tags, or replaces them', async () => {
  const copied = await client.send(new CopyObjectCommand({ Bucket, Key: 'kept', CopySource: `${Bucket}/source` }));
  const source = await client.send(new HeadObjectCommand({ Bucket, Key: 'source' }));
  assert.equal(copied.CopyObjectResult?.ETag, source.ETag);
  assert.ok(copied.CopyObjectResult?.LastModified instanceof Date);
  const kept = await client.send(new GetObjectCommand({ Bucket, Key: 'kept' }));
  assert.equal(await kept.Body?.transformToString(), 'small');
  assert.equal(kept.ContentType, 'text/plain');
  assert.deepEqual(kept.Metadata, { a: '1' });
  const tags = await client.send(new GetObjectTaggingCommand({ Bucket, Key: 'kept' }));
  assert.deepEqual(tags.TagSet, [{ Key: 'color', Value: 'red' }]);
  await client.send(
    new CopyObjectCommand({
      Bucket,
      Key: 'replaced',
      CopySource: `/${Bucket}/source`,
      MetadataDirective: 'REPLACE',
      Metadata: { b: '2' },
      ContentType: 'text/html',
      TaggingDirective: 'REPLACE',
      Tagging: 'size=big',
    }),
  );
  const replaced = await client.send(new HeadObjectCommand({ Bucket, Key: 'replaced' }));
  assert.equal(replaced.ContentType, 'text/html');
  assert.deepEqual(replaced.Metadata, { b: '2' });
  const newTags = await client.send(new GetObjectTaggingCommand({ Bucket, Key: 'replaced' }));
  assert.deepEqual(newTags.TagSet, [{ Key: 'size', Value: 'big' }]);
});

test('CopyObject of large bytes, and the source may go afterwards', async () => {
  const body = seededBytes(3_000_001, 5);
  await client.send(new PutObjectCommand({ Bucket, Key: 'large', Body: body }));
  await client.send(new CopyObjectCommand({ Bucket, Key: 'large-copy', CopySource: `${Bucket}/large` }));
  await raw.must({ method: 'DELETE', bucket: Bucket, key: 'large' });
  const read = await raw.must({ method: 'GET', bucket: Bucket, key: 'large-copy' });
  assert.ok(read.body.equals(body));
  await client.send(new CopyObjectCommand({ Bucket, Key: 'rehashed', CopySource: `${Bucket}/large-copy`, ChecksumAlgorithm: 'SHA256' }));
  const rehashed = await client.send(new HeadObjectCommand({ Bucket, Key: 'rehashed', ChecksumMode: 'ENABLED' }));
  assert.match(rehashed.ChecksumSHA256 ?? '', /=$/);
});

test('sources as clients write them', async () => {
  const odd = 'dir/ünï +%?#&.txt';
  await client.send(new PutObjectCommand({ Bucket, Key: odd, Body: 'odd' }));
  const encoded = encodeURIComponent(odd);
  for (const source of [
    `${Bucket}/${encoded}`,
    `/${Bucket}/${encoded}`,
    encodeURIComponent(`${Bucket}/${odd}`),
    `${Bucket}/${encoded.replaceAll('%2F', '/')}`,
  ]) {
    const answer = await copy('odd-copy', source);
    assert.equal(answer.status, 200, `${source}: ${answer.body}`);
    assert.equal((await raw.must({ method: 'GET', bucket: Bucket, key: 'odd-copy' })).body.toString(), 'odd');
    await raw.must({ method: 'DELETE', bucket: Bucket, key: 'odd-copy' });
  }
  const told: [source: string, Message: string][] = [
    ['', 'Invalid copy source object key'],
    ['no-slash', 'Invalid copy source object key'],
    ['/', 'Invalid copy source object key'],
    [`${Bucket}/bad%zz`, 'Invalid copy source encoding'],
    [`${Bucket}/%ff`, 'Invalid copy source encoding'],
    ['No_Bucket/key', 'Invalid copy source bucket name'],
    [`${Bucket}/source?versionId=`, 'Version id cannot be the empty string'],
    [`${Bucket}/source?version=1`, 'Unsupported copy source parameter.'],
    [`${Bucket}/source?versionId=null&more=1`, 'Unsupported copy source parameter.'],
  ];
  for (const [source, Message] of told) refused(await copy('never', source), 400, 'InvalidArgument', { Message });
  const accessPoint = encodeURIComponent('arn:aws:s3:us-west-2:123456789012:accesspoint/mine/object/key');
  refused(await copy('never', accessPoint), 501, 'NotImplemented', { Header: 'x-amz-copy-source' });
  refused(await copy('never', `${Bucket}/`), 400, 'InvalidObjectName');
  refused(await copy('never', `${Bucket}/absent`), 404, 'NoSuchKey', { Key: 'absent' });
  refused(await copy('never', 'no-such-bucket/k'), 404, 'NoSuchBucket');
  refused(await raw.call({ method: 'GET', bucket: Bucket, key: 'never' }), 404, 'NoSuchKey');
});

/** Copies by either operation and answers with the bytes that came of it. */
async function bytesOf(source: string): Promise<string[]> {
  const whole = await copy('by-copy', source);
  assert.equal(whole.status, 200, `${source}: ${whole.body}`);
  const started = await raw.must({ method: 'POST', bucket: Bucket, key: 'by-part', query: { uploads: '' } });
  const uploadId = xmlText(started, 'UploadId') ?? '';
  const target = { bucket: Bucket, key: 'by-part' };
  const part = await raw.must({
    ...target,
    method: 'PUT',
    query: { partNumber: '1', uploadId },
    headers: { 'x-amz-copy-source': source },
  });
  const list = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${xmlText(part, 'ETag')}</ETag></Part></CompleteMultipartUpload>`;
  await raw.must({ ...target, method: 'POST', query: { uploadId }, body: Buffer.from(list) });
  const read = async (key: string) => (await raw.must({ method: 'GET', bucket: Bucket, key })).body.toString();
  return [await read('by-copy'), await read('by-part')];
}

test('a plus is a space, and only a question mark that is sent as one separates a version', async () => {
  const keys = ['a b', 'a+b', 'w', 'w?versionId=null', 'dir/a b'];
  for (const key of keys) await raw.must({ method: 'PUT', bucket: Bucket, key, body: Buffer.from(`of ${key}`) });
  const { host } = new URL(server.endpoint);
  for (const [source, key] of [
    [`${Bucket}/a+b`, 'a b'],
    [`${Bucket}%2Fa+b`, 'a b'],
    [`${Bucket}/a%20b`, 'a b'],
    [`${Bucket}/a%2Bb`, 'a+b'],
    [`${Bucket}/w%3FversionId%3Dnull`, 'w?versionId=null'],
    [`${Bucket}/w%3FversionId=null`, 'w?versionId=null'],
    [`${Bucket}/w?versionId=null`, 'w'],
    [`${Bucket}/w?versionId=nul%6C`, 'w'],
    [`${Bucket}/w%3FversionId%3Dnull?versionId=null`, 'w?versionId=null'],
    [`http://${host}/${Bucket}/dir/a+b`, 'dir/a b'],
    [`https://s3.example.com/${Bucket}/w?versionId=null`, 'w'],
  ] as const) {
    assert.deepEqual(await bytesOf(source), [`of ${key}`, `of ${key}`], source);
  }
});

test('an absolute URL whose host holds the bucket', async () => {
  const byHost = await startServer({ args: ['--domain', 's3.test'] });
  const hosted = startRaw(byHost);
  try {
    for (const bucket of ['src', 'dir']) await hosted.must({ method: 'PUT', bucket });
    await hosted.must({ method: 'PUT', bucket: 'src', key: 'dir/k', body: Buffer.from('right') });
    await hosted.must({ method: 'PUT', bucket: 'dir', key: 'k', body: Buffer.from('wrong') });
    for (const source of ['http://src.s3.test/dir/k', 'https://s3.test:9000/src/dir/k']) {
      await hosted.must({ method: 'PUT', bucket: 'dir', key: 'copy', headers: { 'x-amz-copy-source': source } });
      assert.equal((await hosted.must({ method: 'GET', bucket: 'dir', key: 'copy' })).body.toString(), 'right', source);
    }
  } finally {
    hosted.close();
    await byHost.stop();
  }
});

test('a version as source', async () => {
  const first = await raw.must({ method: 'PUT', bucket: 'versions', key: 'doc', body: Buffer.from('one') });
  const second = await raw.must({ method: 'PUT', bucket: 'versions', key: 'doc', body: Buffer.from('two') });
  const id = first.headers['x-amz-version-id'] ?? '';
  const answer = await copy('of-version', `versions/doc?versionId=${id}`);
  assert.equal(answer.status, 200, answer.body.toString());
  assert.equal(answer.headers['x-amz-copy-source-version-id'], id);
  assert.equal((await raw.must({ method: 'GET', bucket: Bucket, key: 'of-version' })).body.toString(), 'one');
  const Key = `doc?versionId=${id}`;
  refused(await copy('never', encodeURIComponent(`versions/${Key}`)), 404, 'NoSuchKey', { Key });
  const latest = await copy('of-latest', 'versions/doc');
  assert.equal(latest.headers['x-amz-copy-source-version-id'], second.headers['x-amz-version-id']);
  assert.equal(latest.headers['x-amz-version-id'], undefined);
  const marker = await raw.must({ method: 'DELETE', bucket: 'versions', key: 'doc' });
  refused(await copy('never', 'versions/doc'), 404, 'NoSuchKey');
  refused(await copy('never', `versions/doc?versionId=${marker.headers['x-amz-version-id']}`), 400, 'InvalidRequest');
  const restored = await raw.must({
    method: 'PUT',
    bucket: 'versions',
    key: 'doc',
    headers: { 'x-amz-copy-source': `versions/doc?versionId=${id}` },
  });
  assert.match(restored.headers['x-amz-version-id'] ?? '', /./);
  assert.equal((await raw.must({ method: 'GET', bucket: 'versions', key: 'doc' })).body.toString(), 'one');
});

test('a source bucket of another owner than expected is no source', async () => {
  const created = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'parts' }));
  const queries = [{}, { partNumber: '1', uploadId: created.UploadId ?? '' }] as Record<string, string>[];
  for (const query of queries) {
    for (const [owner, status] of [
      ['123456789012', 403],
      ['000000000000', 200],
    ] as const) {
      const headers = { 'x-amz-copy-source': `${Bucket}/source`, 'x-amz-source-expected-bucket-owner': owner };
      assert.equal((await raw.call({ method: 'PUT', bucket: Bucket, key: 'parts', query, headers })).status, status, owner);
    }
  }
});

test('onto itself: only with a change', async () => {
  refused(await copy('source', `${Bucket}/source`), 400, 'InvalidRequest');
  const changed = await copy('source', `${Bucket}/source`, { 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-new': 'yes' });
  assert.equal(changed.status, 200, changed.body.toString());
  const head = await raw.must({ method: 'HEAD', bucket: Bucket, key: 'source' });
  assert.equal(head.headers['x-amz-meta-new'], 'yes');
  assert.equal(head.headers['x-amz-meta-a'], undefined);
});

test('a copy names its own storage class and redirect, whatever becomes of the metadata', async () => {
  const classOf = async (key: string) => (await raw.must({ method: 'HEAD', bucket: Bucket, key })).headers['x-amz-storage-class'];
  await raw.must({ method: 'PUT', bucket: Bucket, key: 'cold', headers: { 'x-amz-meta-a': '1' }, body: Buffer.from('cold') });
  for (const [wanted, shown] of [
    ['STANDARD_IA', 'STANDARD_IA'],
    ['STANDARD', undefined],
  ] as const) {
    const moved = await copy('cold', `${Bucket}/cold`, { 'x-amz-storage-class': wanted });
    assert.equal(moved.status, 200, moved.body.toString());
    assert.equal(await classOf('cold'), shown);
  }
  const where = { 'x-amz-storage-class': 'GLACIER_IR', 'x-amz-website-redirect-location': '/there' };
  assert.equal((await copy('colder', `${Bucket}/cold`, where)).status, 200);
  const head = await raw.must({ method: 'HEAD', bucket: Bucket, key: 'colder' });
  assert.equal(head.headers['x-amz-storage-class'], 'GLACIER_IR');
  assert.equal(head.headers['x-amz-website-redirect-location'], '/there');
  assert.equal(head.headers['x-amz-meta-a'], '1');
  assert.equal((await copy('colder', `${Bucket}/colder`, { 'x-amz-storage-class': 'TEPID' })).status, 400);
  assert.equal((await copy('warm', `${Bucket}/colder`)).status, 200);
  assert.equal(await classOf('warm'), undefined);
});

test('conditions on the source and on the target', async () => {
  const source = `${Bucket}/source`;
  const etag = xmlText(await copy('base', source), 'ETag') ?? '';
  const past = 'Mon, 01 Jan 2001 00:00:00 GMT';
  const refusals: Record<string, string>[] = [
    { 'x-amz-copy-source-if-match': '"other"' },
    { 'x-amz-copy-source-if-none-match': etag },
    { 'x-amz-copy-source-if-unmodified-since': past },
    { 'x-amz-copy-source-if-modified-since': new Date().toUTCString() },
    { 'if-none-match': '*' },
    { 'if-match': '"other"' },
  ];
  for (const headers of refusals) refused(await copy('base', source, headers), 412, 'PreconditionFailed');
  for (const headers of [{ 'x-amz-copy-source-if-match': etag }, { 'if-match': etag }] as Record<string, string>[]) {
    assert.equal((await copy('base', source, headers)).status, 200);
  }
  refused(await copy('base', source, { 'x-amz-metadata-directive': 'MERGE' }), 400, 'InvalidArgument');
  refused(await copy('base', source, { 'x-amz-tagging-directive': 'MERGE' }), 400, 'InvalidArgument');
});

test('a copy of an object of parts is one object with an MD5, read where its bytes lie', async () => {
  const key = 'of parts';
  const bodies = [seededBytes(5 * 1024 * 1024, 31), seededBytes(1_000_000, 32)];
  const headers = { 'x-amz-checksum-algorithm': 'SHA256' };
  const uploadId = xmlText(await raw.must({ method: 'POST', bucket: Bucket, key, query: { uploads: '' }, headers }), 'UploadId') ?? '';
  const parts = [];
  for (const [at, body] of bodies.entries()) {
    const sent = await raw.must({ method: 'PUT', bucket: Bucket, key, query: { partNumber: String(at + 1), uploadId }, body });
    const sum = `<ChecksumSHA256>${sent.headers['x-amz-checksum-sha256']}</ChecksumSHA256>`;
    parts.push(`<Part><PartNumber>${at + 1}</PartNumber><ETag>${sent.headers.etag}</ETag>${sum}</Part>`);
  }
  const list = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
  await raw.must({ method: 'POST', bucket: Bucket, key, query: { uploadId }, body: list });
  const source = { 'x-amz-copy-source': `/${Bucket}/${encodeURIComponent(key)}` };
  const copied = await raw.must({ method: 'PUT', bucket: Bucket, key: 'one object', headers: source });
  const whole = Buffer.concat(bodies);
  const sha256 = createHash('sha256').update(whole).digest('base64');
  assert.equal(xmlText(copied, 'ETag'), `"${createHash('md5').update(whole).digest('hex')}"`);
  assert.deepEqual([xmlText(copied, 'ChecksumSHA256'), xmlText(copied, 'ChecksumType')], [sha256, 'FULL_OBJECT']);
  const read = await raw.must({ method: 'GET', bucket: Bucket, key: 'one object', headers: { 'x-amz-checksum-mode': 'ENABLED' } });
  assert.ok(read.body.equals(whole));
  assert.deepEqual([read.headers.etag, read.headers['x-amz-checksum-sha256']], [xmlText(copied, 'ETag'), sha256]);
  const asked = { 'x-amz-object-attributes': 'ObjectParts,Checksum' };
  const told = await raw.must({ method: 'GET', bucket: Bucket, key: 'one object', query: { attributes: '' }, headers: asked });
  assert.doesNotMatch(told.body.toString(), /ObjectParts/);
});
