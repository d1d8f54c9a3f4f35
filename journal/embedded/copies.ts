import { type Disk, type DiskFile, DriveHangs, type DriveTimer, inTime } from '../disk.ts';
import { JournalCorrupt, JournalUnavailable } from '../journal.ts';
import {
  type Behind,
  type Extent,
  follows,
  framesOf,
  type GroupHeader,
  groupBytes,
  groupBytesMax,
  groupHeaderAt,
  groupHeaderBytes,
  segmentPath,
} from './segment.ts';

/** Bytes read at once; a group that is larger is read alone. */
const readBytes = 1024 * 1024;

/** Milliseconds that one read of a mirror may take; what another mirror has is read there then. */
const readMilliseconds = 10_000;

/** Whole, verified groups that lie one after the other. */
export interface GroupRun {
  readonly bytes: Buffer;
  readonly groups: readonly { readonly header: GroupHeader /** Offsets in `bytes`. */; readonly frames: readonly number[] }[];
}

/** The right bytes of a place that is damaged on some mirror. */
export interface DamagedRun {
  readonly offset: number;
  readonly bytes: Buffer;
  /** Of the last group in it. */
  readonly lastIndex: number;
}

export interface CopiesOptions {
  /** The disks whose copies are believed now, the preferred first. */
  readonly disks: () => readonly Disk[];
  /** Without one a mirror that hangs is waited for. */
  readonly timer?: DriveTimer | undefined;
  /** Told of a copy that is damaged, with the bytes that belong there. */
  readonly damaged?: (disk: Disk, segment: number, run: DamagedRun) => Promise<void>;
}

/** The copies of the log on several mirrors, read as one: what is damaged on one comes from the next. Close it after use. */
export class Copies {
  readonly #options: CopiesOptions;
  /** Owe an answer: asked last. */
  readonly #late = new Set<Disk>();
  readonly #open = new Map<Disk, { readonly segment: number; readonly file: DiskFile }>();

  constructor(options: CopiesOptions) {
    this.#options = options;
  }

  /**
   * The groups of a segment from a group's offset `from` up to `extent.bytes`. `behind`: what lies before `from`, where that is known.
   * @throws JournalCorrupt no mirror has a whole copy of some group.
   * @throws JournalUnavailable no mirror can be read.
   */
  async *groups(extent: Extent, from: number, behind?: Behind): AsyncGenerator<GroupRun> {
    let at = from;
    let last = from === 0 ? { segment: extent.firstSequence } : behind;
    while (at < extent.bytes) {
      const run = await this.#runAt(extent, at, last);
      yield run;
      at += run.bytes.length;
      last = run.groups.at(-1)?.header;
    }
  }

  /** The header of the group at `offset`, undefined where no mirror has one there. */
  async headerAt(segment: number, offset: number): Promise<GroupHeader | undefined> {
    for (const disk of this.#disks()) {
      const bytes = await this.#read(disk, segment, { offset, length: groupHeaderBytes }).catch(() => undefined);
      const header = bytes && groupHeaderAt(bytes, 0, offset);
      if (header) return header;
    }
    return undefined;
  }

  async close(): Promise<void> {
    const files = [...this.#open.values()];
    this.#open.clear();
    for (const { file } of files) await this.#inTime(file.close()).catch(() => undefined);
  }

  async #runAt(extent: Extent, at: number, behind: Behind | undefined): Promise<GroupRun> {
    const damaged: Disk[] = [];
    let trouble: unknown;
    for (const disk of this.#disks()) {
      try {
        const run = await this.#wholeGroups(disk, extent, { at, behind });
        if (run === undefined) {
          damaged.push(disk);
          continue;
        }
        const lastIndex = run.groups.at(-1)?.header.index ?? 0;
        for (const other of damaged)
          await this.#options.damaged?.(other, extent.firstSequence, { offset: at, bytes: run.bytes, lastIndex });
        return run;
      } catch (error) {
        trouble = error;
        const forgotten = this.#forget(disk);
        if (error instanceof DriveHangs) this.#late.add(disk);
        else await forgotten;
      }
    }
    const place = `the journal's groups at byte ${at} of ${segmentPath(extent.firstSequence)}`;
    if (damaged.length === 0) throw new JournalUnavailable(`no mirror can read ${place}`, { cause: trouble });
    throw new JournalCorrupt(`${place} are whole on no mirror that can be read`, { cause: trouble });
  }

  /** undefined when the copy is damaged at `at`. */
  async #wholeGroups(disk: Disk, extent: Extent, { at, behind }: Place): Promise<GroupRun | undefined> {
    const left = extent.bytes - at;
    const run = wholeRun(await this.#read(disk, extent.firstSequence, { offset: at, length: Math.min(left, readBytes) }), { at, behind });
    if (run.groups.length > 0 || left <= readBytes) return run.groups.length > 0 ? run : undefined;
    const largest = await this.#read(disk, extent.firstSequence, { offset: at, length: Math.min(left, groupBytesMax) });
    const large = wholeRun(largest, { at, behind }, 1);
    return large.groups.length > 0 ? large : undefined;
  }

  async #read(disk: Disk, segment: number, range: { readonly offset: number; readonly length: number }): Promise<Buffer> {
    let open = this.#open.get(disk);
    if (open?.segment !== segment) {
      await this.#forget(disk);
      const closeLate = (file: DiskFile): void => void file.close().catch(() => undefined);
      open = { segment, file: await this.#inTime(disk.open(segmentPath(segment), 'read'), closeLate) };
      this.#open.set(disk, open);
    }
    const bytes = Buffer.allocUnsafeSlow(range.length);
    return bytes.subarray(0, await this.#inTime(open.file.read(bytes, range.offset)));
  }

  #disks(): Disk[] {
    const disks = this.#options.disks();
    return [...disks.filter((disk) => !this.#late.has(disk)), ...disks.filter((disk) => this.#late.has(disk))];
  }

  /** What is read into is allocated for each read: a drive that answers too late does no harm. */
  #inTime<T>(work: Promise<T>, late?: (value: T) => void): Promise<T> {
    const { timer } = this.#options;
    return timer === undefined ? work : inTime(work, { timer, milliseconds: readMilliseconds, name: 'a mirror' }, late);
  }

  async #forget(disk: Disk): Promise<void> {
    const open = this.#open.get(disk);
    this.#open.delete(disk);
    if (open !== undefined) await this.#inTime(open.file.close()).catch(() => undefined);
  }
}

/** Where a run begins, and what has to lie before it. */
interface Place {
  readonly at: number;
  readonly behind: Behind | undefined;
}

/** The whole groups at the start of `bytes`, each of them behind the one before. */
function wholeRun(bytes: Buffer, place: Place, groupsMax = Number.MAX_SAFE_INTEGER): GroupRun {
  const groups: { header: GroupHeader; frames: number[] }[] = [];
  let at = 0;
  let { behind } = place;
  while (at < bytes.length && groups.length < groupsMax) {
    const header = groupHeaderAt(bytes, at, place.at + at);
    if (!header || (behind && !follows(header, behind))) break;
    const frames = framesOf(bytes, at, header);
    if (!frames) break;
    groups.push({ header, frames });
    behind = header;
    at += groupBytes(header);
  }
  return { bytes: bytes.subarray(0, at), groups };
}
