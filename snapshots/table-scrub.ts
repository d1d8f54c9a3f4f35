/** Proves the tables of an open store in the background, again and again: damage is found before a reader or LevelDB meets it. */
import type { Timer } from './lagging-store.ts';
import { proveTableIn, readTables, setMark } from './leveldb-directory.ts';
import { DamagedFile, type LiveTable } from './leveldb-manifest.ts';

export interface ScrubParts {
  readonly path: string;
  readonly timer: Timer;
  /** Proved before the store was opened: the first round leaves them out. */
  readonly proved: ReadonlySet<number>;
  /** Called at most once; the scrub has ended. */
  damaged(reason: string): void;
}

/** A round reads no faster than this, ... */
const scrubBytesPerSecond = 32 * 1024 * 1024;
/** ... and the next one begins so long after it. */
const scrubPauseMilliseconds = 30 * 60 * 1000;
/** A drive that can't be read for other reasons than damage is asked again. */
const retryMilliseconds = 60_000;

export class TableScrub {
  private readonly parts: ScrubParts;
  private left: LiveTable[] | undefined;
  private rounds = 0;
  private cancel: () => void = () => undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  /** `allProved`: the first round has been. */
  constructor(parts: ScrubParts, allProved: boolean) {
    this.parts = parts;
    if (allProved) this.rounds = 1;
    this.plan(allProved ? scrubPauseMilliseconds : 0);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel();
    await this.running;
  }

  private plan(milliseconds: number): void {
    if (this.stopped) return;
    this.cancel = this.parts.timer.after(milliseconds, () => {
      this.running = this.step().then(
        (pause) => this.plan(pause),
        (error: unknown) => this.failed(error),
      );
    });
  }

  private failed(error: unknown): void {
    if (!(error instanceof DamagedFile)) this.plan(retryMilliseconds);
    else if (!this.stopped) {
      this.stopped = true;
      this.parts.damaged(error.message);
    }
  }

  /** One table; answers how long to rest. */
  private async step(): Promise<number> {
    const { path, proved } = this.parts;
    if (this.left === undefined) {
      const tables = await readTables(path);
      this.left = this.rounds === 0 ? tables.filter(({ number }) => !proved.has(number)) : tables;
    }
    const table = this.left.pop();
    if (table === undefined) return this.endRound();
    try {
      await proveTableIn(path, table);
    } catch (error) {
      // Merged into others meanwhile: then it was right, or it is no more.
      if (!(await readTables(path)).some(({ number }) => number === table.number)) return 0;
      throw error;
    }
    return (table.bytes / scrubBytesPerSecond) * 1000;
  }

  private async endRound(): Promise<number> {
    if (this.rounds === 0) await setMark(this.parts.path, 'proved');
    this.rounds += 1;
    this.left = undefined;
    return scrubPauseMilliseconds;
  }
}
