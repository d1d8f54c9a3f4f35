import type { Disk, DiskFile } from '../disk.ts';
import type { Copies } from './copies.ts';
import { type MirrorLog, requireDirectory } from './log.ts';
import { type Extent, groupBytes, journalDirectory, segmentPath, withFile } from './segment.ts';
import type { Hole } from './segment-scanner.ts';

/** Bytes copied between two syncs. */
const copySyncBytes = 16 * 1024 * 1024;

export interface Repair {
  readonly disk: Disk;
  /** What the disk holds now: nothing was written there since it was examined. */
  readonly log: MirrorLog;
  /** What it shall hold. */
  readonly truth: readonly Extent[];
  /** Where settled groups are read from. */
  readonly copies: Copies;
  /** Where the last segment of `truth` is read from: copies that cannot have taken another turn. */
  readonly tail: Copies;
  readonly cancelled: () => boolean;
}

export class RepairCancelled extends Error {
  override readonly name = 'RepairCancelled';
}

/**
 * Makes one mirror hold exactly `truth`, durably: cuts what is torn or took another turn, fills holes, copies what is missing, in order,
 * each segment synced before the next: what an interrupted repair leaves is a log again. Throws what the disk throws.
 */
export async function repair(task: Repair): Promise<void> {
  const { disk, log, truth } = task;
  await requireDirectory(disk);
  const found = new Map(log.files.map((extent) => [extent.firstSequence, extent.bytes]));
  const wanted = new Set(truth.map((extent) => extent.firstSequence));
  const cut = await agreedBytes(task);
  const surplus = [...found.keys()].filter((firstSequence) => !wanted.has(firstSequence));
  for (const firstSequence of surplus.reverse()) await disk.remove(segmentPath(firstSequence));
  if (surplus.length > 0) await disk.syncDirectory(journalDirectory);
  for (const extent of truth) {
    const foundBytes = found.get(extent.firstSequence);
    const current = log.current?.firstSequence === extent.firstSequence;
    const holes = current ? log.holes.filter((hole) => hole.to <= cut) : [];
    const keptBytes = current ? Math.min(cut, extent.bytes) : foundBytes !== undefined && foundBytes >= extent.bytes ? extent.bytes : 0;
    if (foundBytes === extent.bytes && keptBytes === extent.bytes && holes.length === 0) continue;
    await withFile(disk, segmentPath(extent.firstSequence), 'create', (file) => fill(task, { file, extent, keptBytes, holes }));
    if (foundBytes === undefined) await disk.syncDirectory(journalDirectory);
  }
}

/** Bytes that a repair would have to copy, roughly: sealed segments of another size and the rest of the last one. */
export function missingBytes(log: MirrorLog, truth: readonly Extent[]): number {
  const held = new Map(log.sealed.map((extent) => [extent.firstSequence, extent.bytes]));
  if (log.current) held.set(log.current.firstSequence, log.current.scan.validBytes);
  return truth.reduce((sum, extent) => sum + Math.max(0, extent.bytes - (held.get(extent.firstSequence) ?? 0)), 0);
}

/**
 * How many bytes of the mirror's current segment agree with the truth. Groups that were settled when a later one was written agree on all
 * mirrors; of the others one that has the same index and epoch in the same place is the same, and so is all before it.
 */
async function agreedBytes({ log, truth, tail }: Repair): Promise<number> {
  if (!log.current) return 0;
  const { firstSequence, scan } = log.current;
  const extent = truth.find((candidate) => candidate.firstSequence === firstSequence);
  for (const group of scan.tail) {
    const same = extent && group.offset + groupBytes(group) <= extent.bytes ? await tail.headerAt(firstSequence, group.offset) : undefined;
    if (same?.index !== group.index || same.epoch !== group.epoch) return group.offset;
  }
  return scan.validBytes;
}

interface Filling {
  readonly file: DiskFile;
  readonly extent: Extent;
  readonly keptBytes: number;
  readonly holes: readonly Hole[];
}

async function fill(task: Repair, { file, extent, keptBytes, holes }: Filling): Promise<void> {
  const last = task.truth.at(-1) === extent;
  // The last segment, and the mirror's own last one, end where they agree; a sealed file that is too short keeps its bytes until they are overwritten.
  const endBytes = last || task.log.current?.firstSequence === extent.firstSequence ? keptBytes : extent.bytes;
  if ((await file.size()) > endBytes) {
    // Durable before other bytes take that place.
    await file.truncate(endBytes);
    await file.sync();
  }
  for (const hole of holes) await copy(task, file, { from: task.copies, extent: { ...extent, bytes: hole.to }, at: hole.from });
  await copy(task, file, { from: last ? task.tail : task.copies, extent, at: keptBytes });
  await file.sync();
}

async function copy(task: Repair, file: DiskFile, { from, extent, at }: { from: Copies; extent: Extent; at: number }): Promise<void> {
  let offset = at;
  let unsyncedBytes = 0;
  for await (const { bytes } of from.groups(extent, at)) {
    if (task.cancelled()) throw new RepairCancelled(`the repair of ${task.disk.name} was overtaken`);
    await file.write([bytes], offset);
    offset += bytes.length;
    unsyncedBytes += bytes.length;
    if (unsyncedBytes < copySyncBytes) continue;
    await file.sync();
    unsyncedBytes = 0;
  }
}
