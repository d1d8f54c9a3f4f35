/** The locks of a server's drives: taken, kept alive by a beat, given back. */
import type { Disk } from '../../journal/disk.ts';
import { beatMilliseconds, DriveLock, type InUse, inUse, type LockParts, lockPath } from './drive-lock.ts';

/** What a drive may take to give its lock back. */
const releaseMillisecondsMax = 2_000;

export class DriveLocks {
  private readonly parts: LockParts;
  /** Another process has a drive of ours, as the sentence says: nothing of ours may be written any more. */
  private readonly lost: (sentence: string) => void;
  /** By the name of the disk: there may be several views of it. */
  private readonly held = new Map<string, DriveLock>();
  /** One beat at a time each: a drive may hang. */
  private readonly beating = new Map<DriveLock, Promise<void>>();
  private cancelTimer: () => void = () => undefined;
  private closed = false;

  constructor(parts: LockParts, lost: (sentence: string) => void) {
    this.parts = parts;
    this.lost = lost;
  }

  /** Somebody may still believe to have one of the drives. */
  get displaced(): boolean {
    return [...this.held.values()].some((lock) => lock.displaced);
  }

  /** Where no kernel holds the locks: a sentence for each reason. */
  get notices(): string[] {
    const reasons = new Set([...this.held.values()].map(({ why }) => why).filter((why) => why !== ''));
    return [...reasons].map((why) => `the kernel keeps no other process from the drives, only the beat in ${lockPath} does: ${why}`);
  }

  /** Takes a drive, also one that was away or exchanged meanwhile. undefined: it is ours. Throws what the disk throws. */
  async take(disk: Disk): Promise<InUse | undefined> {
    const before = this.held.get(disk.name);
    if (before !== undefined) {
      if (await before.isCurrent()) return this.beatOf(before);
      this.held.delete(disk.name);
      await before.drop();
    }
    const taken = await DriveLock.take(disk, this.parts);
    if ('inUse' in taken) return taken;
    if (this.closed) await taken.release();
    else this.held.set(disk.name, taken);
    return undefined;
  }

  holds(disk: Disk): boolean {
    return this.held.has(disk.name);
  }

  /** Lets a lock go whose file is about to be removed, or was. */
  async drop(disk: Disk): Promise<void> {
    const lock = this.held.get(disk.name);
    this.held.delete(disk.name);
    await lock?.drop();
  }

  /** Beats until it is closed. */
  keep(): void {
    if (this.closed) return;
    this.cancelTimer = this.parts.clock.after(beatMilliseconds, () => {
      for (const lock of this.held.values()) {
        if (!this.beating.has(lock)) this.beating.set(lock, this.beat(lock));
      }
      this.keep();
    });
  }

  /** Gives back what is ours. A drive that hangs is not waited for: its lock ends with the process. */
  async close(): Promise<void> {
    this.closed = true;
    this.cancelTimer();
    const locks = [...this.held.values()];
    this.held.clear();
    await Promise.all(locks.map((lock) => this.inTime(this.release(lock))));
  }

  private async release(lock: DriveLock): Promise<void> {
    await this.beating.get(lock);
    await lock.release();
  }

  private inTime(work: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.parts.clock.after(releaseMillisecondsMax, resolve);
      void work.finally(() => {
        cancel();
        resolve();
      });
    });
  }

  private async beat(lock: DriveLock): Promise<void> {
    try {
      const taken = await this.beatOf(lock);
      if (taken !== undefined && !this.closed) this.lost(taken.inUse);
      // Somebody removed the file, or put another one there: what is locked is not what the next one would lock.
      else if (!this.closed && this.held.get(lock.disk.name) === lock && !(await lock.isCurrent())) await this.takeAgain(lock);
    } catch {
      // The drive is in trouble: its probes see to that.
    } finally {
      this.beating.delete(lock);
    }
  }

  private async takeAgain(lock: DriveLock): Promise<void> {
    const taken = await this.take(lock.disk);
    if (taken !== undefined) this.lost(taken.inUse);
  }

  private async beatOf(lock: DriveLock): Promise<InUse | undefined> {
    const other = await lock.beat();
    return other === undefined ? undefined : { inUse: inUse(lock.disk, other) };
  }
}
