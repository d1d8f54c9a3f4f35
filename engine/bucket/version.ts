/** One S3 version as the engine keeps it, and the ids that lead to it. */
import type { BlobRef } from '../shards/blob-store.ts';
import type { BucketInfo, Checksum, ObjectInfo, ObjectMetadata, Owner, Tags } from '../vocabulary.ts';

export interface Version {
  /** Orders the versions of a key, newest highest; unique within the key. */
  readonly seq: number;
  /** 16 hex digits that make the version id unguessable and unique for ever; '' for the null version. */
  readonly entropy: string;
  readonly deleteMarker: boolean;
  /** Bytes. */
  readonly size: number;
  /** Without quotes; '' for a delete marker. */
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
  readonly content: Content;
  readonly metadata: ObjectMetadata;
  readonly tags: Tags;
  readonly checksum: Checksum | undefined;
  /** undefined: the bucket's owner. */
  readonly owner: Owner | undefined;
  /** Parts of a multipart object, else 0. */
  readonly partCount: number;
}

/**
 * Where the bytes of a version are: `none` an empty body or a delete marker, `inline` the row in `bodies`, `manifest` the row in
 * `manifests` (every multipart object, and copies of those with many parts), else slices of blobs in the order of the bytes.
 */
export type Content = 'none' | 'inline' | 'manifest' | readonly BlobRef[];

/** The row in `manifests`. */
export interface Manifest {
  readonly refs: readonly BlobRef[];
  /** None in a copy, which is one object. */
  readonly parts: readonly ManifestPart[];
  /** The upload this object came from; '' for a copy of one. */
  readonly uploadId: string;
}

export interface ManifestPart {
  readonly partNumber: number;
  readonly size: number;
  readonly etag: string;
  readonly checksum: Checksum | undefined;
}

export const nullVersionId = 'null';
export const noMetadata: ObjectMetadata = { headers: {}, user: {} };

/**
 * Sequence numbers of an unversioned bucket come from the time a key appears (ms * 1024 + 10 random bits) and count up from
 * there, so that they need no row of their own. From the first PutBucketVersioning on, one sequence per bucket starts here.
 */
export const bucketSequenceFirst = 2 ** 52;

/** Sequence numbers a millisecond. */
const sequencesPerMillisecond = 1024;

/** Of a key that appears in an unversioned bucket. `entropy`: hex digits. */
export function sequenceAt(time: number, entropy: string): number {
  return time * sequencesPerMillisecond + (Number.parseInt(entropy.slice(0, 3), 16) % sequencesPerMillisecond);
}

/** When the key appeared, from a sequence number that was given then; of a bucket's sequence just a number. */
export function appearedAt(seq: number): number {
  return Math.floor(seq / sequencesPerMillisecond);
}

export function versionIdOf(version: Version): string {
  if (version.entropy === '') return nullVersionId;
  return version.seq.toString(16).padStart(16, '0') + version.entropy;
}

/** What a version id says: the null version, a place in the order of the key, or nothing (malformed). */
export function parseVersionId(id: string): { readonly seq: number; readonly entropy: string } | 'null' | undefined {
  if (id === nullVersionId) return 'null';
  if (!/^[0-9a-f]{32}$/.test(id)) return undefined;
  const seq = Number.parseInt(id.slice(0, 16), 16);
  return Number.isSafeInteger(seq) ? { seq, entropy: id.slice(16) } : undefined;
}

export function objectInfoOf(bucket: BucketInfo, key: string, version: Version, isLatest: boolean): ObjectInfo {
  return {
    key,
    versionId: versionIdOf(version),
    deleteMarker: version.deleteMarker,
    isLatest,
    size: version.size,
    etag: version.etag,
    lastModified: version.lastModified,
    owner: version.owner ?? bucket.owner,
    metadata: version.metadata,
    tagCount: version.tags.length,
    checksum: version.checksum,
    partCount: version.partCount,
    versioning: bucket.versioning,
  };
}

/** Version id as answers show it: unversioned buckets have none. */
export function shownVersionId(bucket: BucketInfo, version: Version): string | undefined {
  return bucket.versioning === 'unversioned' ? undefined : versionIdOf(version);
}
