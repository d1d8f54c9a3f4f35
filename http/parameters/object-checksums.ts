/** Checksums of objects and parts in headers and XML. */
import type { ChecksumAlgorithm } from '../../engine/body.ts';
import { type Rejection, reject } from '../../engine/rejection.ts';
import type { Checksum } from '../../engine/vocabulary.ts';
import { checksumForms, checksumHeader, decodeBase64, parseChecksumAlgorithm } from '../request/checksum-headers.ts';
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
  return parseChecksumAlgorithm(sent) ?? reject('InvalidRequest', { ArgumentName: header, ArgumentValue: sent });
}

export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

/** Rejection: InvalidRequest. */
export function parseChecksumType(request: S3Request): ChecksumType | undefined | Rejection {
  const sent = request.header('x-amz-checksum-type')?.toUpperCase();
  if (sent === undefined || sent === 'FULL_OBJECT' || sent === 'COMPOSITE') return sent;
  return reject('InvalidRequest', { ArgumentName: 'x-amz-checksum-type', ArgumentValue: sent });
}

/** The one `x-amz-checksum-<algorithm>` header that describes an object rather than the body. Rejection: InvalidRequest. */
export function claimedInHeaders(request: S3Request): ClaimedChecksum | undefined | Rejection {
  return onlyClaim((form) => request.header(form.header));
}

/** The one `<Checksum...>` element of a part in CompleteMultipartUpload. Rejection: InvalidRequest. */
export function claimedInElement(part: XmlElement): ClaimedChecksum | undefined | Rejection {
  return onlyClaim((form) => textOf(part, `Checksum${form.algorithm}`)?.trim());
}

type Form = (typeof checksumForms)[number];

function onlyClaim(sent: (form: Form) => string | undefined): ClaimedChecksum | undefined | Rejection {
  let claim: ClaimedChecksum | undefined;
  for (const form of checksumForms) {
    const value = sent(form);
    if (value === undefined) continue;
    const well = decodeBase64(value.replace(/-\d{1,5}$/, ''), form.bytes) !== undefined;
    if (claim !== undefined || !well) return reject('InvalidRequest', { ArgumentName: form.header, ArgumentValue: value });
    claim = { algorithm: form.algorithm, value };
  }
  return claim;
}
