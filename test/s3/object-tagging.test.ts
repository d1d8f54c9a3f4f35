/** PutObjectTagging, GetObjectTagging and DeleteObjectTagging. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteObjectTaggingCommand,
  GetObjectTaggingCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type RawClient, refused, startRaw } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const Bucket = 'tags';
const Key = 'tagged';
let server: RunningServer;
let client: S3Client;
let raw: RawClient;

before(async () => {
  server = await startServer();
  client = server.client();
  raw = startRaw(server);
  await client.send(new CreateBucketCommand({ Bucket }));
  await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x', Tagging: 'from=put&with=a%20b%2Bc' }));
});
after(async () => {
  raw?.close();
  await server?.stop();
});

const tagsOf = async (VersionId?: string) => (await client.send(new GetObjectTaggingCommand({ Bucket, Key, VersionId }))).TagSet ?? [];

test('tags from x-amz-tagging, replaced, removed', async () => {
  assert.deepEqual(await tagsOf(), [
    { Key: 'from', Value: 'put' },
    { Key: 'with', Value: 'a b+c' },
  ]);
  const TagSet = Array.from({ length: 10 }, (_, at) => ({ Key: `k${at}`, Value: `ö ${at} _.:/=+-@` }));
  const before = await raw.must({ method: 'HEAD', bucket: Bucket, key: Key });
  await client.send(new PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet } }));
  assert.deepEqual(await tagsOf(), TagSet);
  const after = await raw.must({ method: 'HEAD', bucket: Bucket, key: Key });
  assert.equal(after.headers['x-amz-tagging-count'], '10');
  assert.equal(after.headers['last-modified'], before.headers['last-modified']);
  assert.equal(after.headers.etag, before.headers.etag);
  await client.send(new DeleteObjectTaggingCommand({ Bucket, Key }));
  assert.deepEqual(await tagsOf(), []);
});

test('tag rules', async () => {
  const tag = (key: string, value = 'v') => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`;
  const put = (tags: string, key = Key) =>
    raw.call({
      method: 'PUT',
      bucket: Bucket,
      key,
      query: { tagging: '' },
      body: Buffer.from(`<Tagging><TagSet>${tags}</TagSet></Tagging>`),
    });
  refused(await put(Array.from({ length: 11 }, (_, at) => tag(`k${at}`)).join('')), 400, 'InvalidTag');
  for (const bad of [
    tag(''),
    tag('aws:x'),
    tag('a!'),
    tag('k', 'v\n'),
    tag('k'.repeat(129)),
    tag('k', 'v'.repeat(257)),
    tag('a') + tag('a'),
  ]) {
    refused(await put(bad), 400, 'InvalidTag');
  }
  assert.equal((await put(tag('k'.repeat(128), 'v'.repeat(256)))).status, 200);
  refused(
    await raw.call({ method: 'PUT', bucket: Bucket, key: Key, query: { tagging: '' }, body: Buffer.from('<Tagging/>') }),
    400,
    'MalformedXML',
  );
  refused(await put(tag('a'), 'absent'), 404, 'NoSuchKey', { Key: 'absent' });
  refused(await raw.call({ method: 'GET', bucket: Bucket, key: 'absent', query: { tagging: '' } }), 404, 'NoSuchKey');
  refused(await raw.call({ method: 'DELETE', bucket: 'no-such-bucket', key: Key, query: { tagging: '' } }), 404, 'NoSuchBucket');
});

test('tags belong to a version', async () => {
  await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  const first = (await client.send(new PutObjectCommand({ Bucket, Key, Body: '1', Tagging: 'v=1' }))).VersionId;
  const second = (await client.send(new PutObjectCommand({ Bucket, Key, Body: '2', Tagging: 'v=2' }))).VersionId;
  const put = await client.send(
    new PutObjectTaggingCommand({ Bucket, Key, VersionId: first, Tagging: { TagSet: [{ Key: 'v', Value: 'one' }] } }),
  );
  assert.equal(put.VersionId, first);
  assert.deepEqual(await tagsOf(first), [{ Key: 'v', Value: 'one' }]);
  assert.deepEqual(await tagsOf(second), [{ Key: 'v', Value: '2' }]);
  const removed = await client.send(new DeleteObjectTaggingCommand({ Bucket, Key }));
  assert.equal(removed.VersionId, second);
  assert.deepEqual(await tagsOf(), []);
  assert.deepEqual(await tagsOf(first), [{ Key: 'v', Value: 'one' }]);
});

test('a delete marker has no tags, by its id or as the current version', async () => {
  const bucket = 'marked-tags';
  await raw.must({ method: 'PUT', bucket });
  const body = Buffer.from('<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>');
  await raw.must({ method: 'PUT', bucket, key: 'never', body: Buffer.from('x') });
  await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  const marker = await raw.must({ method: 'DELETE', bucket, key: 'never' });
  for (const query of [{}, { versionId: marker.headers['x-amz-version-id'] ?? '' }] as Record<string, string>[]) {
    for (const method of ['GET', 'PUT', 'DELETE'] as const) {
      const sent = method === 'PUT' ? { body } : {};
      const answer = await raw.call({ method, bucket, key: 'never', query: { tagging: '', ...query }, ...sent });
      refused(answer, 405, 'MethodNotAllowed', { Method: method, ResourceType: 'DeleteMarker' });
      assert.equal(answer.headers.allow, 'DELETE');
    }
  }
  refused(await raw.call({ method: 'PUT', bucket, key: 'absent', query: { tagging: '' }, body }), 404, 'NoSuchKey', { Key: 'absent' });
});

test('what is wrong with a tag is told in the sentences of S3', async () => {
  const put = (tags: string, bucket = Bucket, key: string | undefined = Key) =>
    raw.call({
      method: 'PUT',
      bucket,
      ...(key !== undefined && { key }),
      query: { tagging: '' },
      body: Buffer.from(`<Tagging><TagSet>${tags}</TagSet></Tagging>`),
    });
  const tag = (key: string, value = 'v') => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`;
  const rows: [tags: string, facts: Record<string, string>][] = [
    [tag('a') + tag('a'), { Message: 'Cannot provide multiple Tags with the same key', TagKey: 'a' }],
    [tag('aws:a'), { Message: 'Your TagKey cannot be prefixed with aws:', TagKey: 'aws:a' }],
    [tag('a,b'), { Message: 'The TagKey you have provided is invalid', TagKey: 'a,b' }],
    [tag('a', 'b,c'), { Message: 'The TagValue you have provided is invalid', TagKey: 'a', TagValue: 'b,c' }],
    [Array.from({ length: 11 }, (_, at) => tag(`k${at}`)).join(''), { Message: 'Object tags cannot be greater than 10' }],
  ];
  for (const [tags, facts] of rows) refused(await put(tags), 400, 'InvalidTag', facts);
  const system = { Message: 'System tags cannot be added/updated by requester', TagKey: 'aws:a' };
  const onBucket = { method: 'PUT', bucket: Bucket, query: { tagging: '' } } as const;
  refused(
    await raw.call({ ...onBucket, body: Buffer.from(`<Tagging><TagSet>${tag('aws:a')}</TagSet></Tagging>`) }),
    400,
    'InvalidTag',
    system,
  );
  const Message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.";
  for (const sent of ['a=1&a=2', 'a=1,b=2', 'a=%zz', 'a=%ff']) {
    const answer = await raw.call({
      method: 'PUT',
      bucket: Bucket,
      key: 'never',
      headers: { 'x-amz-tagging': sent },
      body: Buffer.from('x'),
    });
    refused(answer, 400, 'InvalidArgument', { ArgumentName: 'x-amz-tagging', ArgumentValue: sent, Message });
  }
});
