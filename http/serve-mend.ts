/** `liteio journal mend`: takes the drives as a server does, and nothing of what a server would change. */
import { DriveLocks } from '../engine/drives/drive-locks.ts';
import { markDirectory, readSmallFile } from '../engine/shards/drive-format.ts';
import { planDrives } from '../engine/shards/drive-plan.ts';
import { inspectDrives } from '../engine/shards/open-drives.ts';
import { mendJournal } from '../journal/command/mend.ts';
import type { Disk } from '../journal/disk.ts';
import { nodeDisk } from '../journal/node-disk.ts';
import { StartRefused } from './config.ts';
import { systemClock } from './system-clock.ts';
import { isProcessAlive, thisProcess } from './system-process.ts';
import { systemRandomness } from './system-randomness.ts';

const statePath = `${markDirectory}/state`;
const setAsidePath = `${markDirectory}/state.set-aside`;
const journalKindPath = `${markDirectory}/journal-kind`;

export interface MendOrder {
  readonly drives: readonly string[];
  readonly dryRun: boolean;
  readonly tell: (line: string) => void;
  /** Another process has the drives: this one must end. */
  readonly lost: (sentence: string) => void;
}

/** @throws StartRefused somebody has the drives, or the journal can't be mended so: nothing was changed. */
export async function mendDrives({ drives, dryRun, tell, lost }: MendOrder): Promise<void> {
  const disks = drives.map((root) => nodeDisk(root));
  const { mirrors, known } = await mirrorsOf(disks);
  const parts = { holder: thisProcess(), id: systemRandomness.bytes(16).toString('hex'), isAlive: isProcessAlive, clock: systemClock };
  const locks = new DriveLocks(parts, lost);
  try {
    const taken = await Promise.all(known.map((disk) => locks.take(disk)));
    const other = taken.find((each) => each !== undefined);
    if (other !== undefined) throw new StartRefused(`${other.inUse}: a journal is mended while no server runs`);
    for (const notice of locks.notices) tell(notice);
    locks.keep();
    const kinds = await Promise.all(known.map((disk) => readSmallFile(disk, journalKindPath).catch(() => '')));
    if (kinds.includes('jetstream'))
      throw new StartRefused('the journal of this deployment lies with a NATS server: nothing of it is on the drives');
    await mendJournal({ disks: mirrors, tell, dryRun });
    if (!dryRun) await setRowsAside(known, tell);
  } catch (error) {
    throw error instanceof Error && /^Journal/.test(error.name) ? new StartRefused(error.message, { cause: error }) : error;
  } finally {
    await locks.close();
  }
}

interface Mirrors {
  /** Those of the journal, one by one as a start takes them. */
  readonly mirrors: readonly Disk[];
  /** All drives of the deployment that are there. */
  readonly known: readonly Disk[];
}

/** A mirror that is new is left out: it knows nothing, and the next start fills it. One that is away could bring back another log later. */
async function mirrorsOf(disks: readonly Disk[]): Promise<Mirrors> {
  const plan = planDrives(await inspectDrives(disks), undefined);
  if ('refused' in plan) throw new StartRefused(plan.refused);
  if (plan.deployment === undefined) throw new StartRefused('these drives are of no deployment yet');
  const { parityShards } = plan.layout;
  const first = plan.drives.filter(({ set, slot }) => set === 0 && slot <= 2 * parityShards).sort((one, other) => one.slot - other.slot);
  const away = first.filter(({ action }) => action === 'absent');
  if (away.length > 0) {
    const names = away.map(({ index, reason }) => `${disks[index]!.name} (${reason})`).join(', ');
    throw new StartRefused(
      `every mirror of the journal must be there: look after ${names}, or put an empty directory in the place of a drive that is gone for good`,
    );
  }
  const mirrors = first.filter(({ action }) => action === 'use').map(({ index }) => disks[index]!);
  if (2 * mirrors.length <= first.length) {
    throw new StartRefused(`${mirrors.length} of the journal's ${first.length} mirrors have one: a start needs the majority`);
  }
  return { mirrors, known: plan.drives.filter(({ action }) => action === 'use').map(({ index }) => disks[index]!) };
}

/** The next start makes them anew of the journal as it is now: a row of what is no longer in it would be believed. */
async function setRowsAside(disks: readonly Disk[], tell: (line: string) => void): Promise<void> {
  for (const disk of disks) {
    if (!(await disk.exists(statePath))) continue;
    await disk.makeDirectory(setAsidePath);
    const place = `${setAsidePath}/${(await disk.list(setAsidePath)).length + 1}`;
    await disk.rename(statePath, place);
    await disk.syncDirectory(markDirectory);
    await disk.syncDirectory(setAsidePath);
    tell(`the rows before are in ${disk.name}/${place}: the next start makes them anew`);
  }
}
