import * as fs from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Disk, DiskFile, DiskOpenMode, LockedFile, PinnedFile } from './disk.ts';
import { tryKernelLock } from './kernel-lock.ts';

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
      return new NodeFile(await openFile(at(path), flag), eachSynced);
    },
    lock: (path) => lockFile(at(path)),
    pin: async (path) => pinned(await openFile(at(path), flags.read), at(path)),
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

function openFile(path: string, flag: number): Promise<number> {
  return promised<number>((done) => fs.open(path, flag, 0o640, done));
}

/** Of local file systems, as Linux numbers them: ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs, F2FS, ZFS, bcachefs. */
const localFileSystems = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x2fc12fc1, 0xca451a4e]);
/** Files taken away between opening and locking before whoever does it is said to have the lock. */
const lockAttemptsMax = 8;

async function lockFile(path: string): Promise<LockedFile | undefined> {
  for (let attempt = 0; attempt < lockAttemptsMax; attempt++) {
    const file = await pinned(await openFile(path, flags.create), path);
    try {
      const answer = tryKernelLock(file.descriptor);
      // Whoever had it may have removed it before he let go: that lock would be one on nothing.
      if (answer !== 'taken' && (await file.isCurrent())) {
        const { kernel, why } = answer;
        return Object.assign(file, { kernel, why, ofOneHost: file.ofOneHost });
      }
      await file.close();
      if (answer === 'taken') return undefined;
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
  }
  return undefined;
}

async function pinned(descriptor: number, path: string): Promise<PinnedNodeFile> {
  try {
    const [{ dev, ino, nlink, ctimeMs }, { type }] = await Promise.all([
      promised<fs.BigIntStats>((done) => fs.fstat(descriptor, { bigint: true }, done)),
      promised<fs.StatsFs>((done) => fs.statfs(dirname(path), done)),
    ]);
    const ofOneHost = process.platform === 'linux' && localFileSystems.has(type);
    return new PinnedNodeFile(descriptor, { path, dev, ino, names: { nlink: Number(nlink), changed: Number(ctimeMs) }, ofOneHost });
  } catch (error) {
    fs.close(descriptor, () => undefined);
    throw error;
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

interface Pin {
  readonly path: string;
  readonly dev: bigint;
  readonly ino: bigint;
  /** How many there are, and when that or anything else of the file was last changed, ms. */
  readonly names: { readonly nlink: number; readonly changed: number };
  readonly ofOneHost: boolean;
}

class PinnedNodeFile extends NodeFile implements PinnedFile {
  readonly descriptor: number;
  readonly ofOneHost: boolean;
  readonly #pin: Pin;

  constructor(descriptor: number, pin: Pin) {
    super(descriptor, false);
    this.descriptor = descriptor;
    this.ofOneHost = pin.ofOneHost;
    this.#pin = pin;
  }

  /** The number of a file that is open isn't given to another one. Network file systems answer from memory, unless the file is opened. */
  async isCurrent(): Promise<boolean> {
    const { path, dev, ino, ofOneHost } = this.#pin;
    const found = await (ofOneHost ? statOf(path) : openedStatOf(path)).catch((error) => {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
      throw error;
    });
    return found?.ino === ino && found.dev === dev;
  }

  /** What is known of an open file of this host lies in memory: no wait, and no way through the thread pool. */
  keptItsNames(): boolean | undefined {
    const { ofOneHost, names } = this.#pin;
    if (!ofOneHost) return undefined;
    const { nlink, ctimeMs } = fs.fstatSync(this.descriptor);
    return nlink === names.nlink && Math.floor(ctimeMs) === names.changed;
  }
}

function statOf(path: string): Promise<fs.BigIntStats> {
  return promised((done) => fs.stat(path, { bigint: true }, done));
}

async function openedStatOf(path: string): Promise<fs.BigIntStats> {
  const descriptor = await openFile(path, flags.read);
  try {
    return await promised<fs.BigIntStats>((done) => fs.fstat(descriptor, { bigint: true }, done));
  } finally {
    await promised((done) => fs.close(descriptor, (error) => done(error ?? null)));
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
