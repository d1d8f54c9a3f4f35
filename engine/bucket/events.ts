/** What has happened in a bucket. Events carry all that their rows need beyond rows of the bucket itself. */
import type { Blob } from '../shards/blob-store.ts';
import type { BucketInfo, ObjectMetadata, Owner, Tags, UploadChecksum, Versioning, Written } from '../vocabulary.ts';
import type { Content, Manifest, Version } from './version.ts';

export type BucketEvent =
  | BucketCreated
  | BucketVersioningSet
  | BucketTagged
  | BucketDeleted
  | ObjectPut
  | DeleteMarkerPlaced
  | VersionDeleted
  | ObjectTagged
  | ObjectRestored
  | UploadStarted
  | UploadCompleted
  | UploadAborted;

export interface BucketCreated {
  readonly type: 'BucketCreated';
  readonly bucket: BucketInfo;
}
export interface BucketVersioningSet {
  readonly type: 'BucketVersioningSet';
  readonly bucket: string;
  readonly versioning: Versioning;
}
export interface BucketTagged {
  readonly type: 'BucketTagged';
  readonly bucket: string;
  readonly tags: Tags;
}
export interface BucketDeleted {
  readonly type: 'BucketDeleted';
  readonly bucket: string;
  readonly account: string;
}

/** What a new version does to the ones that were there. */
export interface Displaced {
  /** `kept`: the current version moves to `versions`; released: it was the null version and goes. undefined: there was none. */
  readonly current: 'kept' | Released | undefined;
  /** A null version in `versions` that goes. */
  readonly oldNull: Released | undefined;
}
/** A version that goes, with what it held. */
export interface Released {
  readonly seq: number;
  readonly content: Content;
}

export interface ObjectPut {
  readonly type: 'ObjectPut';
  readonly bucket: string;
  readonly key: string;
  readonly version: Version;
  readonly displaced: Displaced;
  /** Blobs that this event is the first to refer to. */
  readonly blobs: readonly Blob[];
  readonly inline: Buffer | undefined;
  readonly manifest: Manifest | undefined;
}
export interface DeleteMarkerPlaced {
  readonly type: 'DeleteMarkerPlaced';
  readonly bucket: string;
  readonly key: string;
  readonly version: Version;
  readonly displaced: Displaced;
}
export interface VersionDeleted {
  readonly type: 'VersionDeleted';
  readonly bucket: string;
  readonly key: string;
  readonly released: Released;
  /** It was the current version and no delete marker: its row is in `heads`. */
  readonly fromHead: boolean;
  readonly wasNull: boolean;
  /** The next newest version, which becomes current; undefined when there is none, it is a delete marker, or nothing changes. */
  readonly promoted: number | undefined;
  readonly time: number;
}
export interface ObjectTagged {
  readonly type: 'ObjectTagged';
  readonly bucket: string;
  readonly key: string;
  readonly seq: number;
  readonly inHead: boolean;
  readonly tags: Tags;
}

/** An archived object may be read for some days. */
export interface ObjectRestored {
  readonly type: 'ObjectRestored';
  readonly bucket: string;
  readonly key: string;
  readonly seq: number;
  readonly inHead: boolean;
  /** The value of x-amz-restore. */
  readonly restored: string;
}

/** A multipart upload under way, as its row has it. */
export interface UploadRow {
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
  readonly initiated: number;
  readonly owner: Owner;
  readonly metadata: ObjectMetadata;
  readonly tags: Tags;
  readonly checksum: UploadChecksum | undefined;
  /** Sequence of the key's current version when the upload began, 0 without one. undefined: of an upload that began before this was noted. */
  readonly current: number | undefined;
}
/** A part that goes with its upload, and the blobs it refers to. */
export interface RemovedPart {
  readonly partNumber: number;
  readonly blobs: readonly string[];
  /** The object of the completed upload refers to them from now on. */
  readonly taken: boolean;
}
export interface UploadStarted {
  readonly type: 'UploadStarted';
  readonly upload: UploadRow;
}
/** In the same record as the ObjectPut of the object it made. */
export interface UploadCompleted {
  readonly type: 'UploadCompleted';
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
  readonly parts: readonly RemovedPart[];
  readonly answer: Written;
}
export interface UploadAborted {
  readonly type: 'UploadAborted';
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
  readonly parts: readonly RemovedPart[];
  readonly time: number;
}
