/** The headers that are stored with an object: read from a write, shown by a read. */
import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { ObjectInfo, ObjectMetadata } from '../../engine/vocabulary.ts';
import { remembering } from '../remembering.ts';
import { decodeWords, encodeWords } from '../request/encoded-words.ts';
import { namesAwsChunked } from '../request/request-body.ts';
import type { S3Request } from '../request/s3-request.ts';
import type { ResponseHeaders } from '../transport/listener.ts';

const storedHeaders = ['content-type', 'cache-control', 'content-disposition', 'content-encoding', 'content-language', 'expires'] as const;

/** As they are spelled on the wire. */
const shownNames: Readonly<Record<string, string>> = {
  'content-type': 'Content-Type',
  'cache-control': 'Cache-Control',
  'content-disposition': 'Content-Disposition',
  'content-encoding': 'Content-Encoding',
  'content-language': 'Content-Language',
  expires: 'Expires',
};

const storageClasses: ReadonlySet<string> = new Set([
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER',
  'DEEP_ARCHIVE',
  'GLACIER_IR',
]);

const userPrefix = 'x-amz-meta-';
const defaultContentType = 'binary/octet-stream';

/** The size of user metadata was checked with the headers. Rejection: InvalidStorageClass, InvalidArgument. */
export function parseMetadata(request: S3Request): ObjectMetadata | Rejection {
  const placement = parsePlacement(request);
  if (isRejection(placement)) return placement;
  const headers: [string, string][] = Object.entries(placement ?? {});
  for (const name of storedHeaders) {
    const sent = request.header(name);
    const kept = sent !== undefined && name === 'content-encoding' && request.framed ? withoutFraming(sent) : (sent ?? '');
    if (kept !== '') headers.push([name, kept]);
    else if (name === 'content-type') headers.push([name, defaultContentType]);
  }
  const user: [string, string][] = [];
  for (const [name, value] of request.headers) {
    if (!name.startsWith(userPrefix)) continue;
    user.push([name.slice(userPrefix.length), decodeWords(value)]);
  }
  // fromEntries makes own properties of whatever it is given, `__proto__` included.
  return { headers: Object.fromEntries(headers), user: Object.fromEntries(user) };
}

/**
 * Where an object is to lie: its storage class (STANDARD is what no class means) and its redirect. undefined when neither was
 * sent. Rejection: InvalidStorageClass, InvalidRedirectLocation.
 */
export function parsePlacement(request: S3Request): Readonly<Record<string, string>> | undefined | Rejection {
  const storageClass = request.header('x-amz-storage-class');
  if (storageClass !== undefined && !storageClasses.has(storageClass)) {
    return reject('InvalidStorageClass', { StorageClassRequested: storageClass });
  }
  const redirect = request.header('x-amz-website-redirect-location');
  if (redirect !== undefined && !/^(\/|https?:\/\/)/.test(redirect)) {
    return reject('InvalidRedirectLocation');
  }
  if (storageClass === undefined && redirect === undefined) return undefined;
  return {
    ...(redirect !== undefined && { 'x-amz-website-redirect-location': redirect }),
    ...(storageClass !== undefined && storageClass !== 'STANDARD' && { 'x-amz-storage-class': storageClass }),
  };
}

/** Where the body is framed, `aws-chunked` described the transfer; elsewhere it is a word like any other. */
function withoutFraming(sent: string): string {
  if (!namesAwsChunked(sent)) return sent;
  const codings = sent.split(',').map((coding) => coding.trim());
  return codings.filter((coding) => coding !== '' && coding.toLowerCase() !== 'aws-chunked').join(',');
}

export function storageClassOf(object: { readonly metadata: ObjectMetadata }): string {
  return object.metadata.headers['x-amz-storage-class'] ?? 'STANDARD';
}

export function quoted(etag: string): string {
  return `"${etag}"`;
}

/** Seconds are the resolution of HTTP dates. */
export function httpDate(milliseconds: number): string {
  return secondText(Math.floor(milliseconds / 1000));
}

const secondText = remembering(1024, (second: number) => new Date(second * 1000).toUTCString());

/** `2013-05-24T00:00:00.000Z`. A listing shows a thousand of them, many of the same second. */
export function isoTime(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000);
  return isoSecond(second) + thousandths[milliseconds - second * 1000]!;
}

const isoSecond = remembering(1024, (second: number) => new Date(second * 1000).toISOString().slice(0, 20));
const thousandths = Array.from({ length: 1000 }, (_, thousandth) => `${String(thousandth).padStart(3, '0')}Z`);

/** `x-amz-version-id`, in a bucket where versioning was ever turned on. */
export function versionHeader(versionId: string | undefined): ResponseHeaders {
  return versionId === undefined ? [] : [['x-amz-version-id', versionId]];
}

/** Of a write: S3 tells no version where none was added, in suspended buckets as little as in unversioned ones. */
export function writtenHeader(versionId: string | undefined): ResponseHeaders {
  return versionId === 'null' ? [] : versionHeader(versionId);
}

/** Headers that GET and HEAD of an object share; `overrides` replaces stored ones (response-content-type and its like). */
export function objectHeaders(object: ObjectInfo, overrides: ReadonlyMap<string, string>): [string, string][] {
  const headers: [string, string][] = [
    ['Last-Modified', httpDate(object.lastModified)],
    ['ETag', quoted(object.etag)],
    ['Accept-Ranges', 'bytes'],
  ];
  const stored = object.metadata.headers;
  for (const name in stored) if (!overrides.has(name)) headers.push([shownNames[name] ?? name, stored[name]!]);
  for (const [name, value] of overrides) headers.push([shownNames[name] ?? name, value]);
  for (const name in object.metadata.user) headers.push([userPrefix + name, encodeWords(object.metadata.user[name]!)]);
  if (object.versioning !== 'unversioned') headers.push(['x-amz-version-id', object.versionId]);
  if (object.tagCount > 0) headers.push(['x-amz-tagging-count', String(object.tagCount)]);
  return headers;
}
