import { type Rejection, reject } from '../../engine/rejection.ts';
import type { Query } from './query.ts';

/** Names and values of all request headers together, in characters. */
export const headerCharactersMax = 8 * 1024;
/** User metadata: names without x-amz-meta- and values, in bytes of UTF-8. */
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

const metadataPrefix = 'x-amz-meta-';

/** Rejection: RequestHeaderSectionTooLarge, MetadataTooLarge. */
export function oversizedHeaders(headers: ReadonlyMap<string, string>): Rejection | undefined {
  let characters = 0;
  let metadataBytes = 0;
  for (const [name, value] of headers) {
    characters += name.length + value.length;
    if (name.startsWith(metadataPrefix)) metadataBytes += name.length - metadataPrefix.length + Buffer.byteLength(value);
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

/**
 * Signers move x-amz-* headers, those of version 2 also Content-MD5 and Content-Type, into the query of a presigned URL: they count as headers that weren't sent. Checksums don't:
 * a URL is often signed before there is a body, with the checksum of an empty one (S3 takes no checksums from the query either).
 */
export function withPresignedHeaders(headers: ReadonlyMap<string, string>, query: Query): ReadonlyMap<string, string> {
  const all = new Map(headers);
  for (const parameter of query.parameters) {
    const name = parameter.name.toLowerCase();
    const moved = name.startsWith('x-amz-') ? !signatureParameters.has(name) && !isChecksum(name) : movedByVersion2.has(name);
    if (moved && !all.has(name)) all.set(name, parameter.value);
  }
  return all;
}

function isChecksum(name: string): boolean {
  return name === 'x-amz-sdk-checksum-algorithm' || /^x-amz-checksum-(?!mode|algorithm|type)/.test(name);
}
