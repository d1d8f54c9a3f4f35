import type { Disk, DiskFile } from '../disk.ts';
import type { Copies } from './copies.ts';
import { type MirrorLog, requireDirectory } from './log.ts';
import { type Behind, type Extent, groupBytes, journalDirectory, segmentPath, withFile } from './segment.ts';
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
  /** `truth` is what was found on this disk: nothing but its damaged places has to be filled. */
  readonly winner: boolean;
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
  const { bytes: cut, behind } = await agreed(task);
  const surplus = [...found.keys()].filter((firstSequence) => !wanted.has(firstSequence));
  for (const firstSequence of surplus.reverse()) await disk.remove(segmentPath(firstSequence));
  if (surplus.length > 0) await disk.syncDirectory(journalDirectory);
  for (const extent of truth) {
    const foundBytes = found.get(extent.firstSequence);
    const current = log.current?.firstSequence === extent.firstSequence;
    const holes = current ? log.holes.filter((hole) => hole.from < cut) : [];
    const keptBytes = current ? Math.min(cut, extent.bytes) : foundBytes !== undefined && foundBytes >= extent.bytes ? extent.bytes : 0;
    if (foundBytes === extent.bytes && keptBytes === extent.bytes && holes.length === 0) continue;
    await withFile(disk, segmentPath(extent.firstSequence), 'create', (file) =>
      fill(task, { file, extent, keptBytes, holes, behind: keptBytes === cut ? behind : undefined }),
    );
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
async function agreed({ log, truth, tail }: Repair): Promise<{ readonly bytes: number; readonly behind: Behind | undefined }> {
  if (!log.current) return { bytes: 0, behind: undefined };
  const { firstSequence, scan } = log.current;
  const extent = truth.find((candidate) => candidate.firstSequence === firstSequence);
  let behind: Behind | undefined;
  for (const group of scan.tail) {
    const same = extent && group.offset + groupBytes(group) <= extent.bytes ? await tail.headerAt(firstSequence, group.offset) : undefined;
    if (same?.index !== group.index || same.epoch !== group.epoch) return { bytes: group.offset, behind };
    behind = group;
  }
  return { bytes: scan.validBytes, behind: scan.last };
}

interface Filling {
  readonly file: DiskFile;
  readonly extent: Extent;
  readonly keptBytes: number;
  readonly holes: readonly Hole[];
  /** The group that `keptBytes` end with, where it is known. */
  readonly behind: Behind | undefined;
}

async function fill(task: Repair, { file, extent, keptBytes, holes, behind }: Filling): Promise<void> {
  const last = task.truth.at(-1) === extent;
  // The last segment, and the mirror's own last one, end where they agree; a sealed file that is too short keeps its bytes until they are overwritten.
  const endBytes = last || task.log.current?.firstSequence === extent.firstSequence ? keptBytes : extent.bytes;
  if ((await file.size()) > endBytes) {
    // Durable before other bytes take that place.
    await file.truncate(endBytes);
    await file.sync();
  }
  const [hole] = holes;
  if (hole && task.winner) {
    for (const { from, to, behind: before } of holes) {
      await copy(task, file, { from: task.copies, extent: { ...extent, bytes: to }, at: from, behind: before });
    }
  }
  // What lies behind a damaged place may be of another segment: it is written anew, in place.
  const begin = hole && !task.winner ? { at: hole.from, behind: hole.behind } : { at: keptBytes, behind };
  await copy(task, file, { from: last ? task.tail : task.copies, extent, ...begin });
  await file.sync();
}

interface Copying {
  readonly from: Copies;
  readonly extent: Extent;
  readonly at: number;
  readonly behind: Behind | undefined;
}

async function copy(task: Repair, file: DiskFile, { from, extent, at, behind }: Copying): Promise<void> {
  let offset = at;
  let unsyncedBytes = 0;
  for await (const { bytes } of from.groups(extent, at, behind)) {
    if (task.cancelled()) throw new RepairCancelled(`the repair of ${task.disk.name} was overtaken`);
    await file.write([bytes], offset);
    offset += bytes.length;
    unsyncedBytes += bytes.length;
    if (unsyncedBytes < copySyncBytes) continue;
    await file.sync();
    unsyncedBytes = 0;
  }
}
