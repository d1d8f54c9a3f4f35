/** From configured directories to the drives of a deployment: looks, decides, locks, formats; or refuses and leaves no trace. */
import type { Disk } from '../../journal/disk.ts';
import type { Clock, Randomness } from '../clock.ts';
import { DriveLocks } from '../drives/drive-locks.ts';
import type { IsAlive, LockHolder } from '../drives/lock-owner.ts';
import { Ballast } from './ballast.ts';
import { segmentDirectory } from './block.ts';
import { Drive } from './drive.ts';
import { type DriveFormat, inspectFormat, isBare, markDirectory, writeFormat } from './drive-format.ts';
import { type DrivePlan, type Inspection, type PlannedDrive, planDrives } from './drive-plan.ts';
import type { Layout } from './layout.ts';
import { patientDisk } from './patient-disk.ts';

export interface OpenDrives {
  /** One for each configured directory. */
  readonly disks: readonly Disk[];
  /** Drives of a set that may be lost; undefined: what fits their number, or what the deployment has. */
  readonly parity: number | undefined;
  readonly holder: LockHolder;
  readonly isAlive: IsAlive;
  /** Another process has a drive of ours, as the sentence says: whoever hears it must stop writing at once. */
  readonly lost: (sentence: string) => void;
  readonly clock: Clock;
  readonly randomness: Randomness;
}

export interface Drives {
  /** 32 hex digits. */
  readonly deployment: string;
  readonly layout: Layout;
  /** By set and slot. */
  readonly sets: readonly (readonly Drive[])[];
  /** What people should know about this start, a sentence each. */
  readonly notices: readonly string[];
  /** They were taken over from somebody who may still live, on another host or in another container, and doesn't know it yet. */
  readonly displaced: boolean;
  /** Ends the probes and gives the locks back. */
  close(): Promise<void>;
}

export type Refusal = { readonly refused: string };

export async function openDrives(given: OpenDrives): Promise<Drives | Refusal> {
  // A drive that hangs fails here in bounded time, and is left out while the others suffice.
  const disks = given.disks.map((disk) => patientDisk(disk, given.clock));
  const parts = { ...given, disks, ballasts: disks.map((disk) => new Ballast(disk)) };
  const inspections = await inspectDrives(parts.disks);
  const plan = planDrives(inspections, parts.parity);
  if ('refused' in plan) return plan;
  const { holder, isAlive, clock, randomness } = parts;
  const locks = new DriveLocks({ holder, id: randomness.bytes(16).toString('hex'), isAlive, clock }, parts.lost);
  const locked = await lockAll({ ...parts, locks }, plan, inspections);
  if ('refused' in locked) return locked;
  const formats = formatsOf(parts, locked.plan, inspections);
  try {
    await writeFormats({ disks: parts.disks, plan: locked.plan, inspections }, formats);
  } catch (error) {
    await undo(locks, locked.taken);
    return { refused: `a drive can't be formatted: ${(error as Error).message}` };
  }
  locks.keep();
  const drives = assemble({ ...given, ballasts: parts.ballasts, locks }, locked.plan, formats);
  // Whether they have room is known before the first write, unless they hang.
  for (const drive of drives.sets.flat()) if (drive.readable) void drive.lookForRoom();
  return drives;
}

interface LockingDrives extends OpenDrives {
  readonly locks: DriveLocks;
  /** One for each disk. */
  readonly ballasts: readonly Ballast[];
}

/** What is in the configured directories, in their order. Changes nothing. */
export function inspectDrives(disks: readonly Disk[]): Promise<Inspection[]> {
  return Promise.all(disks.map(inspect));
}

async function inspect(disk: Disk): Promise<Inspection> {
  const { name } = disk;
  try {
    if (!(await disk.exists(''))) return { name, content: { kind: 'missing' } };
    const bare = await isBare(disk);
    const found = await inspectFormat(disk).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    return { name, content: found === undefined ? { kind: bare ? 'blank' : 'foreign' } : { kind: 'formatted', ...found, bare } };
  } catch (error) {
    return { name, content: { kind: 'broken', reason: (error as Error).message } };
  }
}

interface Taken {
  readonly disk: Disk;
  /** What wasn't there before: to be removed again on a refusal. */
  readonly created: 'root' | 'mark' | undefined;
}

/** Locks every drive of the plan. One that can't be written to is left out while the others suffice. */
async function lockAll(
  parts: LockingDrives,
  plan: DrivePlan,
  inspections: readonly Inspection[],
): Promise<{ readonly plan: DrivePlan; readonly taken: readonly Taken[] } | Refusal> {
  const answering = parts.ballasts.filter((_, index) => inspections[index]!.content.kind !== 'broken');
  await Promise.all(answering.map((ballast) => ballast.makeRoomToStart()));
  const taken: Taken[] = [];
  const there = plan.drives.filter(({ action }) => action !== 'absent');
  for (const { index } of there) {
    const { kind } = inspections[index]!.content;
    taken.push({ disk: parts.disks[index]!, created: kind === 'missing' ? 'root' : kind === 'blank' ? 'mark' : undefined });
  }
  // Side by side: each may have to wait until it is sure that nobody lives.
  const problems = new Map(await Promise.all(there.map(async (drive) => [drive, await lockOne(parts, drive)] as const)));
  const drives: PlannedDrive[] = [];
  for (const drive of plan.drives) {
    const problem = problems.get(drive);
    if (problem === undefined) drives.push(drive);
    else if (plan.deployment === undefined || problem.inUse) return refuse(parts.locks, taken, problem.sentence);
    else drives.push({ ...drive, action: 'absent', reason: problem.sentence });
  }
  for (let set = 0; set < plan.layout.setCount; set += 1) {
    const count = drives.filter((drive) => drive.set === set && drive.action !== 'absent').length;
    if (count < plan.layout.dataShards) {
      const sentence = `too few drives of set ${set} can be written to: ${count} of ${plan.layout.dataShards} needed`;
      return refuse(parts.locks, taken, sentence);
    }
  }
  return { plan: { ...plan, drives }, taken };
}

async function lockOne(
  { disks, locks }: LockingDrives,
  { index, action }: PlannedDrive,
): Promise<{ readonly inUse: boolean; readonly sentence: string } | undefined> {
  const disk = disks[index]!;
  try {
    await disk.makeDirectory('');
    const other = await locks.take(disk);
    if (other !== undefined) return { inUse: true, sentence: other.inUse };
    // Whoever had the lock when we looked may have formatted it meanwhile.
    if (action !== 'format' || (await inspect(disk)).content.kind === 'blank') return undefined;
    await locks.drop(disk);
    return { inUse: true, sentence: `${disk.name} was taken by another process, which has ended: start again` };
  } catch (error) {
    return { inUse: false, sentence: `${disk.name} can't be written to: ${(error as Error).message}` };
  }
}

async function refuse(locks: DriveLocks, taken: readonly Taken[], sentence: string): Promise<Refusal> {
  await undo(locks, taken);
  return { refused: sentence };
}

/** What another process has is his: only where the lock is ours anything is removed. */
async function undo(locks: DriveLocks, taken: readonly Taken[]): Promise<void> {
  for (const { disk, created } of taken) {
    if (created === undefined || !locks.holds(disk)) continue;
    await removeMade(disk, created).catch(() => undefined);
    await locks.drop(disk);
  }
  await locks.close();
}

/** A link that leads nowhere is no directory that was made here, and what others put into one that was stays. */
async function removeMade(disk: Disk, created: 'root' | 'mark'): Promise<void> {
  if (!(await disk.exists(''))) return;
  await disk.removeTree(markDirectory);
  if (created === 'root' && (await disk.list('')).length === 0) await disk.removeTree('');
}

/** The format of every slot, by the order of the plan. */
function formatsOf(parts: OpenDrives, plan: DrivePlan, inspections: readonly Inspection[]): DriveFormat[] {
  const hex = () => parts.randomness.bytes(16).toString('hex');
  const deployment = plan.deployment ?? hex();
  const { setCount, setSize, dataShards, parityShards } = plan.layout;
  const names = Array.from({ length: setCount }, () => Array.from({ length: setSize }, () => ''));
  for (const { index, set, slot } of plan.drives) names[set]![slot] = parts.disks[index]!.name;
  return plan.drives.map(({ index, set, slot, action }) => {
    const { content } = inspections[index]!;
    const drive = content.kind === 'formatted' ? content.format.drive : action === 'format' ? hex() : '';
    return { deployment, drive, set, slot, setCount, dataShards, parityShards, names };
  });
}

interface Formatting {
  readonly disks: readonly Disk[];
  readonly plan: DrivePlan;
  readonly inspections: readonly Inspection[];
}

async function writeFormats({ disks, plan, inspections }: Formatting, formats: readonly DriveFormat[]): Promise<void> {
  await Promise.all(
    plan.drives.map(async ({ index, action }, position) => {
      const disk = disks[index]!;
      const format = formats[position]!;
      if (action === 'absent') return;
      const { content } = inspections[index]!;
      const known = content.kind === 'formatted' && content.whole && JSON.stringify(content.format.names) === JSON.stringify(format.names);
      if (known) await disk.makeDirectory(segmentDirectory(format.set));
      if (known) return;
      await writeFormat(disk, format);
    }),
  );
}

function assemble(parts: LockingDrives, plan: DrivePlan, formats: readonly DriveFormat[]): Drives {
  const { locks } = parts;
  const notices: string[] = locks.notices;
  const sets: Drive[][] = Array.from({ length: plan.layout.setCount }, () => []);
  plan.drives.forEach(({ index, set, slot, action, reason }, position) => {
    const disk = parts.disks[index]!;
    const format = formats[position]!;
    const blank = action === 'format' && plan.deployment !== undefined;
    if (blank) notices.push(`${disk.name} is empty: it takes slot ${slot} of set ${set} and is healed`);
    if (action === 'absent') notices.push(`${disk.name} is offline: ${reason}`);
    const patient = patientDisk(disk, parts.clock);
    const claim = async () => {
      const other = await locks.take(patient);
      if (other !== undefined) throw new Error(other.inUse);
    };
    const adopt = async () => {
      await claim();
      const adopted = { ...format, drive: parts.randomness.bytes(16).toString('hex') };
      await writeFormat(patient, adopted);
      return adopted;
    };
    const drive = new Drive({
      disk,
      ballast: parts.ballasts[index]!,
      format,
      clock: parts.clock,
      absent: action === 'absent' ? reason : undefined,
      blank,
      claim,
      adopt,
      others: () => sets[set]!,
    });
    sets[set]![slot] = drive;
    // Nothing of it stays open, so that it can be unmounted; it is locked anew before it counts again.
    drive.onChange(({ state }) => {
      if (state === 'offline') void locks.drop(disk);
    });
  });
  return {
    deployment: formats[0]!.deployment,
    layout: plan.layout,
    sets,
    notices,
    displaced: locks.displaced,
    async close() {
      await Promise.all(sets.flat().map((drive) => drive.close()));
      await locks.close();
    },
  };
}
