/**
 * A file of no use on a drive that is getting full: when others have filled the file system to the last block, it is given up, and what
 * shrinks the store has room again.
 */
import type { Disk } from '../../journal/disk.ts';
import { markDirectory } from './drive-format.ts';

export const ballastPath = `${markDirectory}/ballast`;
export const ballastBytes = 16 * 1024 * 1024;
/** Free bytes below which there is ballast: a drive with more is not filled between two probes. */
export const ballastFreeBytesMax = 2 * 1024 * 1024 * 1024;
/** Free bytes below which it is given up ... */
export const ballastFreeBytesMin = 8 * 1024 * 1024;
/** ... and above which it is made: what it takes mustn't fill the drive. */
const makingFreeBytesMin = 128 * 1024 * 1024;
const chunkBytes = 1024 * 1024;

export class Ballast {
  private readonly disk: Disk;
  /** undefined: not looked yet. */
  private there: boolean | undefined;
  /** It was given up, and there was no room for it since: the room that there seems to be is what it left. */
  givenUp = false;
  private working: Promise<void> | undefined;

  constructor(disk: Disk) {
    this.disk = disk;
  }

  /** Told of the room after each probe. Never rejects: without ballast the drive is as good as before. */
  follow(freeBytes: number): Promise<void> {
    const isWanted = freeBytes >= makingFreeBytesMin && freeBytes < ballastFreeBytesMax;
    const isInTheWay = freeBytes < ballastFreeBytesMin;
    if (!isWanted && !isInTheWay) return Promise.resolve();
    this.working ??= (isInTheWay ? this.giveUp() : this.make())
      .catch(() => undefined)
      .finally(() => {
        this.working = undefined;
      });
    return this.working;
  }

  /** A lock, an epoch of the journal and an open state store take a few blocks: a drive that was filled to the last one comes up all the same. */
  async makeRoomToStart(): Promise<void> {
    try {
      if ((await this.disk.freeBytes()) < ballastFreeBytesMin) await this.giveUp();
    } catch {
      // It isn't there, or says at the lock what is wrong with it.
    }
  }

  private async giveUp(): Promise<void> {
    if (this.there === false) return;
    this.givenUp = await this.disk.exists(ballastPath);
    await this.disk.remove(ballastPath);
    this.there = false;
  }

  private async make(): Promise<void> {
    this.there ??= await this.disk.exists(ballastPath);
    if (this.there) {
      this.givenUp = false;
      return;
    }
    const file = await this.disk.open(ballastPath, 'create');
    this.there = true;
    try {
      // Bytes that a file system doesn't take for a hole.
      const chunk = Buffer.alloc(chunkBytes, 'ballast ');
      for (let at = 0; at < ballastBytes; at += chunkBytes) await file.write([chunk], at);
      await file.sync();
      this.givenUp = false;
    } finally {
      await file.close();
    }
  }
}
