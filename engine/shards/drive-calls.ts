/**
 * How many calls of a drive may be under way. A call into a file system that doesn't answer keeps a thread of the pool that all drives
 * share: with a share of its own, a drive that hangs takes no thread from the others. Calls beyond the share wait in order; they fail at
 * once when none of those before them comes back.
 */
import {
  type Ask,
  afterRunning,
  type Disk,
  type DiskFile,
  DriveHangs,
  type DriveTimer,
  lockedThrough,
  pinnedThrough,
} from '../../journal/disk.ts';

/** Milliseconds without an answer, while calls wait, after which the drive hangs. */
export const hangMilliseconds = 2_000;
/** Threads of the pool that belong to no drive: for LevelDB, name lookups, hashing. */
const poolReserve = 24;
/** Calls of one drive, over all threads of the process: more bring nothing. */
const driveCallsMax = 16;

/** Calls of one drive that may be under way at once. */
export interface CallShares {
  readonly mainThread: number;
  readonly eachShardThread: number;
  /** The pool is too small: this many threads would do. */
  readonly poolThreadsWanted: number | undefined;
}

/** Shares out the threads of the pool: however many drives hang, those of the others and the reserve are free. */
export function shareCalls({ poolThreads, drives, threads }: { poolThreads: number; drives: number; threads: number }): CallShares {
  const each = Math.min(driveCallsMax, Math.floor((poolThreads - poolReserve) / drives));
  const eachShardThread = Math.max(1, Math.floor((each * 3) / 4 / Math.max(1, threads)));
  const mainThread = Math.max(1, threads === 0 ? each : each - threads * eachShardThread);
  const needed = drives * (mainThread + threads * eachShardThread) + poolReserve;
  return { mainThread, eachShardThread, poolThreadsWanted: needed > poolThreads ? drives * (threads + 1) + poolReserve : undefined };
}

export function withCallShare(disk: Disk, callsMax: number, timer: DriveTimer): Disk {
  const calls = new DriveCalls(disk.name, callsMax, timer);
  const ask: Ask = (call) => calls.run(call);
  return {
    name: disk.name,
    open: async (path, mode, writes) => filed(await calls.run(() => disk.open(path, mode, writes)), calls),
    pin: async (path) => {
      const file = await calls.run(() => disk.pin(path));
      return pinnedThrough(file, filed(file, calls), ask);
    },
    lock: async (path) => {
      const file = await calls.run(() => disk.lock(path));
      return file && lockedThrough(file, filed(file, calls), ask);
    },
    list: (directory) => calls.run(() => disk.list(directory)),
    makeDirectory: (directory) => calls.run(() => disk.makeDirectory(directory)),
    exists: (path) => calls.run(() => disk.exists(path)),
    remove: (path) => calls.run(() => disk.remove(path)),
    removeTree: (directory) => calls.run(() => disk.removeTree(directory)),
    rename: (from, to) => calls.run(() => disk.rename(from, to)),
    syncDirectory: (directory) => calls.run(() => disk.syncDirectory(directory)),
    freeBytes: () => calls.run(() => disk.freeBytes()),
  };
}

function filed(file: DiskFile, calls: DriveCalls): DiskFile {
  return {
    read: (target, position) => calls.run(() => file.read(target, position)),
    write: (chunks, position) => calls.run(() => file.write(chunks, position)),
    sync: () => calls.run(() => file.sync()),
    size: () => calls.run(() => file.size()),
    truncate: (bytes) => calls.run(() => file.truncate(bytes)),
    close: () => calls.close(() => file.close()),
  };
}

interface Waiting {
  start(): void;
  reject(error: Error): void;
}

class DriveCalls {
  private readonly name: string;
  private readonly callsMax: number;
  private readonly timer: DriveTimer;
  private underWay = 0;
  private hangs = false;
  private waiting: Waiting[] = [];
  /** Files to close: done whenever it can be, for what they stand for is never closed otherwise. */
  private readonly closing: Waiting[] = [];
  private cancelTimer: (() => void) | undefined;

  constructor(name: string, callsMax: number, timer: DriveTimer) {
    this.name = name;
    this.callsMax = callsMax;
    this.timer = timer;
  }

  /** A call that has begun ends when the drive says so, however late: it may use its caller's memory until then. */
  run<T>(call: () => Promise<T>): Promise<T> {
    if (this.underWay < this.callsMax) return this.begin(call);
    return this.wait(call, this.waiting);
  }

  /** The file is closed as soon as the drive answers, even when whoever asked was told that it hangs. */
  close(call: () => Promise<void>): Promise<void> {
    if (this.underWay < this.callsMax) return this.begin(call);
    return this.wait(call, this.closing);
  }

  private wait<T>(call: () => Promise<T>, queue: Waiting[]): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting = { start: () => void this.begin(call).then(resolve, reject), reject };
      if (this.hangs) reject(this.trouble());
      if (this.hangs && queue === this.waiting) return;
      queue.push(waiting);
      this.watch();
    });
  }

  private begin<T>(call: () => Promise<T>): Promise<T> {
    this.underWay += 1;
    const begun = call();
    const ended = () => this.ended();
    begun.then(ended, ended);
    return begun;
  }

  private ended(): void {
    this.underWay -= 1;
    this.hangs = false;
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    const next = this.closing.shift() ?? this.waiting.shift();
    next?.start();
    this.watch();
  }

  /** Any answer begins the time anew. */
  private watch(): void {
    if (this.waiting.length + this.closing.length === 0 || this.hangs) return;
    this.cancelTimer ??= afterRunning(this.timer, hangMilliseconds, () => this.giveUp());
  }

  private giveUp(): void {
    this.cancelTimer = undefined;
    this.hangs = true;
    const waiting = this.waiting;
    this.waiting = [];
    for (const { reject } of [...waiting, ...this.closing]) reject(this.trouble());
  }

  private trouble(): DriveHangs {
    return new DriveHangs(`${this.name} does not answer: ${this.underWay} calls are under way`);
  }
}
