/** The words of the engine's door: plain data that could travel through a call, a worker's port or a NATS subject. */
import type { Body, ChecksumAlgorithm, ChecksumType, UploadBody } from './body.ts';

/** Who asks, and when. Rides on every command and is journaled with its events. */
export interface Caller {
  /** Account id. */
  readonly account: string;
  /** Canonical user id (64 hex digits) and display name, as listings show them. */
  readonly owner: Owner;
  readonly accessKey: string;
  readonly requestId: string;
  readonly sourceAddress: string;
  /** Milliseconds since the epoch: the time of the command. */
  readonly time: number;
}

export interface Owner {
  readonly id: string;
  readonly displayName: string;
}

export type Versioning = 'unversioned' | 'enabled' | 'suspended';

/** A set of tags in the order given: at most 10 on an object, 50 on a bucket. */
export type Tags = readonly (readonly [key: string, value: string])[];

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  /** As S3 shows it: base64, with `-N` behind a composite one. */
  readonly value: string;
  readonly type: ChecksumType;
}

/** What an upload says at its beginning of the checksums of its parts and its object. */
export interface UploadChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
}

/** Headers stored with an object, lower-case names: content-type, cache-control, content-disposition, content-encoding, content-language, expires, x-amz-website-redirect-location, x-amz-storage-class. */
export interface ObjectMetadata {
  readonly headers: Readonly<Record<string, string>>;
  /** x-amz-meta-* without the prefix, lower-case names. */
  readonly user: Readonly<Record<string, string>>;
}

export interface BucketInfo {
  readonly name: string;
  readonly account: string;
  readonly owner: Owner;
  readonly created: number;
  /** '' for us-east-1. */
  readonly locationConstraint: string;
  readonly versioning: Versioning;
  readonly tags: Tags;
}

/** One S3 version as readers see it. `versionId` is 'null' for the null version. */
export interface ObjectInfo {
  readonly key: string;
  readonly versionId: string;
  readonly deleteMarker: boolean;
  readonly isLatest: boolean;
  /** Bytes. */
  readonly size: number;
  /** Without quotes: 32 hex digits, `-N` behind for multipart. '' for a delete marker. */
  readonly etag: string;
  readonly lastModified: number;
  readonly owner: Owner;
  readonly metadata: ObjectMetadata;
  readonly tagCount: number;
  readonly checksum: Checksum | undefined;
  /** Number of parts of a multipart object, else 0. */
  readonly partCount: number;
  /** 'unversioned' buckets send no x-amz-version-id. */
  readonly versioning: Versioning;
}

/** Conditions of a read, in RFC 9110 terms. ETags without quotes; `*` allowed. Times in ms. */
export interface ReadConditions {
  readonly ifMatch?: readonly string[];
  readonly ifNoneMatch?: readonly string[];
  readonly ifModifiedSince?: number;
  readonly ifUnmodifiedSince?: number;
}

/** What a range depends on: an ETag without quotes, or the time (ms, whole seconds) the object was last modified at. Anything else holds for no object. */
export type RangeCondition = { readonly etag: string } | { readonly lastModified: number } | 'never';

/** Conditions of a write. `ifNoneMatch` can only be `*` (checked at the door). */
export interface WriteConditions {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: '*';
}

export interface DeleteConditions {
  readonly ifMatch?: string;
  /** x-amz-if-match-last-modified-time, ms. */
  readonly ifMatchLastModified?: number;
  /** x-amz-if-match-size, bytes. */
  readonly ifMatchSize?: number;
}

/** `bytes=a-b` as parsed: suffix has `last` only meaning "the last n bytes". */
export type RangeRequest =
  | { readonly kind: 'from'; readonly first: number; readonly last?: number; readonly raw: string }
  | { readonly kind: 'suffix'; readonly length: number; readonly raw: string };

// ---- buckets

export interface CreateBucket {
  readonly bucket: string;
  readonly locationConstraint: string;
  readonly tags?: Tags;
}
export interface ListBuckets {
  readonly prefix: string;
  readonly after: string;
  readonly max: number;
}
export interface BucketPage {
  readonly buckets: readonly BucketInfo[];
  /** Name to continue after, when there is more. */
  readonly next: string | undefined;
}

// ---- objects

export interface PutObject {
  readonly bucket: string;
  readonly key: string;
  readonly metadata: ObjectMetadata;
  readonly tags: Tags;
  readonly conditions: WriteConditions;
  readonly body: UploadBody;
}
/** Answer of every command that makes a version current. */
export interface Written {
  readonly etag: string;
  /** undefined in an unversioned bucket; 'null' in a suspended one. */
  readonly versionId: string | undefined;
  readonly checksum: Checksum | undefined;
  readonly size: number;
  readonly lastModified: number;
}

export interface ReadObject {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string;
  readonly conditions: ReadConditions;
  readonly range?: RangeRequest;
  /** Where it doesn't hold, `range` is not asked for: what a reader has is no part of this object. */
  readonly ifRange?: RangeCondition;
  readonly partNumber?: number;
}
export interface ObjectHead {
  readonly object: ObjectInfo;
  /** The bytes asked for; the whole object when neither range nor partNumber was given. `partial`: 206. */
  readonly slice: { readonly offset: number; readonly length: number; readonly partial: boolean };
  /** Of the bytes asked for, where it is known: they are the whole object, or a part with a checksum of its own. */
  readonly checksum: Checksum | undefined;
}
export interface ObjectContent extends ObjectHead {
  /** `slice.length` bytes; the first stripe is proved (checksums verified) before this resolves. */
  readonly body: Body;
}

export interface DeleteObject {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string;
  readonly conditions: DeleteConditions;
}
export interface Deleted {
  /** Version removed, or the marker's own id when one was placed; undefined in an unversioned bucket. */
  readonly versionId: string | undefined;
  /** A marker was placed, or the version removed was one. */
  readonly deleteMarker: boolean;
  /** True when a marker was placed by this command. */
  readonly markerPlaced: boolean;
}

export interface CopySource {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string;
  readonly conditions: ReadConditions;
}
export interface CopyObject {
  readonly bucket: string;
  readonly key: string;
  readonly source: CopySource;
  /** undefined: COPY directive. */
  readonly metadata: ObjectMetadata | undefined;
  /** Storage class and redirect as asked for, under either directive; undefined: nothing was said of them. */
  readonly placement: ObjectMetadata['headers'] | undefined;
  /** undefined: COPY directive. */
  readonly tags: Tags | undefined;
  readonly conditions: WriteConditions;
  /** Asked-for checksum algorithm, when it differs from the source's the bytes are read to compute it. */
  readonly algorithm: ChecksumAlgorithm | undefined;
}
export interface Copied extends Written {
  readonly sourceVersionId: string | undefined;
}

export interface GetObjectAttributes {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string;
  readonly partNumberMarker: number;
  readonly maxParts: number;
}
export interface ObjectAttributes {
  readonly object: ObjectInfo;
  readonly parts: readonly PartInfo[];
  readonly partsTruncated: boolean;
}

export interface ObjectTarget {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string;
}
export interface ObjectTags {
  readonly tags: Tags;
  readonly versionId: string | undefined;
}

export interface RestoreObject extends ObjectTarget {
  readonly days: number;
}
export interface Restored {
  /** It could be read before: its days were changed. */
  readonly already: boolean;
  readonly versionId: string | undefined;
}

// ---- listings

export interface ListObjects {
  readonly bucket: string;
  readonly prefix: string;
  /** '' for none. */
  readonly delimiter: string;
  /** Start after this key, or behind this common prefix. '' for the beginning. */
  readonly after: string;
  /** 0..1000, already clamped. */
  readonly max: number;
}
export interface ObjectPage {
  readonly objects: readonly ObjectInfo[];
  readonly commonPrefixes: readonly string[];
  /** Last key or common prefix shown, when there is more: the next `after`. */
  readonly next: string | undefined;
}
export interface ListObjectVersions {
  readonly bucket: string;
  readonly prefix: string;
  readonly delimiter: string;
  readonly keyMarker: string;
  readonly versionIdMarker: string | undefined;
  readonly max: number;
}
export interface VersionPage {
  /** Versions and delete markers, by key, newest first. */
  readonly versions: readonly ObjectInfo[];
  readonly commonPrefixes: readonly string[];
  readonly next: { readonly key: string; readonly versionId: string | undefined } | undefined;
}

// ---- multipart

export interface CreateMultipartUpload {
  readonly bucket: string;
  readonly key: string;
  readonly metadata: ObjectMetadata;
  readonly tags: Tags;
  readonly checksum: UploadChecksum | undefined;
}
export interface UploadTarget {
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
}
export interface AbortMultipartUpload extends UploadTarget {
  /** x-amz-if-match-initiated-time, ms: only an upload that began in that second goes. */
  readonly ifMatchInitiated?: number;
}
export interface UploadPart extends UploadTarget {
  readonly partNumber: number;
  readonly body: UploadBody;
}
export interface UploadPartCopy extends UploadTarget {
  readonly partNumber: number;
  readonly source: CopySource;
  /** Inclusive, must lie inside the source. */
  readonly range: { readonly first: number; readonly last: number } | undefined;
}
export interface PartInfo {
  readonly partNumber: number;
  readonly size: number;
  readonly etag: string;
  readonly lastModified: number;
  readonly checksum: Checksum | undefined;
}
export interface CompleteMultipartUpload extends UploadTarget {
  readonly parts: readonly CompletedPart[];
  readonly conditions: WriteConditions;
  /** x-amz-mp-object-size */
  readonly objectSize: number | undefined;
  /** Whole-object checksum the client expects, base64 as sent; the number of parts may be missing behind a composite one. */
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly value: string } | undefined;
  /** x-amz-checksum-type, when sent. */
  readonly checksumType: ChecksumType | undefined;
}
export interface CompletedPart {
  readonly partNumber: number;
  /** Without quotes. */
  readonly etag: string;
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly value: string } | undefined;
}
export interface ListParts extends UploadTarget {
  readonly after: number;
  readonly max: number;
}
export interface UploadInfo {
  readonly key: string;
  readonly uploadId: string;
  readonly initiated: number;
  readonly owner: Owner;
  readonly metadata: ObjectMetadata;
  readonly checksum: UploadChecksum | undefined;
}
export interface PartPage {
  readonly upload: UploadInfo;
  readonly parts: readonly PartInfo[];
  readonly next: number | undefined;
}
export interface ListMultipartUploads {
  readonly bucket: string;
  readonly prefix: string;
  readonly delimiter: string;
  readonly keyMarker: string;
  readonly uploadIdMarker: string | undefined;
  readonly max: number;
}
export interface UploadPage {
  readonly uploads: readonly UploadInfo[];
  readonly commonPrefixes: readonly string[];
  readonly next: { readonly key: string; readonly uploadId: string | undefined } | undefined;
}
