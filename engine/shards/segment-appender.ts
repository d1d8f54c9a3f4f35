/**
 * A worker's own open segment of one erasure set: allots places in it and hands each drive's share to its lane. A segment is
 * closed when it is full, and when a drive that it goes without could take part again.
 */
import type { Disk } from '../../journal/disk.ts';
import { segmentBytesMax } from './block.ts';
import { DriveLane } from './drive-lane.ts';
import type { Timer } from './drive-votes.ts';

/** A drive as a worker sees it. */
export interface DriveView {
  readonly slot: number;
  readonly disk: Disk;
  /** Takes new segments. */
  writable: boolean;
  /** Bytes that may still be added to it. */
  roomBytes: number;
  /** Grows with every change of the drive's state. */
  epoch: number;
}

export interface AppenderParts {
  readonly set: number;
  /** By slot. */
  readonly drives: readonly DriveView[];
  readonly clock: Timer;
  /** The next segment number that is this worker's. */
  nextSegment(): number;
  /** A drive failed while it was written to. */
  onTrouble(slot: number, error: Error): void;
}

/** Milliseconds after which a segment is closed to give a drive that failed in it another chance. */
const retryMilliseconds = 10_000;

interface Absence {
  readonly epoch: number;
  /** The drive has had time to recover. */
  ripe: boolean;
}

/** An open segment: the lanes that take part, by slot. */
export interface OpenSegment {
  readonly segment: number;
  readonly lanes: readonly (DriveLane | undefined)[];
}

interface Current extends OpenSegment {
  end: number;
  /** Writers that have yet to seal. */
  holders: number;
  readonly absences: Map<number, Absence>;
}

export interface Run {
  readonly segment: OpenSegment;
  /** Bytes from the start of the file. */
  readonly offset: number;
}

export class SegmentAppender {
  private readonly parts: AppenderParts;
  private current: Current | undefined;
  private readonly held = new Map<OpenSegment, Current>();
  /** Allotted and not written yet: a drive counts it as free. */
  private unwrittenBytes = 0;

  constructor(parts: AppenderParts) {
    this.parts = parts;
  }

  /** Is the segment open, or has it writers that have yet to seal? */
  holds(segment: number): boolean {
    for (const held of this.held.keys()) if (held.segment === segment) return true;
    return false;
  }

  /** The segment that the next allotment lies in, if it has room for it. */
  get open(): number | undefined {
    return this.current?.segment;
  }

  /** Drives that take new writes. */
  get writableDrives(): number {
    return this.parts.drives.reduce((count, drive) => count + Number(drive.writable), 0);
  }

  /** Drives on which so much more fits. */
  drivesWithRoom(bytes: number): number {
    return this.parts.drives.reduce((count, drive) => count + Number(drive.roomBytes >= bytes), 0);
  }

  /** So much of what was allotted is written, or never will be. */
  written(bytes: number): void {
    this.unwrittenBytes -= bytes;
  }

  /** News of what fits on the drive. */
  hearRoom(slot: number, bytes: number): void {
    this.parts.drives[slot]!.roomBytes = bytes - this.unwrittenBytes;
  }

  /** A run of `bytes` on every drive, to be accounted for by `written`. The caller holds its segment and must `release` it once for each allotment. */
  allot(bytes: number): Run {
    let current = this.current;
    if (current !== undefined && (current.end + bytes > segmentBytesMax || this.couldGain(current))) {
      this.retire();
      current = undefined;
    }
    current ??= this.start();
    const offset = current.end;
    for (const drive of this.parts.drives) this.use(drive, bytes);
    this.unwrittenBytes += bytes;
    current.end += bytes;
    current.holders += 1;
    return { segment: current, offset };
  }

  /** The drive has gone: its files may work on for those who have them open, but nobody would find them again. */
  dropDrive(slot: number): void {
    for (const held of this.held.values()) held.lanes[slot]?.fail(new Error('the drive is offline'));
  }

  /** A drive that is full takes no part any more, also in what is open: the rest of its room is for others. */
  private use(drive: DriveView, bytes: number): void {
    if (drive.roomBytes >= bytes) {
      drive.roomBytes -= bytes;
      return;
    }
    const full = Object.assign(new Error('the drive is full'), { code: 'ENOSPC' });
    for (const held of this.held.values()) held.lanes[drive.slot]?.fail(full);
  }

  release(segment: OpenSegment): void {
    const held = this.held.get(segment);
    if (held === undefined) return;
    held.holders -= 1;
    this.closeIfIdle(held);
  }

  /** Closes the open segment once its writers are done: the next allotment starts another. */
  retire(): void {
    const current = this.current;
    this.current = undefined;
    if (current !== undefined) this.closeIfIdle(current);
  }

  private start(): Current {
    const { parts } = this;
    const segment = parts.nextSegment();
    const absences = new Map<number, Absence>();
    const missDrive = ({ slot, epoch }: DriveView) => {
      const absence = { epoch, ripe: false };
      absences.set(slot, absence);
      parts.clock.after(retryMilliseconds, () => {
        absence.ripe = true;
      });
    };
    const onFailure = (lane: DriveLane, error: Error) => {
      const drive = parts.drives[lane.slot]!;
      missDrive(drive);
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') drive.roomBytes = 0;
      parts.onTrouble(lane.slot, error);
    };
    const lanes = parts.drives.map((drive) => {
      if (drive.writable) return new DriveLane(drive, { set: parts.set, segment }, onFailure);
      missDrive(drive);
      return undefined;
    });
    const current: Current = { segment, lanes, end: 0, holders: 0, absences };
    this.held.set(current, current);
    this.current = current;
    return current;
  }

  /** Would a new segment have a drive that this one goes without? */
  private couldGain(current: Current): boolean {
    for (const [slot, absence] of current.absences) {
      const drive = this.parts.drives[slot]!;
      if (!drive.writable) continue;
      if (drive.epoch !== absence.epoch || absence.ripe) return true;
    }
    return false;
  }

  private closeIfIdle(held: Current): void {
    if (held === this.current || held.holders > 0 || !this.held.delete(held)) return;
    for (const lane of held.lanes) lane?.close();
  }
}
