import type { ChecksumAlgorithm } from '../../engine/body.ts';
import { type Rejection, reject } from '../../engine/rejection.ts';

interface ChecksumForm {
  readonly algorithm: ChecksumAlgorithm;
  /** The header, and the trailer, that carries a value. */
  readonly header: string;
  readonly bytes: number;
}

export const checksumForms: readonly ChecksumForm[] = [
  { algorithm: 'CRC32', header: 'x-amz-checksum-crc32', bytes: 4 },
  { algorithm: 'CRC32C', header: 'x-amz-checksum-crc32c', bytes: 4 },
  { algorithm: 'CRC64NVME', header: 'x-amz-checksum-crc64nvme', bytes: 8 },
  { algorithm: 'SHA1', header: 'x-amz-checksum-sha1', bytes: 20 },
  { algorithm: 'SHA256', header: 'x-amz-checksum-sha256', bytes: 32 },
  { algorithm: 'SHA512', header: 'x-amz-checksum-sha512', bytes: 64 },
  { algorithm: 'MD5', header: 'x-amz-checksum-md5', bytes: 16 },
  { algorithm: 'XXHASH64', header: 'x-amz-checksum-xxhash64', bytes: 8 },
  { algorithm: 'XXHASH3', header: 'x-amz-checksum-xxhash3', bytes: 8 },
  { algorithm: 'XXHASH128', header: 'x-amz-checksum-xxhash128', bytes: 16 },
];

const byHeader = new Map(checksumForms.map((form) => [form.header, form]));
const byAlgorithm = new Map(checksumForms.map((form) => [form.algorithm as string, form]));

export function checksumFormOfHeader(header: string): ChecksumForm | undefined {
  return byHeader.get(header);
}

/** The algorithm a header such as x-amz-checksum-algorithm names, in any case of letters. */
export function parseChecksumAlgorithm(value: string): ChecksumAlgorithm | undefined {
  return byAlgorithm.get(value.toUpperCase())?.algorithm;
}

/** Name of the header that carries a value of this algorithm. */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return (byAlgorithm.get(algorithm) as ChecksumForm).header;
}

/** `bytes` bytes of strict base64; undefined when the text isn't that. */
export function decodeBase64(text: string, bytes: number): Buffer | undefined {
  const decoded = Buffer.from(text, 'base64');
  return decoded.length === bytes && decoded.toString('base64') === text ? decoded : undefined;
}

export function invalidHeader(header: string): Rejection {
  return reject('InvalidRequest', { Message: `Value for ${header} header is invalid.` });
}

export function multipleChecksums(): Rejection {
  return reject('InvalidRequest', { Message: 'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.' });
}
