import type { ChecksumAlgorithm } from '../../engine/body.ts';
import { type Rejection, reject } from '../../engine/rejection.ts';
import type { Payload } from '../auth/payload.ts';
import {
  checksumFormOfHeader,
  checksumForms,
  decodeBase64,
  invalidHeader,
  multipleChecksums,
  parseChecksumAlgorithm,
} from './checksum-headers.ts';

/** What a request's headers say its body must come to. */
export interface DeclaredDigests {
  readonly md5: Buffer | undefined;
  readonly sha256: Buffer | undefined;
  readonly algorithm: ChecksumAlgorithm | undefined;
  /** Value of x-amz-checksum-<algorithm>; undefined when it comes in a trailer. */
  readonly checksum: Buffer | undefined;
  /** Lower-case names of the trailers to come: none, or the one checksum's. */
  readonly trailerNames: readonly string[];
}

/** Rejection: InvalidDigest, InvalidRequest. */
export function declaredDigests(headers: ReadonlyMap<string, string>, payload: Payload): DeclaredDigests | Rejection {
  const md5 = contentMd5(headers);
  if (md5 === 'malformed') return reject('InvalidDigest', { 'Content-MD5': headers.get('content-md5') as string });
  const trailerNames = splitNames(headers.get('x-amz-trailer'));
  const declared = [];
  for (const form of checksumForms) {
    const value = headers.get(form.header);
    const inTrailer = trailerNames.includes(form.header);
    if (value !== undefined || inTrailer) declared.push({ form, value });
    if (value !== undefined && inTrailer) return multipleChecksums();
  }
  if (declared.length > 1) return multipleChecksums();
  if (trailerNames.some((name) => checksumFormOfHeader(name) === undefined)) {
    return invalid('The value specified in the x-amz-trailer header is not supported');
  }
  if (trailerNames.length > 0 && !(payload.kind === 'chunked' && payload.trailers)) {
    return invalid('x-amz-trailer needs an x-amz-content-sha256 that announces trailers.');
  }
  const [only] = declared;
  const announcesMd5 = md5 !== undefined && headers.get('x-amz-sdk-checksum-algorithm')?.toUpperCase() === 'MD5';
  // The SDK for JavaScript sends what it calls the checksum MD5 as Content-MD5.
  const algorithm = only?.form.algorithm ?? (announcesMd5 ? 'MD5' : undefined);
  const mismatch = announcedAlgorithm(headers, algorithm);
  if (mismatch) return mismatch;
  let checksum: Buffer | undefined;
  if (only?.value !== undefined) {
    checksum = decodeBase64(only.value, only.form.bytes);
    if (!checksum) return invalidHeader(only.form.header);
  }
  const sha256 = payload.kind === 'hash' ? payload.sha256 : undefined;
  return { md5, sha256, algorithm, checksum, trailerNames };
}

function contentMd5(headers: ReadonlyMap<string, string>): Buffer | 'malformed' | undefined {
  const value = headers.get('content-md5');
  return value === undefined ? undefined : (decodeBase64(value, 16) ?? 'malformed');
}

/** x-amz-sdk-checksum-algorithm must agree with the checksum that is there. */
function announcedAlgorithm(headers: ReadonlyMap<string, string>, found: ChecksumAlgorithm | undefined): Rejection | undefined {
  const announced = headers.get('x-amz-sdk-checksum-algorithm');
  if (announced === undefined) return undefined;
  const algorithm = parseChecksumAlgorithm(announced);
  if (algorithm !== undefined && algorithm === found) return undefined;
  if (algorithm === undefined || found !== undefined) return invalidHeader('x-amz-sdk-checksum-algorithm');
  return invalid('x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.');
}

function splitNames(value: string | undefined): string[] {
  if (value === undefined) return [];
  return value
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
}

function invalid(message: string): Rejection {
  return reject('InvalidRequest', { Message: message });
}
