/** CompleteMultipartUpload: the client's list meets the parts that are there. One pass over each. */
import type { ChecksumAlgorithm } from '../body.ts';
import type { RemovedPart, UploadRow } from '../bucket/events.ts';
import type { ManifestPart } from '../bucket/version.ts';
import { isRejection, type Rejection, reject } from '../rejection.ts';
import type { BlobRef } from '../shards/blob-store.ts';
import type { Checksum, CompletedPart, CompleteMultipartUpload } from '../vocabulary.ts';
import { combineCrcs, isCombinable } from './crc-combine.ts';
import type { Assembly, PartRow } from './parts.ts';

/** Largest object: 5 TiB. */
const objectBytesMax = 5 * 1024 ** 4;

export type CompletionList = Omit<CompleteMultipartUpload, 'conditions'>;

export function assemble(upload: UploadRow, stored: readonly PartRow[], list: CompletionList, partBytesMin: number): Assembly | Rejection {
  const refused = refuseList(upload, list);
  if (refused !== undefined) return refused;
  const chosen = choose(upload, stored, list, partBytesMin);
  if (isRejection(chosen)) return chosen;
  const size = chosen.reduce((sum, part) => sum + part.size, 0);
  if (size > objectBytesMax) return reject('EntityTooLarge', { ProposedSize: size, MaxSizeAllowed: objectBytesMax });
  if (list.objectSize !== undefined && list.objectSize !== size) {
    const Message = `The provided 'x-amz-mp-object-size' header value ${list.objectSize} does not match what was computed: ${size}`;
    return reject('InvalidRequest', { Message });
  }
  const checksum = checksumOf(upload, chosen);
  if (isRejection(checksum)) return checksum;
  const refs: BlobRef[] = [];
  for (const part of chosen) for (const ref of part.refs) refs.push(ref);
  const composite = upload.checksum?.type === 'COMPOSITE';
  const parts: ManifestPart[] = chosen.map(({ partNumber, size, etag, checksum }) => {
    return { partNumber, size, etag, checksum: composite ? checksum : undefined };
  });
  return {
    size,
    refs,
    parts,
    removed: removedParts(stored, chosen),
    md5s: Buffer.from(chosen.map((part) => part.etag).join(''), 'hex'),
    checksum,
  };
}

/** Parts that go with their upload. `chosen` stay as the object's. */
export function removedParts(stored: readonly PartRow[], chosen: readonly PartRow[]): RemovedPart[] {
  const taken = new Set(chosen.map((part) => part.partNumber));
  return stored.map(({ partNumber, refs }) => ({ partNumber, blobs: refs.map((ref) => ref.blob), taken: taken.has(partNumber) }));
}

function refuseList(upload: UploadRow, list: CompletionList): Rejection | undefined {
  if (list.parts.length === 0) return reject('InvalidRequest', { Message: 'You must specify at least one part' });
  const type = upload.checksum?.type ?? 'FULL_OBJECT';
  if (list.checksumType !== undefined && list.checksumType !== type) {
    const Message = `The upload was created using the ${type} checksum mode. The complete request must use the same checksum mode.`;
    return reject('InvalidRequest', { Message });
  }
  const algorithm = upload.checksum?.algorithm ?? 'CRC64NVME';
  if (list.checksum !== undefined && list.checksum.algorithm !== algorithm) {
    const Message = `Checksum Type mismatch occurred, expected checksum Type: ${algorithm.toLowerCase()}, actual checksum Type: ${list.checksum.algorithm.toLowerCase()}`;
    return reject('InvalidRequest', { Message });
  }
  return undefined;
}

function choose(upload: UploadRow, stored: readonly PartRow[], list: CompletionList, partBytesMin: number): PartRow[] | Rejection {
  const { uploadId } = upload;
  for (let at = 1; at < list.parts.length; at += 1) {
    if (list.parts[at]!.partNumber <= list.parts[at - 1]!.partNumber) return reject('InvalidPartOrder', { UploadId: uploadId });
  }
  const byNumber = new Map(stored.map((part) => [part.partNumber, part]));
  const chosen: PartRow[] = [];
  for (const named of list.parts) {
    const part = byNumber.get(named.partNumber);
    const invalid = () => reject('InvalidPart', { UploadId: uploadId, PartNumber: named.partNumber, ETag: named.etag });
    if (part === undefined || part.etag !== named.etag) return invalid();
    const refused = refuseComposite(upload, named);
    if (refused !== undefined) return refused;
    if (checksumDiffers(part, named)) return invalid();
    chosen.push(part);
  }
  for (const part of chosen.slice(0, -1)) {
    if (part.size >= partBytesMin) continue;
    const { partNumber, etag, size } = part;
    return reject('EntityTooSmall', { PartNumber: partNumber, ETag: etag, ProposedSize: size, MinSizeAllowed: partBytesMin });
  }
  return chosen;
}

/** A digest of checksums is claimed with each of these, of the one algorithm. */
function refuseComposite({ checksum }: UploadRow, { partNumber, checksum: named }: CompletedPart): Rejection | undefined {
  if (checksum?.type !== 'COMPOSITE' || named?.algorithm === checksum.algorithm) return undefined;
  const lower = (algorithm: string) => algorithm.toLowerCase();
  if (named !== undefined) {
    return reject('BadDigest', {
      Message: `The ${lower(named.algorithm)} you specified for part ${partNumber} did not match what we received.`,
    });
  }
  const told = `The upload was created using a ${lower(checksum.algorithm)} checksum.`;
  return reject('InvalidRequest', {
    Message: `${told} The complete request must include the checksum for each part. It was missing for part ${partNumber} in the request.`,
  });
}

/** A checksum of an algorithm that was not computed for the part can't be taken as right. */
function checksumDiffers(part: PartRow, named: CompletedPart): boolean {
  if (named.checksum === undefined) return false;
  const { algorithm, value } = named.checksum;
  if (part.checksum?.algorithm === algorithm) return part.checksum.value !== value;
  return algorithm !== 'CRC64NVME' || part.crc64 !== value;
}

function checksumOf(upload: UploadRow, chosen: readonly PartRow[]): Assembly['checksum'] | Rejection {
  const declared = upload.checksum;
  if (declared?.type === 'COMPOSITE') {
    return { algorithm: declared.algorithm, digestOf: Buffer.concat(chosen.map((part) => rawChecksum(part, declared.algorithm))) };
  }
  const algorithm: ChecksumAlgorithm = declared?.algorithm ?? 'CRC64NVME';
  if (!isCombinable(algorithm))
    return reject('InvalidRequest', { Message: `${algorithm} has no FULL_OBJECT checksum of a multipart upload` });
  const pieces = chosen.map((part) => ({ crc: rawChecksum(part, algorithm), length: part.size }));
  const whole: Checksum = { algorithm, value: combineCrcs(algorithm, pieces).toString('base64'), type: 'FULL_OBJECT' };
  return whole;
}

function rawChecksum(part: PartRow, algorithm: ChecksumAlgorithm): Buffer {
  const own = part.checksum?.algorithm === algorithm ? part.checksum.value : part.crc64;
  return Buffer.from(own, 'base64');
}
