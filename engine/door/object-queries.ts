/** Reads of one object. They don't pass through the actor: rows are there before a write is answered. */
import { StateStoreCorrupt } from '../../snapshots/state-store.ts';
import type { RowView } from '../actor/decider.ts';
import { refuseArchived } from '../bucket/archive.ts';
import { holdsRange, refuseRead } from '../bucket/preconditions.ts';
import {
  findBucket,
  findHead,
  findVersion,
  malformedVersionId,
  markerFacts,
  newestOld,
  noSuchBucket,
  partSlice,
  rangeSlice,
} from '../bucket/queries.ts';
import { refuseKey } from '../bucket/refusals.ts';
import { type ManifestPart, objectInfoOf, parseVersionId, shownVersionId, type Version } from '../bucket/version.ts';
import { Fault } from '../fault.ts';
import { isRejection, type Rejection, reject } from '../rejection.ts';
import type {
  BucketInfo,
  Checksum,
  GetObjectAttributes,
  ObjectAttributes,
  ObjectContent,
  ObjectHead,
  ObjectTags,
  ObjectTarget,
  ReadObject,
} from '../vocabulary.ts';
import type { Door, Outcome } from './door.ts';
import { type Bytes, bytesOf, openBytes, partsOf } from './object-content.ts';

/** A version found, and its bucket. */
export interface Located {
  readonly bucket: BucketInfo;
  readonly key: string;
  readonly version: Version;
  readonly isLatest: boolean;
}

/** Times a read begins again because a writer removed, under its hands, what the row it had read points to. */
export const readAttemptsMax = 16;

/**
 * The version that a target names; a delete marker by its id alone. Rejections: NoSuchBucket, NoSuchKey, NoSuchVersion, InvalidArgument, and NoSuchKey
 * with the marker's facts where the current version is one.
 */
export async function locate(rows: RowView, target: ObjectTarget): Promise<Located | Rejection> {
  const located = await locateAny(rows, target);
  if (isRejection(located) || target.versionId !== undefined || !located.version.deleteMarker) return located;
  return reject('NoSuchKey', { Key: target.key, ...markerFacts(located.version) });
}

/** As `locate`, delete markers that are current too. */
async function locateAny(rows: RowView, target: ObjectTarget): Promise<Located | Rejection> {
  const { bucket: name, key, versionId } = target;
  const bucket = findBucket(rows, name);
  if (bucket === undefined) return noSuchBucket(name);
  const refused = refuseKey(key);
  if (refused !== undefined) return refused;
  if (versionId !== undefined) return locateVersion(rows, bucket, key, versionId);
  for (let attempt = 0; attempt < readAttemptsMax; attempt += 1) {
    const version = findHead(rows, name, key);
    if (version !== undefined) return { bucket, key, version, isLatest: true };
    if (bucket.versioning === 'unversioned') return reject('NoSuchKey', { Key: key });
    const [newest] = await newestOld(rows, { bucket: name, key }, 1);
    if (newest === undefined) return reject('NoSuchKey', { Key: key });
    if (newest.deleteMarker) return { bucket, key, version: newest, isLatest: true };
  }
  throw tooBusy(target);
}

function locateVersion(rows: RowView, bucket: BucketInfo, key: string, versionId: string): Located | Rejection {
  if (parseVersionId(versionId) === undefined) return malformedVersionId(versionId);
  const find = () => findVersion(rows, bucket.name, key, versionId);
  // A version may become current between the two point reads of one search: then the second search meets it there.
  const found = find() ?? find();
  if (found === undefined) return reject('NoSuchVersion', { Key: key, VersionId: versionId });
  return { bucket, key, version: found.version, isLatest: found.inHead };
}

export function headObject(door: Door, query: ReadObject): Outcome<ObjectHead> {
  return readObject(door, query, undefined);
}

/** `time`: by it what was restored may be over again. */
export async function getObject(door: Door, query: ReadObject, time: number): Outcome<ObjectContent> {
  const found = await readObject(door, query, time);
  if (isRejection(found)) return found;
  const { bytes, ...head } = found;
  const { slice } = head;
  return { ...head, body: await openBytes(door, bytes, slice.offset, slice.length) };
}

interface Readable extends ObjectHead {
  readonly bytes: Bytes;
}

/** `time`: of a read of bytes; undefined for HEAD, which archived objects answer too. */
async function readObject(door: Door, query: ReadObject, time: number | undefined): Outcome<Readable> {
  const method = time === undefined ? 'HEAD' : 'GET';
  let lacking: number | undefined;
  for (let attempt = 0; attempt < readAttemptsMax; attempt += 1) {
    const located = await locate(door.rows, query);
    if (isRejection(located)) return located;
    const unreadable = refuseMarker(located, method) ?? (time === undefined ? undefined : refuseArchived(located.version, time));
    const refused = unreadable ?? refuseRead(located.version, query.conditions, () => unchangedHeaders(located));
    if (refused !== undefined) return refused;
    const asked = askedFor(door.rows, located, query);
    if (isRejection(asked)) return asked;
    const bytes = method === 'HEAD' ? { refs: [] } : bytesOf(door.rows, placeOf(located));
    const { bucket, key, version, isLatest } = located;
    if (asked === undefined || bytes === undefined) {
      if (lacking === version.seq) throw new StateStoreCorrupt(`${bucket.name}/${key} has no bytes, and is still there`);
      lacking = version.seq;
      continue;
    }
    return { object: objectInfoOf(bucket, key, version, isLatest), ...asked, bytes };
  }
  throw tooBusy(query);
}

type Asked = Pick<ObjectHead, 'slice' | 'checksum'>;

/** undefined: the version has gone since its row was read. */
function askedFor(rows: RowView, located: Located, query: ReadObject): Asked | Rejection | undefined {
  const { size, checksum } = located.version;
  if (query.partNumber === undefined) {
    const slice = rangeSlice(size, holdsRange(located.version, query.ifRange) ? query.range : undefined);
    // Beside a piece of the object, clients would hold its checksum against the wrong bytes.
    return isRejection(slice) ? slice : { slice, checksum: slice.length === size ? checksum : undefined };
  }
  const parts = partsOf(rows, placeOf(located));
  if (parts === undefined) return undefined;
  const sizes = parts.map((part) => part.size);
  const slice = partSlice(size, sizes, query.partNumber);
  return isRejection(slice) ? slice : { slice, checksum: partChecksum(located.version, parts[query.partNumber - 1]) };
}

/** A composite checksum says nothing of a part, but the parts have theirs then. A checksum of the whole says it of an only part. */
function partChecksum({ size, checksum }: Version, part: ManifestPart | undefined): Checksum | undefined {
  if (checksum?.type === 'COMPOSITE') return part?.checksum && { ...part.checksum, type: checksum.type };
  return part === undefined || part.size === size ? checksum : undefined;
}

export function placeOf(located: Located): { bucket: string; key: string; version: Version } {
  return { bucket: located.bucket.name, key: located.key, version: located.version };
}

/** A marker has neither bytes nor tags. */
function refuseMarker(located: Located, method: string): Rejection | undefined {
  if (!located.version.deleteMarker) return undefined;
  const lastModified = new Date(located.version.lastModified).toUTCString();
  const headers = { ...markerFacts(located.version), 'header:Allow': 'DELETE', 'header:Last-Modified': lastModified };
  return reject('MethodNotAllowed', { Method: method, ResourceType: 'DeleteMarker', ...headers });
}

/** What a cache needs of "not modified" beside the validators (RFC 9110, section 15.4.5), and the version. */
function unchangedHeaders({ bucket, version }: Located): Record<string, string> {
  const versionId = shownVersionId(bucket, version);
  const { 'cache-control': cacheControl, expires } = version.metadata.headers;
  return {
    ...(cacheControl !== undefined && { 'header:Cache-Control': cacheControl }),
    ...(expires !== undefined && { 'header:Expires': expires }),
    ...(versionId !== undefined && { 'header:x-amz-version-id': versionId }),
  };
}

export function tooBusy(target: ObjectTarget): Fault {
  return new Fault('overloaded', `${target.bucket}/${target.key} changed ${readAttemptsMax} times under a reader`);
}

export async function getObjectAttributes(door: Door, query: GetObjectAttributes): Outcome<ObjectAttributes> {
  for (let attempt = 0; attempt < readAttemptsMax; attempt += 1) {
    const located = await locate(door.rows, query);
    if (isRejection(located)) return located;
    const refused = refuseMarker(located, 'GET');
    if (refused !== undefined) return refused;
    const parts = partsOf(door.rows, placeOf(located));
    if (parts === undefined) continue;
    const { bucket, key, version, isLatest } = located;
    const behind = parts.filter((part) => part.partNumber > query.partNumberMarker);
    const page = behind.slice(0, query.maxParts).map((part) => ({ ...part, lastModified: version.lastModified }));
    return { object: objectInfoOf(bucket, key, version, isLatest), parts: page, partsTruncated: behind.length > page.length };
  }
  throw tooBusy(query);
}

export async function getObjectTagging(door: Door, target: ObjectTarget): Outcome<ObjectTags> {
  const located = await locateAny(door.rows, target);
  if (isRejection(located)) return located;
  return refuseMarker(located, 'GET') ?? { tags: located.version.tags, versionId: shownVersionId(located.bucket, located.version) };
}
