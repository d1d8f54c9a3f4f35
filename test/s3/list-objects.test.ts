/** ListObjects and ListObjectsV2: order, pages, delimiters, encoding, tokens. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CreateBucketCommand, ListObjectsCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { type RawClient, refused, startRaw, xmlText, xmlTexts } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const Bucket = 'listing';
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

async function fill(bucket: string, keys: readonly string[]): Promise<void> {
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  for (let at = 0; at < keys.length; at += 16) {
    await Promise.all(keys.slice(at, at + 16).map((key) => raw.must({ method: 'PUT', bucket, key, body: Buffer.from(key) })));
  }
}

const byBytes = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other));

/** Keys and common prefixes of all pages, in the order they came. */
async function pages(
  bucket: string,
  query: { Prefix?: string; Delimiter?: string; StartAfter?: string },
  MaxKeys: number,
): Promise<string[]> {
  const seen: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, ...query, MaxKeys, ContinuationToken }));
    const rows = [...(page.Contents ?? []).map((row) => row.Key ?? ''), ...(page.CommonPrefixes ?? []).map((row) => row.Prefix ?? '')];
    assert.equal(page.KeyCount, rows.length);
    assert.ok(rows.length <= MaxKeys);
    assert.equal(page.IsTruncated, page.NextContinuationToken !== undefined);
    seen.push(...rows.sort(byBytes));
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return seen;
}

test('order is that of raw UTF-8 bytes, over pages of any size', async () => {
  const keys = ['a', 'a/b', 'a/b/c', 'a0', 'B', 'b', 'é', '\uffee', '😀', 'a b', 'a!', 'zz', '~', '\u0001x', 'e\u0301'];
  await fill('order', keys);
  const sorted = [...keys].sort(byBytes);
  for (const max of [1, 2, 7, 1000]) assert.deepEqual(await pages('order', {}, max), sorted, `pages of ${max}`);
  assert.deepEqual(await pages('order', { StartAfter: 'a/b' }, 3), sorted.slice(sorted.indexOf('a/b') + 1));
  assert.deepEqual(await pages('order', { Prefix: 'a/' }, 1), ['a/b', 'a/b/c']);
});

test('delimiters: a common prefix once across pages, whatever the delimiter', async () => {
  const keys = ['x/1', 'x/2', 'x/3', 'x-', 'x0', 'y/', 'y//z', 'dir--one', 'dir--two', 'plain'];
  await fill('delimited', keys);
  for (const max of [1, 2, 3, 1000]) {
    assert.deepEqual(
      await pages('delimited', { Delimiter: '/' }, max),
      ['dir--one', 'dir--two', 'plain', 'x-', 'x/', 'x0', 'y/'],
      `pages of ${max}`,
    );
    assert.deepEqual(await pages('delimited', { Delimiter: '--' }, max), ['dir--', 'plain', 'x-', 'x/1', 'x/2', 'x/3', 'x0', 'y/', 'y//z']);
    assert.deepEqual(await pages('delimited', { Delimiter: '/', Prefix: 'y/' }, max), ['y/', 'y//']);
    assert.deepEqual(await pages('delimited', { Delimiter: '/', Prefix: 'x/' }, max), ['x/1', 'x/2', 'x/3']);
  }
});

test('ListObjects goes on by marker; NextMarker only with a delimiter', async () => {
  await fill('first', ['a/1', 'a/2', 'b', 'c/1', 'd']);
  const page = await client.send(new ListObjectsCommand({ Bucket: 'first', MaxKeys: 2 }));
  assert.deepEqual(
    page.Contents?.map((row) => row.Key),
    ['a/1', 'a/2'],
  );
  assert.equal(page.IsTruncated, true);
  assert.equal(page.NextMarker, undefined);
  assert.match(page.Contents?.[0]?.Owner?.ID ?? '', /^[0-9a-f]{64}$/);
  const rest = await client.send(new ListObjectsCommand({ Bucket: 'first', Marker: 'a/2' }));
  assert.deepEqual(
    rest.Contents?.map((row) => row.Key),
    ['b', 'c/1', 'd'],
  );
  const seen: string[] = [];
  let Marker: string | undefined;
  for (let guard = 0; guard < 10; guard += 1) {
    const delimited = await client.send(new ListObjectsCommand({ Bucket: 'first', Delimiter: '/', MaxKeys: 1, Marker }));
    seen.push(
      ...(delimited.CommonPrefixes ?? []).map((row) => row.Prefix ?? ''),
      ...(delimited.Contents ?? []).map((row) => row.Key ?? ''),
    );
    Marker = delimited.NextMarker;
    if (!delimited.IsTruncated) break;
    assert.notEqual(Marker, undefined);
  }
  assert.deepEqual(seen, ['a/', 'b', 'c/', 'd']);
});

test('max-keys: none, all, more, and what is no number', async () => {
  await fill('limits', ['one', 'two']);
  const list = (query: Record<string, string>) => raw.call({ method: 'GET', bucket: 'limits', query });
  for (const version of [{}, { 'list-type': '2' }] as Record<string, string>[]) {
    const none = await list({ ...version, 'max-keys': '0' });
    assert.deepEqual(xmlTexts(none, 'Key'), []);
    assert.equal(xmlText(none, 'IsTruncated'), 'false');
    assert.equal(xmlText(none, 'MaxKeys'), '0');
    const more = await list({ ...version, 'max-keys': '5000' });
    assert.equal(xmlText(more, 'MaxKeys'), '1000');
    assert.deepEqual(xmlTexts(more, 'Key'), ['one', 'two']);
    for (const wrong of ['-1', 'x', '1.5']) {
      const ArgumentName = wrong === '-1' ? 'maxKeys' : 'max-keys';
      refused(await list({ ...version, 'max-keys': wrong }), 400, 'InvalidArgument', { ArgumentName });
    }
    refused(await list({ ...version, 'encoding-type': 'base64' }), 400, 'InvalidArgument', { ArgumentName: 'encoding-type' });
  }
  for (const token of ['', 'nonsense', 'b25l', 'AAAAAG9uZQ']) {
    refused(await list({ 'list-type': '2', 'continuation-token': token }), 400, 'InvalidArgument', { ArgumentName: 'continuation-token' });
  }
  refused(await list({ 'list-type': '3' }), 400, 'InvalidArgument');
  refused(await raw.call({ method: 'GET', bucket: 'no-such-bucket', query: { 'list-type': '2' } }), 404, 'NoSuchBucket');
});

test('encoding-type=url covers keys, prefixes, delimiters and markers', async () => {
  const key = 'a b/ü+&<%>\u0002';
  await fill('encoded', [key, 'a b/z']);
  const query = { 'list-type': '2', 'encoding-type': 'url', prefix: 'a b/', delimiter: '+', 'start-after': 'a b/ä' };
  const answer = await raw.must({ method: 'GET', bucket: 'encoded', query });
  assert.equal(xmlText(answer, 'EncodingType'), 'url');
  assert.equal(xmlText(answer, 'Delimiter'), '%2B');
  assert.equal(xmlText(answer, 'StartAfter'), 'a%20b/%C3%A4');
  assert.deepEqual(xmlTexts(answer, 'Prefix'), ['a%20b/', 'a%20b/%C3%BC%2B']);
  const first = await raw.must({ method: 'GET', bucket: 'encoded', query: { 'encoding-type': 'url', marker: 'a', 'max-keys': '2' } });
  assert.deepEqual(xmlTexts(first, 'Key').map(decodeURIComponent), ['a b/z', key]);
  assert.equal(xmlText(first, 'Marker'), 'a');
  const hostile = await raw.must({ method: 'GET', bucket: 'encoded', query: { prefix: 'a b/ü' } });
  assert.match(hostile.body.toString(), /a b\/ü\+&amp;&lt;%&gt;&#x2;/);
});

test('rows: size, time, ETag, checksum, storage class, owner on request', async () => {
  const Key = 'row';
  await client.send(new PutObjectCommand({ Bucket, Key, Body: 'row', ChecksumAlgorithm: 'SHA256', StorageClass: 'GLACIER_IR' }));
  const [row] = (await client.send(new ListObjectsV2Command({ Bucket }))).Contents ?? [];
  assert.equal(row?.Size, 3);
  assert.equal(row?.ETag, '"f1965a857bc285d26fe22023aa5ab50d"');
  assert.deepEqual(row?.ChecksumAlgorithm, ['SHA256']);
  assert.equal(row?.ChecksumType, 'FULL_OBJECT');
  assert.equal(row?.StorageClass, 'GLACIER_IR');
  assert.ok(Math.abs(Number(row?.LastModified) - Date.now()) < 60_000);
  assert.equal(row?.Owner, undefined);
  const [owned] = (await client.send(new ListObjectsV2Command({ Bucket, FetchOwner: true }))).Contents ?? [];
  assert.match(owned?.Owner?.ID ?? '', /^[0-9a-f]{64}$/);
});

test('what was written is listed at once, what was deleted is not', async () => {
  await fill('fresh', []);
  for (let round = 0; round < 20; round += 1) {
    await raw.must({ method: 'PUT', bucket: 'fresh', key: `k${round}`, body: Buffer.from('x') });
    assert.equal((await client.send(new ListObjectsV2Command({ Bucket: 'fresh' }))).KeyCount, 1);
    await raw.must({ method: 'DELETE', bucket: 'fresh', key: `k${round}` });
    assert.equal((await client.send(new ListObjectsV2Command({ Bucket: 'fresh' }))).KeyCount, 0);
  }
});

test('a marker inside a common prefix: the prefix was shown', async () => {
  await fill('inside', ['dir/a/1', 'dir/a/2', 'dir/b', 'dir/c/1', 'e']);
  for (const [marker, keys, prefixes] of [
    ['dir/a/1', ['dir/b'], ['dir/c/']],
    ['dir/a/', ['dir/b'], ['dir/c/']],
    ['dir/a/zzz', ['dir/b'], ['dir/c/']],
    ['dir/a', ['dir/b'], ['dir/a/', 'dir/c/']],
    ['dir/c/0', [], []],
  ] as const) {
    for (const by of [{ marker }, { 'list-type': '2', 'start-after': marker }] as Record<string, string>[]) {
      const page = await raw.must({ method: 'GET', bucket: 'inside', query: { prefix: 'dir/', delimiter: '/', ...by } });
      assert.deepEqual(xmlTexts(page, 'Key'), keys, marker);
      assert.deepEqual(xmlTexts(page, 'Prefix').slice(1), prefixes, marker);
    }
    const plain = await raw.must({ method: 'GET', bucket: 'inside', query: { marker } });
    assert.equal(xmlTexts(plain, 'Key').at(-1), 'e', 'without a delimiter a marker is a key');
  }
});
