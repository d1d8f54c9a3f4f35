/** Gives back the space of segments in which nothing lives any more. Which these are is the engine's knowledge. */
import type { Disk } from '../../journal/disk.ts';
import type { Clock } from '../clock.ts';
import { markerPath, segmentDirectory, segmentNumber, segmentPath, takenNumber } from './block.ts';
import type { Drive } from './drive.ts';
import { segmentSizes } from './healer.ts';
import { patientDisk } from './patient-disk.ts';
import type { WorkerLink } from './worker-link.ts';

/** Milliseconds that a segment of this process rests after it was closed: its last blobs may not be journaled yet. */
export const restMilliseconds = 10 * 60_000;

export interface SegmentInfo {
  readonly segment: number;
  /** Of the longest of its files. */
  readonly bytes: number;
  /** Bodies are written to it. */
  readonly open: boolean;
  /** It rests: nothing will be added to it, and every blob in it that counts is journaled. */
  readonly removable: boolean;
}

export interface ReclaimerParts {
  readonly sets: readonly (readonly Drive[])[];
  readonly links: readonly WorkerLink[];
  readonly clock: Clock;
}

/** The segments of a set, ascending. */
export async function listSegments(parts: ReclaimerParts, set: number): Promise<SegmentInfo[]> {
  const bytes = new Map<number, number>();
  for (const drive of parts.sets[set]!.filter((each) => each.readable)) {
    for (const [segment, size] of await segmentSizes(drive, parts.clock)) bytes.set(segment, Math.max(size, bytes.get(segment) ?? 0));
  }
  const segments = [...bytes].map(([segment, size]) => ({
    segment,
    bytes: size,
    open: parts.links.some((link) => link.diary.isOpen(set, segment)),
    removable: isResting(parts, set, segment),
  }));
  return segments.sort((a, b) => a.segment - b.segment);
}

function isResting(parts: ReclaimerParts, set: number, segment: number): boolean {
  return parts.links.every((link) => link.diary.restsSince(set, segment) <= parts.clock.now() - restMilliseconds);
}

/** The next body begins another segment, so that this one rests. */
export async function closeSegment(parts: ReclaimerParts, set: number, segment: number): Promise<void> {
  const link = parts.links.find((each) => each.diary.isOpen(set, segment));
  if (link === undefined) return;
  await link.ask({ kind: 'close-segment', set, segment });
  link.diary.closed(set, segment);
}

/** Removes the files of segments without live blobs; answers those that were removed. A drive that is away gives its files up when it is back. */
export async function removeSegments(parts: ReclaimerParts, set: number, segments: readonly number[]): Promise<number[]> {
  const listed = await listSegments(parts, set);
  const removable = new Set(listed.filter((info) => info.removable).map((info) => info.segment));
  const drives = parts.sets[set]!.filter((drive) => drive.shrinkable);
  const removed: number[] = [];
  for (const segment of segments.filter((each) => removable.has(each))) {
    const answers = await Promise.all(parts.links.map((link) => link.ask({ kind: 'forget', set, segments: [segment] })));
    if (answers.some((answer) => answer.value === 0)) continue;
    // The highest number is remembered: the next process counts on from it.
    if (segment === listed.at(-1)!.segment)
      await Promise.all(drives.map((drive) => mark(patientDisk(drive.disk, parts.clock), set, segment)));
    await Promise.all(drives.map((drive) => patientDisk(drive.disk, parts.clock).remove(segmentPath(set, segment))));
    removed.push(segment);
  }
  if (removed.length === 0) return removed;
  await Promise.all(drives.map((drive) => patientDisk(drive.disk, parts.clock).syncDirectory(segmentDirectory(set))));
  return removed;
}

/** Durably remembers a number, in place of those that were remembered before. */
async function mark(disk: Disk, set: number, segment: number): Promise<void> {
  const file = await disk.open(markerPath(set, segment), 'create');
  await file.close();
  await disk.syncDirectory(segmentDirectory(set));
  for (const name of await disk.list(segmentDirectory(set))) {
    const number = segmentNumber(name) === undefined ? takenNumber(name) : undefined;
    if (number !== undefined && number < segment) await disk.remove(markerPath(set, number));
  }
}
