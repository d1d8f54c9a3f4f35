import type { Disk } from '../disk.ts';
import { Copies, type DamagedRun } from './copies.ts';
import { Overtaken } from './kept-promise.ts';
import { writeEpoch } from './log.ts';
import { Mirror, type MirrorState } from './mirror.ts';
import { segmentPath, withFile } from './segment.ts';

export interface MirrorReport {
  readonly disk: string;
  readonly what: 'attached' | 'detached' | 'mended';
  /** For people; empty when attached. */
  readonly reason: string;
}

export interface MirrorStatus {
  readonly disk: string;
  readonly state: MirrorState;
  readonly reason: string;
  /** Groups that this mirror has yet to write. */
  readonly backlogBytes: number;
}

export interface Timer {
  /** Runs `task` once after `milliseconds`; the returned function cancels it. */
  after(milliseconds: number, task: () => void): () => void;
}

export interface MirrorSetOptions {
  readonly disks: readonly Disk[];
  readonly report: (event: MirrorReport) => void;
  /** A mirror wrote a group, or failed to. */
  readonly changed: () => void;
  /** Another server was elected: nothing that is under way may be acknowledged. */
  readonly overtaken: (error: Overtaken) => void;
  /** Without one every mirror writes every group at once. */
  readonly timer: Timer | undefined;
}

/** A mirror that is not waited for is at most this far behind, unless it is slow. Also how long a prompt one that hangs holds up a group. */
const trailMilliseconds = 50;

/** The configured mirrors, how many of them decide, and which of them are waited for. */
export class MirrorSet {
  readonly majority: number;
  /** Damaged places put right since the journal was opened. */
  mendedPlaces = 0;
  readonly #options: MirrorSetOptions;
  readonly #mirrors: Map<string, Mirror>;
  #cancelFlush: (() => void) | undefined;

  constructor(options: MirrorSetOptions) {
    this.#options = options;
    this.majority = Math.floor(options.disks.length / 2) + 1;
    this.#mirrors = new Map(options.disks.map((disk) => [disk.name, this.#watched(disk)]));
    if (this.#mirrors.size !== options.disks.length || options.disks.length === 0) {
      throw new RangeError('the journal needs at least one disk, each with a name of its own');
    }
  }

  get all(): Mirror[] {
    return [...this.#mirrors.values()];
  }

  get attached(): Mirror[] {
    return this.all.filter(({ state }) => state === 'attached');
  }

  get(diskName: string): Mirror | undefined {
    return this.#mirrors.get(diskName);
  }

  replace(diskName: string, disk: Disk): Mirror {
    const mirror = this.#watched(disk);
    this.#mirrors.set(diskName, mirror);
    return mirror;
  }

  /**
   * A majority holds the group: it is waited for from now on. The others gather what comes and write it a little later, for a synced write
   * costs much the same whatever its size.
   */
  settled(index: number): void {
    if (this.#options.timer === undefined) return;
    for (const mirror of this.attached) mirror.trailing = mirror.durableIndex < index;
  }

  /** Called while a group is under way: sees to it that a majority can settle it. */
  hasten(): void {
    const { attached } = this;
    if (attached.filter(({ trailing }) => !trailing).length < this.majority) this.#flush(attached);
    else
      this.#cancelFlush ??= this.#options.timer?.after(trailMilliseconds, () => {
        this.#cancelFlush = undefined;
        for (const mirror of this.attached) mirror.flush();
      });
  }

  /** Resolves when every attached mirror that moves has all groups. */
  async flushed(): Promise<void> {
    this.#cancelFlush?.();
    this.#flush(this.attached);
    await Promise.all(this.attached.map((mirror) => mirror.during(mirror.written()).catch(() => undefined)));
  }

  /** Where the log ends, on every attached mirror once it has all groups: what is missing at the next start was not torn while it was written. */
  async tellEnd(epoch: number, lastSequence: number): Promise<void> {
    await this.flushed();
    await Promise.allSettled(this.attached.map((mirror) => mirror.during(tellEndOf(mirror, epoch, lastSequence))));
  }

  #flush(mirrors: readonly Mirror[]): void {
    for (const mirror of mirrors) {
      mirror.trailing = false;
      mirror.flush();
    }
  }

  status(): MirrorStatus[] {
    return this.all.map(({ disk, state, reason, backlogBytes }) => ({ disk: disk.name, state, reason, backlogBytes }));
  }

  tell(mirror: Mirror, what: MirrorReport['what'], reason = mirror.reason): void {
    this.#options.report({ disk: mirror.disk.name, what, reason });
  }

  /** The copies that are pieces of this epoch's log: settled groups read from any of them, `first` preferred, damage mended on the way. */
  copies(epoch: () => number, first?: Disk): Copies {
    const rank = (mirror: Mirror): number => (mirror.disk === first ? 3 : mirror.state !== 'attached' ? 0 : mirror.trailing ? 1 : 2);
    const disks = (): Disk[] => {
      const usable = this.all.filter(({ state, epoch: joined }) => joined === epoch() && (state === 'attached' || state === 'detached'));
      return usable.sort((left, right) => rank(right) - rank(left)).map(({ disk }) => disk);
    };
    return new Copies({ timer: this.#options.timer, disks, damaged: (...damage) => this.#mend(...damage) });
  }

  /** Puts the right bytes where a mirror's copy is damaged. Not where it is only behind. */
  async #mend(disk: Disk, segment: number, run: DamagedRun): Promise<void> {
    const mirror = this.attached.find((candidate) => candidate.disk === disk);
    if (mirror === undefined || mirror.durableIndex < run.lastIndex) return;
    try {
      await withFile(disk, segmentPath(segment), 'write', async (file) => {
        await file.write([run.bytes], run.offset);
        await file.sync();
      });
    } catch (error) {
      mirror.reason = `a damaged place could not be mended: ${String(error)}`;
      return;
    }
    this.mendedPlaces++;
    this.tell(mirror, 'mended', `${run.bytes.length} bytes at ${run.offset} of ${segmentPath(segment)} were damaged`);
  }

  #watched(disk: Disk): Mirror {
    return new Mirror(disk, {
      progress: () => this.#options.changed(),
      failed: (mirror, error) => {
        if (error instanceof Overtaken) return this.#options.overtaken(error);
        mirror.detach(`a write failed: ${String(error)}`);
        this.tell(mirror, 'detached');
        this.#options.changed();
      },
    });
  }
}

/** Not over what the mirror promised to another server meanwhile. */
async function tellEndOf(mirror: Mirror, epoch: number, lastSequence: number): Promise<void> {
  await mirror.checkPromise();
  await writeEpoch(mirror.disk, epoch, lastSequence);
}
