/** The segment files of one drive that a worker has open, apart from those it appends to; the least recently used is closed first. */
import type { Disk, DiskFile } from '../../journal/disk.ts';
import { segmentDirectory, segmentPath } from './block.ts';

/** Open files of one drive in one worker, unless descriptors are few. */
const openFilesMaxDefault = 64;

export interface SegmentName {
  readonly set: number;
  readonly segment: number;
}

interface OpenFile {
  readonly file: Promise<DiskFile>;
  users: number;
  dropped: boolean;
}

export class SegmentFiles {
  private readonly disk: Disk;
  private readonly openFilesMax: number;
  /** By mode and path. */
  private readonly files = new Map<string, OpenFile>();

  constructor(disk: Disk, openFilesMax = openFilesMaxDefault) {
    this.disk = disk;
    this.openFilesMax = openFilesMax;
  }

  /** Fills `target` from `position`; the bytes read, fewer at the end of the file. Throws what the disk throws. */
  read(name: SegmentName, target: Uint8Array | readonly Uint8Array[], position: number): Promise<number> {
    return this.use('read', name, (file) => file.read(target, position));
  }

  /** Writes a block in place, not yet durable. Creates the file on a drive that lacks it. */
  write(name: SegmentName, chunks: readonly Uint8Array[], position: number): Promise<void> {
    return this.use('create', name, (file) => file.write(chunks, position));
  }

  /** Makes durable what was written to a segment, and its name. */
  async sync(name: SegmentName): Promise<void> {
    await this.use('create', name, (file) => file.sync());
    await this.disk.syncDirectory(segmentDirectory(name.set));
  }

  /** Closes a segment's files, or all: what lies behind them may be another file now. */
  forget(name?: SegmentName): void {
    const path = name === undefined ? '' : segmentPath(name.set, name.segment);
    for (const [key, open] of this.files) if (key.endsWith(path)) this.drop(key, open);
  }

  private async use<T>(mode: 'read' | 'create', name: SegmentName, work: (file: DiskFile) => Promise<T>): Promise<T> {
    const path = segmentPath(name.set, name.segment);
    const key = `${mode} ${path}`;
    const open = this.files.get(key) ?? { file: this.disk.open(path, mode), users: 0, dropped: false };
    open.users += 1;
    this.files.delete(key);
    this.files.set(key, open);
    if (this.files.size > this.openFilesMax) this.drop(...this.files.entries().next().value!);
    try {
      return await work(await open.file);
    } catch (error) {
      this.drop(key, open);
      throw error;
    } finally {
      open.users -= 1;
      closeIfIdle(open);
    }
  }

  private drop(key: string, open: OpenFile): void {
    if (this.files.get(key) === open) this.files.delete(key);
    open.dropped = true;
    closeIfIdle(open);
  }
}

function closeIfIdle(open: OpenFile): void {
  if (!open.dropped || open.users > 0) return;
  open.file.then((file) => file.close()).catch(() => undefined);
}
