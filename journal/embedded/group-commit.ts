import type { Fence } from '../fence.ts';
import { type Appended, type JournalEntry, JournalUnavailable, type StreamHead } from '../journal.ts';
import { encodeRecord } from '../record.ts';
import type { PlacedGroup } from './mirror.ts';
import { type Extent, encodeGroupHeader, groupBytesTarget, groupHeaderBytes, groupRecordsMax } from './segment.ts';

/** Appends that wait for their group: beyond it append is refused with JournalUnavailable. */
export const queueBytesMax = 64 * 1024 * 1024;
export const queueRecordsMax = 65_536;

/** An append between its call and its answer. */
export interface PendingAppend {
  readonly frame: Buffer;
  readonly stream: string;
  /** The stream's head without this record. */
  readonly previous: StreamHead;
  readonly appended: Appended;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: Error) => void;
}

/** Where the next group goes. */
export interface LogEnd {
  readonly index: number;
  readonly epoch: number;
  readonly settled: number;
  readonly extents: readonly Extent[];
}

/** Appends in the order of their calls, encoded as they come, so that hashing overlaps with the sync of the group before. */
export class AppendQueue {
  readonly #fence: Fence;
  #waiting: PendingAppend[] = [];
  #bytes = 0;
  #nextSequence = 1;

  constructor(fence: Fence) {
    this.#fence = fence;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Sequences go on after this one; nothing may wait. */
  continueAfter(sequence: number): void {
    this.#nextSequence = sequence + 1;
  }

  /**
   * @throws JournalConflict
   * @throws JournalUnavailable the queue is full.
   * @throws RangeError
   */
  add(entry: JournalEntry, settle: Pick<PendingAppend, 'resolve' | 'reject'>): void {
    const { stream, expected, time, payload } = entry;
    if (this.#bytes + payload.length > queueBytesMax || this.#waiting.length >= queueRecordsMax) {
      throw new JournalUnavailable(`${this.#waiting.length} records of ${this.#bytes} bytes wait for the journal: no more are taken`);
    }
    this.#fence.check(entry);
    const sequence = this.#nextSequence;
    const position = expected.position + 1;
    const { frame, hash } = encodeRecord({ sequence, stream, position, previousHash: expected.hash, time, payload });
    const head = { position, hash };
    this.#nextSequence = sequence + 1;
    this.#fence.advance(stream, head);
    this.#waiting.push({ frame, stream, previous: expected, appended: { sequence, head }, ...settle });
    this.#bytes += frame.length;
  }

  /** The records of the next group: what waits, up to the limits of a group. */
  take(): PendingAppend[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && count < groupRecordsMax && bytes < groupBytesTarget)
      bytes += this.#waiting[count++]!.frame.length;
    this.#bytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  /** Nothing that waits will be stored: the fence goes back to where it was. */
  drop(error: Error): void {
    const dropped = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    for (const { stream, previous } of dropped.toReversed()) this.#fence.advance(stream, previous);
    for (const { reject } of dropped) reject(error);
  }
}

/** A group after the end of the log: in the last segment, or in a new one when that would grow beyond `segmentBytes`. */
export function placeGroup(frames: readonly Buffer[], firstSequence: number, log: LogEnd, segmentBytes: number): PlacedGroup {
  const bodyBytes = frames.reduce((sum, frame) => sum + frame.length, 0);
  const bytes = groupHeaderBytes + bodyBytes;
  const current = log.extents.at(-1);
  // A marker never begins a segment but the first: only settled groups may lie before a segment's last one.
  const rotate =
    current === undefined || (frames.length > 0 && current.bytes + bytes > segmentBytes && firstSequence > current.firstSequence);
  const segment = rotate ? firstSequence : current.firstSequence;
  const offset = rotate ? 0 : current.bytes;
  const { epoch, settled } = log;
  const index = log.index + 1;
  const header = encodeGroupHeader({ index, epoch, settled, firstSequence, records: frames.length, bodyBytes, offset });
  return { index, segment, offset, bytes, chunks: [header, ...frames], lastSequence: firstSequence + frames.length - 1 };
}

/** The segments once `group` is durable. */
export function extended(extents: readonly Extent[], group: PlacedGroup): Extent[] {
  const kept = group.offset === 0 ? extents : extents.slice(0, -1);
  return [...kept, { firstSequence: group.segment, bytes: group.offset + group.bytes }];
}
