/** Multipart uploads up to their end: CreateMultipartUpload, UploadPart, UploadPartCopy. */

import { crc32 } from '@node-rs/crc32';
import { type ChecksumAlgorithm, type Digests, multipartTypes, type UploadBody } from '../body.ts';
import { bucketKind } from '../bucket/bucket-kind.ts';
import type { UploadRow } from '../bucket/events.ts';
import { findBucket, noSuchBucket } from '../bucket/queries.ts';
import { shownVersionId } from '../bucket/version.ts';
import { isRejection, type Rejection, reject } from '../rejection.ts';
import type { Blob, BlobRef } from '../shards/blob-store.ts';
import { noSuchUpload, refusePartNumber } from '../upload/decide.ts';
import type { PartRow } from '../upload/parts.ts';
import { findUpload } from '../upload/queries.ts';
import type * as v from '../vocabulary.ts';
import { locateSource, refuseSize, stillThere } from './copy-object.ts';
import type { Door, Outcome } from './door.ts';
import { bytesOf, digestBytes, openBytes, sliceRefs } from './object-content.ts';
import { type Located, placeOf, readAttemptsMax, tooBusy } from './object-queries.ts';
import { storeBody, wholeChecksum } from './store-body.ts';

export async function createMultipartUpload(
  door: Door,
  caller: v.Caller,
  command: v.CreateMultipartUpload,
): Outcome<{ readonly uploadId: string }> {
  const { bucket, key, metadata, tags, checksum } = command;
  const refused = refuseChecksumType(checksum);
  if (refused !== undefined) return refused;
  const uploadId = uploadIdOf(door, command, caller.time);
  const upload = { bucket, key, uploadId, initiated: caller.time, owner: caller.owner, metadata, tags, checksum };
  const answer = (await door.actors.tell(
    bucketKind,
    bucket,
    { type: 'CreateMultipartUpload', upload } as const,
    caller,
  )) as null | Rejection;
  return isRejection(answer) ? answer : { uploadId };
}

/** 32 hex digits that sort by time: uploads of a key are listed in the order they began. The last eight are a sum of all, bucket and key included. */
function uploadIdOf(door: Door, target: { readonly bucket: string; readonly key: string }, time: number): string {
  const start = time.toString(16).padStart(12, '0') + door.randomness.bytes(6).toString('hex');
  return start + sumOf(start, target);
}

/** Whether an id was given to an upload of this key, under way or ended. */
export function isUploadIdOf(target: v.UploadTarget): boolean {
  const { uploadId } = target;
  return /^[0-9a-f]{32}$/.test(uploadId) && uploadId.slice(24) === sumOf(uploadId.slice(0, 24), target);
}

function sumOf(start: string, { bucket, key }: { readonly bucket: string; readonly key: string }): string {
  return crc32(`${start}/${bucket}/${key}`).toString(16).padStart(8, '0');
}

function refuseChecksumType(checksum: v.CreateMultipartUpload['checksum']): Rejection | undefined {
  if (checksum === undefined) return undefined;
  const { algorithm, type } = checksum;
  if (multipartTypes[algorithm].includes(type)) return undefined;
  const Message = `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`;
  return reject('InvalidRequest', { Message });
}

export async function uploadPart(door: Door, caller: v.Caller, command: v.UploadPart): Outcome<v.PartInfo> {
  const { body, partNumber } = command;
  const upload = await door.reading(() => openUpload(door, command, partNumber));
  if (isRejection(upload)) return upload;
  const refused = refuseAlgorithm(upload, body);
  if (refused !== undefined) return refused;
  const algorithm = upload.checksum?.algorithm;
  const stored = await storeBody(door, body, { inlineBytesMax: 0, algorithms: [algorithm ?? 'CRC64NVME'] });
  if (isRejection(stored)) return stored;
  const { blob, length, digests } = stored;
  const refs = blob === undefined ? [] : [{ blob: blob.id, offset: 0, length }];
  const part = partRow({ partNumber, size: length, lastModified: caller.time, refs }, digests, upload, body.algorithm);
  return commitPart(door, caller, command, { part, blobs: blob === undefined ? [] : [blob] });
}

function openUpload(door: Door, target: v.UploadTarget, partNumber: number): UploadRow | Rejection {
  if (findBucket(door.rows, target.bucket) === undefined) return noSuchBucket(target.bucket);
  return refusePartNumber(partNumber) ?? findUpload(door.rows, target) ?? noSuchUpload(target.uploadId);
}

/** Of an upload that declared an algorithm all parts come with that one, or with none: then it is computed. */
function refuseAlgorithm(upload: UploadRow, body: UploadBody): Rejection | undefined {
  const declared = upload.checksum?.algorithm;
  if (declared === undefined || body.algorithm === undefined || body.algorithm === declared) return undefined;
  const [expected, actual] = [declared.toLowerCase(), body.algorithm.toLowerCase()];
  return reject('InvalidRequest', {
    Message: `Checksum Type mismatch occurred, expected checksum Type: ${expected}, actual checksum Type: ${actual}`,
  });
}

function partRow(
  stored: Pick<PartRow, 'partNumber' | 'size' | 'lastModified' | 'refs'>,
  digests: Digests,
  upload: UploadRow,
  sent?: ChecksumAlgorithm,
): PartRow {
  const algorithm = upload.checksum?.algorithm ?? sent;
  return {
    ...stored,
    etag: digests.MD5!.toString('hex'),
    checksum: algorithm === undefined ? undefined : wholeChecksum(algorithm, digests),
    crc64: upload.checksum === undefined ? digests.CRC64NVME!.toString('base64') : '',
  };
}

interface NewPart {
  readonly part: PartRow;
  readonly blobs: readonly Blob[];
}

async function commitPart(door: Door, caller: v.Caller, target: v.UploadTarget, made: NewPart): Outcome<v.PartInfo> {
  const { bucket, key, uploadId } = target;
  const command = { type: 'UploadPart', bucket, key, uploadId, ...made } as const;
  const answer = await door.uploads.whileOpen(uploadId, () => door.actors.tell(door.uploadKind, uploadId, command, caller));
  return isRejection(answer) ? answer : partInfoOf(answer as PartRow);
}

export function partInfoOf(part: PartRow): v.PartInfo {
  const { partNumber, size, etag, lastModified, checksum } = part;
  return { partNumber, size, etag, lastModified, checksum };
}

type CopiedPart = v.PartInfo & { readonly sourceVersionId: string | undefined };

/** Slices of blobs that one part refers to: ten thousand parts of so many fit into one record of the journal. */
const partRefsMax = 4;

/** Refers to the source's blobs; what is inline or in many pieces becomes a blob of its own. */
export async function uploadPartCopy(door: Door, caller: v.Caller, command: v.UploadPartCopy): Outcome<CopiedPart> {
  for (let attempt = 0; attempt < readAttemptsMax; attempt += 1) {
    const upload = await door.reading(() => openUpload(door, command, command.partNumber));
    if (isRejection(upload)) return upload;
    const source = await locateSource(door, command.source, caller.time);
    if (isRejection(source)) return source;
    const slice = sliceOf(source, command);
    const refused = isRejection(slice) ? slice : refuseSize(source, slice.length);
    if (isRejection(slice) || refused !== undefined) return refused!;
    const made = await copySlice(door, { source, slice, upload }, command.partNumber, caller.time);
    if (made === undefined) continue;
    const info = await commitPart(door, caller, command, made);
    return isRejection(info) ? info : { ...info, sourceVersionId: shownVersionId(source.bucket, source.version) };
  }
  throw tooBusy(command.source);
}

interface CopiedSlice {
  readonly offset: number;
  readonly length: number;
}

function sliceOf(source: Located, command: v.UploadPartCopy): CopiedSlice | Rejection {
  const { size } = source.version;
  if (command.range === undefined) return { offset: 0, length: size };
  const { first, last } = command.range;
  if (first <= last && last < size) return { offset: first, length: last - first + 1 };
  if (first >= size) return reject('InvalidRequest', { Message: 'The specified copy range is invalid for the source object size' });
  const Message = `Range specified is not valid for source object of size: ${size}`;
  return reject('InvalidArgument', { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: `bytes=${first}-${last}`, Message });
}

interface PartCopy {
  readonly source: Located;
  readonly slice: CopiedSlice;
  readonly upload: UploadRow;
}

/** undefined: the source has gone since its row was read. */
async function copySlice(door: Door, copy: PartCopy, partNumber: number, time: number): Promise<NewPart | undefined> {
  const { source, slice, upload } = copy;
  const bytes = bytesOf(door.rows, placeOf(source));
  if (bytes === undefined) return undefined;
  const algorithm = upload.checksum?.algorithm ?? 'CRC64NVME';
  const digestNames = ['MD5', algorithm] as const;
  const base = { partNumber, size: slice.length, lastModified: time };
  const refs = 'inline' in bytes ? [] : sliceRefs(bytes.refs, slice.offset, slice.length);
  if ('inline' in bytes || refs.length > partRefsMax) {
    const body = await openBytes(door, bytes, slice.offset, slice.length);
    const { blob, digests } = await door.blobs.write(body, { digests: digestNames, inlineBytesMax: 0, length: slice.length });
    const own: BlobRef[] = blob === undefined ? [] : [{ blob: blob.id, offset: 0, length: slice.length }];
    return { part: partRow({ ...base, refs: own }, digests, upload), blobs: blob === undefined ? [] : [blob] };
  }
  const digests = knownDigests(copy, algorithm) ?? (await digestBytes(door, bytes, slice, digestNames));
  return stillThere(door, { refs }) ? { part: partRow({ ...base, refs }, digests, upload), blobs: [] } : undefined;
}

/** Of a whole object that was put at once with the checksum that is needed, nothing has to be read. */
function knownDigests({ source, slice }: PartCopy, algorithm: ChecksumAlgorithm): Digests | undefined {
  const { size, etag, checksum, partCount } = source.version;
  if (slice.length !== size || partCount > 0 || checksum?.algorithm !== algorithm || checksum.type !== 'FULL_OBJECT') return undefined;
  return { MD5: Buffer.from(etag, 'hex'), [algorithm]: Buffer.from(checksum.value, 'base64') };
}
