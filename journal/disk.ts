/**
 * The file system as the store sees it: every byte of journal, segments and lock files passes through a Disk. A Disk is
 * rooted at one drive's directory; paths are relative to it and use `/`. `node-disk.ts` is the real one (the only importer
 * of `node:fs` for data), `memory-disk.ts` the twin that can drop, tear and reorder what was not synced.
 *
 * Errors are thrown as Error with a POSIX `code` (ENOENT, EIO, ENOSPC, EEXIST, EROFS, ENOTDIR).
 */
export interface Disk {
  /** What people call this drive: its path as configured. */
  readonly name: string;
  /**
   * `read`: must exist. `write`: must exist, read and write. `create`: created if absent, read and write. `exclusive`: must not exist.
   * `eachSynced`: the caller syncs after every write, and the disk may do both in one step.
   */
  open(path: string, mode: DiskOpenMode, writes?: 'eachSynced'): Promise<DiskFile>;
  /** Names (not paths) of the entries of a directory, sorted; empty when the directory is absent. */
  list(directory: string): Promise<string[]>;
  /** Creates a directory and its parents, durably; no error if there. `''` is the root itself. */
  makeDirectory(directory: string): Promise<void>;
  /** True when a file or directory is there. `''` asks for the root. */
  exists(path: string): Promise<boolean>;
  /** Removes a file; no error if absent. */
  remove(path: string): Promise<void>;
  /** Removes a directory and all below it; no error if absent. */
  removeTree(directory: string): Promise<void>;
  /** Atomic replace. Durable only after syncDirectory of the parent. */
  rename(from: string, to: string): Promise<void>;
  /** Makes names created, renamed or removed in this directory durable. */
  syncDirectory(directory: string): Promise<void>;
  /** Bytes free for data on the file system under this drive. */
  freeBytes(): Promise<number>;
  /**
   * Opens a file, created if absent, and has the kernel lock it: until it is closed or the process ends, however it ends, nobody else gets it, in
   * this process, another one or another container. undefined: somebody else has it.
   */
  lock(path: string): Promise<LockedFile | undefined>;
  /** The file that the path leads to now. */
  pin(path: string): Promise<PinnedFile>;
}

/** A file that was opened under a name, which may lead to another one later. */
export interface PinnedFile extends DiskFile {
  /** Its path still leads to this file, and not to one that was put in its place. Also where another host put it there. */
  isCurrent(): Promise<boolean>;
  /**
   * What can be told of it at once: true, nobody put another file in its place or removed it since it was pinned, wherever its directory is now;
   * false, its names have changed; undefined, only isCurrent knows.
   */
  keptItsNames(): boolean | undefined;
}

export interface LockedFile extends PinnedFile {
  /** False: there is no lock, for this platform or file system has none or its binary didn't load. `why` says so. */
  readonly kernel: boolean;
  readonly why: string;
  /** The file system is known to be mounted by one host only: what its kernel says of locks is all there is. */
  readonly ofOneHost: boolean;
}

export type DiskOpenMode = 'read' | 'write' | 'create' | 'exclusive';

export interface DiskFile {
  /** Fills `target`, or several one after the other (scatter read), from `position`; resolves to the bytes read, fewer than asked only at the end of the file. */
  read(target: Uint8Array | readonly Uint8Array[], position: number): Promise<number>;
  /** Writes all of `chunks` one after the other from `position` (gather write). The buffers must not change until it resolves. */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>;
  /** fdatasync: what was written and the size are on the medium. */
  sync(): Promise<void>;
  /** Bytes. */
  size(): Promise<number>;
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** Runs `task` once after `milliseconds`; the returned function cancels it. */
export interface DriveTimer {
  after(milliseconds: number, task: () => void): () => void;
}

/** A drive owes an answer. What it was asked for may still happen. */
export class DriveHangs extends Error {
  override readonly name = 'DriveHangs';
  readonly code = 'ETIMEDOUT';
}

/** A wait is made of so many: whatever stops this process or its host for longer costs one of them, and no drive is late by it. */
const waitsOfPatience = 8;

/** Runs `task` after `milliseconds` in which this process was running; the returned function cancels it. */
export function afterRunning(timer: DriveTimer, milliseconds: number, task: () => void): () => void {
  let left = waitsOfPatience;
  const wait = (): (() => void) =>
    timer.after(milliseconds / waitsOfPatience, () => {
      left -= 1;
      if (left === 0) task();
      else cancel = wait();
    });
  let cancel = wait();
  return () => cancel();
}

/**
 * `work`, or DriveHangs after `milliseconds`. What comes too late is handed to `late`: a file to close. Memory that the work fills or writes
 * from is not to be used for anything else after a DriveHangs.
 */
export function inTime<T>(
  work: Promise<T>,
  { timer, milliseconds, name }: { readonly timer: DriveTimer; readonly milliseconds: number; readonly name: string },
  late: (value: T) => void = () => undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    const cancel = afterRunning(timer, milliseconds, () => {
      over = true;
      reject(new DriveHangs(`${name} does not answer`));
    });
    work.then(
      (value) => {
        cancel();
        if (over) late(value);
        else resolve(value);
      },
      (error) => {
        cancel();
        reject(error);
      },
    );
  });
}

/** A file whose reads and writes go through `view`, and what else is asked of the drive through `ask`. */
export function pinnedThrough(file: PinnedFile, view: DiskFile, ask: Ask): PinnedFile {
  return { ...view, isCurrent: () => ask(() => file.isCurrent()), keptItsNames: () => file.keptItsNames() };
}

export function lockedThrough(file: LockedFile, view: DiskFile, ask: Ask): LockedFile {
  const { kernel, why, ofOneHost } = file;
  return { ...pinnedThrough(file, view, ask), kernel, why, ofOneHost };
}

export type Ask = <T>(call: () => Promise<T>) => Promise<T>;
