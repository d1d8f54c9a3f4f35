/** A server's process with everything that it started, and what they cost. */
import { numbersIn, processFilesThere, readDeviceFlushes, readStat, readStatusBytes, readWrittenBytes } from './process-files.ts';

const memoryEveryMilliseconds = 200;
/** Which processes there are is looked up anew each so many looks at their memory. */
const looksPerScan = 5;

export interface TreeCost {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly writtenBytes: number;
  readonly deviceFlushes: number;
}

/**
 * The root leads a session of its own: its descendants and all of that session belong to it. CPU seconds are those of living processes
 * and of ended ones that were waited for; resident bytes count pages that processes share once for each of them.
 */
export class ProcessTree {
  readonly #root: number;
  readonly #timer: NodeJS.Timeout | undefined;
  #members: readonly number[];
  #looks = 0;
  #peakBytes = 0;

  constructor(root: number) {
    this.#root = root;
    this.#members = [root];
    if (processFilesThere) this.#timer = setInterval(() => this.#look(), memoryEveryMilliseconds).unref();
  }

  /** Undefined where there is no /proc. */
  cost(): TreeCost | undefined {
    if (!processFilesThere) return undefined;
    this.#members = this.#scan();
    let cpuSeconds = 0;
    let writtenBytes = 0;
    for (const pid of this.#members) {
      const stat = readStat(`/proc/${pid}/stat`);
      cpuSeconds += (stat?.ownSeconds ?? 0) + (stat?.childSeconds ?? 0);
      writtenBytes += readWrittenBytes(pid);
    }
    return { cpuSeconds, writtenBytes, residentBytes: this.#resident(), deviceFlushes: readDeviceFlushes() };
  }

  /** Highest resident bytes so far: of the tree as seen every 200 ms, or of its root as the kernel knows it. */
  peakBytes(): number {
    this.#look();
    return this.#peakBytes;
  }

  /** Those of the session that are still there, the root itself apart. */
  stragglers(): number[] {
    if (!processFilesThere) return [];
    return numbersIn('/proc').filter((pid) => pid !== this.#root && readStat(`/proc/${pid}/stat`)?.session === this.#root);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (!processFilesThere) return;
    if (this.#looks++ % looksPerScan === 0) this.#members = this.#scan();
    this.#peakBytes = Math.max(this.#peakBytes, this.#resident(), readStatusBytes(this.#root, 'VmHWM'));
  }

  #resident(): number {
    return this.#members.reduce((sum, pid) => sum + readStatusBytes(pid, 'VmRSS'), 0);
  }

  #scan(): number[] {
    const stats = new Map(numbersIn('/proc').map((pid) => [pid, readStat(`/proc/${pid}/stat`)]));
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
