/** ListObjectVersions, and what versioning does to reads and writes. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CreateBucketCommand, ListObjectVersionsCommand, PutBucketVersioningCommand, type S3Client } from '@aws-sdk/client-s3';
import { type RawClient, refused, startRaw, xmlText, xmlTexts } from '../support/raw-client.ts';
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

const versioning = (Bucket: string, Status: 'Enabled' | 'Suspended') =>
  client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
const put = async (bucket: string, key: string, body: string) =>
  (await raw.must({ method: 'PUT', bucket, key, body: Buffer.from(body) })).headers['x-amz-version-id'];
const get = (bucket: string, key: string, versionId?: string) =>
  raw.call({ method: 'GET', bucket, key, query: versionId === undefined ? {} : { versionId } });
const remove = async (bucket: string, key: string, versionId?: string) =>
  (await raw.must({ method: 'DELETE', bucket, key, query: versionId === undefined ? {} : { versionId } })).headers['x-amz-version-id'];

/** `key version` of every row in order, `!` on delete markers, `*` on the latest. */
async function rows(Bucket: string, MaxKeys = 1000): Promise<string[]> {
  const seen: string[] = [];
  let KeyMarker: string | undefined;
  let VersionIdMarker: string | undefined;
  for (;;) {
    const query: Record<string, string> = { versions: '', 'max-keys': String(MaxKeys) };
    if (KeyMarker !== undefined) query['key-marker'] = KeyMarker;
    if (VersionIdMarker !== undefined) query['version-id-marker'] = VersionIdMarker;
    const page = await raw.must({ method: 'GET', bucket: Bucket, query });
    const found = page.body
      .toString()
      .matchAll(/<(Version|DeleteMarker)><Key>([^<]*)<\/Key><VersionId>([^<]*)<\/VersionId><IsLatest>(true|false)</g);
    for (const [, kind, key, id, latest] of found) seen.push(`${key} ${id}${kind === 'Version' ? '' : '!'}${latest === 'true' ? '*' : ''}`);
    if (xmlText(page, 'IsTruncated') !== 'true') return seen;
    KeyMarker = xmlText(page, 'NextKeyMarker');
    VersionIdMarker = xmlText(page, 'NextVersionIdMarker');
    assert.ok(KeyMarker !== undefined && seen.length < 100);
  }
}

test('null versions, delete markers, IsLatest, pages of every size', async () => {
  const Bucket = 'history';
  await client.send(new CreateBucketCommand({ Bucket }));
  assert.equal(await put(Bucket, 'a', 'before versions'), undefined);
  await versioning(Bucket, 'Enabled');
  const a1 = await put(Bucket, 'a', 'one');
  const a2 = await put(Bucket, 'a', 'two');
  const b1 = await put(Bucket, 'b', 'one');
  const bMarker = await remove(Bucket, 'b');
  await versioning(Bucket, 'Suspended');
  assert.equal(await put(Bucket, 'c', 'suspended'), undefined);
  const expected = [`a ${a2}*`, `a ${a1}`, 'a null', `b ${bMarker}!*`, `b ${b1}`, 'c null*'];
  for (const max of [1000, 1, 2, 3, 4]) assert.deepEqual(await rows(Bucket, max), expected, `pages of ${max}`);
  const page = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'a' }));
  assert.deepEqual(
    page.Versions?.map((version) => version.Size),
    [3, 3, 15],
  );
  assert.equal(page.Versions?.[0]?.StorageClass, 'STANDARD');
  assert.match(page.Versions?.[0]?.Owner?.ID ?? '', /^[0-9a-f]{64}$/);
  assert.equal((await get(Bucket, 'a', a1)).body.toString(), 'one');
  assert.equal((await get(Bucket, 'a', 'null')).body.toString(), 'before versions');
  assert.equal((await get(Bucket, 'a')).headers['x-amz-version-id'], a2);
});

test('suspended versioning replaces the null version only', async () => {
  const Bucket = 'suspended';
  await client.send(new CreateBucketCommand({ Bucket }));
  await versioning(Bucket, 'Enabled');
  const kept = await put(Bucket, 'k', 'kept');
  await versioning(Bucket, 'Suspended');
  await put(Bucket, 'k', 'first null');
  await put(Bucket, 'k', 'second null');
  assert.deepEqual(await rows(Bucket), ['k null*', `k ${kept}`]);
  assert.equal((await get(Bucket, 'k')).body.toString(), 'second null');
  assert.equal(await remove(Bucket, 'k'), 'null');
  assert.deepEqual(await rows(Bucket), ['k null!*', `k ${kept}`]);
  refused(await get(Bucket, 'k'), 404, 'NoSuchKey');
  assert.equal(await remove(Bucket, 'k', 'null'), 'null');
  assert.deepEqual(await rows(Bucket), [`k ${kept}*`]);
  assert.equal((await get(Bucket, 'k')).body.toString(), 'kept');
});

test('removing the latest version makes the one before it the latest', async () => {
  const Bucket = 'promoted';
  await client.send(new CreateBucketCommand({ Bucket }));
  await versioning(Bucket, 'Enabled');
  const first = await put(Bucket, 'k', 'first');
  const second = await put(Bucket, 'k', 'second');
  await remove(Bucket, 'k', second);
  assert.deepEqual(await rows(Bucket), [`k ${first}*`]);
  assert.equal((await get(Bucket, 'k')).body.toString(), 'first');
  refused(await get(Bucket, 'k', second), 404, 'NoSuchVersion', { VersionId: second ?? '' });
  await remove(Bucket, 'k', first);
  assert.deepEqual(await rows(Bucket), []);
});

test('delimiter, markers that lead nowhere, limits', async () => {
  const Bucket = 'folded';
  await client.send(new CreateBucketCommand({ Bucket }));
  await versioning(Bucket, 'Enabled');
  for (const key of ['d/1', 'd/1', 'd/2', 'e', 'f/1']) await put(Bucket, key, key);
  const page = await client.send(new ListObjectVersionsCommand({ Bucket, Delimiter: '/' }));
  assert.deepEqual(
    page.CommonPrefixes?.map((row) => row.Prefix),
    ['d/', 'f/'],
  );
  assert.deepEqual(
    page.Versions?.map((row) => row.Key),
    ['e'],
  );
  const list = (query: Record<string, string>) => raw.call({ method: 'GET', bucket: Bucket, query: { versions: '', ...query } });
  refused(await list({ 'version-id-marker': 'null' }), 400, 'InvalidArgument', { ArgumentName: 'version-id-marker' });
  refused(await list({ 'max-keys': '-1' }), 400, 'InvalidArgument');
  assert.equal(xmlText(await list({ 'max-keys': '0' }), 'IsTruncated'), 'false');
  const after = await client.send(new ListObjectVersionsCommand({ Bucket, KeyMarker: 'd/1' }));
  assert.deepEqual(
    after.Versions?.map((row) => row.Key),
    ['d/2', 'e', 'f/1'],
  );
});

test('a write to a suspended bucket tells no version, a read and a delete tell the null one', async () => {
  const bucket = 'paused';
  await raw.must({ method: 'PUT', bucket });
  await versioning(bucket, 'Suspended');
  const written = [await raw.must({ method: 'PUT', bucket, key: 'k', body: Buffer.from('k') })];
  const copied = { 'x-amz-copy-source': `${bucket}/k` };
  written.push(await raw.must({ method: 'PUT', bucket, key: 'copy', headers: copied }));
  const target = { bucket, key: 'parts' };
  const started = await raw.must({ ...target, method: 'POST', query: { uploads: '' } });
  const uploadId = xmlText(started, 'UploadId') ?? '';
  const part = await raw.must({ ...target, method: 'PUT', query: { partNumber: '1', uploadId }, body: Buffer.from('part') });
  const list = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${part.headers.etag}</ETag></Part></CompleteMultipartUpload>`;
  written.push(await raw.must({ ...target, method: 'POST', query: { uploadId }, body: Buffer.from(list) }));
  assert.deepEqual(
    written.map((answer) => answer.headers['x-amz-version-id']),
    [undefined, undefined, undefined],
  );
  for (const key of ['k', 'copy', 'parts']) {
    assert.equal((await get(bucket, key)).headers['x-amz-version-id'], 'null');
    assert.equal(await remove(bucket, key), 'null');
  }
});

test('a key marker inside a common prefix: the prefix was shown', async () => {
  const bucket = 'marked';
  await raw.must({ method: 'PUT', bucket });
  await versioning(bucket, 'Enabled');
  for (const key of ['dir/a/1', 'dir/a/2', 'dir/b', 'dir/c/1']) await put(bucket, key, key);
  const first = await put(bucket, 'dir/a/1', 'again');
  for (const more of [{}, { 'version-id-marker': first ?? '' }] as Record<string, string>[]) {
    const query = { versions: '', prefix: 'dir/', delimiter: '/', 'key-marker': 'dir/a/1', ...more };
    const page = await raw.must({ method: 'GET', bucket, query });
    assert.deepEqual(xmlTexts(page, 'Prefix'), ['dir/', 'dir/c/']);
    assert.deepEqual(xmlTexts(page, 'Key'), ['dir/b']);
  }
});

test('a version that is there all the time is in every listing, while newer ones come and go beside it', async () => {
  const Bucket = 'comings-and-goings';
  await client.send(new CreateBucketCommand({ Bucket }));
  await versioning(Bucket, 'Enabled');
  const keys = Array.from({ length: 24 }, (_, at) => `key-${String(at).padStart(2, '0')}`);
  const firsts = await Promise.all(keys.map(async (key) => `${key} ${await put(Bucket, key, 'one')}`));
  let listings = 0;
  let changes = 0;
  const end = Date.now() + 3_000;
  const writer = async (key: string): Promise<void> => {
    for (; Date.now() < end; changes += 1) await remove(Bucket, key, await put(Bucket, key, 'two'));
  };
  const reader = async (): Promise<void> => {
    for (; Date.now() < end; listings += 1) {
      const shown = new Set((await rows(Bucket)).map((row) => row.replace(/\*$/, '')));
      assert.deepEqual(
        firsts.filter((first) => !shown.has(first)),
        [],
        `listing ${listings}, after ${changes} changes`,
      );
    }
  };
  await Promise.all([...keys.map(writer), ...Array.from({ length: 6 }, reader)]);
  assert.ok(listings > 10 && changes > 24, `${listings} listings, ${changes} changes`);
});
