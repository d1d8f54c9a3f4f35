/** ListObjects over the rows of `heads`. */
import type { RowRange, TextRow } from '../../snapshots/state-store.ts';
import { versionOfText } from '../bucket/codec.ts';
import { findBucket, noSuchBucket } from '../bucket/queries.ts';
import { behind, headKey, tables } from '../bucket/row-keys.ts';
import { objectInfoOf } from '../bucket/version.ts';
import type { ListObjects, ObjectInfo, ObjectPage } from '../vocabulary.ts';
import type { Door, Outcome } from './door.ts';
import { RowCursor } from './row-cursor.ts';

/** What lies under a common prefix is never read through: the cursor leaps behind it. */
export async function listObjects(door: Door, query: ListObjects): Outcome<ObjectPage> {
  const { bucket: name, prefix, delimiter, after, max } = query;
  const bucket = findBucket(door.rows, name);
  if (bucket === undefined) return noSuchBucket(name);
  const objects: ObjectInfo[] = [];
  const commonPrefixes: string[] = [];
  if (max === 0) return { objects, commonPrefixes, next: undefined };
  const read = (range: RowRange) => door.rows.texts(tables.heads, range);
  const keyOf = ({ key }: TextRow) => Buffer.from(key);
  const walk = { read, keyOf, lt: behind(headKey(name, prefix)), wanted: max + 1, leaps: delimiter !== '' };
  const cursor = new RowCursor(walk, startOf(name, query));
  const keyStart = name.length + 1;
  let last = after;
  for (;;) {
    if (cursor.needsRead) await cursor.read();
    const { row } = cursor;
    if (row === undefined) return { objects, commonPrefixes, next: undefined };
    if (objects.length + commonPrefixes.length === max) return { objects, commonPrefixes, next: last };
    const key = row.key.slice(keyStart);
    const common = commonPrefixOf(key, prefix, delimiter);
    if (common === undefined) {
      objects.push(objectInfoOf(bucket, key, versionOfText(row.value), true));
      cursor.next();
    } else {
      commonPrefixes.push(common);
      cursor.leap(behind(headKey(name, common)));
    }
    last = common ?? key;
  }
}

/** Up to and with the first delimiter behind the prefix. */
export function commonPrefixOf(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '') return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

/** The common prefix that a marker is or lies in: it was shown with what came before. */
export function enclosingPrefix(marker: string, prefix: string, delimiter: string): string | undefined {
  return marker.startsWith(prefix) ? commonPrefixOf(marker, prefix, delimiter) : undefined;
}

/** Behind a whole common prefix when `after` is one or lies in one, else behind the key. */
function startOf(bucket: string, query: ListObjects): { gte: Buffer } | { gt: Buffer } {
  const { prefix, delimiter, after } = query;
  const first = headKey(bucket, prefix);
  const place = headKey(bucket, after);
  if (Buffer.compare(place, first) < 0) return { gte: first };
  const common = enclosingPrefix(after, prefix, delimiter);
  return common === undefined ? { gt: place } : { gte: behind(headKey(bucket, common)) };
}
