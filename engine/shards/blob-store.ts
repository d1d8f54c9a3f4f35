/**
 * Bytes on drives, as the rest of the engine sees them: blobs go in through a writer, come out by extent. Knows nothing of
 * buckets or keys. Reed-Solomon K+M over the erasure set, segments, checksums and quorum are behind this door.
 */
import type { Body, DigestName, Digests } from '../body.ts';

/** Where a blob lies. Plain data: it is journaled in the event that first refers to the blob, and kept as the blob's row. */
export interface Blob {
  /** 32 hex digits, unique for ever. */
  readonly id: string;
  /** Bytes. */
  readonly length: number;
  /** Erasure set, by number. */
  readonly set: number;
  readonly dataShards: number;
  readonly parityShards: number;
  readonly extents: readonly Extent[];
  /** Drives (slots of the set) that missed a write of this blob: the heal queue's first entries. Empty when all took it. */
  readonly missed: readonly number[];
}

/** A run of stripes in one segment; the same place on each drive of the set. All but its last stripe have 1 MiB of the body. */
export interface Extent {
  readonly segment: number;
  /** Bytes from the start of the segment file, the same on every drive. */
  readonly offset: number;
  /** Bytes of the body in this extent. */
  readonly length: number;
}

/** A slice of a blob: what objects and parts refer to. */
export interface BlobRef {
  readonly blob: string;
  readonly offset: number;
  readonly length: number;
}

export interface BlobStore {
  /**
   * Reads `body` to its end, stores it durably at write quorum and answers with the blob and the digests asked for. At most
   * `inlineBytesMax` bytes: nothing is written, `inline` has the bytes and `blob` is undefined (the bytes ride in the event).
   * A thrown Fault or BodyRejected (from the body, or below write quorum: Fault 'unavailable') leaves nothing that counts.
   * `inlineBytesMax` 0 stores every non-empty body on drives.
   */
  write(body: Body, options: WriteOptions): Promise<StoredBody>;
  /** Bytes [offset, offset + length) of the blob. The first stripe is read and proved before this resolves. Fault 'unavailable' below read quorum. */
  read(blob: Blob, offset: number, length: number): Promise<Body>;
  /** Digests of the slices, one behind the other, without their bytes passing this thread. Fault 'unavailable' below read quorum. */
  digest(slices: Iterable<BlobSlice>, names: readonly DigestName[]): Promise<Digests>;
  close(): Promise<void>;
}

/** Bytes [offset, offset + length) of a blob. */
export interface BlobSlice {
  readonly blob: Blob;
  readonly offset: number;
  readonly length: number;
}

export interface WriteOptions {
  readonly digests: readonly DigestName[];
  readonly inlineBytesMax: number;
  /** Declared length in bytes, when known. */
  readonly length: number | undefined;
}

export interface StoredBody {
  readonly length: number;
  readonly digests: Digests;
  readonly inline: Buffer | undefined;
  readonly blob: Blob | undefined;
}
