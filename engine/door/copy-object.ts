/** CopyObject: references to the source's blobs, or its inline bytes again. Bytes are read only for an ETag or a checksum that is not known yet. */

import type { ChecksumAlgorithm, DigestName } from '../body.ts';
import { refuseArchived, restoreHeader } from '../bucket/archive.ts';
import { bucketKind } from '../bucket/bucket-kind.ts';
import type { NewObject } from '../bucket/commands.ts';
import { refuseCopy } from '../bucket/preconditions.ts';
import { nameKey, tables } from '../bucket/row-keys.ts';
import { shownVersionId, type Version } from '../bucket/version.ts';
import { isRejection, type Rejection, reject } from '../rejection.ts';
import type * as v from '../vocabulary.ts';
import { type Door, entropyOf, type Outcome } from './door.ts';
import { refuseEarly } from './object-commands.ts';
import { type Bytes, bytesOf, digestBytes } from './object-content.ts';
import { type Located, locate, placeOf, readAttemptsMax, tooBusy } from './object-queries.ts';
import { singleBodyBytesMax, wholeChecksum } from './store-body.ts';

/** Not taken over with the COPY directive: they belong to a place, not to the bytes, and each copy says its own. */
const headersOfPlace = ['x-amz-website-redirect-location', 'x-amz-storage-class', restoreHeader];

/** Slices of blobs in the row of a version, which listings read; more of them get a row of their own. */
const versionRefsMax = 4;

export async function copyObject(door: Door, caller: v.Caller, command: v.CopyObject): Outcome<v.Copied> {
  const { bucket, key, conditions } = command;
  const announced = { key, conditions, metadata: command.metadata ?? { headers: {}, user: {} }, tags: command.tags ?? [] };
  const refused = await door.reading(() => refuseEarly(door, bucket, announced));
  if (refused !== undefined) return refused;
  for (let attempt = 0; attempt < readAttemptsMax; attempt += 1) {
    const source = await locateSource(door, command.source, caller.time);
    if (isRejection(source)) return source;
    const unfit = refuseSize(source) ?? refuseSame(source, command);
    if (unfit !== undefined) return unfit;
    const object = await door.reading(() => objectOf(door, source, command));
    if (object === undefined) continue;
    const put = { type: 'PutObject', key, entropy: entropyOf(door), conditions, object } as const;
    const written = (await door.actors.tell(bucketKind, bucket, put, caller)) as v.Written | Rejection;
    if (isRejection(written)) return written;
    return { ...written, sourceVersionId: shownVersionId(source.bucket, source.version) };
  }
  throw tooBusy(command.source);
}

/** The version to copy from, its conditions met. A delete marker is no source. */
export async function locateSource(door: Door, source: v.CopySource, time: number): Promise<Located | Rejection> {
  const located = await door.reading(() => locate(door.rows, source));
  if (isRejection(located)) return located;
  if (located.version.deleteMarker) {
    return reject('InvalidRequest', {
      Message: 'The source of a copy request may not specifically refer to a delete marker by version id.',
    });
  }
  const archived = refuseArchived(located.version, time, "Operation is not valid for the source object's storage class");
  return archived ?? refuseCopy(located.version, source.conditions) ?? located;
}

export function refuseSize(source: Located, bytes = source.version.size): Rejection | undefined {
  if (bytes <= singleBodyBytesMax) return undefined;
  const Message = `The specified copy source is larger than the maximum allowable size for a copy source: ${singleBodyBytesMax}`;
  return reject('InvalidRequest', { Message });
}

/** Onto itself only with a change, or to bring an old version back. */
function refuseSame(source: Located, command: v.CopyObject): Rejection | undefined {
  const same = source.bucket.name === command.bucket && source.key === command.key;
  const changes =
    command.metadata !== undefined ||
    command.placement !== undefined ||
    (command.algorithm !== undefined && command.algorithm !== source.version.checksum?.algorithm);
  const restores = command.source.versionId !== undefined && source.bucket.versioning !== 'unversioned';
  if (!same || changes || restores) return undefined;
  const Message =
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.";
  return reject('InvalidRequest', { Message });
}

/** undefined: the source has gone since its row was read. */
async function objectOf(door: Door, source: Located, command: v.CopyObject): Promise<NewObject | undefined> {
  const { version } = source;
  const bytes = bytesOf(door.rows, placeOf(source));
  if (bytes === undefined) return undefined;
  const algorithm = command.algorithm ?? version.checksum?.algorithm ?? 'CRC64NVME';
  const missing = unknownOf(version, algorithm);
  const taken = missing.length === 0 ? {} : await digestBytes(door, bytes, { offset: 0, length: version.size }, missing);
  if (missing.length > 0 && !stillThere(door, bytes)) return undefined;
  const refs = 'inline' in bytes ? [] : bytes.refs;
  return {
    size: version.size,
    etag: taken.MD5?.toString('hex') ?? version.etag,
    checksum: missing.includes(algorithm) ? wholeChecksum(algorithm, taken) : version.checksum,
    metadata: command.metadata ?? placed(version.metadata, command.placement),
    tags: command.tags ?? version.tags,
    inline: 'inline' in bytes ? bytes.inline : undefined,
    refs,
    blobs: [],
    manifest: refs.length > versionRefsMax ? { refs, parts: [], uploadId: '' } : undefined,
  };
}

/**
 * A copy is one object, whatever its source was put together from. The MD5 of the whole can't be had from those of the parts, nor a
 * checksum of the whole from a digest of the parts': then the bytes are read, once for both.
 */
function unknownOf({ checksum, partCount }: Version, algorithm: ChecksumAlgorithm): DigestName[] {
  const known = checksum?.type === 'FULL_OBJECT' && checksum.algorithm === algorithm;
  const missing = new Set<DigestName>();
  if (partCount > 0) missing.add('MD5');
  if (!known) missing.add(algorithm);
  return [...missing];
}

/** Reading takes its time: a blob may have been reclaimed behind it. */
export function stillThere(door: Door, bytes: Bytes): boolean {
  return 'inline' in bytes || bytes.refs.every((ref) => door.rows.get(tables.blobs, nameKey(ref.blob)) !== undefined);
}

function placed(metadata: v.ObjectMetadata, placement: v.CopyObject['placement']): v.ObjectMetadata {
  const kept = Object.entries(metadata.headers).filter(([name]) => !headersOfPlace.includes(name));
  return { headers: { ...Object.fromEntries(kept), ...placement }, user: metadata.user };
}
