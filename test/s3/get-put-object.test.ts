/** PutObject, GetObject and HeadObject: bytes, metadata, ranges, conditions, checksums. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { CreateBucketCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { crc32 } from '@node-rs/crc32';
import { seededBytes } from '../support/files.ts';
import { type RawClient, refused, startRaw, xmlText } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const Bucket = 'objects';
const text = Buffer.from('0123456789');
let server: RunningServer;
let client: S3Client;
let raw: RawClient;

before(async () => {
  // On node:http: the oldest uWebSockets.js build cuts non-ASCII ends off header values. The other tests take what `auto` picks.
  server = await startServer({ args: ['--transport', 'node'] });
  client = server.client();
  raw = startRaw(server);
  await client.send(new CreateBucketCommand({ Bucket }));
  await put('ten', text);
});
after(async () => {
  raw?.close();
  await server?.stop();
});

const put = (key: string, body: Uint8Array, headers: Record<string, string> = {}) =>
  raw.call({ method: 'PUT', bucket: Bucket, key, headers, body });
const get = (key: string, headers: Record<string, string> = {}, query: Record<string, string> = {}) =>
  raw.call({ method: 'GET', bucket: Bucket, key, headers, query });
const head = (key: string, headers: Record<string, string> = {}, query: Record<string, string> = {}) =>
  raw.call({ method: 'HEAD', bucket: Bucket, key, headers, query });
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');

test('PutObject answers with the MD5 as ETag, GetObject gives the bytes back, at every size class', async () => {
  for (const length of [0, 1, 8192, 8193, 1024 * 1024, 1024 * 1024 + 1, 5_000_000]) {
    const body = seededBytes(length, length + 1);
    const written = await put(`size-${length}`, body);
    assert.equal(written.status, 200, written.body.toString());
    assert.equal(written.headers.etag, `"${md5(body)}"`);
    const read = await get(`size-${length}`);
    assert.equal(read.headers.etag, `"${md5(body)}"`);
    assert.equal(read.headers['content-length'], String(length));
    assert.equal(read.headers['content-type'], 'binary/octet-stream');
    assert.equal(read.headers['accept-ranges'], 'bytes');
    assert.ok(read.body.equals(body), `${length} bytes`);
    const seen = await head(`size-${length}`);
    assert.equal(seen.headers['content-length'], String(length));
    assert.equal(seen.body.length, 0);
  }
});

test('keys of every kind live side by side', async () => {
  const keys = [
    'a',
    'a/b',
    'a/b/',
    'a//b',
    '/lead',
    './../x',
    'sp ace+plus%25',
    'quo\'te"<&>*(~)',
    'ünïcödé/日本',
    'e\u0301',
    '\u00e9',
    `${'s'.repeat(300)}/t`,
    'k'.repeat(1024),
  ];
  for (const [at, key] of keys.entries()) assert.equal((await put(key, Buffer.from(`key ${at}`))).status, 200, key);
  for (const [at, key] of keys.entries()) assert.equal((await get(key)).body.toString(), `key ${at}`, key);
  refused(await put('k'.repeat(1025), text), 400, 'KeyTooLongError');
  refused(await get('a/b/c'), 404, 'NoSuchKey', { Key: 'a/b/c' });
  refused(await raw.call({ method: 'GET', bucket: 'no-such-bucket', key: 'k' }), 404, 'NoSuchBucket', { BucketName: 'no-such-bucket' });
  refused(await raw.call({ method: 'PUT', bucket: 'no-such-bucket', key: 'k', body: text }), 404, 'NoSuchBucket');
});

test('headers and user metadata round trip', async () => {
  const stored = {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'max-age=60',
    'content-disposition': 'attachment; filename="ä.txt"',
    'content-encoding': 'gzip',
    'content-language': 'de',
    expires: 'Thu, 01 Dec 2033 16:00:00 GMT',
    'x-amz-website-redirect-location': '/elsewhere',
    'x-amz-storage-class': 'STANDARD_IA',
    'x-amz-meta-plain': 'value',
    'x-amz-meta-empty': '',
    'x-amz-meta-__proto__': 'kept',
  };
  assert.equal((await put('headers', text, stored)).status, 200);
  for (const answer of [await get('headers'), await head('headers')]) {
    for (const [name, value] of Object.entries(stored)) assert.equal(latin1AsUtf8(answer.headers[name]), value, name);
  }
  assert.equal((await put('standard', text, { 'x-amz-storage-class': 'STANDARD' })).status, 200);
  assert.equal((await get('standard')).headers['x-amz-storage-class'], undefined);
  await client.send(new PutObjectCommand({ Bucket, Key: 'sdk-meta', Body: 'x', Metadata: { one: '1', two: 'b c' } }));
  assert.deepEqual((await client.send(new HeadObjectCommand({ Bucket, Key: 'sdk-meta' }))).Metadata, { one: '1', two: 'b c' });
});

/** The raw client reads header bytes as latin-1 or as UTF-8: both tellings of the same bytes are fine here. */
function latin1AsUtf8(value: string | undefined): string | undefined {
  if (value === undefined || [...value].some((character) => character.charCodeAt(0) > 255)) return value;
  const decoded = Buffer.from(value, 'latin1').toString();
  return decoded.includes('\ufffd') ? value : decoded;
}

test('PutObject refuses what it cannot keep its word on', async () => {
  refused(await put('big-meta', text, { 'x-amz-meta-big': 'm'.repeat(2049 - 3) }), 400, 'MetadataTooLarge');
  assert.equal((await put('fits', text, { 'x-amz-meta-big': 'm'.repeat(2048 - 3) })).status, 200);
  refused(await put('class', text, { 'x-amz-storage-class': 'GOLD' }), 400, 'InvalidStorageClass');
  refused(await put('sse', text, { 'x-amz-server-side-encryption': 'AES256' }), 501, 'NotImplemented', {
    Header: 'x-amz-server-side-encryption',
  });
  refused(await put('lock', text, { 'x-amz-object-lock-mode': 'COMPLIANCE' }), 501, 'NotImplemented');
  refused(await put('redirect', text, { 'x-amz-website-redirect-location': 'javascript:x' }), 400, 'InvalidRedirectLocation');
  refused(await put('tags', text, { 'x-amz-tagging': 'a=1&a=2' }), 400, 'InvalidArgument', { ArgumentName: 'x-amz-tagging' });
  refused(await put('md5', text, { 'content-md5': createHash('md5').update('other').digest('base64') }), 400, 'BadDigest');
  refused(await put('md5', text, { 'content-md5': 'short' }), 400, 'InvalidDigest');
  refused(await put('acl', text, { 'x-amz-acl': 'public-read' }), 501, 'NotImplemented');
  for (const key of ['big-meta', 'class', 'sse', 'lock', 'redirect', 'tags', 'md5', 'acl']) refused(await get(key), 404, 'NoSuchKey');
});

test('ranges', async () => {
  const ranges: [string, string, string][] = [
    ['bytes=0-3', '0123', 'bytes 0-3/10'],
    ['bytes=4-', '456789', 'bytes 4-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=8-99999999999999999999', '89', 'bytes 8-9/10'],
    ['bytes=-100', '0123456789', 'bytes 0-9/10'],
  ];
  for (const [range, bytes, contentRange] of ranges) {
    const part = await get('ten', { range });
    assert.equal(part.status, 206, range);
    assert.equal(part.body.toString(), bytes, range);
    assert.equal(part.headers['content-range'], contentRange);
    const seen = await head('ten', { range });
    assert.equal(seen.status, 206);
    assert.equal(seen.headers['content-length'], String(bytes.length));
  }
  for (const range of ['bytes=10-', 'bytes=-0', 'bytes=99-100']) {
    const answer = await get('ten', { range });
    refused(answer, 416, 'InvalidRange', { ActualObjectSize: '10', RangeRequested: range });
    assert.equal(answer.headers['content-range'], 'bytes */10');
  }
  for (const range of ['bytes=0-1,3-4', 'bytes=5-2', 'lines=0-1', 'bytes=a-b', 'bytes=-']) {
    const whole = await get('ten', { range });
    assert.equal(whole.status, 200, range);
    assert.equal(whole.body.toString(), '0123456789');
  }
  await put('empty', Buffer.alloc(0));
  refused(await get('empty', { range: 'bytes=0-' }), 416, 'InvalidRange');
  const large = seededBytes(3_000_000, 3);
  await put('large', large);
  for (const [first, last] of [
    [0, 0],
    [1_048_575, 1_048_576],
    [999_999, 2_500_000],
    [2_999_999, 2_999_999],
  ] as const) {
    const part = await get('large', { range: `bytes=${first}-${last}` });
    assert.ok(part.body.equals(large.subarray(first, last + 1)), `${first}-${last}`);
  }
});

test('partNumber of an object that has no parts', async () => {
  const first = await get('ten', {}, { partNumber: '1' });
  assert.equal(first.status, 206);
  assert.equal(first.body.toString(), '0123456789');
  assert.equal(first.headers['x-amz-mp-parts-count'], undefined);
  refused(await get('ten', {}, { partNumber: '2' }), 416, 'InvalidPartNumber');
  for (const partNumber of ['0', '10001', 'x', '-1']) refused(await get('ten', {}, { partNumber }), 400, 'InvalidArgument');
  refused(await get('ten', { range: 'bytes=0-1' }, { partNumber: '1' }), 400, 'InvalidRequest');
});

test('response-* overrides', async () => {
  const query = {
    'response-content-type': 'text/x-test',
    'response-content-disposition': 'inline; filename=a\r\nset-cookie: b',
    'response-cache-control': 'no-store',
    'response-expires': 'Thu, 01 Dec 1994 16:00:00 GMT',
    'response-content-language': 'fr',
    'response-content-encoding': 'identity',
  };
  const answer = await get('ten', {}, query);
  assert.equal(answer.headers['content-type'], 'text/x-test');
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(answer.headers.expires, 'Thu, 01 Dec 1994 16:00:00 GMT');
  assert.equal(answer.headers['content-language'], 'fr');
  assert.equal(answer.headers['content-encoding'], 'identity');
  assert.equal(answer.headers['set-cookie'], undefined, 'no header is injected');
  assert.equal((await get('ten')).headers['content-type'], 'binary/octet-stream');
});

test('conditional reads, in the order of RFC 9110', async () => {
  const etag = `"${md5(text)}"`;
  const past = 'Mon, 01 Jan 2001 00:00:00 GMT';
  const future = 'Fri, 01 Jan 2100 00:00:00 GMT';
  const lastModified = (await head('ten')).headers['last-modified'] ?? '';
  const statuses: [Record<string, string>, number][] = [
    [{ 'if-match': etag }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': `"other", ${etag}` }, 200],
    [{ 'if-match': '"other"' }, 412],
    [{ 'if-none-match': etag }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"other"' }, 200],
    [{ 'if-modified-since': past }, 200],
    [{ 'if-modified-since': lastModified }, 304],
    [{ 'if-unmodified-since': past }, 412],
    [{ 'if-unmodified-since': lastModified }, 200],
    [{ 'if-match': etag, 'if-unmodified-since': past }, 200],
    [{ 'if-none-match': etag, 'if-modified-since': past }, 304],
    [{ 'if-none-match': '"other"', 'if-modified-since': future }, 200],
    [{ 'if-modified-since': 'not a date' }, 200],
  ];
  for (const [headers, status] of statuses) {
    assert.equal((await get('ten', headers)).status, status, JSON.stringify(headers));
    assert.equal((await head('ten', headers)).status, status, JSON.stringify(headers));
  }
  const unchanged = await get('ten', { 'if-none-match': etag });
  assert.equal(unchanged.headers.etag, etag);
  assert.equal(unchanged.body.length, 0);
  const caching = { 'cache-control': 'max-age=60', expires: 'Thu, 01 Dec 2033 16:00:00 GMT' };
  await put('cached', text, { ...caching, 'content-language': 'de' });
  const cached = await get('cached', { 'if-none-match': etag });
  assert.equal(cached.status, 304);
  for (const [name, value] of Object.entries(caching)) assert.equal(cached.headers[name], value, 'caches renew what they hold');
  assert.equal(cached.headers['content-language'], undefined);
});

test('conditional writes', async () => {
  refused(await put('ten', text, { 'if-none-match': '*' }), 412, 'PreconditionFailed', { Condition: 'If-None-Match' });
  assert.equal((await put('fresh', text, { 'if-none-match': '*' })).status, 200);
  refused(await put('fresh', text, { 'if-none-match': '"tag"' }), 501, 'NotImplemented', { Header: 'If-None-Match' });
  refused(await put('fresh', text, { 'if-match': '"tag"' }), 412, 'PreconditionFailed', { Condition: 'If-Match' });
  assert.equal((await put('fresh', Buffer.from('new'), { 'if-match': `"${md5(text)}"` })).status, 200);
  refused(await put('absent', text, { 'if-match': '"tag"' }), 404, 'NoSuchKey');
});

test('checksums: computed, verified, shown on request', async () => {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(text));
  const value = sum.toString('base64');
  const written = await put('crc', text, { 'x-amz-checksum-crc32': value });
  assert.equal(written.headers['x-amz-checksum-crc32'], value);
  assert.equal(written.headers['x-amz-checksum-type'], 'FULL_OBJECT');
  const shown = await head('crc', { 'x-amz-checksum-mode': 'ENABLED' });
  assert.equal(shown.headers['x-amz-checksum-crc32'], value);
  assert.equal((await head('crc')).headers['x-amz-checksum-crc32'], undefined);
  const part = await get('crc', { 'x-amz-checksum-mode': 'ENABLED', range: 'bytes=0-1' });
  assert.equal(part.headers['x-amz-checksum-crc32'], undefined);
  refused(await put('crc-bad', text, { 'x-amz-checksum-crc32': 'AAAAAA==' }), 400, 'BadDigest');
  refused(await put('crc-odd', text, { 'x-amz-checksum-crc32': 'AAAA' }), 400, 'InvalidRequest');
  const computed = await put('crc64', text);
  assert.match(computed.headers['x-amz-checksum-crc64nvme'] ?? '', /^[A-Za-z0-9+/]{11}=$/);
  for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const) {
    const Key = `sdk-${ChecksumAlgorithm}`;
    await client.send(new PutObjectCommand({ Bucket, Key, Body: seededBytes(70_000, 7), ChecksumAlgorithm }));
    const read = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    assert.match(read[`Checksum${ChecksumAlgorithm}`] ?? '', /=$/);
    assert.equal((await read.Body?.transformToByteArray())?.length, 70_000);
  }
});

test('a body of more than 5 GiB is refused from its length, before a byte of it is read', async () => {
  const stream = { length: 5 * 1024 ** 3 + 1, chunks: [Buffer.from('a beginning')] };
  const answer = await raw.call({ method: 'PUT', bucket: Bucket, key: 'huge', stream });
  refused(answer, 400, 'EntityTooLarge', { ProposedSize: String(stream.length), MaxSizeAllowed: String(5 * 1024 ** 3) });
  refused(await get('huge'), 404, 'NoSuchKey');
});

test('errors name the resource as it was asked for', async () => {
  assert.equal(xmlText(await get('absent/key'), 'Resource'), `/${Bucket}/absent/key`);
  const signed = await raw.call({ method: 'PUT', bucket: Bucket, key: 'signed', body: seededBytes(300_000, 9), signBody: true });
  assert.equal(signed.status, 200);
});

test('PutObject with tags shows their number', async () => {
  assert.equal((await put('counted', text, { 'x-amz-tagging': 'a=1&b=x%20y' })).status, 200);
  assert.equal((await head('counted')).headers['x-amz-tagging-count'], '2');
  assert.equal((await head('ten')).headers['x-amz-tagging-count'], undefined);
});
