import type { Disk, DiskOpenMode, LockedFile, PinnedFile } from './disk.ts';
import { crashedContent, GrowingBytes, type PendingChange } from './memory-medium.ts';

/** Answers from 0 (inclusive) to 1 (exclusive). */
export type Random = () => number;

export type DiskOperation =
  | 'open'
  | 'list'
  | 'makeDirectory'
  | 'exists'
  | 'remove'
  | 'removeTree'
  | 'rename'
  | 'syncDirectory'
  | 'freeBytes'
  | 'read'
  | 'write'
  | 'sync'
  | 'size'
  | 'truncate'
  | 'close';

/** The POSIX code with which an operation fails, or undefined when it passes. */
export type DiskFailure = (operation: DiskOperation, path: string) => string | undefined;

/** The twin of the real disk: it remembers what was not synced, and can lose it. */
export interface MemoryDisk extends Disk {
  /** Bytes that `freeBytes` counts from. Writes beyond it fail with ENOSPC. */
  capacityBytes: number;
  /**
   * Cuts the power: this disk is dead from now on (EIO), and the returned one holds what its medium could hold. Each unsynced write may be
   * there, missing, or torn at sectors of 512 bytes, each name that was not synced may be the old or the new one.
   */
  crash(random: Random): MemoryDisk;
  /** From now on operations fail as the rule says (a code alone: all of them); undefined ends it. */
  fail(rule: DiskFailure | string | undefined): void;
  /** The drive's directory vanishes: paths answer ENOENT, while files that are open go on working, as they do on a real disk. */
  vanish(): void;
  /** The drive is back, with what it held. */
  restore(): void;
  /** Bytes written and not yet synced, over all files. */
  unsyncedBytes(): number;
  /** Bit rot: flips bits of one byte, on the medium and in the cache. */
  rot(path: string, position: number): void;
}

type Entry = Inode | 'directory';

class Inode {
  /** What a reader sees. */
  readonly content = new GrowingBytes();
  /** What the medium certainly holds. */
  readonly durable = new GrowingBytes();
  /** What lies between the two, in order. */
  pending: PendingChange[] = [];
  locked = false;
}

/** A change of names that is not yet synced; `null` removes. Applied whole or not at all, so a rename is atomic. */
interface NameChange {
  readonly directory: string;
  readonly bindings: readonly (readonly [path: string, entry: Entry | null])[];
}

interface Medium {
  names: Map<string, Entry>;
  readonly durableNames: Map<string, Entry>;
  unsynced: NameChange[];
}

/** `random` decides which operations take a turn of the event loop, so that several disks interleave in many ways. */
export function memoryDisk(name: string, random: Random): MemoryDisk {
  return new TwinDisk(name, random, { names: new Map(), durableNames: new Map(), unsynced: [] });
}

class TwinDisk implements MemoryDisk {
  readonly name: string;
  capacityBytes = 2 ** 40;
  readonly #random: Random;
  readonly #medium: Medium;
  #failure: DiskFailure | undefined;
  #dead = false;
  #removed = false;

  constructor(name: string, random: Random, medium: Medium) {
    this.name = name;
    this.#random = random;
    this.#medium = medium;
  }

  open(path: string, mode: DiskOpenMode): Promise<PinnedFile> {
    return this.#opened(path, mode);
  }

  pin(path: string): Promise<PinnedFile> {
    return this.#opened(path, 'read');
  }

  async lock(path: string): Promise<LockedFile | undefined> {
    const file = await this.#opened(path, 'create');
    return file.lock() ? file : undefined;
  }

  /** The path leads to that file. */
  leadsTo(path: string, inode: Inode): boolean {
    return !this.#removed && this.#medium.names.get(path) === inode;
  }

  async #opened(path: string, mode: DiskOpenMode): Promise<TwinFile> {
    await this.#enter('open', path);
    this.#requirePresent(path);
    const found = this.#medium.names.get(path);
    if (found === 'directory') throw failure('EISDIR', path);
    if (found && mode === 'exclusive') throw failure('EEXIST', path);
    if (!found && (mode === 'read' || mode === 'write')) throw failure('ENOENT', path);
    if (!found) this.#requireDirectory(parentOf(path));
    const inode = found ?? new Inode();
    if (!found) this.#rebind(parentOf(path), [[path, inode]]);
    return new TwinFile(this, path, inode, mode !== 'read');
  }

  async list(directory: string): Promise<string[]> {
    await this.#enter('list', directory);
    if (this.#removed) return [];
    const prefix = directory === '' ? '' : `${directory}/`;
    const below = [...this.#medium.names.keys()].filter((path) => path.startsWith(prefix));
    return [...new Set(below.map((path) => path.slice(prefix.length)))].filter((entry) => !entry.includes('/')).sort();
  }

  async makeDirectory(directory: string): Promise<void> {
    await this.#enter('makeDirectory', directory);
    this.#requirePresent(directory);
    if (directory === '') return;
    const steps = directory.split('/');
    for (let depth = 1; depth <= steps.length; depth++) {
      const path = steps.slice(0, depth).join('/');
      const found = this.#medium.names.get(path);
      if (found !== undefined && found !== 'directory') throw failure('ENOTDIR', path);
      if (found !== undefined) continue;
      this.#rebind(parentOf(path), [[path, 'directory']]);
      this.#syncNames(parentOf(path));
    }
  }

  async exists(path: string): Promise<boolean> {
    await this.#enter('exists', path);
    return !this.#removed && (path === '' || this.#medium.names.has(path));
  }

  async remove(path: string): Promise<void> {
    await this.#enter('remove', path);
    const found = this.#removed ? undefined : this.#medium.names.get(path);
    if (found === 'directory') throw failure('EISDIR', path);
    if (found) this.#rebind(parentOf(path), [[path, null]]);
  }

  async removeTree(directory: string): Promise<void> {
    await this.#enter('removeTree', directory);
    if (this.#removed) return;
    const below = [...this.#medium.names.keys()].filter((path) => path === directory || path.startsWith(`${directory}/`));
    this.#rebind(
      parentOf(directory),
      below.map((path) => [path, null]),
    );
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#enter('rename', from);
    this.#requirePresent(from);
    const moved = this.#medium.names.get(from);
    if (moved === undefined) throw failure('ENOENT', from);
    this.#requireDirectory(parentOf(to));
    if (this.#medium.names.get(to) === 'directory') throw failure('EISDIR', to);
    const below = moved === 'directory' ? [...this.#medium.names].filter(([path]) => path.startsWith(`${from}/`)) : [];
    const inside = below.flatMap(([path, entry]): [string, Entry | null][] => [
      [path, null],
      [to + path.slice(from.length), entry],
    ]);
    this.#rebind(parentOf(to), [[from, null], [to, moved], ...inside]);
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#enter('syncDirectory', directory);
    this.#requireDirectory(directory);
    this.#syncNames(directory);
  }

  #syncNames(directory: string): void {
    const synced = this.#medium.unsynced.filter((change) => change.directory === directory);
    this.#medium.unsynced = this.#medium.unsynced.filter((change) => change.directory !== directory);
    for (const change of synced) bind(this.#medium.durableNames, change);
  }

  async freeBytes(): Promise<number> {
    await this.#enter('freeBytes', '');
    this.#requirePresent('');
    return this.freeNow();
  }

  crash(random: Random): MemoryDisk {
    this.#dead = true;
    const names = new Map(this.#medium.durableNames);
    const keptShare = random();
    for (const change of this.#medium.unsynced) if (random() < keptShare) bind(names, change);
    const medium: Medium = { names: new Map(), durableNames: new Map(), unsynced: [] };
    for (const [path, entry] of names) {
      if (!hasParents(names, path)) continue;
      medium.names.set(path, entry === 'directory' ? entry : afterCrash(entry, random));
    }
    for (const [path, entry] of medium.names) medium.durableNames.set(path, entry);
    const survivor = new TwinDisk(this.name, this.#random, medium);
    survivor.capacityBytes = this.capacityBytes;
    return survivor;
  }

  fail(rule: DiskFailure | string | undefined): void {
    this.#failure = typeof rule === 'string' ? () => rule : rule;
  }

  vanish(): void {
    this.#removed = true;
  }

  restore(): void {
    this.#removed = false;
  }

  unsyncedBytes(): number {
    let bytes = 0;
    for (const entry of this.#medium.names.values()) {
      if (entry === 'directory') continue;
      for (const change of entry.pending) if (change.kind === 'write') bytes += change.bytes.length;
    }
    return bytes;
  }

  rot(path: string, position: number): void {
    const inode = this.#medium.names.get(path);
    if (!(inode instanceof Inode) || position >= inode.content.size) throw failure('ENOENT', `${path} at ${position}`);
    inode.content.flip(position);
    if (position < inode.durable.size) inode.durable.flip(position);
  }

  freeNow(): number {
    let used = 0;
    for (const entry of this.#medium.names.values()) if (entry !== 'directory') used += entry.content.size;
    return Math.max(0, this.capacityBytes - used);
  }

  /** What every operation passes through: now and then a turn of the event loop, then the failures that were asked for. */
  async pass(operation: DiskOperation, path: string): Promise<void> {
    if (this.#random() < 0.25) await new Promise((resolve) => setImmediate(resolve));
    if (this.#dead) throw failure('EIO', path);
    const code = this.#failure?.(operation, path);
    if (code !== undefined) throw failure(code, path);
  }

  async #enter(operation: DiskOperation, path: string): Promise<void> {
    const whole = path === '' || path.split('/').every((step) => step !== '' && step !== '.' && step !== '..');
    if (!whole) throw failure('EACCES', path);
    await this.pass(operation, path);
  }

  #requirePresent(path: string): void {
    if (this.#removed) throw failure('ENOENT', path);
  }

  #requireDirectory(directory: string): void {
    this.#requirePresent(directory);
    if (directory === '') return;
    const found = this.#medium.names.get(directory);
    if (found !== 'directory') throw failure(found ? 'ENOTDIR' : 'ENOENT', directory);
  }

  #rebind(directory: string, bindings: NameChange['bindings']): void {
    const change: NameChange = { directory, bindings };
    bind(this.#medium.names, change);
    this.#medium.unsynced.push(change);
  }
}

class TwinFile implements LockedFile {
  readonly kernel = true;
  readonly why = '';
  readonly ofOneHost = true;
  #locking = false;
  readonly #disk: TwinDisk;
  readonly #path: string;
  readonly #inode: Inode;
  readonly #writable: boolean;
  #closed = false;

  constructor(disk: TwinDisk, path: string, inode: Inode, writable: boolean) {
    this.#disk = disk;
    this.#path = path;
    this.#inode = inode;
    this.#writable = writable;
  }

  async read(target: Uint8Array | readonly Uint8Array[], position: number): Promise<number> {
    await this.#enter('read');
    let filled = 0;
    for (const each of target instanceof Uint8Array ? [target] : target) filled += this.#inode.content.read(each, position + filled);
    return filled;
  }

  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    await this.#enter('write');
    const bytes = Buffer.concat(chunks);
    const room = this.#disk.freeNow() + Math.max(0, this.#inode.content.size - position);
    const change: PendingChange = { kind: 'write', position, bytes: bytes.subarray(0, room) };
    this.#inode.content.apply(change);
    this.#inode.pending.push(change);
    if (room < bytes.length) throw failure('ENOSPC', this.#path);
  }

  async sync(): Promise<void> {
    const covered = this.#inode.pending.length;
    await this.#enter('sync');
    for (const change of this.#inode.pending.splice(0, covered)) this.#inode.durable.apply(change);
  }

  async size(): Promise<number> {
    await this.#enter('size');
    return this.#inode.content.size;
  }

  async truncate(bytes: number): Promise<void> {
    await this.#enter('truncate');
    const change: PendingChange = { kind: 'truncate', size: bytes };
    this.#inode.content.apply(change);
    this.#inode.pending.push(change);
  }

  async close(): Promise<void> {
    await this.#enter('close');
    this.#closed = true;
    if (this.#locking) this.#inode.locked = false;
  }

  async isCurrent(): Promise<boolean> {
    await this.#enter('size');
    return this.#disk.leadsTo(this.#path, this.#inode);
  }

  keptItsNames(): boolean {
    return this.#disk.leadsTo(this.#path, this.#inode);
  }

  /** False: another one has it. */
  lock(): boolean {
    if (this.#inode.locked) return false;
    this.#locking = true;
    this.#inode.locked = true;
    return true;
  }

  async #enter(operation: DiskOperation): Promise<void> {
    await this.#disk.pass(operation, this.#path);
    if (this.#closed) throw failure('EBADF', this.#path);
    if (!this.#writable && (operation === 'write' || operation === 'truncate')) throw failure('EBADF', this.#path);
  }
}

function afterCrash(inode: Inode, random: Random): Inode {
  const survivor = new Inode();
  const bytes = crashedContent(inode.durable, inode.pending, random);
  survivor.content.apply({ kind: 'write', position: 0, bytes });
  survivor.durable.apply({ kind: 'write', position: 0, bytes });
  return survivor;
}

function bind(names: Map<string, Entry>, change: NameChange): void {
  for (const [path, entry] of change.bindings) {
    if (entry === null) names.delete(path);
    else names.set(path, entry);
  }
}

function hasParents(names: ReadonlyMap<string, Entry>, path: string): boolean {
  for (let parent = parentOf(path); parent !== ''; parent = parentOf(parent)) if (names.get(parent) !== 'directory') return false;
  return true;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: '${path}'`), { code });
}
