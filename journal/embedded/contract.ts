/** What the embedded journal is opened with, and what it does beyond a journal. */
import type { Disk } from '../disk.ts';
import type { HeadOf, Journal } from '../journal.ts';
import type { MirrorReport, MirrorStatus, Timer } from './mirror-set.ts';
import type { Acknowledged } from './recovery.ts';

export interface EmbeddedJournalOptions {
  /** The configured mirrors, one a drive, also those that are away now: a majority of all of them must be there; all, when it is new. */
  readonly disks: readonly Disk[];
  readonly headOf: HeadOf;
  /** Asked before anything is written: what is known of acknowledged records when the log is found to end with the record `found`. */
  readonly acknowledged?: (found: number) => Promise<Acknowledged>;
  /** A segment that would grow beyond this many bytes is followed by a new one. */
  readonly segmentBytes?: number;
  /** Lets the mirrors beyond a majority write a little later than the others, several groups at once. */
  readonly timer?: Timer;
  /** The drives were taken over from a server that may still live, somewhere else. */
  readonly displaced?: boolean;
  /** Told once: another server was elected, every append is refused from now on. */
  readonly overtaken?: (sentence: string) => void;
  /** Told, for the log of the process, what became of the mirrors. */
  readonly report?: (event: MirrorReport) => void;
  /** Told of the journal before it is open: mirrors may be lost, or hang, meanwhile. */
  readonly began?: (journal: EmbeddedJournal) => void;
}

export interface EmbeddedJournal extends Journal {
  /** The drive has gone: it counts no more from this moment, even if writes to its open files still seem to work. */
  mirrorLost(diskName: string): void;
  /**
   * The drive is there, again or as a new one: repaired in the background, it joins between two groups. Of a mirror that is attached this
   * is no news: where the drive was exchanged, mirrorLost comes first.
   */
  mirrorReturned(diskName: string, disk: Disk): void;
  /** Reads every copy of every settled group and mends what is damaged from the other mirrors. Answers how many places were mended. */
  scrub(): Promise<number>;
  status(): EmbeddedJournalStatus;
}

export interface EmbeddedJournalStatus {
  readonly phase: Phase;
  readonly epoch: number;
  readonly lastSequence: number;
  readonly majority: number;
  readonly mirrors: readonly MirrorStatus[];
}

/** serving: a majority is attached. settling: the log is being found. unsettled: too few mirrors, the next append or mirror tries again. */
export type Phase = 'unsettled' | 'settling' | 'serving' | 'overtaken' | 'closed';
