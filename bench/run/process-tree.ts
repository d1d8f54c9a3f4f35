/** A server's process with everything that it started, and what they cost. */
import type { TurnCost } from '../report/result.ts';
import type { ProcessFiles } from './process-files.ts';

const memoryEveryMilliseconds = 200;
/** Which processes there are is looked up anew each so many looks at their memory. */
const looksPerScan = 5;

/** Since they began: what a turn cost is the difference of two, but for what is resident. */
export type TreeCost = TurnCost;

/**
 * The root leads a session of its own: its descendants and all of that session belong to it. CPU seconds are those of living processes
 * and of ended ones that were waited for; resident bytes count pages that processes share once for each of them.
 */
export class ProcessTree {
  readonly #root: number;
  readonly #files: ProcessFiles;
  readonly #timer: NodeJS.Timeout | undefined;
  #members: readonly number[];
  #looks = 0;
  #peakBytes = 0;

  constructor(root: number, files: ProcessFiles) {
    this.#root = root;
    this.#files = files;
    this.#members = [root];
    if (files.there) this.#timer = setInterval(() => this.#look(), memoryEveryMilliseconds).unref();
  }

  /** Undefined where there is no /proc. */
  cost(): TreeCost | undefined {
    if (!this.#files.there) return undefined;
    this.#members = this.#scan();
    const stats = this.#members.map((pid) => this.#files.ofProcess(pid));
    const cpuSeconds = stats.reduce((sum, stat) => sum + (stat?.ownSeconds ?? 0) + (stat?.childSeconds ?? 0), 0);
    const writtenBytes = this.#writtenBytes();
    const deviceFlushes = this.#files.deviceFlushes();
    return {
      cpuSeconds,
      residentBytes: this.#resident(),
      ...(writtenBytes !== undefined && { writtenBytes }),
      ...(deviceFlushes !== undefined && { deviceFlushes }),
    };
  }

  /** Highest resident bytes so far: of the tree as seen every 200 ms, or of its root as the kernel knows it. Undefined where there is no /proc. */
  peakBytes(): number | undefined {
    this.#look();
    return this.#files.there ? this.#peakBytes : undefined;
  }

  /** Those of the session that are still there, the root itself apart. */
  stragglers(): number[] {
    return this.#files.processes().filter((pid) => pid !== this.#root && this.#files.ofProcess(pid)?.session === this.#root);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (!this.#files.there) return;
    if (this.#looks++ % looksPerScan === 0) this.#members = this.#scan();
    this.#peakBytes = Math.max(this.#peakBytes, this.#resident(), this.#files.statusBytes(this.#root, 'VmHWM') ?? 0);
  }

  #resident(): number {
    return this.#members.reduce((sum, pid) => sum + (this.#files.statusBytes(pid, 'VmRSS') ?? 0), 0);
  }

  /** Undefined when one that lives does not let it be read, as another user's: the sum would lack it. */
  #writtenBytes(): number | undefined {
    let sum = 0;
    for (const pid of this.#members) {
      const bytes = this.#files.writtenBytes(pid);
      if (bytes === undefined && this.#files.ofProcess(pid) !== undefined) return undefined;
      sum += bytes ?? 0;
    }
    return sum;
  }

  #scan(): number[] {
    const stats = new Map(this.#files.processes().map((pid) => [pid, this.#files.ofProcess(pid)]));
    const members = new Set([this.#root]);
    for (let before = 0; before !== members.size; ) {
      before = members.size;
      for (const [pid, stat] of stats) {
        if (stat !== undefined && (stat.session === this.#root || members.has(stat.parent))) members.add(pid);
      }
    }
    return [...members];
  }
}
