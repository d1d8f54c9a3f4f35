/** What the store's thread and its shard workers say to each other: plain data, the same over a port or a call. */
import type { DigestName, Digests } from '../body.ts';
import type { Extent } from './blob-store.ts';
import type { StripePlace } from './block.ts';

export type ToWorker =
  | WriteStripe
  | AbortWrite
  | ReadStripe
  | MendStripe
  | HashBytes
  | SyncSegment
  | WalkSegment
  | DriveNews
  | ForgetSegments
  | CloseSegment
  | CloseWorker;

/** The next stripe of a body, lying in a stripe buffer that is the worker's until it gives it back. */
export interface WriteStripe {
  readonly kind: 'write';
  readonly writer: number;
  /** With the first stripe. */
  readonly begin: BeginWrite | undefined;
  /** Where the buffer lies. */
  readonly place: number;
  /** Body bytes in it: 1 MiB, fewer in the last, and where a slow client had to make room for others. */
  readonly bytes: number;
  readonly last: boolean;
}
export interface BeginWrite {
  readonly blob: string;
  readonly set: number;
  readonly digests: readonly DigestName[];
  readonly length: number | undefined;
}
export interface AbortWrite {
  readonly kind: 'abort';
  readonly writer: number;
}

/**
 * Bytes [from, from + length) of a stripe are wanted in the buffer at `place`. `direct`: straight from the drives; where one of
 * them is late, nothing is brought, and the buffer is the worker's until it is freed.
 */
export interface ReadStripe {
  readonly kind: 'read';
  readonly job: number;
  readonly place: number;
  readonly stripe: StripePlace;
  readonly from: number;
  readonly length: number;
  readonly direct: boolean;
}

/** Bytes to be hashed, which stay at `place` until the answer. Answers `value`: the digest's number, and the last one `digests`. */
export interface HashBytes {
  readonly kind: 'hash';
  readonly job: number;
  /** undefined: a new one. */
  readonly digest: number | undefined;
  readonly names: readonly DigestName[];
  readonly place: number;
  readonly bytes: number;
  readonly last: boolean;
}

/** The block of `slot` is to be there and intact: checked, and rewritten from the others where it isn't. */
export interface MendStripe {
  readonly kind: 'mend';
  readonly job: number;
  readonly stripe: StripePlace;
  readonly slot: number;
  /** Durable before the answer; else a sync follows. */
  readonly durable: boolean;
}

/** What was mended in a drive's segment is to be durable. */
export interface SyncSegment {
  readonly kind: 'sync';
  readonly job: number;
  readonly set: number;
  readonly segment: number;
  readonly slot: number;
}

/** Up to `stripesMax` stripes that the drives other than `slot` know in a segment, from `offset` on. */
export interface WalkSegment {
  readonly kind: 'walk';
  readonly job: number;
  readonly set: number;
  readonly segment: number;
  readonly offset: number;
  readonly slot: number;
  readonly stripesMax: number;
}

/** A drive's state changed. */
export interface DriveNews {
  readonly kind: 'drive';
  readonly set: number;
  readonly slot: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /** What this worker may add to it before the next news. */
  readonly roomBytes: number;
}

/** If that is the open segment of the set: the next body begins another one. Answers whether it is closed. */
export interface CloseSegment {
  readonly kind: 'close-segment';
  readonly job: number;
  readonly set: number;
  readonly segment: number;
}

/** Files of these segments are about to be removed. */
export interface ForgetSegments {
  readonly kind: 'forget';
  readonly job: number;
  readonly set: number;
  readonly segments: readonly number[];
}

export interface CloseWorker {
  readonly kind: 'close';
  readonly job: number;
}

export type FromWorker =
  | WriteSealed
  | WriteFailed
  | BufferReleased
  | BufferFreed
  | JobDone
  | JobFailed
  | DriveTrouble
  | SegmentOpened
  | BlockMended;

export interface WriteSealed {
  readonly kind: 'sealed';
  readonly writer: number;
  readonly extents: readonly Extent[];
  readonly missed: readonly number[];
  readonly digests: Digests;
}
/** Below write quorum: nothing counts. */
export interface WriteFailed {
  readonly kind: 'failed';
  readonly writer: number;
  readonly reason: string;
  /** Too few drives have room. */
  readonly full: boolean;
}
export interface BufferReleased {
  readonly kind: 'released';
  readonly writer: number;
  readonly place: number;
}
/** No late drive writes any more to a buffer that was held. */
export interface BufferFreed {
  readonly kind: 'freed';
  readonly place: number;
}
/**
 * Answer of read (`value`: where the bytes lie, -1 where the buffer is held), mend (1: rewritten), sync, hash, walk (`stripes`, and `value` where to go on, -1 at
 * the end), forget (`value`: 1 when no writer needs them) and close.
 */
export interface JobDone {
  readonly kind: 'done';
  readonly job: number;
  readonly value: number;
  readonly stripes?: readonly StripePlace[];
  readonly digests?: Digests;
}
export interface JobFailed {
  readonly kind: 'undone';
  readonly job: number;
  /** The set can't give the stripe, whatever the drive that was asked does. */
  readonly unreadable: boolean;
  readonly reason: string;
}
export interface DriveTrouble {
  readonly kind: 'trouble';
  readonly set: number;
  readonly slot: number;
  readonly code: string;
  readonly reason: string;
}
/** From now on the worker writes to this segment of the set. */
export interface SegmentOpened {
  readonly kind: 'segment';
  readonly set: number;
  readonly segment: number;
}
/** A damaged block that a reader met was rewritten in place. */
export interface BlockMended {
  readonly kind: 'mended';
  readonly stripe: StripePlace;
  readonly slot: number;
}
