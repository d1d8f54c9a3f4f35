import type { Disk } from '../disk.ts';
import { Copies, type DamagedRun } from './copies.ts';
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

export interface MirrorSetOptions {
  readonly disks: readonly Disk[];
  readonly report: (event: MirrorReport) => void;
  /** A mirror wrote a group, or failed to. */
  readonly changed: () => void;
}

/** The configured mirrors and how many of them decide. */
export class MirrorSet {
  readonly majority: number;
  /** Damaged places put right since the journal was opened. */
  mendedPlaces = 0;
  readonly #options: MirrorSetOptions;
  readonly #mirrors: Map<string, Mirror>;

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

  status(): MirrorStatus[] {
    return this.all.map(({ disk, state, reason, backlogBytes }) => ({ disk: disk.name, state, reason, backlogBytes }));
  }

  tell(mirror: Mirror, what: MirrorReport['what'], reason = mirror.reason): void {
    this.#options.report({ disk: mirror.disk.name, what, reason });
  }

  /** The copies that are pieces of this epoch's log: settled groups read from any of them, `first` preferred, damage mended on the way. */
  copies(epoch: () => number, first?: Disk): Copies {
    const rank = (mirror: Mirror): number => (mirror.disk === first ? 2 : mirror.state === 'attached' ? 1 : 0);
    const disks = (): Disk[] => {
      const usable = this.all.filter(({ state, epoch: joined }) => joined === epoch() && (state === 'attached' || state === 'detached'));
      return usable.sort((left, right) => rank(right) - rank(left)).map(({ disk }) => disk);
    };
    return new Copies({ disks, damaged: (...damage) => this.#mend(...damage) });
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
        mirror.detach(`a write failed: ${String(error)}`);
        this.tell(mirror, 'detached');
        this.#options.changed();
      },
    });
  }
}
