/**
 * The state store on LevelDB. All tables share one key space: table name, a zero byte, the row's key. The position lies
 * before all tables, under a key that begins with the zero byte, and is part of every batch.
 */
import { mkdir, realpath, rm } from 'node:fs/promises';
import { ClassicLevel, type IteratorOptions } from 'classic-level';
import {
  checkRange,
  checkWrite,
  type Row,
  type RowChange,
  type RowRange,
  type StateStore,
  StateStoreCorrupt,
  StateStoreLocked,
  StateStoreUnavailable,
  type TextRow,
} from './state-store.ts';

export interface ClassicStoreOptions {
  /** Uncompressed blocks kept in memory. */
  readonly cacheBytes?: number;
  /** Rows gathered in memory before they become a sorted file. */
  readonly writeBufferBytes?: number;
  /** Of what rows say, below 256: a store with rows of another format counts as damaged, and is made anew from the journal. */
  readonly rowFormat?: number;
  /** Tables whose rows are few and read by every command: what was read of them stays in memory. */
  readonly hotTables?: readonly string[];
}

const cacheBytesDefault = 8 * 1024 * 1024;
const writeBufferBytesDefault = 4 * 1024 * 1024;
/** What an iterator may read ahead; a listing page of dense rows fits. */
const readAheadBytes = 256 * 1024;
/** Rows that an iterator reads at a time. */
const rowsPerStep = 128;
const openFilesMax = 256;
/** Of all hot tables together; when there are more, all are forgotten. */
const hotRowsMax = 4096;
const positionKey = Buffer.from('\0position');
/** Strings out, without a copy of each in a buffer of its own; bounds go in as the bytes they are, which need not be text. */
const text = { name: 'text', format: 'utf8' as const, encode: (bound: string) => bound, decode: (text: string) => text };
const nothing = Buffer.alloc(0);

/** LevelDB's lock is per process and lost when a second open fails in the same process: this set keeps that open from happening. */
const openDirectories = new Set<string>();

type Level = ClassicLevel<Buffer, Buffer>;

/**
 * @throws StateStoreLocked another store has the directory; StateStoreCorrupt its files cannot be read (`removeClassicStore`
 * and rebuild); StateStoreUnavailable the directory cannot be made or read.
 */
export async function openClassicStore(directory: string, options: ClassicStoreOptions = {}): Promise<StateStore> {
  const path = await makeDirectory(directory);
  if (openDirectories.has(path)) throw new StateStoreLocked(`${path} is open in this process`);
  openDirectories.add(path);
  try {
    const level: Level = new ClassicLevel(path, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      cacheSize: options.cacheBytes ?? cacheBytesDefault,
      writeBufferSize: options.writeBufferBytes ?? writeBufferBytesDefault,
      maxOpenFiles: openFilesMax,
    });
    await level.open();
    const stored = level.getSync(positionKey);
    const { rowFormat = 0, hotTables = [] } = options;
    if (stored !== undefined && (stored[8] ?? 0) !== rowFormat) {
      await level.close();
      throw new StateStoreCorrupt(`the state store at ${path} has rows of format ${stored[8] ?? 0} in place of ${rowFormat}`);
    }
    return new ClassicStore(level, { path, position: Number(stored?.readBigUInt64BE(0) ?? 0), rowFormat, hotTables });
  } catch (error) {
    openDirectories.delete(path);
    throw openingError(path, error);
  }
}

/** Removes the store and all in it; the next open begins at position 0. @throws StateStoreLocked it is open. */
export async function removeClassicStore(directory: string): Promise<void> {
  const path = await realpath(directory).catch(() => undefined);
  if (path === undefined) return;
  if (openDirectories.has(path)) throw new StateStoreLocked(`${path} is open in this process`);
  await rm(path, { recursive: true, force: true });
}

async function makeDirectory(directory: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true });
    return await realpath(directory);
  } catch (error) {
    throw new StateStoreUnavailable(`no directory for the state store at ${directory}`, { cause: error });
  }
}

function openingError(path: string, error: unknown): Error {
  if (error instanceof StateStoreCorrupt) return error;
  const codes = [error, (error as Error).cause].map((each) => (each as { code?: string } | undefined)?.code);
  if (codes.includes('LEVEL_LOCKED')) return new StateStoreLocked(`${path} is open in another process`, { cause: error });
  if (codes.includes('LEVEL_CORRUPTION')) return new StateStoreCorrupt(`the state store at ${path} is damaged`, { cause: error });
  return new StateStoreUnavailable(`the state store at ${path} does not open`, { cause: error });
}

class ClassicStore implements StateStore {
  position: number;
  private readonly level: Level;
  private readonly path: string;
  private readonly rowFormat: number;
  private readonly prefixes = new Map<string, Buffer>();
  private readonly hotTables: ReadonlySet<string>;
  /** By the whole key. */
  private readonly hotRows = new Map<string, Buffer>();

  constructor(level: Level, parts: { path: string; position: number; rowFormat: number; hotTables: readonly string[] }) {
    const { path, position, rowFormat, hotTables } = parts;
    this.level = level;
    this.path = path;
    this.position = position;
    this.rowFormat = rowFormat;
    this.hotTables = new Set(hotTables);
  }

  get(table: string, key: Uint8Array): Buffer | undefined {
    return this.hotTables.has(table) ? this.getHot(table, key) : this.read(this.keyOf(table, key));
  }

  private getHot(table: string, key: Uint8Array): Buffer | undefined {
    const whole = this.keyOf(table, key);
    const name = whole.toString('latin1');
    const known = this.hotRows.get(name);
    if (known !== undefined) return Buffer.from(known);
    const row = this.read(whole);
    if (row === undefined) return undefined;
    if (this.hotRows.size >= hotRowsMax) this.hotRows.clear();
    this.hotRows.set(name, row);
    return Buffer.from(row);
  }

  private read(whole: Buffer): Buffer | undefined {
    try {
      return this.level.getSync(whole);
    } catch (error) {
      throw this.trouble(error);
    }
  }

  async range(table: string, range: RowRange): Promise<Row[]> {
    const options = this.rangeOptions(table, range);
    if (range.limit === 0) return [];
    const prefixBytes = table.length + 1;
    try {
      if (range.keysOnly) {
        const keys = await allOf(this.level.keys(options));
        return keys.map((key) => ({ key: key.subarray(prefixBytes), value: nothing }));
      }
      const entries = await allOf(this.level.iterator(options));
      return entries.map(([key, value]) => ({ key: key.subarray(prefixBytes), value }));
    } catch (error) {
      throw this.trouble(error);
    }
  }

  async texts(table: string, range: RowRange): Promise<TextRow[]> {
    const bounds = this.rangeOptions(table, range) as unknown as IteratorOptions<string, string>;
    const options = { ...bounds, keyEncoding: text, valueEncoding: text };
    if (range.limit === 0) return [];
    const prefixCharacters = table.length + 1;
    try {
      if (range.keysOnly) {
        const keys = await allOf(this.level.keys<string>(options));
        return keys.map((key) => ({ key: key.slice(prefixCharacters), value: '' }));
      }
      const entries = await allOf(this.level.iterator<string, string>(options));
      return entries.map(([key, value]) => ({ key: key.slice(prefixCharacters), value }));
    } catch (error) {
      throw this.trouble(error);
    }
  }

  private rangeOptions(table: string, range: RowRange) {
    checkRange(range);
    const { limit, reverse = false } = range;
    return { ...this.boundsOf(table, range), limit, reverse, highWaterMarkBytes: readAheadBytes };
  }

  async write(changes: readonly RowChange[], position: number): Promise<void> {
    checkWrite(this.position, position);
    try {
      const batch = this.level.batch();
      for (const { table, key, value } of changes) {
        if (value === null) batch.del(this.keyOf(table, key));
        else batch.put(this.keyOf(table, key), bufferOf(value));
      }
      const stored = Buffer.allocUnsafe(9);
      stored.writeBigUInt64BE(BigInt(position));
      stored[8] = this.rowFormat;
      batch.put(positionKey, stored);
      await batch.write();
    } catch (error) {
      throw this.trouble(error);
    }
    // Not before: a read during the write would bring back the old row.
    for (const { table, key } of changes) if (this.hotTables.has(table)) this.hotRows.delete(this.keyOf(table, key).toString('latin1'));
    this.position = position;
  }

  async close(): Promise<void> {
    this.hotRows.clear();
    try {
      await this.level.close();
    } finally {
      openDirectories.delete(this.path);
    }
  }

  private keyOf(table: string, key: Uint8Array): Buffer {
    const prefix = this.prefixOf(table);
    const whole = Buffer.allocUnsafe(prefix.length + key.length);
    whole.set(prefix);
    whole.set(key, prefix.length);
    return whole;
  }

  private prefixOf(table: string): Buffer {
    let prefix = this.prefixes.get(table);
    if (prefix === undefined) {
      if (!/^[a-z]{1,32}$/.test(table)) throw new RangeError(`not a table name: ${table}`);
      prefix = Buffer.from(`${table}\0`);
      this.prefixes.set(table, prefix);
    }
    return prefix;
  }

  /** LevelDB takes one lower bound: the higher of the two. The table ends where the byte after its name is 1. */
  private boundsOf(table: string, { gte, gt, lt }: RowRange): { gte: Buffer; lt: Buffer } | { gt: Buffer; lt: Buffer } {
    const end = lt === undefined ? Buffer.from(`${table}\u0001`) : this.keyOf(table, lt);
    if (gt !== undefined && (gte === undefined || Buffer.compare(gt, gte) >= 0)) return { gt: this.keyOf(table, gt), lt: end };
    return { gte: this.keyOf(table, gte ?? nothing), lt: end };
  }

  private trouble(error: unknown): Error {
    if (error instanceof RangeError) return error;
    return new StateStoreUnavailable(`the state store at ${this.path} failed: ${(error as Error).message}`, { cause: error });
  }
}

/** All that an iterator has, step by step: its last step's rows stay in native memory until V8, which doesn't count them, collects it. */
async function allOf<T>(iterator: { nextv(size: number): Promise<T[]>; close(): Promise<void> }): Promise<T[]> {
  const rows: T[] = [];
  try {
    for (let step = await iterator.nextv(rowsPerStep); step.length > 0; step = await iterator.nextv(rowsPerStep)) {
      for (const row of step) rows.push(row);
    }
  } finally {
    await iterator.close();
  }
  return rows;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
