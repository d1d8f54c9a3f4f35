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
