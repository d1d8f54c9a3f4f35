import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRejection, type Rejection } from '../../engine/rejection.ts';
import { bucketNameRejection } from '../../http/request/bucket-name.ts';
import { parseQuery, type Query } from '../../http/request/query.ts';
import { effectiveHeaders, joinHeaders, oversizedHeaders } from '../../http/request/request-headers.ts';
import { parseTarget, type RequestTarget } from '../../http/request/request-target.ts';
import { unservedHeader } from '../../http/request/unserved-headers.ts';
import { type Resource, route } from '../../http/router.ts';

function query(text: string): Query {
  const parsed = parseQuery(text);
  assert.ok(parsed, text);
  return parsed;
}

function ask(line: string, headers: Record<string, string> = {}): string | Rejection {
  const [method = '', resource = '', text = ''] = line.split(' ');
  return route(resource as Resource, method, query(text), new Map(Object.entries(headers)));
}

test('every operation is found by method, resource, marker and header', () => {
  const copy = { 'x-amz-copy-source': '/a/b' };
  const table: [line: string, operation: string, headers?: Record<string, string>][] = [
    ['GET SERVICE', 'ListBuckets'],
    ['GET SERVICE prefix=&max-buckets=5&continuation-token=', 'ListBuckets'],
    ['PUT BUCKET', 'CreateBucket'],
    ['HEAD BUCKET', 'HeadBucket'],
    ['DELETE BUCKET', 'DeleteBucket'],
    ['GET BUCKET', 'ListObjects'],
    ['GET BUCKET prefix=&delimiter=&marker=&max-keys=1000&encoding-type=url', 'ListObjects'],
    ['GET BUCKET list-type=2&prefix=', 'ListObjectsV2'],
    ['GET BUCKET versions&key-marker=&version-id-marker=', 'ListObjectVersions'],
    ['GET BUCKET uploads=', 'ListMultipartUploads'],
    ['GET BUCKET location', 'GetBucketLocation'],
    ['GET BUCKET versioning=', 'GetBucketVersioning'],
    ['PUT BUCKET versioning', 'PutBucketVersioning'],
    ['GET BUCKET tagging', 'GetBucketTagging'],
    ['PUT BUCKET tagging', 'PutBucketTagging'],
    ['DELETE BUCKET tagging', 'DeleteBucketTagging'],
    ['POST BUCKET delete', 'DeleteObjects'],
    ['POST BUCKET delete=&x-id=DeleteObjects', 'DeleteObjects'],
    ['PUT OBJECT', 'PutObject'],
    ['PUT OBJECT x-id=PutObject', 'PutObject'],
    ['PUT OBJECT', 'CopyObject', copy],
    ['GET OBJECT', 'GetObject'],
    ['GET OBJECT versionId=&partNumber=1&response-content-type=', 'GetObject'],
    ['GET OBJECT X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Security-Token=', 'GetObject'],
    ['GET OBJECT cache-buster=17', 'GetObject'],
    ['HEAD OBJECT partNumber=1', 'HeadObject'],
    ['DELETE OBJECT versionId=null', 'DeleteObject'],
    ['GET OBJECT attributes', 'GetObjectAttributes'],
    ['GET OBJECT tagging&versionId=1', 'GetObjectTagging'],
    ['PUT OBJECT tagging=', 'PutObjectTagging'],
    ['DELETE OBJECT tagging', 'DeleteObjectTagging'],
    ['POST OBJECT uploads', 'CreateMultipartUpload'],
    ['PUT OBJECT partNumber=1&uploadId=u', 'UploadPart'],
    ['PUT OBJECT uploadId=u&partNumber=1', 'UploadPartCopy', copy],
    ['POST OBJECT uploadId=u', 'CompleteMultipartUpload'],
    ['DELETE OBJECT uploadId=u', 'AbortMultipartUpload'],
    ['GET OBJECT uploadId=u&part-number-marker=1&max-parts=2', 'ListParts'],
  ];
  for (const [line, operation, headers] of table) assert.equal(ask(line, headers), operation, line);
});

const unserved =
  'acl policy cors lifecycle website notification replication encryption object-lock retention legal-hold logging requestPayment accelerate analytics inventory metrics intelligent-tiering ownershipControls publicAccessBlock policyStatus torrent select session metadataTable never-heard-of'.split(
    ' ',
  );

test('no sub-resource that is not served is taken for anything else, by any method, with or without =', () => {
  for (const marker of unserved) {
    for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'HEAD']) {
      for (const resource of ['SERVICE', 'BUCKET', 'OBJECT']) {
        for (const text of [marker, `${marker}=`, `list-type=2&${marker}`, `uploads&${marker}`]) {
          const outcome = ask(`${method} ${resource} ${text}`);
          assert.ok(isRejection(outcome), `${method} ${resource} ${text}: ${String(outcome)}`);
          assert.equal(outcome.rejected, 'NotImplemented', `${method} ${resource} ${text}`);
          assert.equal(outcome.facts.Header, marker);
        }
      }
    }
  }
  const withValue = ask('POST OBJECT select&select-type=2');
  assert.ok(isRejection(withValue) && withValue.rejected === 'NotImplemented');
  const elsewhere = ask('GET BUCKET attributes');
  assert.ok(isRejection(elsewhere) && elsewhere.rejected === 'NotImplemented', 'a marker of objects on a bucket');
});

test('methods that a resource does not take: MethodNotAllowed with those it takes', () => {
  const cases: [line: string, allow: string][] = [
    ['POST SERVICE', 'GET'],
    ['PATCH OBJECT', 'PUT, GET, HEAD, DELETE'],
    ['POST OBJECT', 'PUT, GET, HEAD, DELETE'],
    ['POST BUCKET', 'PUT, HEAD, DELETE, GET'],
    ['GET BUCKET delete', 'POST'],
    ['GET OBJECT uploads', 'POST'],
    ['PUT BUCKET list-type=2', 'GET'],
    ['DELETE BUCKET versions', 'GET'],
  ];
  for (const [line, allow] of cases) {
    const outcome = ask(line);
    assert.ok(isRejection(outcome), line);
    assert.equal(outcome.rejected, 'MethodNotAllowed', line);
    const [method, resource] = line.split(' ');
    assert.deepEqual(outcome.facts, { Method: method, ResourceType: resource, 'header:Allow': allow });
  }
});

test('forms and preflights are refused by name', () => {
  const form = ask('POST BUCKET', { 'content-type': 'multipart/form-data; boundary=x' });
  assert.ok(isRejection(form) && form.rejected === 'NotImplemented');
  const preflight = ask('OPTIONS OBJECT');
  assert.ok(isRejection(preflight) && preflight.rejected === 'AccessForbidden');
});

test('a part or a version is never written as a plain object', () => {
  for (const line of ['PUT OBJECT partNumber=1', 'PUT OBJECT versionId=x', 'PUT OBJECT partNumber=']) {
    const outcome = ask(line);
    assert.ok(isRejection(outcome) && outcome.rejected === 'InvalidArgument', line);
  }
});

function target(path: string, host = 'localhost:9000', domains = ['s3.example.com']): RequestTarget {
  const outcome = parseTarget(path, host, domains);
  assert.ok(!isRejection(outcome), `${path}: ${JSON.stringify(outcome)}`);
  return outcome;
}

test('path style: bucket and key, decoded once and otherwise as they stand', () => {
  const cases: [path: string, resource: string, bucket: string, key: string][] = [
    ['/', 'SERVICE', '', ''],
    ['/bucket', 'BUCKET', 'bucket', ''],
    ['/bucket/', 'BUCKET', 'bucket', ''],
    ['/b.with.dots/k', 'OBJECT', 'b.with.dots', 'k'],
    ['/bucket/a/b', 'OBJECT', 'bucket', 'a/b'],
    ['/bucket//', 'OBJECT', 'bucket', '/'],
    ['/bucket//a//b/', 'OBJECT', 'bucket', '/a//b/'],
    ['/bucket/./../..', 'OBJECT', 'bucket', './../..'],
    ['/bucket/..%2F..%2Fetc', 'OBJECT', 'bucket', '../../etc'],
    ['/bucket/a+b', 'OBJECT', 'bucket', 'a+b'],
    ['/bucket/a%20b%2520c', 'OBJECT', 'bucket', 'a b%20c'],
    ['/bucket/%F0%9F%98%80e%CC%81', 'OBJECT', 'bucket', '\u{1f600}e\u0301'],
    ['/bucket/%3F;=&', 'OBJECT', 'bucket', '?;=&'],
  ];
  for (const [path, resource, bucket, key] of cases) {
    const found = target(path);
    assert.deepEqual([found.resource, found.bucket, found.key], [resource, bucket, key], path);
  }
});

test('a host name with its last dot is the same name', () => {
  for (const host of ['bucket.s3.example.com.', 'Bucket.s3.Example.com.:9000', 'bucket.s3.example.com:9000']) {
    assert.equal(target('/a/b', host).bucket, 'bucket', host);
  }
  for (const host of ['s3.example.com.', 's3.example.com.:80', 'localhost.'])
    assert.equal(target('/bucket/k', host).bucket, 'bucket', host);
});

test('virtual-host style below a domain, with and without port, in any case; path style elsewhere', () => {
  const cases: [host: string, path: string, bucket: string, key: string][] = [
    ['bucket.s3.example.com', '/a/b', 'bucket', 'a/b'],
    ['bucket.s3.example.com:9000', '//a', 'bucket', '/a'],
    ['BUCKET.S3.Example.COM', '/', 'bucket', ''],
    ['my.dotted.bucket.s3.example.com', '/k', 'my.dotted.bucket', 'k'],
    ['s3.example.com', '/bucket/k', 'bucket', 'k'],
    ['s3.example.com:9000', '/bucket/k', 'bucket', 'k'],
    ['xs3.example.com', '/bucket/k', 'bucket', 'k'],
    ['127.0.0.1:9000', '/bucket/k', 'bucket', 'k'],
    ['[::1]:9000', '/bucket/k', 'bucket', 'k'],
    ['', '/bucket/k', 'bucket', 'k'],
  ];
  for (const [host, path, bucket, key] of cases) {
    const found = target(path, host);
    assert.deepEqual([found.bucket, found.key], [bucket, key], host);
    assert.equal(found.path, path, 'what is signed is the path as sent');
  }
});

test('targets that are none', () => {
  const cases: [path: string, code: string][] = [
    ['', 'InvalidURI'],
    ['*', 'InvalidURI'],
    ['/bucket/%', 'InvalidURI'],
    ['/bucket/%2', 'InvalidURI'],
    ['/bucket/%zz', 'InvalidURI'],
    ['/bucket/\u00e9', 'InvalidURI'],
    ['/bucket/%ff', 'InvalidObjectName'],
    ['/bucket/%ED%A0%80', 'InvalidObjectName'],
    ['/bucket/a%00b', 'InvalidObjectName'],
    [`/bucket/${'a'.repeat(1025)}`, 'KeyTooLongError'],
    [`/bucket/${'%C3%A9'.repeat(513)}`, 'KeyTooLongError'],
    ['//key', 'InvalidBucketName'],
    ['/Bucket', 'InvalidBucketName'],
    ['/bu%2Fcket', 'InvalidBucketName'],
  ];
  for (const [path, code] of cases) {
    const outcome = parseTarget(path, 'localhost', []);
    assert.ok(isRejection(outcome), path);
    assert.equal(outcome.rejected, code, path);
  }
  target(`/bucket/${'a'.repeat(1024)}`);
  target(`/bucket/${'%C3%A9'.repeat(512)}`);
});

test('bucket names', () => {
  for (const good of ['abc', 'a-b', 'a.b.c', '123', '0a0', 'a'.repeat(63), 'a--b', '1.2.3', '1.2.3.4.5', 'my-s3-bucket']) {
    assert.equal(bucketNameRejection(good), undefined, good);
  }
  for (const bad of [
    '',
    'ab',
    'a'.repeat(64),
    'Abc',
    'a_b',
    '-abc',
    'abc-',
    '.abc',
    'abc.',
    'a..b',
    '192.168.5.4',
    'xn--bucket',
    'sthree-bucket',
    'bucket-s3alias',
    'bucket--ol-s3',
    'bucket--x-s3',
    'bücket',
    'a b',
    'abc\n',
  ]) {
    assert.deepEqual(bucketNameRejection(bad)?.facts, { BucketName: bad }, bad);
  }
});

test('queries: repeated names, empty values, one decoding, broken ones', () => {
  const parsed = query('a=1&b&a=2&c=&d=x%3Dy%26z&%C3%A9=%2B+&&e==');
  assert.deepEqual(
    parsed.parameters.map(({ name, value }) => [name, value]),
    [
      ['a', '1'],
      ['b', ''],
      ['a', '2'],
      ['c', ''],
      ['d', 'x=y&z'],
      ['é', '+ '],
      ['e', '='],
    ],
  );
  assert.equal(parsed.get('a'), '1');
  assert.equal(parsed.has('b'), true);
  assert.equal(parsed.has('z'), false);
  assert.equal(parseQuery('a=%'), undefined);
  assert.equal(parseQuery('a=%ff'), undefined);
});

test('header limits and duplicates', () => {
  const joined = joinHeaders([
    ['x-amz-meta-a', '1'],
    ['host', 'h'],
    ['x-amz-meta-a', '2'],
  ]);
  assert.equal(joined.get('x-amz-meta-a'), '1,2');
  const headers = (entries: Record<string, string>) => new Map(Object.entries(entries));
  assert.equal(oversizedHeaders(headers({ 'x-amz-meta-ab': 'é'.repeat(1023) })), undefined);
  assert.equal(oversizedHeaders(headers({ 'x-amz-meta-abc': 'é'.repeat(1023) }))?.rejected, 'MetadataTooLarge');
  assert.equal(oversizedHeaders(headers({ cookie: 'x'.repeat(8186) })), undefined);
  assert.equal(oversizedHeaders(headers({ cookie: 'x'.repeat(8187) }))?.rejected, 'RequestHeaderSectionTooLarge');
});

test('headers that a signer moved into a presigned URL count, checksums and signatures do not', () => {
  const version2 = 'AWSAccessKeyId=a&Signature=s&Expires=9';
  const moved = (version: string) =>
    query(
      `${version}&X-Amz-Security-Token=t&X-Amz-Meta-A=b&x-amz-storage-class=STANDARD&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32&x-amz-checksum-mode=ENABLED&prefix=p&x-amz-meta-sent=q&Content-Type=text/a`,
    );
  const expected = {
    'x-amz-meta-a': 'b',
    'x-amz-storage-class': 'STANDARD',
    'x-amz-checksum-mode': 'ENABLED',
    'content-type': 'text/a',
  };
  const sent = new Map([['x-amz-meta-sent', 'h']]);
  const signed = 'X-Amz-Signature=s&X-Amz-SignedHeaders=host;x-amz-meta-sent';
  for (const version of [signed, version2]) {
    assert.deepEqual(Object.fromEntries(effectiveHeaders(sent, moved(version))), { 'x-amz-meta-sent': 'h', ...expected });
  }
  assert.equal(effectiveHeaders(sent, moved('X-Amz-Foo=1')), sent, 'without a signature in the query nothing moves');
});

test('the query of a presigned URL is signed: a header that is not gives way to it', () => {
  const url = (signed: string, more: string) => query(`X-Amz-Signature=s&X-Amz-SignedHeaders=${signed}&${more}`);
  const sent = new Map([['if-none-match', '"x"']]);
  assert.equal(effectiveHeaders(sent, url('host', 'If-None-Match=*')).get('if-none-match'), '*');
  assert.equal(effectiveHeaders(sent, url('host;if-none-match', 'If-None-Match=*')).get('if-none-match'), '"x"');
  assert.equal(effectiveHeaders(sent, url('host', 'Range=bytes%3D0-1&range=bytes%3D5-6')).get('range'), 'bytes=0-1', 'the first of a name');
  const checksum = 'x-amz-checksum-sha256=abc';
  assert.equal(effectiveHeaders(sent, url('host', checksum)).has('x-amz-checksum-sha256'), false);
  assert.equal(effectiveHeaders(sent, url('host;x-amz-checksum-sha256', checksum)).get('x-amz-checksum-sha256'), 'abc');
});

test('headers that ask for what is not served, and those that only seem to', () => {
  const ask = (name: string, value: string) => unservedHeader(new Map([[name, value]]));
  for (const [name, value] of [
    ['x-amz-server-side-encryption', 'AES256'],
    ['x-amz-server-side-encryption-customer-key', 'k'],
    ['x-amz-copy-source-server-side-encryption-customer-algorithm', 'AES256'],
    ['x-amz-object-lock-mode', 'GOVERNANCE'],
    ['x-amz-bucket-object-lock-enabled', 'true'],
    ['x-amz-acl', 'public-read'],
    ['x-amz-grant-read', 'id=x'],
    ['x-amz-object-ownership', 'ObjectWriter'],
    ['x-amz-write-offset-bytes', '5'],
    ['x-amz-mfa', 'x 1'],
    ['x-amz-checksum-crc16', 'x'],
  ] as const) {
    assert.deepEqual(ask(name, value), { rejected: 'NotImplemented', facts: { Header: name } });
  }
  for (const [name, value] of [
    ['x-amz-acl', 'private'],
    ['x-amz-acl', 'bucket-owner-full-control'],
    ['x-amz-bucket-object-lock-enabled', 'false'],
    ['x-amz-object-ownership', 'BucketOwnerEnforced'],
    ['x-amz-storage-class', 'STANDARD'],
    ['x-amz-checksum-crc32', 'AAAAAA=='],
    ['x-amz-checksum-mode', 'ENABLED'],
    ['x-amz-request-payer', 'requester'],
    ['x-amz-meta-acl', 'public-read'],
    ['x-amz-bypass-governance-retention', 'true'],
  ] as const) {
    assert.equal(ask(name, value), undefined, name);
  }
});
