/**
 * Waiting for the drives of a set, each of which may be slow, dead or gone: all of them where possible, a quorum where not,
 * and never for ever.
 */
import { afterRunning } from '../../journal/disk.ts';
import type { Clock } from '../clock.ts';

/** The half of a clock that waits: workers ask for no time of day. */
export type Timer = Pick<Clock, 'after'>;

/** Milliseconds that the others wait for a drive once a quorum is there. */
export const laggardMilliseconds = 2_000;
/** Milliseconds to wait for a quorum. */
export const quorumMilliseconds = 30_000;

export interface Vote {
  readonly slot: number;
  readonly done: Promise<unknown>;
}

/** Slots whose promise was fulfilled, and those that had not settled in time. The rest failed. */
export interface Votes {
  readonly took: ReadonlySet<number>;
  readonly late: ReadonlySet<number>;
}

export function collectVotes(votes: readonly Vote[], quorum: number, clock: Timer): Promise<Votes> {
  return new Promise((resolve) => {
    const took = new Set<number>();
    const late = new Set(votes.map((vote) => vote.slot));
    let finished = false;
    const finish = () => {
      finished = true;
      cancelTimer();
      resolve({ took, late });
    };
    let cancelTimer = afterRunning(clock, took.size >= quorum ? laggardMilliseconds : quorumMilliseconds, finish);
    const settled = (slot: number, success: boolean) => {
      if (finished) return;
      late.delete(slot);
      if (success) took.add(slot);
      if (late.size === 0) return finish();
      if (success && took.size === quorum) {
        cancelTimer();
        cancelTimer = afterRunning(clock, laggardMilliseconds, finish);
      }
    };
    for (const { slot, done } of votes) {
      done.then(
        () => settled(slot, true),
        () => settled(slot, false),
      );
    }
    if (votes.length === 0) finish();
  });
}
