/** The drives of the house: opened with their share of the thread pool, and watched for journal and state store. */
import type { Log } from '../engine/log.ts';
import { shareCalls, withCallShare } from '../engine/shards/drive-calls.ts';
import { type Drives, openDrives } from '../engine/shards/open-drives.ts';
import type { EmbeddedJournal } from '../journal/embedded/embedded-journal.ts';
import { nodeDisk } from '../journal/node-disk.ts';
import type { StandbyStore } from '../snapshots/standby-store.ts';
import { type ServerConfig, StartRefused } from './config.ts';
import { systemClock } from './system-clock.ts';
import { isProcessAlive, thisProcess } from './system-process.ts';
import { systemRandomness } from './system-randomness.ts';

/** What each thread may ask of a drive at once. */
export function callSharesOf({ poolThreads, drives, threads }: ServerConfig) {
  return shareCalls({ poolThreads, drives: drives.length, threads });
}

interface DrivesOrder {
  readonly config: ServerConfig;
  /** Another process has a drive of ours, as the sentence says. */
  readonly lost: (sentence: string) => void;
}

/** @throws StartRefused */
export async function openHouseDrives({ config, lost }: DrivesOrder, log: Log): Promise<Drives> {
  const { mainThread, poolThreadsWanted } = callSharesOf(config);
  if (poolThreadsWanted !== undefined) {
    const message = 'drives that hang can keep all threads of the pool: it is too small for so many';
    log('warn', message, { drives: config.drives.length, threads: config.poolThreads, UV_THREADPOOL_SIZE: poolThreadsWanted });
  }
  const drives = await openDrives({
    disks: config.drives.map((root) => withCallShare(nodeDisk(root), mainThread, systemClock)),
    parity: config.parity,
    holder: thisProcess(),
    isAlive: isProcessAlive,
    lost,
    clock: systemClock,
    randomness: systemRandomness,
  });
  if ('refused' in drives) throw new StartRefused(drives.refused);
  for (const notice of drives.notices) log('warn', notice);
  return drives;
}

export interface Followers {
  readonly drives: Drives;
  readonly log: Log;
  /** Undefined as long as it is being opened, and where a journal has no copies on drives. */
  store: StandbyStore | undefined;
  mirrors: EmbeddedJournal | undefined;
}

/** Tells journal and state store of drives that come and go, from before they are open; the returned function ends it. */
export function watchDrives(followers: Followers): () => void {
  const { drives, log } = followers;
  const ends = drives.sets.flat().map((drive) => {
    let there = drive.readable;
    let serves = there;
    return drive.onChange(() => {
      const { name } = drive.disk;
      log(drive.readable ? 'info' : 'warn', `drive ${drive.state}`, {
        drive: name,
        ...(drive.state !== 'online' && { reason: drive.reason ?? '' }),
      });
      const { store, mirrors } = followers;
      const moved = serves;
      // Rows are read by the thread that serves everybody: the state store leaves a drive as soon as it is late.
      serves = drive.readable && !drive.late;
      if (serves !== moved) {
        (serves ? store?.driveReturned(name) : store?.driveLost(name))?.catch((error: Error) =>
          log('error', 'the state store did not follow its drive', { drive: name, error: error.message }),
        );
      }
      if (drive.readable === there) return;
      there = drive.readable;
      if (mirrors?.status().mirrors.some((mirror) => mirror.disk === name)) {
        if (there) mirrors.mirrorReturned(name, drive.disk);
        else mirrors.mirrorLost(name);
      }
    });
  });
  return () => {
    for (const end of ends) end();
  };
}
