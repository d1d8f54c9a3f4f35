/**
 * The state store on LevelDB. All tables share one key space, and each row carries its proof (row-proof.ts). The position lies before all
 * tables, under a key that begins with the zero byte, and is part of every batch. What LevelDB has on the drive is proved before it is
 * opened (leveldb-directory.ts) and while it is open (table-scrub.ts).
 */
import { lstat, mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { ClassicRows, keyOf, type Level } from './classic-rows.ts';
import type { Timer } from './lagging-store.ts';
import { clearMark, type Prepared, prepareDirectory, setMark } from './leveldb-directory.ts';
import { DamagedFile } from './leveldb-manifest.ts';
import { sealed, unsealed } from './row-proof.ts';
import {
  checkWrite,
  type Row,
  type RowChange,
  type RowRange,
  type RowReads,
  type StateStore,
  StateStoreCorrupt,
  StateStoreLocked,
  StateStoreUnavailable,
  type TextRow,
} from './state-store.ts';
import { TableScrub } from './table-scrub.ts';

export interface ClassicStoreOptions {
  /** Uncompressed blocks kept in memory. */
  readonly cacheBytes?: number;
  /** Rows gathered in memory before they become a sorted file. */
  readonly writeBufferBytes?: number;
  /** Of what rows say, below 256: a store with rows of another format counts as damaged, and is made anew from the journal. */
  readonly rowFormat?: number;
  /** Whose rows these are: a store of another owner counts as damaged. */
  readonly owner?: string;
  /** Tables whose rows are few and read by every command: what was read of them stays in memory. */
  readonly hotTables?: readonly string[];
  /** Tables are proved in the background by it. */
  readonly timer?: Timer;
  /** Called when damage is found that no caller met. */
  readonly untrusted?: (reason: string) => void;
  readonly log?: (level: 'info' | 'warn', message: string, facts: Readonly<Record<string, string | number>>) => void;
}

const cacheBytesDefault = 8 * 1024 * 1024;
const writeBufferBytesDefault = 4 * 1024 * 1024;
const openFilesMax = 256;
/** Of all hot tables together; when there are more, all are forgotten. */
const hotRowsMax = 4096;
const positionKey = Buffer.from('\0position');
/** Behind every row: a compaction of nothing writes what is in memory to a table, and no more. */
const behindAll = Buffer.from([0xff]);

/** LevelDB's lock is per process and lost when a second open fails in the same process: this set keeps that open from happening. */
const openDirectories = new Set<string>();

/**
 * @throws StateStoreLocked another store has the directory; StateStoreCorrupt nothing in it may be believed (`removeClassicStore`
 * and rebuild); StateStoreUnavailable the directory cannot be made or read.
 */
export async function openClassicStore(directory: string, options: ClassicStoreOptions = {}): Promise<StateStore> {
  const path = await makeDirectory(directory);
  if (openDirectories.has(path)) throw new StateStoreLocked(`${path} is open in this process`);
  openDirectories.add(path);
  try {
    const prepared = await prepareDirectory(path);
    if (prepared.crashed && !prepared.fresh) {
      const { proved, provedBytes } = prepared;
      options.log?.('info', 'state store was not closed: its tables were proved', { path, tables: proved.size, bytes: provedBytes });
    }
    return await openLevel(path, options, prepared);
  } catch (error) {
    openDirectories.delete(path);
    throw openingError(path, error);
  }
}

async function openLevel(path: string, options: ClassicStoreOptions, prepared: Prepared): Promise<StateStore> {
  const level: Level = new ClassicLevel(path, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    cacheSize: options.cacheBytes ?? cacheBytesDefault,
    writeBufferSize: options.writeBufferBytes ?? writeBufferBytesDefault,
    maxOpenFiles: openFilesMax,
    // Blocks are proved as they lie; and what isn't in the cache is read in a third of the time.
    compression: false,
  });
  await level.open();
  try {
    const { rowFormat = 0, owner = '' } = options;
    const position = positionOf(level.getSync(positionKey), { rowFormat, owner, empty: prepared.tables === 0 });
    return new ClassicStore(level, { path, position, options, prepared });
  } catch (error) {
    await level.close();
    throw error;
  }
}

/** Removes the store and all in it; the next open begins at position 0. @throws StateStoreLocked it is open. */
export async function removeClassicStore(directory: string): Promise<void> {
  const path = await realpath(directory).catch(() => directory);
  if (openDirectories.has(path)) throw new StateStoreLocked(`${path} is open in this process`);
  try {
    const found = await lstat(path).catch(() => undefined);
    // A link leads on to where the store shall lie, unless it leads nowhere.
    if (found?.isDirectory() && path !== directory) for (const name of await readdir(path)) await rm(join(path, name), { recursive: true });
    else await rm(path, { recursive: true, force: true });
  } catch {
    // What can't be removed is out of the way all the same.
    await rename(directory, `${directory}-damaged`);
  }
}

async function makeDirectory(directory: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true });
    const path = await realpath(directory);
    await readdir(path);
    return path;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const found = await lstat(directory).catch(() => undefined);
    const inTheWay = found !== undefined && (code === 'EEXIST' || code === 'ENOTDIR' || code === 'ENOENT' || code === 'ELOOP');
    if (inTheWay) throw new StateStoreCorrupt(`${directory} is no directory`, { cause: error });
    throw new StateStoreUnavailable(`no directory for the state store at ${directory}`, { cause: error });
  }
}

function openingError(path: string, error: unknown): Error {
  if (error instanceof StateStoreCorrupt) return error;
  if (error instanceof DamagedFile) return new StateStoreCorrupt(`the state store at ${path} is damaged: ${error.message}`);
  const codes = [error, (error as Error).cause].map((each) => (each as { code?: string } | undefined)?.code);
  if (codes.includes('LEVEL_LOCKED')) return new StateStoreLocked(`${path} is open in another process`, { cause: error });
  if (codes.includes('LEVEL_CORRUPTION')) return new StateStoreCorrupt(`the state store at ${path} is damaged`, { cause: error });
  return new StateStoreUnavailable(`the state store at ${path} does not open`, { cause: error });
}

interface Expected {
  readonly rowFormat: number;
  readonly owner: string;
  /** No table is there: no row can be missing. */
  readonly empty: boolean;
}

/** 8 bytes of the position, big endian, one of the rows' format, the owner; and a row's proof. */
function positionRow(position: number, { rowFormat = 0, owner = '' }: ClassicStoreOptions): Buffer {
  const row = Buffer.alloc(9 + Buffer.byteLength(owner));
  row.writeBigUInt64BE(BigInt(position));
  row[8] = rowFormat;
  row.write(owner, 9);
  return sealed(positionKey, row);
}

function positionOf(stored: Buffer | undefined, { rowFormat, owner, empty }: Expected): number {
  if (stored === undefined) {
    if (empty) return 0;
    throw new DamagedFile('there are tables, but no position');
  }
  const row = unsealed(positionKey, stored);
  if (row === undefined) throw new DamagedFile('the position is not what was written');
  if (row[8] !== rowFormat) throw new StateStoreCorrupt(`the state store has rows of format ${row[8]} in place of ${rowFormat}`);
  if (row.toString('utf8', 9) !== owner) throw new StateStoreCorrupt('the state store has the rows of another deployment');
  return Number(row.readBigUInt64BE(0));
}

interface StoreParts {
  readonly path: string;
  readonly position: number;
  readonly options: ClassicStoreOptions;
  readonly prepared: Prepared;
}

class ClassicStore implements StateStore {
  position: number;
  private readonly level: Level;
  private readonly path: string;
  private readonly options: ClassicStoreOptions;
  private readonly rows: ClassicRows;
  private readonly scrub: TableScrub | undefined;
  private readonly hotTables: ReadonlySet<string>;
  /** By the whole key. */
  private readonly hotRows = new Map<string, Buffer>();
  private written = false;
  private damage: StateStoreCorrupt | undefined;
  private marking: Promise<unknown> = Promise.resolve();
  private closing: Promise<void> | undefined;

  constructor(level: Level, { path, position, options, prepared }: StoreParts) {
    this.level = level;
    this.path = path;
    this.position = position;
    this.options = options;
    this.hotTables = new Set(options.hotTables ?? []);
    this.rows = new ClassicRows({ level, trouble: (error) => this.trouble(error) });
    const { timer } = options;
    const damaged = (reason: string): void => {
      this.foundDamage(new StateStoreCorrupt(`the state store at ${path} is damaged: ${reason}`));
      options.untrusted?.(reason);
    };
    if (timer !== undefined) this.scrub = new TableScrub({ path, timer, proved: prepared.proved, damaged }, prepared.allProved);
  }

  get(table: string, key: Uint8Array): Buffer | undefined {
    return this.hotTables.has(table) ? this.getHot(table, key) : this.rows.get(table, key);
  }

  private getHot(table: string, key: Uint8Array): Buffer | undefined {
    const whole = keyOf(table, key);
    const name = whole.toString('latin1');
    const known = this.hotRows.get(name);
    if (known !== undefined) return Buffer.from(known);
    const row = this.rows.read(whole);
    if (row === undefined) return undefined;
    if (this.hotRows.size >= hotRowsMax) this.hotRows.clear();
    this.hotRows.set(name, row);
    return Buffer.from(row);
  }

  range(table: string, range: RowRange): Promise<Row[]> {
    return this.rows.range(table, range);
  }

  texts(table: string, range: RowRange): Promise<TextRow[]> {
    return this.rows.texts(table, range);
  }

  async view<T>(read: (rows: RowReads) => Promise<T>): Promise<T> {
    const snapshot = this.snapshot();
    try {
      return await read(new ClassicRows({ level: this.level, trouble: (error) => this.trouble(error) }, snapshot));
    } finally {
      await snapshot.close();
    }
  }

  private snapshot() {
    try {
      return this.level.snapshot();
    } catch (error) {
      throw this.trouble(error);
    }
  }

  async write(changes: readonly RowChange[], position: number): Promise<void> {
    checkWrite(this.position, position);
    try {
      const batch = this.level.batch();
      for (const { table, key, value } of changes) {
        const whole = keyOf(table, key);
        if (value === null) batch.del(whole);
        else batch.put(whole, sealed(whole, value));
      }
      batch.put(positionKey, positionRow(position, this.options));
      await batch.write();
    } catch (error) {
      throw this.trouble(error);
    }
    this.written = true;
    // Not before: a read during the write would bring back the old row.
    for (const { table, key } of changes) if (this.hotTables.has(table)) this.hotRows.delete(keyOf(table, key).toString('latin1'));
    this.position = position;
  }

  close(): Promise<void> {
    return (this.closing ??= this.closeOnce());
  }

  private async closeOnce(): Promise<void> {
    this.hotRows.clear();
    await this.scrub?.stop();
    try {
      // LevelDB's log won't be believed: what is in memory becomes a table now, or it is replayed.
      if (this.written && this.damage === undefined) await this.level.compactRange(behindAll, behindAll).catch(() => undefined);
      await this.level.close();
      await this.marking;
      if (this.damage === undefined) await clearMark(this.path);
    } finally {
      openDirectories.delete(this.path);
    }
  }

  private trouble(error: unknown): Error {
    if (error instanceof RangeError) return error;
    const { code, cause, message } = error as Error & { code?: string };
    const damaged = code === 'LEVEL_CORRUPTION' || (cause as { code?: string } | undefined)?.code === 'LEVEL_CORRUPTION';
    if (error instanceof StateStoreCorrupt) return this.foundDamage(error);
    if (damaged) return this.foundDamage(new StateStoreCorrupt(`the state store at ${this.path} is damaged: ${message}`, { cause: error }));
    return new StateStoreUnavailable(`the state store at ${this.path} failed: ${message}`, { cause: error });
  }

  /** The next open won't take it either, should nobody come to remove it. */
  private foundDamage(damage: StateStoreCorrupt): StateStoreCorrupt {
    if (this.damage === undefined) {
      this.damage = damage;
      this.marking = (this.scrub?.stop() ?? Promise.resolve()).then(() => setMark(this.path, 'damaged')).catch(() => undefined);
    }
    return damage;
  }
}
