/** ListObjectVersions: the rows of `heads` and `versions` as one order, by key, newest first. */
import type { Row, RowRange } from '../../snapshots/state-store.ts';
import type { RowView } from '../actor/decider.ts';
import { versionOf } from '../bucket/codec.ts';
import { findBucket, findHead, findOldNull, malformedVersionId, newestOld, noSuchBucket } from '../bucket/queries.ts';
import { behind, headKey, parseVersionKey, tables, versionKey } from '../bucket/row-keys.ts';
import { objectInfoOf, parseVersionId, type Version, versionIdOf } from '../bucket/version.ts';
import { isRejection, type Rejection } from '../rejection.ts';
import type { BucketInfo, ListObjectVersions, ObjectInfo, VersionPage } from '../vocabulary.ts';
import type { Door, Outcome } from './door.ts';
import { commonPrefixOf, enclosingPrefix } from './list-objects.ts';

interface Entry {
  readonly key: string;
  readonly version: Version;
  readonly isLatest: boolean;
}

/** Where a walk goes on: bounds in `heads` and in `versions`, and the version in whose middle of a key it begins, if it does. */
interface Start {
  readonly heads: Pick<RowRange, 'gte' | 'gt'>;
  readonly versions: Pick<RowRange, 'gte' | 'gt'>;
  readonly inside: { readonly key: string; readonly seq: number } | undefined;
}

/** Rows of each table in one look. */
const lookRowsMax = 1001;
const lookRowsMin = 4;

/** All of a page is read of one moment: between two, a version could step from one table to the other and be missed. */
export function listObjectVersions(door: Door, query: ListObjectVersions): Outcome<VersionPage> {
  return door.rows.view((rows) => versionPage(rows, query));
}

async function versionPage(rows: RowView, query: ListObjectVersions): Outcome<VersionPage> {
  const { prefix, delimiter, max } = query;
  const bucket = findBucket(rows, query.bucket);
  if (bucket === undefined) return noSuchBucket(query.bucket);
  const versions: ObjectInfo[] = [];
  const commonPrefixes: string[] = [];
  const first = startOf(rows, query);
  if (isRejection(first)) return first;
  if (max === 0) return { versions, commonPrefixes, next: undefined };
  let next: VersionPage['next'];
  let start: Start | undefined = first;
  for (let lookRows = delimiter === '' ? Math.min(max + 1, lookRowsMax) : 64; start !== undefined; ) {
    const look: Look = await lookAt(rows, { bucket, prefix }, start, lookRows);
    let leapt: string | undefined;
    for (const entry of look.entries) {
      const common = commonPrefixOf(entry.key, prefix, delimiter);
      if (common !== undefined && common === leapt) continue;
      if (versions.length + commonPrefixes.length === max) return { versions, commonPrefixes, next };
      leapt = common;
      if (common === undefined) versions.push(objectInfoOf(bucket, entry.key, entry.version, entry.isLatest));
      else commonPrefixes.push(common);
      next = { key: common ?? entry.key, versionId: common === undefined ? versionIdOf(entry.version) : undefined };
    }
    start = look.next !== undefined && leapt !== undefined ? behindPrefix(bucket.name, leapt) : look.next;
    lookRows = leapt === undefined ? Math.min(lookRows * 4, lookRowsMax) : lookRowsMin;
  }
  return { versions, commonPrefixes, next: undefined };
}

interface Look {
  readonly entries: readonly Entry[];
  readonly next: Start | undefined;
}

/** One look into both tables. What lies behind the end of the shorter one is left to the next. */
async function lookAt(rows: RowView, place: { bucket: BucketInfo; prefix: string }, start: Start, limit: number): Promise<Look> {
  const { name } = place.bucket;
  const lt = behind(headKey(name, place.prefix));
  const inside = start.inside;
  const [heads, olds, newest] = await Promise.all([
    rows.range(tables.heads, { ...start.heads, lt, limit }),
    rows.range(tables.versions, { ...start.versions, lt, limit }),
    inside === undefined ? [] : newestOld(rows, { bucket: name, key: inside.key }, 1),
  ]);
  const keyStart = Buffer.byteLength(name) + 1;
  const current = heads.map((row) => entryOfHead(row, keyStart));
  const old = olds.map((row) => entryOfOld(row, Buffer.byteLength(name)));
  const edges = [heads.length === limit ? current.at(-1)! : undefined, olds.length === limit ? old.at(-1)! : undefined];
  const edge = earliest(edges);
  const merged = merge(current, old, inside === undefined ? undefined : { ...inside, newest: newest[0]?.seq });
  const entries = edge === undefined ? merged : merged.filter((entry) => order(entry, edge) <= 0);
  return { entries, next: edge === undefined ? undefined : behindVersion(name, edge.key, edge.version.seq) };
}

function entryOfHead(row: Row, keyStart: number): Entry {
  return { key: row.key.toString('utf8', keyStart), version: versionOf(row.value), isLatest: true };
}

function entryOfOld(row: Row, bucketBytes: number): Entry {
  return { key: parseVersionKey(row.key, bucketBytes).key, version: versionOf(row.value), isLatest: false };
}

/** A key that the walk entered in its middle. */
interface Inside {
  readonly key: string;
  readonly seq: number;
  /** Newest row of `versions` of the key. */
  readonly newest: number | undefined;
}

/** The newest of a key without a head is the latest: a delete marker. */
function merge(heads: readonly Entry[], olds: readonly Entry[], inside: Inside | undefined): Entry[] {
  const merged: Entry[] = [];
  let at = 0;
  let headed = inside?.key;
  const insideHeaded = heads[0] !== undefined && heads[0].key === inside?.key;
  const take = (head: Entry): void => {
    if (head.key !== inside?.key || head.version.seq < inside.seq) merged.push(head);
    headed = head.key;
    at += 1;
  };
  for (const old of olds) {
    while (at < heads.length && order(heads[at]!, old) <= 0) take(heads[at]!);
    const before = merged.at(-1);
    if (before !== undefined && order(before, old) === 0) continue;
    const isLatest = old.key === inside?.key ? !insideHeaded && old.version.seq === inside.newest : old.key !== headed;
    merged.push({ ...old, isLatest });
    headed = old.key;
  }
  while (at < heads.length) take(heads[at]!);
  return merged;
}

function order(left: Entry, right: Entry): number {
  if (left.key !== right.key) return Buffer.compare(Buffer.from(left.key), Buffer.from(right.key));
  return right.version.seq - left.version.seq;
}

function earliest(edges: readonly (Entry | undefined)[]): Entry | undefined {
  const [first, second] = edges;
  if (first === undefined || second === undefined) return first ?? second;
  return order(first, second) <= 0 ? first : second;
}

function startOf(rows: RowView, query: ListObjectVersions): Start | Rejection {
  const { bucket, prefix, delimiter, keyMarker, versionIdMarker } = query;
  const first = headKey(bucket, prefix);
  if (Buffer.compare(headKey(bucket, keyMarker), first) < 0) return { heads: { gte: first }, versions: { gte: first }, inside: undefined };
  const common = enclosingPrefix(keyMarker, prefix, delimiter);
  if (common !== undefined) return behindPrefix(bucket, common);
  if (versionIdMarker === undefined) return behindKey(bucket, keyMarker);
  const id = parseVersionId(versionIdMarker);
  if (id === undefined) return malformedVersionId(versionIdMarker);
  const seq = id === 'null' ? nullSeq(rows, bucket, keyMarker) : id.seq;
  if (seq !== undefined) return behindVersion(bucket, keyMarker, seq);
  // The null version has gone since: rather show a version twice than leave one out.
  return { heads: { gte: headKey(bucket, keyMarker) }, versions: { gte: headKey(bucket, `${keyMarker}\0`) }, inside: undefined };
}

function nullSeq(rows: RowView, bucket: string, key: string): number | undefined {
  const head = findHead(rows, bucket, key);
  return head?.entropy === '' ? head.seq : findOldNull(rows, bucket, key)?.seq;
}

function behindPrefix(bucket: string, prefix: string): Start {
  const bound = behind(headKey(bucket, prefix));
  return { heads: { gte: bound }, versions: { gte: bound }, inside: undefined };
}

/** All versions of a key lie between `key NUL` and `key 0x01`. */
function behindKey(bucket: string, key: string): Start {
  return { heads: { gt: headKey(bucket, key) }, versions: { gte: headKey(bucket, `${key}\x01`) }, inside: undefined };
}

/** The current version of the key is shown when it is older: the marker's version was removed since. */
function behindVersion(bucket: string, key: string, seq: number): Start {
  return { heads: { gte: headKey(bucket, key) }, versions: { gt: versionKey(bucket, key, seq) }, inside: { key, seq } };
}
