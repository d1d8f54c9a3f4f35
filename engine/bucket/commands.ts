/** What a bucket may be asked to do. Time rides on the caller, randomness and everything read from elsewhere on the command. */
import type { Blob, BlobRef } from '../shards/blob-store.ts';
import type { Checksum, DeleteConditions, ObjectMetadata, Tags, WriteConditions } from '../vocabulary.ts';
import type { RemovedPart, UploadRow } from './events.ts';
import type { Manifest } from './version.ts';

export type BucketCommand =
  | { readonly type: 'CreateBucket'; readonly locationConstraint: string; readonly tags?: Tags }
  | { readonly type: 'DeleteBucket' }
  | { readonly type: 'PutBucketVersioning'; readonly versioning: 'enabled' | 'suspended' }
  | { readonly type: 'PutBucketTagging'; readonly tags: Tags }
  | PutVersion
  | DeleteVersion
  | { readonly type: 'PutObjectTagging'; readonly key: string; readonly versionId: string | undefined; readonly tags: Tags }
  | { readonly type: 'CreateMultipartUpload'; readonly upload: Omit<UploadRow, 'current'> }
  | RestoreObject
  | CompleteUpload
  | AbortUpload;

/** PutObject and CopyObject: a new version of a key. */
export interface PutVersion {
  readonly type: 'PutObject';
  readonly key: string;
  readonly entropy: string;
  readonly conditions: WriteConditions;
  readonly object: NewObject;
}
export interface RestoreObject {
  readonly type: 'RestoreObject';
  readonly key: string;
  readonly versionId: string | undefined;
  readonly days: number;
}
export interface DeleteVersion {
  readonly type: 'DeleteObject';
  readonly key: string;
  readonly versionId: string | undefined;
  readonly entropy: string;
  readonly conditions: DeleteConditions;
}
/** The commit of an upload that its own actor has assembled. */
export interface CompleteUpload {
  readonly type: 'CompleteMultipartUpload';
  readonly key: string;
  readonly uploadId: string;
  readonly entropy: string;
  readonly conditions: WriteConditions;
  readonly object: NewObject;
  readonly parts: readonly RemovedPart[];
}

export interface AbortUpload {
  readonly type: 'AbortMultipartUpload';
  readonly key: string;
  readonly uploadId: string;
  readonly parts: readonly RemovedPart[];
  readonly ifMatchInitiated?: number | undefined;
}

/** An object whose bytes are stored already. */
export interface NewObject {
  readonly size: number;
  readonly etag: string;
  readonly checksum: Checksum | undefined;
  readonly metadata: ObjectMetadata;
  readonly tags: Tags;
  /** Bytes that ride in the event; then no refs. */
  readonly inline: Buffer | undefined;
  readonly refs: readonly BlobRef[];
  /** Blobs written for this object. Those of a copy have their rows already. */
  readonly blobs: readonly Blob[];
  /** Of a multipart object: then it has the refs. */
  readonly manifest: Manifest | undefined;
}
