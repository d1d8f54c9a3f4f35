/** CreateBucket, HeadBucket, DeleteBucket, ListBuckets, GetBucketLocation, versioning and tagging of buckets. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketTaggingCommand,
  DeleteObjectCommand,
  GetBucketLocationCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { provoke } from '../support/provocation.ts';
import { type RawClient, refused, startRaw, xmlText } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';

let server: RunningServer;
let client: S3Client;
let raw: RawClient;

before(async () => {
  server = await startServer();
  client = server.client();
  raw = startRaw(server);
});
after(async () => {
  raw?.close();
  await server?.stop();
});

test('CreateBucket, HeadBucket and DeleteBucket', async () => {
  const created = await client.send(new CreateBucketCommand({ Bucket: 'first-bucket' }));
  assert.equal(created.Location, '/first-bucket');
  const head = await client.send(new HeadBucketCommand({ Bucket: 'first-bucket' }));
  assert.equal(head.BucketRegion, 'us-east-1');
  await client.send(new DeleteBucketCommand({ Bucket: 'first-bucket' }));
  const gone = await raw.call({ method: 'HEAD', bucket: 'first-bucket' });
  assert.equal(gone.status, 404);
  assert.equal(gone.body.length, 0);
  assert.match(gone.headers['x-amz-request-id'] ?? '', /./);
  assert.match(gone.headers['x-amz-id-2'] ?? '', /./);
});

test('CreateBucket of what is there, or misnamed, or with wishes that are not served', async () => {
  await client.send(new CreateBucketCommand({ Bucket: 'twice' }));
  refused(await raw.call({ method: 'PUT', bucket: 'twice' }), 409, 'BucketAlreadyOwnedByYou', { BucketName: 'twice' });
  for (const bucket of ['UPPER', 'ab', 'a..b', '192.168.1.1', '-dash', 'xn--puny']) {
    refused(await raw.call({ method: 'PUT', bucket }), 400, 'InvalidBucketName');
  }
  refused(await raw.call({ method: 'PUT', bucket: 'not-xml', body: Buffer.from('<Create') }), 400, 'MalformedXML');
  refused(
    await raw.call({ method: 'PUT', bucket: 'lock', headers: { 'x-amz-bucket-object-lock-enabled': 'true' } }),
    501,
    'NotImplemented',
  );
  refused(await raw.call({ method: 'PUT', bucket: 'public', headers: { 'x-amz-acl': 'public-read' } }), 501, 'NotImplemented');
  refused(await raw.call({ method: 'PUT', bucket: 'unknown', query: { 'no-such-thing': '' } }), 501, 'NotImplemented');
  refused(await raw.call({ method: 'PUT', bucket: 'unknown', query: { cors: '' } }), 501, 'NotImplemented');
  refused(await raw.call({ method: 'HEAD', bucket: 'unknown' }), 404, undefined);
});

const configuration = (inside: string): Buffer => Buffer.from(`<CreateBucketConfiguration>${inside}</CreateBucketConfiguration>`);
const constrained = (constraint: string): Buffer => configuration(`<LocationConstraint>${constraint}</LocationConstraint>`);

/** Creates a bucket in each place and signs for the region that GetBucketLocation then promises. */
async function promised(region: string, constraints: readonly string[]): Promise<(string | undefined)[]> {
  const there = await startServer({ args: ['--region', region], drives: 1 });
  const sender = startRaw(there);
  try {
    const found: (string | undefined)[] = [];
    for (const [at, constraint] of constraints.entries()) {
      const bucket = `place-${at}`;
      await sender.must({ method: 'PUT', bucket, body: constrained(constraint) });
      const told = xmlText(await sender.must({ method: 'GET', bucket, query: { location: '' } }), 'LocationConstraint');
      const signed = told === '' ? 'us-east-1' : told === 'EU' ? 'eu-west-1' : told;
      const read = await provoke(there, { method: 'GET', path: `/${bucket}`, region: signed ?? '' });
      assert.equal(read.status, 200, `${constraint}: ${read.body}`);
      found.push(told);
    }
    for (const constraint of ['eu-central-1', 'bar']) {
      const Message = `The ${constraint} location constraint is incompatible for the region specific endpoint this request was sent to.`;
      const answer = await sender.call({ method: 'PUT', bucket: 'elsewhere', body: constrained(constraint) });
      refused(answer, 400, 'IllegalLocationConstraintException', { Message });
      refused(await sender.call({ method: 'HEAD', bucket: 'elsewhere' }), 404, undefined);
    }
    return found;
  } finally {
    sender.close();
    await there.stop();
  }
}

test('what GetBucketLocation promises, signatures may name', async () => {
  assert.deepEqual(await promised('eu-west-1', ['', 'us-east-1', 'EU', 'eu-west-1']), ['', '', 'EU', 'eu-west-1']);
  assert.deepEqual(await promised('mars-north-1', ['', 'us-east-1', 'EU', 'mars-north-1']), ['', '', 'mars-north-1', 'mars-north-1']);
});

test('LocationConstraint in us-east-1: another region is illegal, no region is invalid', async () => {
  const attempt = (constraint: string) => raw.call({ method: 'PUT', bucket: 'elsewhere', body: constrained(constraint) });
  refused(await attempt('eu-west-1'), 400, 'IllegalLocationConstraintException');
  for (const constraint of ['aws-global', 'us-east-1x', 'Mars!']) refused(await attempt(constraint), 400, 'InvalidLocationConstraint');
  refused(await attempt('foo'), 400, 'InvalidLocationConstraint', {
    LocationConstraint: 'foo',
    Message: 'The specified location-constraint is not valid',
  });
  await raw.must({ method: 'PUT', bucket: 'oldest', body: constrained('EU') });
  assert.equal(xmlText(await raw.must({ method: 'GET', bucket: 'oldest', query: { location: '' } }), 'LocationConstraint'), '');
});

test('the name of a bucket among all of AWS', async () => {
  const created = await raw.must({ method: 'PUT', bucket: 'named' });
  const head = await raw.must({ method: 'HEAD', bucket: 'named' });
  for (const answer of [created, head]) assert.equal(answer.headers['x-amz-bucket-arn'], 'arn:aws:s3:::named');
  const listed = await client.send(new ListBucketsCommand({ Prefix: 'named' }));
  assert.equal(listed.Buckets?.[0]?.BucketArn, 'arn:aws:s3:::named');
});

test('CreateBucket with tags', async () => {
  const tag = (key: string, value = 'v') => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`;
  const create = (bucket: string, tags: string) => raw.call({ method: 'PUT', bucket, body: configuration(`<Tags>${tags}</Tags>`) });
  assert.equal((await create('born-tagged', tag('a', '1') + tag('b', '2'))).status, 200);
  const set = (await client.send(new GetBucketTaggingCommand({ Bucket: 'born-tagged' }))).TagSet;
  assert.deepEqual(set, [
    { Key: 'a', Value: '1' },
    { Key: 'b', Value: '2' },
  ]);
  assert.equal((await create('born-bare', '')).status, 200);
  refused(await raw.call({ method: 'GET', bucket: 'born-bare', query: { tagging: '' } }), 404, 'NoSuchTagSet');
  for (const tags of ['<Tag><Value>v</Value></Tag>', '<Tag><Key>k</Key></Tag>']) refused(await create('unborn', tags), 400, 'MalformedXML');
  const reserved =
    'User-defined tag keys can\'t start with "aws:". This prefix is reserved for system tags. Remove "aws:" from your tag keys and try again.';
  refused(await create('unborn', tag('aws:a')), 400, 'InvalidTag', { Message: reserved });
  refused(await create('unborn', tag('a,b')), 400, 'InvalidTag', { Message: 'The TagKey you have provided is invalid', TagKey: 'a,b' });
  refused(await create('unborn', tag('a') + tag('a')), 400, 'InvalidTag');
  refused(await create('unborn', Array.from({ length: 51 }, (_, at) => tag(`k${at}`)).join('')), 400, 'InvalidTag');
  refused(await raw.call({ method: 'HEAD', bucket: 'unborn' }), 404, undefined);
});

test('GetBucketLocation of no constraint, and of no bucket', async () => {
  await client.send(new CreateBucketCommand({ Bucket: 'nowhere' }));
  assert.equal((await client.send(new GetBucketLocationCommand({ Bucket: 'nowhere' }))).LocationConstraint ?? '', '');
  refused(await raw.call({ method: 'GET', bucket: 'missing', query: { location: '' } }), 404, 'NoSuchBucket', { BucketName: 'missing' });
});

test('DeleteBucket refuses objects and delete markers, not unfinished uploads', async () => {
  await client.send(new CreateBucketCommand({ Bucket: 'full' }));
  await client.send(new PutObjectCommand({ Bucket: 'full', Key: 'a', Body: 'a' }));
  refused(await raw.call({ method: 'DELETE', bucket: 'full' }), 409, 'BucketNotEmpty', { BucketName: 'full' });
  await client.send(new DeleteObjectCommand({ Bucket: 'full', Key: 'a' }));
  await raw.must({ method: 'POST', bucket: 'full', key: 'unfinished', query: { uploads: '' } });
  await client.send(new DeleteBucketCommand({ Bucket: 'full' }));
  await client.send(new CreateBucketCommand({ Bucket: 'marked' }));
  await client.send(new PutBucketVersioningCommand({ Bucket: 'marked', VersioningConfiguration: { Status: 'Enabled' } }));
  const marker = await client.send(new DeleteObjectCommand({ Bucket: 'marked', Key: 'never' }));
  refused(await raw.call({ method: 'DELETE', bucket: 'marked' }), 409, 'BucketNotEmpty');
  await client.send(new DeleteObjectCommand({ Bucket: 'marked', Key: 'never', VersionId: marker.VersionId }));
  await client.send(new DeleteBucketCommand({ Bucket: 'marked' }));
  refused(await raw.call({ method: 'DELETE', bucket: 'marked' }), 404, 'NoSuchBucket');
});

test('ListBuckets: order, prefix, pages', async () => {
  const names = ['page-a', 'page-b', 'page-c', 'page-d', 'page-e'];
  for (const name of [...names].reverse()) await client.send(new CreateBucketCommand({ Bucket: name }));
  const all = await client.send(new ListBucketsCommand({}));
  const listed = (all.Buckets ?? []).map((bucket) => bucket.Name ?? '');
  assert.deepEqual(listed, [...listed].sort());
  assert.match(all.Owner?.ID ?? '', /^[0-9a-f]{64}$/);
  assert.ok(all.Buckets?.[0]?.CreationDate instanceof Date);
  const seen: string[] = [];
  let token: string | undefined;
  do {
    const page = await client.send(new ListBucketsCommand({ Prefix: 'page-', MaxBuckets: 2, ContinuationToken: token }));
    assert.ok((page.Buckets?.length ?? 0) <= 2);
    assert.equal(page.Prefix, 'page-');
    seen.push(...(page.Buckets ?? []).map((bucket) => bucket.Name ?? ''));
    token = page.ContinuationToken;
  } while (token !== undefined);
  assert.deepEqual(seen, names);
  const elsewhere = await client.send(new ListBucketsCommand({ BucketRegion: 'mars-north-1' }));
  assert.equal(elsewhere.Buckets?.length ?? 0, 0);
  const wrong: Record<string, string>[] = [
    { 'max-buckets': '0' },
    { 'max-buckets': '-1' },
    { 'max-buckets': 'x' },
    { 'continuation-token': 'bad' },
  ];
  for (const query of wrong) {
    refused(await raw.call({ method: 'GET', bucket: '', query }), 400, 'InvalidArgument');
  }
});

test('PutBucketVersioning and GetBucketVersioning', async () => {
  const Bucket = 'versioned';
  await client.send(new CreateBucketCommand({ Bucket }));
  assert.equal((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status, undefined);
  for (const Status of ['Enabled', 'Suspended', 'Enabled'] as const) {
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
    assert.equal((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status, Status);
  }
  const put = (xml: string) => raw.call({ method: 'PUT', bucket: Bucket, query: { versioning: '' }, body: Buffer.from(xml) });
  const open = '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">';
  refused(await put(`${open}<Status>On</Status></VersioningConfiguration>`), 400, 'MalformedXML');
  refused(await put(`${open}</VersioningConfiguration>`), 400, 'IllegalVersioningConfigurationException');
  refused(await put(`${open}<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>`), 501, 'NotImplemented');
  refused(await put('<!DOCTYPE a [<!ENTITY b "c">]><VersioningConfiguration/>'), 400, 'MalformedXML');
  assert.equal((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status, 'Enabled');
});

test('PutBucketTagging, GetBucketTagging and DeleteBucketTagging', async () => {
  const Bucket = 'tagged';
  await client.send(new CreateBucketCommand({ Bucket }));
  refused(await raw.call({ method: 'GET', bucket: Bucket, query: { tagging: '' } }), 404, 'NoSuchTagSet', { BucketName: Bucket });
  const TagSet = Array.from({ length: 50 }, (_, at) => ({ Key: `key ${at} é`, Value: at % 2 ? `value=${at}` : '' }));
  await client.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
  assert.deepEqual((await client.send(new GetBucketTaggingCommand({ Bucket }))).TagSet, TagSet);
  const tag = (key: string, value = 'v') => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`;
  const put = (tags: string) =>
    raw.call({ method: 'PUT', bucket: Bucket, query: { tagging: '' }, body: Buffer.from(`<Tagging><TagSet>${tags}</TagSet></Tagging>`) });
  refused(await put(Array.from({ length: 51 }, (_, at) => tag(`k${at}`)).join('')), 400, 'InvalidTag');
  refused(await put(tag('a') + tag('a')), 400, 'InvalidTag');
  refused(await put(tag('aws:mine')), 400, 'InvalidTag');
  refused(await put(tag('k'.repeat(129))), 400, 'InvalidTag');
  refused(await put(tag('k', 'v'.repeat(257))), 400, 'InvalidTag');
  refused(await put('<Tag><Key>k</Key></Tag>'), 400, 'MalformedXML');
  await client.send(new DeleteBucketTaggingCommand({ Bucket }));
  refused(await raw.call({ method: 'GET', bucket: Bucket, query: { tagging: '' } }), 404, 'NoSuchTagSet');
});
