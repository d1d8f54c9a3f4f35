/**
 * When one worker opened and closed its segments, and since when it has been writing which bodies. A body may lie in every segment that
 * was open in its time, and counts only when it is journaled: until then those segments must not be taken for garbage.
 */
import type { Clock } from '../clock.ts';

/** Milliseconds for which it is remembered when a segment was closed, and when a long body ended. */
const memoryMilliseconds = 60 * 60_000;
/** A body that took less was journaled long before a segment that it could lie in has rested. */
const longBodyMilliseconds = 60_000;
/** Long bodies remembered after their end; beyond, the oldest two count as one that began with the first and ended with the last. */
const endedBodiesMax = 1_000;

interface Span {
  readonly begun: number;
  readonly ended: number;
}

interface Opened {
  readonly segment: number;
  readonly since: number;
  /** When it was closed without another one being opened; undefined: it is open, or the next one says when. */
  closed?: number;
}

export class SegmentDiary {
  private readonly clock: Clock;
  /** By set, ascending; the last of them is open. `since`: when it was opened. */
  private readonly segments = new Map<number, Opened[]>();
  /** Writer -> when its body began. */
  private readonly bodies = new Map<number, number>();
  private readonly ended: Span[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  opened(set: number, segment: number): void {
    const now = this.clock.now();
    const segments = this.segments.get(set) ?? [];
    segments.push({ segment, since: now });
    const needed = Math.min(now - memoryMilliseconds, this.earliestBody(now));
    while (segments.length > 2 && segments[1]!.since < needed) segments.shift();
    this.segments.set(set, segments);
  }

  /** The open segment of the set was closed, and no other was opened yet. */
  closed(set: number, segment: number): void {
    const last = this.segments.get(set)?.at(-1);
    if (last?.segment === segment) last.closed ??= this.clock.now();
  }

  isOpen(set: number, segment: number): boolean {
    const last = this.segments.get(set)?.at(-1);
    return last?.segment === segment && last.closed === undefined;
  }

  begun(writer: number): void {
    this.bodies.set(writer, this.clock.now());
  }

  done(writer: number): void {
    const begun = this.bodies.get(writer);
    this.bodies.delete(writer);
    const now = this.clock.now();
    if (begun === undefined || now - begun < longBodyMilliseconds) return;
    this.ended.push({ begun, ended: now });
    if (this.ended.length <= endedBodiesMax) return;
    const [first, second] = this.ended.splice(0, 2) as [Span, Span];
    this.ended.unshift({ begun: Math.min(first.begun, second.begun), ended: second.ended });
  }

  /** The lowest segment that may have been written to in the last moments; Infinity when none was. */
  lowestOpen(set: number): number {
    const segments = this.segments.get(set) ?? [];
    return (segments.at(-2) ?? segments.at(-1))?.segment ?? Number.POSITIVE_INFINITY;
  }

  /** The last segment that was opened; 0 for none. */
  last(set: number): number {
    return this.segments.get(set)?.at(-1)?.segment ?? 0;
  }

  /**
   * Since when (ms since the epoch) nothing was added to that segment and no body that may lie in it was under way. Infinity while it is
   * open or such a body is under way, 0 when it isn't one of this worker's.
   */
  restsSince(set: number, segment: number): number {
    const segments = this.segments.get(set) ?? [];
    const at = segments.findIndex((each) => each.segment === segment);
    if (at < 0) return 0;
    const closed = segments[at]!.closed ?? segments[at + 1]?.since ?? Number.POSITIVE_INFINITY;
    for (const begun of this.bodies.values()) if (begun <= closed) return Number.POSITIVE_INFINITY;
    return this.ended.reduce((since, body) => (body.begun <= closed ? Math.max(since, body.ended) : since), closed);
  }

  private earliestBody(now: number): number {
    while (this.ended[0] !== undefined && this.ended[0].ended < now - memoryMilliseconds) this.ended.shift();
    let earliest = Number.POSITIVE_INFINITY;
    for (const { begun } of this.ended) earliest = Math.min(earliest, begun);
    for (const begun of this.bodies.values()) earliest = Math.min(earliest, begun);
    return earliest;
  }
}
