/** The slice of a bucket's rows that each command needs. */
import type { RowView } from '../actor/decider.ts';
import type { BucketInfo } from '../vocabulary.ts';
import { unpack, unpackUpload } from './codec.ts';
import type { BucketCommand } from './commands.ts';
import type { UploadRow } from './events.ts';
import { type FoundVersion, findBucket, findHead, findOldNull, findVersion, newestOld } from './queries.ts';
import { headKey, nameKey, parseNumber, startingWith, tables, uploadKey } from './row-keys.ts';
import { bucketSequenceFirst, type Version } from './version.ts';

export interface BucketState {
  readonly name: string;
  /** undefined: there is no such bucket. */
  readonly bucket: BucketInfo | undefined;
  /** Of the command's key: the current version unless a delete marker. */
  readonly head?: Version | undefined;
  /** Of the command's key: a null version in `versions`. */
  readonly oldNull?: Version | undefined;
  /** Last sequence number given, once versioning was set. */
  readonly sequence?: number;
  /** The version that the command names. */
  readonly target?: FoundVersion | undefined;
  /** The newest rows of `versions` of the key: two where the current version is about to go, one where there is no head to tag. */
  readonly newest?: readonly Version[];
  readonly holdsVersions?: boolean;
  readonly holdsUploads?: boolean;
  readonly upload?: UploadRow | undefined;
}

export function consult(name: string, command: BucketCommand, rows: RowView): BucketState | Promise<BucketState> {
  const bucket = findBucket(rows, name);
  if (bucket === undefined) return { name, bucket };
  switch (command.type) {
    case 'CreateBucket':
    case 'PutBucketVersioning':
    case 'PutBucketTagging':
      return { name, bucket };
    case 'CreateMultipartUpload':
      return { name, bucket, head: findHead(rows, name, command.upload.key) };
    case 'DeleteBucket':
      return holdings(name, bucket, rows);
    case 'PutObject':
      return placeOf(bucket, command.key, rows);
    case 'CompleteMultipartUpload':
      return { ...placeOf(bucket, command.key, rows), upload: findUpload(rows, name, command) };
    case 'AbortMultipartUpload':
      return { name, bucket, upload: findUpload(rows, name, command) };
    case 'PutObjectTagging':
    case 'RestoreObject':
      if (command.versionId !== undefined) return { name, bucket, target: findVersion(rows, name, command.key, command.versionId) };
      return currentVersion(bucket, command.key, rows);
    case 'DeleteObject':
      if (command.versionId === undefined) return placeOf(bucket, command.key, rows);
      return namedVersion(bucket, command.key, findVersion(rows, name, command.key, command.versionId), rows);
  }
}

/** All that a new version of a key meets. An unversioned bucket has nothing but heads. */
function placeOf(bucket: BucketInfo, key: string, rows: RowView): BucketState {
  const { name } = bucket;
  const head = findHead(rows, name, key);
  if (bucket.versioning === 'unversioned') return { name, bucket, head };
  const oldNull = bucket.versioning === 'suspended' ? findOldNull(rows, name, key) : undefined;
  return { name, bucket, head, oldNull, sequence: lastSequence(rows, name) };
}

export function lastSequence(rows: RowView, bucket: string): number {
  const row = rows.get(tables.sequences, nameKey(bucket));
  return row === undefined ? bucketSequenceFirst : parseNumber(row);
}

/** Where there is no head a delete marker may be current. */
function currentVersion(bucket: BucketInfo, key: string, rows: RowView): BucketState | Promise<BucketState> {
  const { name } = bucket;
  const head = findHead(rows, name, key);
  if (head !== undefined || bucket.versioning === 'unversioned') return { name, bucket, head };
  return newestOld(rows, { bucket: name, key }, 1).then((newest) => ({ name, bucket, head, newest }));
}

/** Whoever becomes current when this version goes is found by a scan, and only if this one is current. */
function namedVersion(
  bucket: BucketInfo,
  key: string,
  target: FoundVersion | undefined,
  rows: RowView,
): BucketState | Promise<BucketState> {
  const state = { name: bucket.name, bucket, target };
  if (target === undefined || bucket.versioning === 'unversioned') return state;
  if (!target.inHead && rows.get(tables.heads, headKey(bucket.name, key)) !== undefined) return state;
  return newestOld(rows, { bucket: bucket.name, key }, 2).then((newest) => ({ ...state, newest }));
}

async function holdings(name: string, bucket: BucketInfo, rows: RowView): Promise<BucketState> {
  const first = { ...startingWith(headKey(name, ''), 1), keysOnly: true };
  const [heads, versions, uploads] = await Promise.all([
    rows.range(tables.heads, first),
    rows.range(tables.versions, first),
    rows.range(tables.uploads, first),
  ]);
  return { name, bucket, holdsVersions: heads.length + versions.length > 0, holdsUploads: uploads.length > 0 };
}

function findUpload(rows: RowView, bucket: string, named: { key: string; uploadId: string }): UploadRow | undefined {
  const row = rows.get(tables.uploads, uploadKey(bucket, named.key, named.uploadId));
  return row === undefined ? undefined : unpackUpload(unpack(row));
}
