/** Checksums of objects and parts in headers and XML. */
import type { ChecksumAlgorithm, ChecksumType } from '../../engine/body.ts';
import { type Rejection, reject } from '../../engine/rejection.ts';
import type { Checksum } from '../../engine/vocabulary.ts';
import {
  checksumForms,
  checksumHeader,
  decodeBase64,
  invalidHeader,
  multipleChecksums,
  parseChecksumAlgorithm,
} from '../request/checksum-headers.ts';
import type { S3Request } from '../request/s3-request.ts';
import type { ResponseHeaders } from '../transport/listener.ts';
import { element, textOf, type XmlElement } from '../xml.ts';

export interface ClaimedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64 as sent, `-N` behind a composite one allowed. */
  readonly value: string;
}

/** `x-amz-checksum-<algorithm>` and `x-amz-checksum-type`. */
export function checksumHeaders(checksum: Checksum | undefined): ResponseHeaders {
  if (checksum === undefined) return [];
  return [
    [checksumHeader(checksum.algorithm), checksum.value],
    ['x-amz-checksum-type', checksum.type],
  ];
}

/** `<ChecksumCRC32>...` alone, or with `<ChecksumType>`. */
export function checksumElement(checksum: Checksum | undefined): string {
  return checksum === undefined ? '' : element(`Checksum${checksum.algorithm}`, checksum.value);
}

export function checksumElements(checksum: Checksum | undefined): string {
  return checksum === undefined ? '' : checksumElement(checksum) + element('ChecksumType', checksum.type);
}

/** The algorithm a header names (`x-amz-checksum-algorithm`). Rejection: InvalidRequest. */
export function parseAlgorithm(request: S3Request, header: string): ChecksumAlgorithm | undefined | Rejection {
  const sent = request.header(header);
  if (sent === undefined) return undefined;
  const algorithm = parseChecksumAlgorithm(sent);
  if (algorithm !== undefined) return algorithm;
  if (sent.includes(',')) return reject('InvalidRequest', { Message: `Invalid types are specified in ${header} header.` });
  const known = checksumForms.map((form) => form.algorithm).sort();
  const Message = `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${known.join(', ')}]`;
  return reject('InvalidRequest', { Message });
}

/** Rejection: InvalidRequest. */
export function parseChecksumType(request: S3Request): ChecksumType | undefined | Rejection {
  const sent = request.header('x-amz-checksum-type')?.toUpperCase();
  if (sent === undefined || sent === 'FULL_OBJECT' || sent === 'COMPOSITE') return sent;
  return invalidHeader('x-amz-checksum-type');
}

/** `x-amz-checksum-mode`: are checksums to be shown? Rejection: InvalidRequest. */
export function parseChecksumMode(request: S3Request): boolean | Rejection {
  const sent = request.header('x-amz-checksum-mode');
  if (sent === undefined) return false;
  return sent.toUpperCase() === 'ENABLED' || invalidHeader('x-amz-checksum-mode');
}

/** The one `x-amz-checksum-<algorithm>` header that describes an object rather than the body. Rejection: InvalidRequest. */
export function claimedInHeaders(request: S3Request): ClaimedChecksum | undefined | Rejection {
  const claims = claimsOf((form) => request.header(form.header));
  if (claims.length > 1) return multipleChecksums();
  const [claim] = claims;
  if (claim === undefined) return undefined;
  const { algorithm, value, form } = claim;
  const well = decodeBase64(value.replace(/-\d{1,5}$/, ''), form.bytes) !== undefined;
  return well ? { algorithm, value } : invalidHeader(form.header);
}

/** The one `<Checksum...>` element of a part in CompleteMultipartUpload. Rejection: InvalidArgument. */
export function claimedInElement(part: XmlElement): ClaimedChecksum | undefined | Rejection {
  const claims = claimsOf((form) => textOf(part, `Checksum${form.algorithm}`)?.trim());
  const [claim] = claims;
  if (claim === undefined) return undefined;
  const { algorithm, value, form } = claim;
  if (claims.length === 1 && decodeBase64(value, form.bytes) !== undefined) return { algorithm, value };
  return reject('InvalidArgument', {
    Message: 'Invalid Base64 or multiple checksums present in request',
    ArgumentName: 'Checksum',
    ArgumentValue: claims.map(({ algorithm, value }) => `${algorithm}:${value};`).join(''),
  });
}

type Form = (typeof checksumForms)[number];

function claimsOf(sent: (form: Form) => string | undefined): (ClaimedChecksum & { readonly form: Form })[] {
  return checksumForms.flatMap((form) => {
    const value = sent(form);
    return value === undefined ? [] : [{ algorithm: form.algorithm, value, form }];
  });
}
