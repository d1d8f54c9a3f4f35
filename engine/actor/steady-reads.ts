/**
 * Reads that outlive the store they began on. When the state store in use fails, or a row of it is not what was written, another one takes
 * its place: whoever was reading waits for that, and reads again.
 */
import { isStoreTrouble, type StateStore, StateStoreCorrupt } from '../../snapshots/state-store.ts';
import type { Clock } from '../clock.ts';
import { Fault } from '../fault.ts';
import type { Log } from '../log.ts';

/** A reader's wait for another store to take over. */
const takeoverWaitMilliseconds = 10_000;
/** Stores that one reader begins on. */
const readAttemptsMax = 4;
/** Rows that are what was written and contradict each other make a store untrusted; one made anew from the journal wouldn't be any better. */
const contradictionPauseMilliseconds = 60 * 60 * 1000;

export interface SteadyParts {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly log: Log;
}

export class SteadyReads {
  private readonly parts: SteadyParts;
  private contradictedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: SteadyParts) {
    this.parts = parts;
  }

  /** Runs `work`, which only reads, until it didn't meet the end of a store. */
  async run<T>(work: () => T | Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (!isReadTrouble(error) || attempt === readAttemptsMax || !(await this.replaced(error))) throw asFault(error);
      }
    }
  }

  /** False: no other store will be there soon. */
  private async replaced(error: unknown): Promise<boolean> {
    const { store, clock, log } = this.parts;
    if (error instanceof StateStoreCorrupt) {
      const now = clock.now();
      if (store.distrust === undefined || now - this.contradictedAt < contradictionPauseMilliseconds) return false;
      this.contradictedAt = now;
      log('error', 'rows contradict each other: another state store takes their place', { reason: error.message });
      return this.within(store.distrust(error.message));
    }
    return store.settled === undefined ? false : this.within(store.settled().then(() => true));
  }

  private within(replacement: Promise<boolean>): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.parts.clock.after(takeoverWaitMilliseconds, () => resolve(false));
      void replacement.then((replaced) => {
        cancel();
        resolve(replaced);
      });
    });
  }
}

/** From the store, through its door; or thrown by whoever saw that rows contradict each other. */
export function isReadTrouble(error: unknown): boolean {
  return error instanceof StateStoreCorrupt || (error instanceof Fault && isStoreTrouble(error.cause));
}

function asFault(error: unknown): unknown {
  return error instanceof StateStoreCorrupt ? new Fault('internal', error.message, { cause: error }) : error;
}
