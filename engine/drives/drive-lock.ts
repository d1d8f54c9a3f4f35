/**
 * One process at a time has a drive. `.liteio/lock` is open, and locked by the kernel, for as long as it has it; in it stands who that is,
 * and a beat that moves, for those whom this kernel doesn't know: other hosts, and systems without such locks.
 */
import type { Disk, LockedFile } from '../../journal/disk.ts';
import type { Clock } from '../clock.ts';
import { markDirectory } from '../shards/drive-format.ts';
import { encodeOwner, type IsAlive, judge, type LockContent, type LockHolder, nameOf, ownerBytes, parseOwner } from './lock-owner.ts';

export const lockPath = `${markDirectory}/lock`;

export const beatMilliseconds = 2_000;
/** A beat that did not move over this many looks, one a second by the clock of who looks, is that of a dead holder. */
export const looksMax = 10;
const lookMilliseconds = 1_000;
/** Where the kernel doesn't decide between two who come at once, the last who wrote does: what he waits before he looks whether it was he. */
const settleMilliseconds = 500;

export interface LockParts {
  readonly holder: LockHolder;
  /** Drawn at this start. */
  readonly id: string;
  readonly isAlive: IsAlive;
  readonly clock: Clock;
}

/** Another one has the drive: the sentence says who. */
export interface InUse {
  readonly inUse: string;
}

/** The lock on one drive. */
export class DriveLock {
  readonly disk: Disk;
  /** Why the kernel doesn't hold it as well; empty when it does. */
  readonly why: string;
  /** Somebody may still believe to have the drive: taken over because his beat stood still. */
  readonly displaced: boolean;
  private readonly parts: LockParts;
  private readonly file: LockedFile;
  private beats = 1;

  private constructor(disk: Disk, parts: LockParts, { file, displaced }: { file: LockedFile; displaced: boolean }) {
    this.disk = disk;
    this.parts = parts;
    this.file = file;
    this.why = file.why;
    this.displaced = displaced;
  }

  /** Takes the drive, or says who has it. Throws what the disk throws. */
  static async take(disk: Disk, parts: LockParts): Promise<DriveLock | InUse> {
    await disk.makeDirectory(markDirectory);
    const file = await disk.lock(lockPath);
    if (file === undefined) return { inUse: inUse(disk, await contentOf(disk, parts.holder)) };
    try {
      const { kernel, ofOneHost } = file;
      const content = await contentOf(disk, parts.holder);
      const judgement = judge(content, { ...parts, kernel, ofOneHost });
      const moved = judgement === 'watch' ? await movement(disk, parts) : judgement === 'held';
      if (moved) {
        await file.close();
        return { inUse: inUse(disk, content) };
      }
      const lock = new DriveLock(disk, parts, { file, displaced: judgement === 'watch' });
      const other = await lock.claim();
      if (other === undefined) return lock;
      await file.close();
      return { inUse: inUse(disk, other) };
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
  }

  /** Says that we live; answers who has the drive instead, should it have been taken away. Throws what the disk throws. */
  async beat(): Promise<LockContent | undefined> {
    const content = await contentOf(this.disk, this.parts.holder);
    if (typeof content !== 'string' && content.id !== this.parts.id) return content;
    this.beats += 1;
    await this.write();
    return undefined;
  }

  /** It is locked under its name: nobody removed the file or put another one there. */
  isCurrent(): Promise<boolean> {
    return this.file.isCurrent();
  }

  /** Gives the drive back. The file stays: another one may have opened it. */
  async release(): Promise<void> {
    try {
      const content = await contentOf(this.disk, this.parts.holder);
      if (typeof content !== 'string' && content.id === this.parts.id && (await this.file.isCurrent())) await this.file.truncate(0);
    } catch {
      // The drive is away: whoever finds it next finds the kernel's lock free, or a beat that doesn't move.
    } finally {
      await this.file.close().catch(() => undefined);
    }
  }

  /** Lets go without a word: for a file that is to be removed, or was. */
  drop(): Promise<void> {
    return this.file.close().catch(() => undefined);
  }

  /** Answers who was faster, where no kernel decides that. */
  private async claim(): Promise<LockContent | undefined> {
    await this.write();
    if (this.file.kernel && this.file.ofOneHost) return undefined;
    await pause(this.parts.clock, settleMilliseconds);
    const content = await contentOf(this.disk, this.parts.holder);
    return typeof content !== 'string' && content.id === this.parts.id ? undefined : content;
  }

  private async write(): Promise<void> {
    const { id, holder } = this.parts;
    await this.file.write([encodeOwner({ ...holder, id, kernel: this.file.kernel, beat: this.beats })], 0);
    // For other hosts. On this one what was written is seen at once, and a power cut ends all who could.
    if (!this.file.ofOneHost) await this.file.sync();
  }
}

async function contentOf(disk: Disk, self: LockHolder): Promise<LockContent> {
  return parseOwner(await textOf(disk), self);
}

async function textOf(disk: Disk): Promise<string> {
  // Opened anew each time: what is open already may be remembered by a network file system.
  const file = await disk.open(lockPath, 'read');
  try {
    const bytes = Buffer.alloc(2 * ownerBytes);
    return bytes.toString('utf8', 0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

export function inUse(disk: Disk, content: LockContent): string {
  return `${disk.name} is in use by ${nameOf(content)}`;
}

/** Whether somebody writes the file: whatever it says, as soon as it says something else. */
async function movement(disk: Disk, { clock }: LockParts): Promise<boolean> {
  const before = await textOf(disk);
  for (let look = 0; look < looksMax; look += 1) {
    await pause(clock, lookMilliseconds);
    if ((await textOf(disk)) !== before) return true;
  }
  return false;
}

function pause(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => void clock.after(milliseconds, resolve));
}
