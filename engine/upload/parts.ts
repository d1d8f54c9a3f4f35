/** What an upload consists of, and what may be asked of it. */
import type { ChecksumAlgorithm } from '../body.ts';
import type { RemovedPart } from '../bucket/events.ts';
import type { ManifestPart } from '../bucket/version.ts';
import type { Blob, BlobRef } from '../shards/blob-store.ts';
import type { Checksum, CompleteMultipartUpload, UploadTarget } from '../vocabulary.ts';

export const partNumberMax = 10_000;

export interface PartRow {
  readonly partNumber: number;
  /** Bytes. */
  readonly size: number;
  /** MD5 in hex. */
  readonly etag: string;
  readonly lastModified: number;
  /** Of the upload's algorithm; where it declared none, of the one that was sent with the part, if any was. */
  readonly checksum: Checksum | undefined;
  /** Base64; kept of every part of an upload that declared no checksum, whose object gets the CRC64NVME of the whole. */
  readonly crc64: string;
  readonly refs: readonly BlobRef[];
}

export type UploadCommand =
  | UploadPartCommand
  | ({ readonly type: 'CompleteMultipartUpload' } & Omit<CompleteMultipartUpload, 'conditions'>)
  | ({ readonly type: 'AbortMultipartUpload' } & UploadTarget);

export interface UploadPartCommand extends UploadTarget {
  readonly type: 'UploadPart';
  readonly part: PartRow;
  /** Blobs written for this part. Those of a copy have their rows already. */
  readonly blobs: readonly Blob[];
}

export interface PartAccepted {
  readonly type: 'PartAccepted';
  readonly uploadId: string;
  readonly part: PartRow;
  readonly blobs: readonly Blob[];
  /** Blobs of the part that was uploaded under this number before. */
  readonly replaced: readonly string[];
}
export type UploadEvent = PartAccepted;

/** A valid upload put together; what is left is hashing, which is not for a pure function. */
export interface Assembly {
  readonly size: number;
  readonly refs: readonly BlobRef[];
  readonly parts: readonly ManifestPart[];
  /** Every part of the upload, taken into the object or not. */
  readonly removed: readonly RemovedPart[];
  /** MD5 of the parts, one after the other: their MD5 is the object's ETag. */
  readonly md5s: Buffer;
  /** The whole object's checksum, or the parts' checksums whose digest it is. */
  readonly checksum: Checksum | { readonly algorithm: ChecksumAlgorithm; readonly digestOf: Buffer };
}

export type UploadReply = PartRow | Assembly | readonly RemovedPart[];
