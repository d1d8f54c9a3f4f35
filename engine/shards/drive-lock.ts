/** One process at a time: `.liteio/lock` names the one that has the drive. */
import type { Disk, DiskFile } from '../../journal/disk.ts';
import { markDirectory, readSmallFile } from './drive-format.ts';

export const lockPath = `${markDirectory}/lock`;

/** A process; pids come again, so the mark says when it was started. */
export interface LockHolder {
  readonly pid: number;
  /** Anything that another process with the same pid would not have, e.g. its start time in the kernel's ticks. */
  readonly mark: string;
}

/** Answers whether that process still runs. */
export type IsAlive = (holder: LockHolder) => boolean;

/** Who holds the drive and lives; undefined when nobody does. */
export async function liveHolder(disk: Disk, isAlive: IsAlive): Promise<LockHolder | undefined> {
  let text: string;
  try {
    text = await readSmallFile(disk, lockPath);
  } catch {
    return undefined;
  }
  try {
    const holder = JSON.parse(text) as LockHolder;
    return isAlive(holder) ? holder : undefined;
  } catch {
    // Torn by a crash: its writer can't be alive.
    return undefined;
  }
}

/** Takes the lock; answers the live process that has it instead. Throws what the disk throws. */
export async function takeLock(disk: Disk, holder: LockHolder, isAlive: IsAlive): Promise<LockHolder | undefined> {
  await disk.makeDirectory(markDirectory);
  for (;;) {
    const other = await liveHolder(disk, isAlive);
    if (other !== undefined) return other;
    await disk.remove(lockPath);
    const file = await openNew(disk);
    if (file === undefined) continue;
    try {
      // Not synced: it says something of processes that live, and a power cut ends them all.
      await file.write([Buffer.from(JSON.stringify(holder))], 0);
    } finally {
      await file.close();
    }
    return undefined;
  }
}

/** undefined: another process was faster. */
async function openNew(disk: Disk): Promise<DiskFile | undefined> {
  try {
    return await disk.open(lockPath, 'exclusive');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return undefined;
  }
}

export async function releaseLock(disk: Disk): Promise<void> {
  await disk.remove(lockPath).catch(() => undefined);
}
