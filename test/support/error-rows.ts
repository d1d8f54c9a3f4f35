/** Rows of the error catalogue that one request provokes: what to send, and what must come back. */
import { createHash } from 'node:crypto';
import type { Provocation } from './provocation.ts';

export interface ErrorRow extends Provocation {
  readonly code: string;
  readonly condition: string;
  readonly status: number;
  /** Field -> exact text or pattern. */
  readonly fields?: Readonly<Record<string, string | RegExp>>;
  readonly headersWanted?: Readonly<Record<string, string | RegExp>>;
}

export const put = { method: 'PUT', path: '/errors/not-stored', body: 'body' } as const;
const get = { method: 'GET', path: '/errors/there' } as const;
export const complete = (...parts: readonly string[]): string => `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
const tooLarge = String(5 * 1024 ** 3 + 1);
export const md5 = (text: string): string => createHash('md5').update(text).digest('base64');

export const errorRows: readonly ErrorRow[] = [
  {
    code: 'AccessDenied',
    condition: 'unsigned x-amz-* header',
    status: 403,
    ...put,
    headers: { 'x-amz-meta-a': 'b' },
    unsigned: ['x-amz-meta-a'],
    fields: { HeadersNotSigned: 'x-amz-meta-a' },
  },
  { code: 'AccessDenied', condition: 'no date', status: 403, ...put, tamper: (headers) => delete headers['x-amz-date'] },
  { code: 'AccessDenied', condition: 'anonymous', status: 403, ...put, tamper: (headers) => delete headers.authorization },
  {
    code: 'AccessDenied',
    condition: 'expected bucket owner differs',
    status: 403,
    ...put,
    headers: { 'x-amz-expected-bucket-owner': '123456789012' },
  },
  {
    code: 'AuthorizationHeaderMalformed',
    condition: 'wrong region',
    status: 400,
    ...put,
    region: 'mars-north-1',
    fields: { Region: 'us-east-1' },
  },
  {
    code: 'AuthorizationHeaderMalformed',
    condition: 'malformed scope',
    status: 400,
    ...put,
    tamper: (headers) => {
      headers.authorization = 'AWS4-HMAC-SHA256 Credential=a/b,SignedHeaders=host,Signature=0';
    },
  },
  {
    code: 'BucketAlreadyOwnedByYou',
    condition: 'created twice',
    status: 409,
    method: 'PUT',
    path: '/errors',
    fields: { BucketName: 'errors' },
  },
  { code: 'BucketNotEmpty', condition: 'objects in it', status: 409, method: 'DELETE', path: '/errors', fields: { BucketName: 'errors' } },
  {
    code: 'ExpectationFailed',
    condition: 'another expectation than 100-continue',
    status: 417,
    ...put,
    tamper: (headers) => {
      headers.expect = 'the-unexpected';
    },
  },
  {
    code: 'EntityTooLarge',
    condition: 'PUT over 5 GiB, refused from the header',
    status: 400,
    ...put,
    tamper: (headers) => {
      headers['content-length'] = tooLarge;
    },
    fields: { ProposedSize: tooLarge, MaxSizeAllowed: String(5 * 1024 ** 3) },
  },
  { code: 'InvalidAccessKeyId', condition: 'unknown key', status: 403, ...put, accessKey: 'NOBODY', fields: { AWSAccessKeyId: 'NOBODY' } },
  {
    code: 'InvalidArgument',
    condition: 'max-keys is not a number',
    status: 400,
    method: 'GET',
    path: '/errors',
    query: [
      ['list-type', '2'],
      ['max-keys', 'many'],
    ],
    fields: { ArgumentName: 'max-keys', ArgumentValue: 'many' },
  },
  {
    code: 'InvalidArgument',
    condition: 'x-amz-content-sha256 is neither hash nor mode',
    status: 400,
    ...put,
    payload: 'nonsense',
    fields: { ArgumentName: 'x-amz-content-sha256', ArgumentValue: 'nonsense' },
  },
  {
    code: 'InvalidArgument',
    condition: 'malformed version id',
    status: 400,
    method: 'GET',
    path: '/versions/k',
    query: [['versionId', 'zz']],
    fields: { ArgumentName: 'versionId', ArgumentValue: 'zz' },
  },
  {
    code: 'InvalidBucketName',
    condition: 'capital letters',
    status: 400,
    method: 'PUT',
    path: '/Wrong_Name',
    fields: { BucketName: 'Wrong_Name' },
  },
  {
    code: 'InvalidObjectName',
    condition: 'empty key in a copy source',
    status: 400,
    ...put,
    body: '',
    headers: { 'x-amz-copy-source': '/errors/' },
  },
  {
    code: 'InvalidRange',
    condition: 'range behind the end',
    status: 416,
    ...get,
    headers: { range: 'bytes=10-20' },
    fields: { ActualObjectSize: '10', RangeRequested: 'bytes=10-20' },
    headersWanted: { 'content-range': 'bytes */10' },
  },
  {
    code: 'InvalidSignature',
    condition: 'not a signature at all',
    status: 403,
    ...put,
    tamper: (headers) => {
      headers.authorization = (headers.authorization ?? '').replace(/Signature=.*/, 'Signature=xyz');
    },
  },
  {
    code: 'MalformedXML',
    condition: 'not well-formed',
    status: 400,
    method: 'POST',
    path: '/errors',
    query: [['delete', '']],
    body: '<Delete><Object>',
  },
  {
    code: 'InvalidRequest',
    condition: 'empty part list',
    status: 400,
    fields: { Message: 'You must specify at least one part' },
    method: 'POST',
    path: '/errors/not-stored',
    query: [['uploadId', 'x']],
    body: complete(),
  },
  {
    code: 'MalformedXML',
    condition: 'over 1000 keys in DeleteObjects',
    status: 400,
    method: 'POST',
    path: '/errors',
    query: [['delete', '']],
    body: `<Delete>${'<Object><Key>k</Key></Object>'.repeat(1001)}</Delete>`,
  },
  {
    code: 'MethodNotAllowed',
    condition: 'PATCH on an object',
    status: 405,
    method: 'PATCH',
    path: '/errors/there',
    fields: { Method: 'PATCH', ResourceType: 'OBJECT' },
    headersWanted: { allow: /GET/ },
  },
  {
    code: 'NoSuchBucket',
    condition: 'PUT into a bucket that is not there',
    status: 404,
    method: 'PUT',
    path: '/nobody-made-this/key',
    body: 'x',
    fields: { BucketName: 'nobody-made-this' },
  },
  { code: 'NoSuchKey', condition: 'GET', status: 404, method: 'GET', path: '/errors/none', fields: { Key: 'none' } },
  {
    code: 'NoSuchUpload',
    condition: 'unknown upload id',
    status: 404,
    method: 'POST',
    path: '/errors/not-stored',
    query: [['uploadId', '0123456789abcdef0123456789abcdef']],
    body: complete('<Part><PartNumber>1</PartNumber><ETag>"0"</ETag></Part>'),
    fields: { UploadId: '0123456789abcdef0123456789abcdef' },
  },
  {
    code: 'NoSuchVersion',
    condition: 'well-formed but unknown version id',
    status: 404,
    method: 'GET',
    path: '/versions/k',
    query: [['versionId', '00000000000000010123456789abcdef']],
    fields: { Key: 'k', VersionId: '00000000000000010123456789abcdef' },
  },
  { code: 'NotImplemented', condition: 'bucket policy', status: 501, method: 'PUT', path: '/errors', query: [['policy', '']], body: '{}' },
  {
    code: 'NotImplemented',
    condition: 'server-side encryption header',
    status: 501,
    ...put,
    headers: { 'x-amz-server-side-encryption': 'aws:kms' },
    fields: { Header: 'x-amz-server-side-encryption' },
  },
  {
    code: 'PreconditionFailed',
    condition: 'If-Match on read',
    status: 412,
    ...get,
    headers: { 'if-match': '"other"' },
    fields: { Condition: 'If-Match' },
  },
  {
    code: 'PreconditionFailed',
    condition: 'If-None-Match: * on a key that is there',
    status: 412,
    method: 'PUT',
    path: '/errors/there',
    body: 'other',
    headers: { 'if-none-match': '*' },
    fields: { Condition: 'If-None-Match' },
  },
  {
    code: 'RequestTimeTooSkewed',
    condition: 'an hour behind',
    status: 403,
    ...put,
    skewMilliseconds: -3_600_000,
    fields: { RequestTime: /Z$/, ServerTime: /Z$/, MaxAllowedSkewMilliseconds: '900000' },
  },
  {
    code: 'SignatureDoesNotMatch',
    condition: 'wrong secret',
    status: 403,
    ...put,
    secretKey: 'another-secret',
    fields: {
      AWSAccessKeyId: 'liteioadmin',
      StringToSign: /^AWS4-HMAC-SHA256/,
      SignatureProvided: /^[0-9a-f]{64}$/,
      StringToSignBytes: /^[0-9a-f ]+$/,
      CanonicalRequest: /^PUT/,
      CanonicalRequestBytes: /^[0-9a-f ]+$/,
    },
  },
  {
    code: 'XAmzContentSHA256Mismatch',
    condition: 'hash of another body',
    status: 400,
    ...put,
    payload: createHash('sha256').update('other').digest('hex'),
    fields: {
      ClientComputedContentSHA256: createHash('sha256').update('other').digest('hex'),
      S3ComputedContentSHA256: createHash('sha256').update('body').digest('hex'),
    },
  },
  { code: 'BadDigest', condition: 'Content-MD5 of another body', status: 400, ...put, headers: { 'content-md5': md5('other') } },
  { code: 'BadDigest', condition: 'checksum of another body', status: 400, ...put, headers: { 'x-amz-checksum-crc32': 'AAAAAA==' } },
  { code: 'InvalidDigest', condition: 'Content-MD5 is no MD5', status: 400, ...put, headers: { 'content-md5': 'abc' } },
  { code: 'KeyTooLongError', condition: 'key of 1025 bytes', status: 400, method: 'PUT', path: `/errors/${'k'.repeat(1025)}`, body: 'x' },
  {
    code: 'MetadataTooLarge',
    condition: 'over 2 KB of user metadata',
    status: 400,
    ...put,
    headers: { 'x-amz-meta-long': 'm'.repeat(2049) },
  },
];
