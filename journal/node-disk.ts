import * as fs from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Disk, DiskFile, DiskOpenMode } from './disk.ts';

/** Buffers handed to one readv or writev call: Linux accepts 1,024. */
const gatherBuffersMax = 1024;

const flags: Record<DiskOpenMode, number> = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
  exclusive: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
};

/** The real disk: files below `root`, a directory of the file system. Paths that would leave the root are refused (EACCES). */
export function nodeDisk(root: string): Disk {
  const at = (path: string): string => join(root, inside(path));
  return {
    name: root,
    open: async (path, mode, writes) => {
      const eachSynced = writes === 'eachSynced';
      const flag = flags[mode] | (eachSynced ? fs.constants.O_DSYNC : 0);
      return new NodeFile(await promised<number>((done) => fs.open(at(path), flag, 0o640, done)), eachSynced);
    },
    list: async (directory) => {
      try {
        return (await promised<string[]>((done) => fs.readdir(at(directory), done))).sort();
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return [];
        throw error;
      }
    },
    makeDirectory: async (directory) => {
      // Level by level below the root: `recursive` would bring back the directory of a drive that was unmounted.
      if (directory === '') return makeRoot(root);
      const steps = inside(directory).split('/');
      for (let depth = 1; depth <= steps.length; depth++) {
        const step = join(root, ...steps.slice(0, depth));
        const made = await promised<boolean>((done) =>
          fs.mkdir(step, (error) => (error?.code === 'EEXIST' ? done(null, false) : done(error, true))),
        );
        if (made) await syncDirectoryAt(dirname(step));
      }
    },
    exists: (path) => promised((done) => fs.access(at(path), (error) => done(null, error === null))),
    remove: (path) => promised((done) => fs.unlink(at(path), (error) => done(error?.code === 'ENOENT' ? null : error))),
    removeTree: (directory) => promised((done) => fs.rm(at(directory), { recursive: true, force: true }, (error) => done(error))),
    rename: (from, to) => promised((done) => fs.rename(at(from), at(to), (error) => done(error))),
    syncDirectory: (directory) => syncDirectoryAt(at(directory)),
    freeBytes: async () => {
      const { bavail, bsize } = await promised<fs.StatsFs>((done) => fs.statfs(root, done));
      return bavail * bsize;
    },
  };
}

/** Every directory that is made on the way is synced in its parent: a power cut takes no drive away with what was stored on it. */
async function makeRoot(root: string): Promise<void> {
  const first = await promised<string | undefined>((done) => fs.mkdir(root, { recursive: true }, done));
  if (first === undefined) return;
  for (let made = resolve(root); made.length >= resolve(first).length; made = dirname(made)) await syncDirectoryAt(dirname(made));
}

async function syncDirectoryAt(path: string): Promise<void> {
  const descriptor = await promised<number>((done) => fs.open(path, fs.constants.O_RDONLY, done));
  try {
    await promised((done) => fs.fsync(descriptor, (error) => done(error)));
  } finally {
    await promised((done) => fs.close(descriptor, (error) => done(error ?? null)));
  }
}

/** A file by its raw descriptor: the callback API costs less per call than FileHandle. */
class NodeFile implements DiskFile {
  readonly #descriptor: number;
  /** Opened with O_DSYNC: a write that resolves is on the medium, at the price of one way through the thread pool instead of two. */
  #eachSynced: boolean;
  /** Once all was synced; what an earlier descriptor wrote may still wait for it. */
  #settled = false;

  constructor(descriptor: number, eachSynced: boolean) {
    this.#descriptor = descriptor;
    this.#eachSynced = eachSynced;
  }

  async read(target: Uint8Array | readonly Uint8Array[], position: number): Promise<number> {
    if (!(target instanceof Uint8Array)) return this.#scatter(target, position);
    let filled = 0;
    while (filled < target.length) {
      const count = await promised<number>((done) =>
        fs.read(this.#descriptor, target, filled, target.length - filled, position + filled, (error, bytes) => done(error, bytes)),
      );
      if (count === 0) break;
      filled += count;
    }
    return filled;
  }

  async #scatter(targets: readonly Uint8Array[], position: number): Promise<number> {
    const wanted = targets.reduce((sum, target) => sum + target.length, 0);
    let left = targets;
    let filled = 0;
    while (filled < wanted) {
      const count = await promised<number>((done) =>
        fs.readv(this.#descriptor, left.slice(0, gatherBuffersMax), position + filled, (error, bytes) => done(error, bytes)),
      );
      if (count === 0) break;
      filled += count;
      left = without(left, count);
    }
    return filled;
  }

  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    let left = chunks;
    let at = position;
    while (left.length > 0) {
      const gathered = left.slice(0, gatherBuffersMax);
      const written = await promised<number>((done) => fs.writev(this.#descriptor, gathered, at, (error, bytes) => done(error, bytes)));
      const wanted = gathered.reduce((sum, chunk) => sum + chunk.length, 0);
      // The kernel answers a full disk with a short write first and with ENOSPC at the next one.
      left = written === wanted ? left.slice(gathered.length) : without(left, written);
      at += written;
    }
  }

  async sync(): Promise<void> {
    if (this.#eachSynced && this.#settled) return;
    await promised((done) => fs.fdatasync(this.#descriptor, (error) => done(error)));
    this.#settled = true;
  }

  async size(): Promise<number> {
    return (await promised<fs.Stats>((done) => fs.fstat(this.#descriptor, done))).size;
  }

  truncate(bytes: number): Promise<void> {
    this.#eachSynced = false;
    return promised((done) => fs.ftruncate(this.#descriptor, bytes, (error) => done(error)));
  }

  close(): Promise<void> {
    return promised((done) => fs.close(this.#descriptor, (error) => done(error ?? null)));
  }
}

type Done<T> = (error: NodeJS.ErrnoException | null, value?: T) => void;

function promised<T = void>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value as T))));
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** `chunks` after the first `count` bytes. */
function without(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  const left: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (skip < chunk.length) left.push(chunk.subarray(skip));
    skip = Math.max(0, skip - chunk.length);
  }
  return left;
}

function inside(path: string): string {
  if (path === '') return path;
  const safe = path
    .split('/')
    .every((step) => step !== '' && step !== '.' && step !== '..' && !step.includes('\0') && !step.includes('\\'));
  if (safe) return path;
  throw Object.assign(new Error(`EACCES: '${path}' does not stay below the root of the disk`), { code: 'EACCES' });
}
