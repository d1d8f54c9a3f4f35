/** Gives back the space of segments in which nothing lives any more. Which these are is the engine's knowledge. */
import type { Clock } from '../clock.ts';
import { segmentDirectory, segmentPath } from './block.ts';
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
  // The highest number stays: the next process counts on from it.
  const highest = Math.max(...bytes.keys());
  const segments = [...bytes].map(([segment, size]) => ({
    segment,
    bytes: size,
    removable: segment !== highest && isResting(parts, set, segment),
  }));
  return segments.sort((a, b) => a.segment - b.segment);
}

function isResting(parts: ReclaimerParts, set: number, segment: number): boolean {
  return parts.links.every((link) => link.diary.restsSince(set, segment) <= parts.clock.now() - restMilliseconds);
}

/** Removes the files of segments without live blobs; answers those that were removed. A drive that is away gives its files up when it is back. */
export async function removeSegments(parts: ReclaimerParts, set: number, segments: readonly number[]): Promise<number[]> {
  const removable = new Set((await listSegments(parts, set)).filter((info) => info.removable).map((info) => info.segment));
  const removed: number[] = [];
  for (const segment of segments.filter((each) => removable.has(each))) {
    const answers = await Promise.all(parts.links.map((link) => link.ask({ kind: 'forget', set, segments: [segment] })));
    if (answers.some((answer) => answer.value === 0)) continue;
    await Promise.all(
      parts.sets[set]!.filter((drive) => drive.writable).map((drive) =>
        patientDisk(drive.disk, parts.clock).remove(segmentPath(set, segment)),
      ),
    );
    removed.push(segment);
  }
  if (removed.length === 0) return removed;
  await Promise.all(
    parts.sets[set]!.filter((drive) => drive.writable).map((drive) =>
      patientDisk(drive.disk, parts.clock).syncDirectory(segmentDirectory(set)),
    ),
  );
  return removed;
}
