import { commandsInFlightMax } from './limits.ts';

/** What an engine may be told; the limits of S3 are its defaults. */
export interface EngineOptions {
  /** Bodies up to this many bytes ride in the journal's event instead of on drives. */
  readonly inlineBytesMax: number;
  /** Commands under way at the door; Fault 'overloaded' beyond. */
  readonly commandsInFlightMax: number;
  /** Buckets of one account; TooManyBuckets beyond. */
  readonly bucketsPerAccountMax: number;
  /** Least bytes of a part that is not the last. */
  readonly partBytesMin: number;
  /** A blob that nothing has referred to this long is reclaimed: the longest a reader may take over what was overwritten. */
  readonly reclaimGraceMilliseconds: number;
  /** Pause between two looks for blobs to reclaim; 0: never look. */
  readonly reclaimPauseMilliseconds: number;
}

export const engineOptions: EngineOptions = {
  inlineBytesMax: 8 * 1024,
  commandsInFlightMax,
  bucketsPerAccountMax: 10_000,
  partBytesMin: 5 * 1024 * 1024,
  reclaimGraceMilliseconds: 15 * 60_000,
  reclaimPauseMilliseconds: 60_000,
};
