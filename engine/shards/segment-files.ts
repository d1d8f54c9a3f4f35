/** The segment files of one drive that a worker has open for reading, the least recently used closed first. */
import type { Disk, DiskFile } from '../../journal/disk.ts';
import { segmentDirectory, segmentPath } from './block.ts';

/** Open files of one drive in one worker. */
const openFilesMax = 64;

interface OpenFile {
  readonly file: Promise<DiskFile>;
  users: number;
  dropped: boolean;
}

export class SegmentFiles {
  private readonly disk: Disk;
  private readonly files = new Map<string, OpenFile>();

  constructor(disk: Disk) {
    this.disk = disk;
  }

  /** Fills `target` from `position`; the bytes read, fewer at the end of the file. Throws what the disk throws. */
  async read(where: { set: number; segment: number }, target: Uint8Array, position: number): Promise<number> {
    const path = segmentPath(where.set, where.segment);
    const open = this.touch(path);
    try {
      const file = await open.file;
      return await file.read(target, position);
    } catch (error) {
      this.drop(path, open);
      throw error;
    } finally {
      open.users -= 1;
      closeIfIdle(open);
    }
  }

  /** Writes a block in place and makes it durable. Creates the file on a drive that lacks it. */
  async write(where: { set: number; segment: number }, chunks: readonly Uint8Array[], position: number): Promise<void> {
    const directory = segmentDirectory(where.set);
    const path = segmentPath(where.set, where.segment);
    const isNew = !(await this.disk.exists(path));
    if (isNew) await this.disk.makeDirectory(directory);
    const file = await this.disk.open(path, 'create');
    try {
      await file.write(chunks, position);
      await file.sync();
    } finally {
      await file.close();
    }
    if (isNew) await this.disk.syncDirectory(directory);
  }

  /** Closes one file, or all: the directory behind them may be another now. */
  forget(where?: { set: number; segment: number }): void {
    const only = where === undefined ? undefined : segmentPath(where.set, where.segment);
    for (const [path, open] of this.files) if (only === undefined || only === path) this.drop(path, open);
  }

  private touch(path: string): OpenFile {
    const known = this.files.get(path);
    const open = known ?? { file: this.disk.open(path, 'read'), users: 0, dropped: false };
    open.users += 1;
    this.files.delete(path);
    this.files.set(path, open);
    if (this.files.size > openFilesMax) {
      const [oldest, file] = this.files.entries().next().value!;
      this.drop(oldest, file);
    }
    return open;
  }

  private drop(path: string, open: OpenFile): void {
    if (this.files.get(path) === open) this.files.delete(path);
    open.dropped = true;
    closeIfIdle(open);
  }
}

function closeIfIdle(open: OpenFile): void {
  if (!open.dropped || open.users > 0) return;
  open.file.then((file) => file.close()).catch(() => undefined);
}
