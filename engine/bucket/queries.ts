/** Finding a version by what a reader says, and the slice of it that is asked for. */
import type { RowView } from '../actor/decider.ts';
import { type Rejection, type RejectionFacts, reject } from '../rejection.ts';
import type { BucketInfo, RangeRequest } from '../vocabulary.ts';
import { bucketOf, versionOf } from './codec.ts';
import { headKey, nameKey, parseNumber, startingWith, tables, versionKey } from './row-keys.ts';
import { nullVersionId, parseVersionId, type Version, versionIdOf } from './version.ts';

export interface FoundVersion {
  readonly version: Version;
  /** Its row is in `heads`. */
  readonly inHead: boolean;
}

/** Every command and query reads its bucket's row: the decoded ones of late are kept beside their bytes. */
const bucketsRemembered = new Map<string, { readonly row: Buffer; readonly bucket: BucketInfo }>();
const bucketsRememberedMax = 1024;

export function findBucket(rows: RowView, name: string): BucketInfo | undefined {
  const row = rows.get(tables.buckets, nameKey(name));
  if (row === undefined) return undefined;
  const remembered = bucketsRemembered.get(name);
  if (remembered?.row.equals(row)) return remembered.bucket;
  const bucket = bucketOf(row);
  if (bucketsRemembered.size >= bucketsRememberedMax) bucketsRemembered.clear();
  bucketsRemembered.set(name, { row: Buffer.from(row), bucket });
  return bucket;
}

export function noSuchBucket(bucket: string): Rejection {
  return reject('NoSuchBucket', { BucketName: bucket });
}

export function malformedVersionId(versionId: string): Rejection {
  return reject('InvalidArgument', { ArgumentName: 'versionId', ArgumentValue: versionId, Message: 'Invalid version id specified' });
}

/** The current version; undefined when there is none or it is a delete marker. */
export function findHead(rows: RowView, bucket: string, key: string): Version | undefined {
  const row = rows.get(tables.heads, headKey(bucket, key));
  return row === undefined ? undefined : versionOf(row);
}

/** The null version that sits in `versions`. */
export function findOldNull(rows: RowView, bucket: string, key: string): Version | undefined {
  const seq = rows.get(tables.nulls, headKey(bucket, key));
  return seq === undefined ? undefined : findOld(rows, versionKey(bucket, key, parseNumber(seq)));
}

/** undefined: unknown or malformed id. */
export function findVersion(rows: RowView, bucket: string, key: string, versionId: string): FoundVersion | undefined {
  const head = findHead(rows, bucket, key);
  if (head !== undefined && versionIdOf(head) === versionId) return { version: head, inHead: true };
  if (versionId === nullVersionId) return found(findOldNull(rows, bucket, key), versionId);
  const id = parseVersionId(versionId);
  if (id === undefined || id === 'null') return undefined;
  return found(findOld(rows, versionKey(bucket, key, id.seq)), versionId);
}

function findOld(rows: RowView, place: Buffer): Version | undefined {
  const row = rows.get(tables.versions, place);
  return row === undefined ? undefined : versionOf(row);
}

function found(version: Version | undefined, versionId: string): FoundVersion | undefined {
  return version !== undefined && versionIdOf(version) === versionId ? { version, inHead: false } : undefined;
}

/** The newest rows of `versions` of a key, at most `most`. */
export async function newestOld(rows: RowView, place: { bucket: string; key: string }, most: number): Promise<Version[]> {
  const found = await rows.range(tables.versions, startingWith(headKey(place.bucket, `${place.key}\0`), most));
  return found.map((row) => versionOf(row.value));
}

export interface Slice {
  readonly offset: number;
  readonly length: number;
  readonly partial: boolean;
}

export function rangeSlice(size: number, range: RangeRequest | undefined): Slice | Rejection {
  if (range === undefined) return { offset: 0, length: size, partial: false };
  if (range.kind === 'suffix') {
    const length = Math.min(range.length, size);
    return length === 0 ? outside(size, range.raw) : { offset: size - length, length, partial: true };
  }
  if (range.first >= size) return outside(size, range.raw);
  const last = Math.min(range.last ?? size - 1, size - 1);
  return { offset: range.first, length: last - range.first + 1, partial: true };
}

function outside(size: number, raw: string): Rejection {
  return reject('InvalidRange', { ActualObjectSize: size, RangeRequested: raw, 'header:Content-Range': `bytes */${size}` });
}

/** `partSizes` of a multipart object; any other object is its own part 1. */
export function partSlice(size: number, partSizes: readonly number[], partNumber: number): Slice | Rejection {
  const count = Math.max(partSizes.length, 1);
  if (partNumber > count) return reject('InvalidPartNumber', { ActualPartCount: count, PartNumberRequested: partNumber });
  if (partSizes.length === 0) return { offset: 0, length: size, partial: size > 0 };
  const offset = partSizes.slice(0, partNumber - 1).reduce((sum, bytes) => sum + bytes, 0);
  return { offset, length: partSizes[partNumber - 1]!, partial: true };
}

/** Headers of answers about a delete marker. */
export function markerFacts(marker: Version): RejectionFacts {
  return { 'header:x-amz-delete-marker': 'true', 'header:x-amz-version-id': versionIdOf(marker) };
}
