/**
 * Tables of the state store and the keys of their rows. Bucket names and object keys hold no NUL, so NUL ends each and rows sort by
 * bucket, then by the raw UTF-8 bytes of the key, then by version.
 */
import type { RowRange } from '../../snapshots/state-store.ts';

export const tables = {
  /** bucket -> BucketInfo */
  buckets: 'buckets',
  /** account NUL bucket -> '' */
  owned: 'owned',
  /** bucket -> last sequence number given (8 bytes), once versioning was set */
  sequences: 'sequences',
  /** bucket NUL key -> current version, unless it is a delete marker: listings read only this */
  heads: 'heads',
  /** bucket NUL key NUL ~seq -> versions that are not current and all delete markers, newest first */
  versions: 'versions',
  /** bucket NUL key -> seq (8 bytes) of a null version that sits in `versions` */
  nulls: 'nulls',
  /** bucket NUL key NUL seq -> inline bytes */
  bodies: 'bodies',
  /** bucket NUL key NUL seq -> Manifest */
  manifests: 'manifests',
  /** bucket NUL key NUL uploadId -> UploadRow */
  uploads: 'uploads',
  /** uploadId NUL number (2 bytes) -> PartRow */
  parts: 'parts',
  /** uploadId -> answer of a completed upload, as long as its version lives */
  completed: 'completed',
  /** blob id -> Blob */
  blobs: 'blobs',
  /** set (2 bytes) segment (4 bytes) blob id -> bytes on each drive (8 bytes) that live in that segment */
  extents: 'extents',
  /** set (2 bytes) slot (2 bytes) blob id -> '': blobs whose write went without the drive in that slot */
  missed: 'missed',
  /** blob id NUL referrer -> ''; without a referrer: the time (8 bytes) the last one went */
  refs: 'refs',
  /** time (8 bytes) blob id -> '': blobs that lost a reference */
  orphans: 'orphans',
} as const;

export const nul = '\0';

export function nameKey(name: string): Buffer {
  return Buffer.from(name);
}

export function ownedKey(account: string, bucket: string): Buffer {
  return Buffer.from(account + nul + bucket);
}

/** Row of `heads` and `nulls`; in front of a prefix of keys also a bound of ranges. */
export function headKey(bucket: string, key: string): Buffer {
  return Buffer.from(bucket + nul + key);
}

/** Row of `versions`: the sequence number is inverted, so that the newest comes first. */
export function versionKey(bucket: string, key: string, seq: number): Buffer {
  const row = withNumber(bucket + nul + key + nul);
  row.writeUInt32BE(0xffffffff - Math.floor(seq / 2 ** 32), row.length - 8);
  row.writeUInt32BE(0xffffffff - (seq % 2 ** 32), row.length - 4);
  return row;
}

/** Key and sequence number of a row of `versions`. */
export function parseVersionKey(row: Buffer, bucketBytes: number): { readonly key: string; readonly seq: number } {
  const high = 0xffffffff - row.readUInt32BE(row.length - 8);
  const low = 0xffffffff - row.readUInt32BE(row.length - 4);
  return { key: row.toString('utf8', bucketBytes + 1, row.length - 9), seq: high * 2 ** 32 + low };
}

/** Row of `bodies` and `manifests`. */
export function contentKey(bucket: string, key: string, seq: number): Buffer {
  const row = withNumber(bucket + nul + key + nul);
  row.set(numberValue(seq), row.length - 8);
  return row;
}

export function uploadKey(bucket: string, key: string, uploadId: string): Buffer {
  return Buffer.from(bucket + nul + key + nul + uploadId);
}

export function partKey(uploadId: string, partNumber: number): Buffer {
  const row = Buffer.allocUnsafe(uploadId.length + 3);
  row.write(uploadId + nul, 'latin1');
  row.writeUInt16BE(partNumber, uploadId.length + 1);
  return row;
}

export function refKey(blob: string, referrer: string): Buffer {
  return Buffer.from(blob + nul + referrer);
}

/** Row of `extents`; without a blob also the prefix of a segment's rows. */
export function extentKey(set: number, segment: number, blob: string): Buffer {
  const row = Buffer.allocUnsafe(6 + blob.length);
  row.writeUInt16BE(set, 0);
  row.writeUInt32BE(segment, 2);
  row.write(blob, 6, 'latin1');
  return row;
}

export function missedKey(set: number, slot: number, blob: string): Buffer {
  const row = Buffer.allocUnsafe(4 + blob.length);
  row.writeUInt16BE(set, 0);
  row.writeUInt16BE(slot, 2);
  row.write(blob, 4, 'latin1');
  return row;
}

export function orphanKey(time: number, blob: string): Buffer {
  return Buffer.concat([numberValue(time), Buffer.from(blob)]);
}

export function numberValue(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), 0);
  bytes.writeUInt32BE(value % 2 ** 32, 4);
  return bytes;
}

export function parseNumber(bytes: Buffer): number {
  return bytes.readUInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4);
}

/** The first row key behind every key that begins with `prefix`. No prefix is all 0xff. */
export function behind(prefix: Buffer): Buffer {
  let last = prefix.length - 1;
  while (prefix[last] === 0xff) last -= 1;
  const bound = Buffer.from(prefix.subarray(0, last + 1));
  bound[last] = bound[last]! + 1;
  return bound;
}

/** Rows whose key begins with `prefix`. */
export function startingWith(prefix: Buffer, limit: number): RowRange {
  return { gte: prefix, lt: behind(prefix), limit };
}

function withNumber(prefix: string): Buffer {
  const row = Buffer.allocUnsafe(Buffer.byteLength(prefix) + 8);
  row.write(prefix);
  return row;
}
