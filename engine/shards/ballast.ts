/**
 * A file of no use on a drive that is getting full: when others have filled the file system to the last block, it is given up, and what
 * shrinks the store has room again.
 */
import type { Disk } from '../../journal/disk.ts';
import { markDirectory } from './drive-format.ts';

export const ballastPath = `${markDirectory}/ballast`;
/** Its name while it isn't whole: what a start finds under it was given up, or not finished. */
const unmadePath = `${ballastPath}.unmade`;
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
  /** It is whole; undefined: not looked yet. */
  private there: boolean | undefined;
  private looked = false;
  /** It was given up, by this process or one before, and there was no room for it since: the room that there seems to be is what it left. */
  givenUp = false;
  private working: Promise<void> | undefined;

  constructor(disk: Disk) {
    this.disk = disk;
  }

  /** Told of the room after each probe. Never rejects: without ballast the drive is as good as before. */
  follow(freeBytes: number): Promise<void> {
    if (freeBytes >= ballastFreeBytesMax && !this.givenUp) return Promise.resolve();
    this.working ??= this.suit(freeBytes)
      .catch(() => undefined)
      .finally(() => {
        this.working = undefined;
      });
    return this.working;
  }

  /** A lock, an epoch of the journal and an open state store take a few blocks: a drive that was filled to the last one comes up all the same. */
  async makeRoomToStart(): Promise<void> {
    try {
      await this.look();
      if ((await this.disk.freeBytes()) < ballastFreeBytesMin) await this.giveUp();
    } catch {
      // It isn't there, or says at the lock what is wrong with it.
    }
  }

  private async suit(freeBytes: number): Promise<void> {
    await this.look();
    if (freeBytes < ballastFreeBytesMin) await this.giveUp();
    else if (freeBytes >= makingFreeBytesMin) await this.make();
  }

  private async look(): Promise<void> {
    if (this.looked) return;
    this.givenUp = await this.disk.exists(unmadePath);
    this.looked = true;
  }

  /** What is left is a name, which takes no room: the next process knows by it whose room there is. */
  private async giveUp(): Promise<void> {
    if (this.there === false) return;
    const whole = await this.disk.exists(ballastPath);
    // Room is worth more than that name.
    if (whole) await this.disk.rename(ballastPath, unmadePath).catch(() => this.disk.remove(ballastPath));
    const left = await this.disk.exists(unmadePath);
    if (left) await this.empty();
    this.givenUp ||= whole || left;
    this.there = false;
  }

  private async empty(): Promise<void> {
    const file = await this.disk.open(unmadePath, 'write');
    try {
      await file.truncate(0);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.disk.syncDirectory(markDirectory);
  }

  private async make(): Promise<void> {
    this.there ??= await this.disk.exists(ballastPath);
    if (!this.there) {
      await this.write();
      await this.disk.rename(unmadePath, ballastPath);
      await this.disk.syncDirectory(markDirectory);
      this.there = true;
    }
    this.givenUp = false;
  }

  private async write(): Promise<void> {
    const file = await this.disk.open(unmadePath, 'create');
    // There may be bytes to give up from now on.
    this.there = undefined;
    try {
      // Bytes that a file system doesn't take for a hole.
      const chunk = Buffer.alloc(chunkBytes, 'ballast ');
      for (let at = 0; at < ballastBytes; at += chunkBytes) await file.write([chunk], at);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
