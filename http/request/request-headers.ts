import { type Rejection, reject } from '../../engine/rejection.ts';
import { parseSignedHeaders } from '../auth/claim.ts';
import { isPresigned } from '../auth/presigned-url.ts';
import { isPresignedV2 } from '../auth/presigned-url-v2.ts';
import { decodeWords } from './encoded-words.ts';
import type { Query } from './query.ts';

/** Names and values of all request headers together, in characters. */
export const headerCharactersMax = 8 * 1024;
/** User metadata: names without x-amz-meta- and values, in bytes of UTF-8, encoded words taken apart. */
export const userMetadataBytesMax = 2 * 1024;

/** Headers by lower-case name, values of duplicates joined with commas in order of arrival: as S3 signs and stores them. */
export function joinHeaders(headers: readonly (readonly [name: string, value: string])[]): Map<string, string> {
  const joined = new Map<string, string>();
  for (const [name, value] of headers) {
    const earlier = joined.get(name);
    joined.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return joined;
}

/**
 * Header values are UTF-8. Where bytes are none a transport has put U+FFFD in their place, and what was sent can't be had any more: a value that has one is
 * refused. Rejection: InvalidArgument.
 */
export function unreadableHeader(headers: ReadonlyMap<string, string>): Rejection | undefined {
  for (const [name, value] of headers) {
    if (value.includes('\ufffd')) return reject('InvalidArgument', { ArgumentName: name, Message: 'Header value is not valid UTF-8.' });
  }
  return undefined;
}

const metadataPrefix = 'x-amz-meta-';

/** Rejection: RequestHeaderSectionTooLarge, MetadataTooLarge. */
export function oversizedHeaders(headers: ReadonlyMap<string, string>): Rejection | undefined {
  let characters = 0;
  let metadataBytes = 0;
  for (const [name, value] of headers) {
    characters += name.length + value.length;
    if (name.startsWith(metadataPrefix)) metadataBytes += name.length - metadataPrefix.length + Buffer.byteLength(decodeWords(value));
  }
  if (characters > headerCharactersMax) return reject('RequestHeaderSectionTooLarge', { MaxSizeAllowed: headerCharactersMax });
  if (metadataBytes > userMetadataBytesMax) {
    return reject('MetadataTooLarge', { Size: metadataBytes, MaxSizeAllowed: userMetadataBytesMax });
  }
  return undefined;
}

const signatureParameters: ReadonlySet<string> = new Set([
  'x-amz-algorithm',
  'x-amz-content-sha256',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders',
]);

const movedByVersion2: ReadonlySet<string> = new Set(['content-md5', 'content-type']);

/** Of version 4, beside x-amz-*: every header that an operation reads. */
const movedByVersion4: ReadonlySet<string> = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-md5',
  'content-type',
  'expires',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
]);

/**
 * What a request's headers come to, for everything but its signature: those that were sent, and those that the signer of a presigned URL moved into the
 * query. All of the query is signed: against it a header that isn't must not win. URLs of version 2 sign what was sent instead.
 */
export function effectiveHeaders(sent: ReadonlyMap<string, string>, query: Query): ReadonlyMap<string, string> {
  if (isPresignedV2(query)) return withMoved(sent, query, { others: movedByVersion2, keeps: (name) => sent.has(name) });
  if (!isPresigned(query)) return sent;
  const signed = parseSignedHeaders(query.get('X-Amz-SignedHeaders') ?? '') ?? [];
  return withMoved(sent, query, { others: movedByVersion4, signed, keeps: (name) => sent.has(name) && signed.includes(name) });
}

interface Moving {
  /** Names beside x-amz-*. */
  readonly others: ReadonlySet<string>;
  readonly signed?: readonly string[];
  /** The header that was sent counts, whatever the query says. */
  keeps(name: string): boolean;
}

/**
 * Checksums count only where the signature names them: a URL is often signed before there is a body, with the checksum of an empty one, and S3 takes
 * no notice of it.
 */
function withMoved(sent: ReadonlyMap<string, string>, query: Query, { others, signed, keeps }: Moving): ReadonlyMap<string, string> {
  const all = new Map(sent);
  const moved = new Set<string>();
  for (const parameter of query.parameters) {
    const name = parameter.name.toLowerCase();
    const stands = isAmz(name) ? !signatureParameters.has(name) && (!isChecksum(name) || signed?.includes(name)) : others.has(name);
    if (!stands || moved.has(name) || keeps(name)) continue;
    moved.add(name);
    all.set(name, parameter.value);
  }
  return all;
}

function isAmz(name: string): boolean {
  return name.startsWith('x-amz-');
}

function isChecksum(name: string): boolean {
  return name === 'x-amz-sdk-checksum-algorithm' || /^x-amz-checksum-(?!mode|algorithm|type)/.test(name);
}
