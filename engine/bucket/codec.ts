/** Rows as bytes: positional arrays behind a format number, in MessagePack or JSON. */
import { Packr } from 'msgpackr';
import { StateStoreCorrupt } from '../../snapshots/state-store.ts';
import { assert } from '../assert.ts';
import { checksumAlgorithms as algorithms } from '../body.ts';
import type { Blob, BlobRef, Extent } from '../shards/blob-store.ts';
import type { BucketInfo, Checksum, ObjectMetadata, Tags, Versioning, Written } from '../vocabulary.ts';
import type { UploadRow } from './events.ts';
import { appearedAt, type Content, type Manifest, type ManifestPart, noMetadata, type Version } from './version.ts';

export type Packed = readonly unknown[];

/** Of all rows together, for the state store: one with rows of another format is rebuilt from the journal. */
export const rowFormat = 2;
const format = 1;
const packr = new Packr({ useRecords: false });

export const pack = (fields: Packed): Buffer => packr.pack(fields);
export const unpack = (row: Uint8Array): unknown[] => packr.unpack(row) as unknown[];

/** Durable numbers: append, never reorder. */
const versionings: readonly Versioning[] = ['unversioned', 'enabled', 'suspended'];
const contents: readonly Content[] = ['none', 'inline', 'manifest'];
const markerContent = -1;
/** Where `fieldsOf` has the time. */
const timeField = 4;

export function packBucket(bucket: BucketInfo): Packed {
  const { name, account, owner, created, locationConstraint, versioning, tags } = bucket;
  return [format, name, account, owner.id, owner.displayName, created, locationConstraint, packVersioning(versioning), packTags(tags)];
}

export function unpackBucket(row: Packed): BucketInfo {
  expectFormat(row);
  const [, name, account, id, displayName, created, locationConstraint] = row as [number, string, string, string, string, number, string];
  const owner = { id, displayName };
  const versioning = unpackVersioning(row[7]);
  return { name, account, owner, created, locationConstraint, versioning, tags: unpackTags(row[8]) };
}

export function packVersioning(versioning: Versioning): number {
  return versionings.indexOf(versioning);
}

export function unpackVersioning(packed: unknown): Versioning {
  return versionings[packed as number]!;
}

export function packVersion(version: Version): Packed {
  return [format, ...fieldsOf(version)];
}

export function unpackVersion(row: Packed): Version {
  expectFormat(row);
  return versionFrom(row.slice(1));
}

/** Kept small: what is usual costs one byte a field. */
function fieldsOf(version: Version): unknown[] {
  return [
    version.seq,
    version.entropy,
    version.size,
    version.etag,
    version.lastModified,
    version.deleteMarker ? markerContent : packContent(version.content),
    packPairs(version.metadata.headers),
    packPairs(version.metadata.user),
    packTags(version.tags),
    packChecksum(version.checksum),
    version.owner === undefined ? 0 : [version.owner.id, version.owner.displayName],
    version.partCount,
  ];
}

function versionFrom(fields: Packed): Version {
  const content = fields[5];
  const owner = fields[10] as string[] | 0;
  return {
    seq: fields[0] as number,
    entropy: fields[1] as string,
    deleteMarker: content === markerContent,
    size: fields[2] as number,
    etag: fields[3] as string,
    lastModified: fields[timeField] as number,
    content: content === markerContent ? 'none' : unpackContent(content),
    metadata: fields[6] === 0 && fields[7] === 0 ? noMetadata : { headers: unpackPairs(fields[6]), user: unpackPairs(fields[7]) },
    tags: unpackTags(fields[8]),
    checksum: unpackChecksum(fields[9]),
    owner: owner === 0 ? undefined : { id: owner[0]!, displayName: owner[1]! },
    partCount: fields[11] as number,
  };
}

/** Rows of versions are JSON: listings read them by the thousand, as text (`StateStore.texts`). The time counts from `appearedAt`: mostly it is that. */
export function versionRow(version: Version): Buffer {
  const fields = fieldsOf(version);
  fields[timeField] = version.lastModified - appearedAt(version.seq);
  return Buffer.from(JSON.stringify(fields));
}

export function versionOfText(row: string): Version {
  const fields = fieldsOfText(row);
  fields[timeField] += appearedAt(fields[0]);
  return versionFrom(fields);
}

function fieldsOfText(row: string): [number, string, number, string, number, ...unknown[]] {
  try {
    return JSON.parse(row);
  } catch (error) {
    throw new StateStoreCorrupt('a row of a version is no JSON', { cause: error });
  }
}

export const versionOf = (row: Buffer): Version => versionOfText(row.toString());

export const bucketOf = (row: Uint8Array): BucketInfo => unpackBucket(unpack(row));

export function packContent(content: Content): unknown {
  return typeof content === 'string' ? contents.indexOf(content) : packRefs(content);
}

export function unpackContent(packed: unknown): Content {
  return typeof packed === 'number' ? contents[packed]! : unpackRefs(packed);
}

/** Flat: blob, offset, length, and again. */
export function packRefs(refs: readonly BlobRef[]): unknown[] {
  const flat: unknown[] = [];
  for (const ref of refs) flat.push(ref.blob, ref.offset, ref.length);
  return flat;
}

export function unpackRefs(packed: unknown): BlobRef[] {
  const flat = packed as [string, number, number];
  const refs: BlobRef[] = [];
  for (let at = 0; at < flat.length; at += 3) {
    refs.push({ blob: flat[at] as string, offset: flat[at + 1] as number, length: flat[at + 2] as number });
  }
  return refs;
}

/** The parts are packed apart: a read of the bytes needs the refs alone. */
export function packManifest(manifest: Manifest): Packed {
  const parts: unknown[] = [];
  for (const part of manifest.parts) parts.push(part.partNumber, part.size, part.etag, packChecksum(part.checksum));
  return [format, packRefs(manifest.refs), pack(parts), manifest.uploadId];
}

export function unpackManifest(row: Packed): Manifest {
  return { refs: manifestRefs(row), parts: manifestParts(row), uploadId: row[3] as string };
}

export function manifestRefs(row: Packed): BlobRef[] {
  expectFormat(row);
  return unpackRefs(row[1]);
}

export function manifestParts(row: Packed): ManifestPart[] {
  const flat = unpack(row[2] as Uint8Array);
  const parts: ManifestPart[] = [];
  for (let at = 0; at < flat.length; at += 4) {
    const checksum = unpackChecksum(flat[at + 3]);
    parts.push({ partNumber: flat[at] as number, size: flat[at + 1] as number, etag: flat[at + 2] as string, checksum });
  }
  return parts;
}

export function packBlob(blob: Blob): Packed {
  const extents = blob.extents.flatMap((extent) => [extent.segment, extent.offset, extent.length]);
  return [format, blob.id, blob.length, blob.set, blob.dataShards, blob.parityShards, extents, blob.missed];
}

export function unpackBlob(row: Packed): Blob {
  expectFormat(row);
  const flat = row[6] as number[];
  const extents: Extent[] = [];
  for (let at = 0; at < flat.length; at += 3) extents.push({ segment: flat[at]!, offset: flat[at + 1]!, length: flat[at + 2]! });
  const [, id, length, set, dataShards, parityShards] = row as [number, string, number, number, number, number];
  return { id, length, set, dataShards, parityShards, extents, missed: row[7] as number[] };
}

export function packUpload(upload: UploadRow): Packed {
  const { bucket, key, uploadId, initiated, owner, metadata, tags, checksum, current } = upload;
  const named = [packPairs(metadata.headers), packPairs(metadata.user), packTags(tags)];
  const sum = checksum === undefined ? 0 : [algorithms.indexOf(checksum.algorithm), checksum.type === 'COMPOSITE' ? 1 : 0];
  const noted = current === undefined ? [] : [current];
  return [format, bucket, key, uploadId, initiated, owner.id, owner.displayName, ...named, sum, ...noted];
}

export function unpackUpload(row: Packed): UploadRow {
  expectFormat(row);
  const sum = row[10] as [number, number] | 0;
  return {
    bucket: row[1] as string,
    key: row[2] as string,
    uploadId: row[3] as string,
    initiated: row[4] as number,
    owner: { id: row[5] as string, displayName: row[6] as string },
    metadata: { headers: unpackPairs(row[7]), user: unpackPairs(row[8]) },
    tags: unpackTags(row[9]),
    checksum: sum === 0 ? undefined : { algorithm: algorithms[sum[0]]!, type: sum[1] === 1 ? 'COMPOSITE' : 'FULL_OBJECT' },
    current: row[11] as number | undefined,
  };
}

export function packWritten(written: Written): Packed {
  return [format, written.etag, written.versionId ?? 0, packChecksum(written.checksum), written.size, written.lastModified];
}

export function unpackWritten(row: Packed): Written {
  expectFormat(row);
  const versionId = row[2] === 0 ? undefined : (row[2] as string);
  const checksum = unpackChecksum(row[3]);
  return { etag: row[1] as string, versionId, checksum, size: row[4] as number, lastModified: row[5] as number };
}

export function packTags(tags: Tags): unknown {
  return tags.length === 0 ? 0 : tags.flat();
}

export function unpackTags(packed: unknown): Tags {
  if (packed === 0) return noTags;
  const flat = packed as string[];
  const tags: (readonly [string, string])[] = [];
  for (let at = 0; at < flat.length; at += 2) tags.push([flat[at]!, flat[at + 1]!]);
  return tags;
}

const noTags: Tags = [];

export function packChecksum(checksum: Checksum | undefined): unknown {
  if (checksum === undefined) return 0;
  return [algorithms.indexOf(checksum.algorithm), checksum.type === 'COMPOSITE' ? 1 : 0, checksum.value];
}

export function unpackChecksum(packed: unknown): Checksum | undefined {
  if (packed === 0) return undefined;
  const [algorithm, type, value] = packed as [number, number, string];
  return { algorithm: algorithms[algorithm]!, type: type === 1 ? 'COMPOSITE' : 'FULL_OBJECT', value };
}

function packPairs(pairs: ObjectMetadata['user']): unknown {
  const flat: string[] = [];
  for (const name in pairs) flat.push(name, pairs[name]!);
  return flat.length === 0 ? 0 : flat;
}

function unpackPairs(packed: unknown): Record<string, string> {
  if (packed === 0) return {};
  const flat = packed as string[];
  const pairs: Record<string, string> = {};
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at]!;
    const value = flat[at + 1]!;
    // Assigned, this one name would be lost.
    if (name === '__proto__') Object.defineProperty(pairs, name, { value, enumerable: true, writable: true, configurable: true });
    else pairs[name] = value;
  }
  return pairs;
}

export function expectFormat(row: Packed): void {
  assert(row[0] === format, `a row of format ${String(row[0])}, known is ${format}`);
}
