/** Reads of rows on LevelDB, as of now or of a snapshot: the one door through which rows come back, each proved. */
import type { ClassicLevel, IteratorOptions } from 'classic-level';
import { unsealed, unsealTexts } from './row-proof.ts';
import { checkRange, type Row, type RowRange, type RowReads, StateStoreCorrupt, type TextRow } from './state-store.ts';

export type Level = ClassicLevel<Buffer, Buffer>;
type Snapshot = ReturnType<Level['snapshot']>;

/** What an iterator may read ahead; a listing page of dense rows fits. */
const readAheadBytes = 256 * 1024;
/** Rows that an iterator reads at a time. */
const rowsPerStep = 128;
/** Strings out, without a copy of each in a buffer of its own; bounds go in as the bytes they are, which need not be text. */
const text = { name: 'text', format: 'utf8' as const, encode: (bound: string) => bound, decode: (text: string) => text };
const nothing = Buffer.alloc(0);

export interface RowsParts {
  readonly level: Level;
  /** Of a failed read: what the caller is told. */
  trouble(error: unknown): Error;
}

export class ClassicRows implements RowReads {
  private readonly parts: RowsParts;
  private readonly snapshot: Snapshot | undefined;

  constructor(parts: RowsParts, snapshot?: Snapshot) {
    this.parts = parts;
    this.snapshot = snapshot;
  }

  get(table: string, key: Uint8Array): Buffer | undefined {
    return this.read(keyOf(table, key));
  }

  /** By the whole key. */
  read(whole: Buffer): Buffer | undefined {
    try {
      const { level } = this.parts;
      const row = this.snapshot === undefined ? level.getSync(whole) : level.getSync(whole, { snapshot: this.snapshot });
      if (row === undefined) return undefined;
      return unsealed(whole, row) ?? fail(whole);
    } catch (error) {
      throw this.parts.trouble(error);
    }
  }

  async range(table: string, range: RowRange): Promise<Row[]> {
    const options = this.rangeOptions(table, range);
    if (range.limit === 0) return [];
    const prefixBytes = table.length + 1;
    try {
      const entries = await allOf(this.parts.level.iterator(options));
      return entries.map(([key, row]) => {
        const value = unsealed(key, row) ?? fail(key);
        return { key: key.subarray(prefixBytes), value: range.keysOnly ? nothing : value };
      });
    } catch (error) {
      throw this.parts.trouble(error);
    }
  }

  async texts(table: string, range: RowRange): Promise<TextRow[]> {
    const bounds = this.rangeOptions(table, range) as unknown as IteratorOptions<string, string>;
    const options = { ...bounds, keyEncoding: text, valueEncoding: text };
    if (range.limit === 0) return [];
    const prefixCharacters = table.length + 1;
    try {
      const entries = await allOf(this.parts.level.iterator<string, string>(options));
      if (!unsealTexts(entries)) throw new StateStoreCorrupt(`a row of ${table} is not what was written`);
      return entries.map(([key, value]) => ({ key: key.slice(prefixCharacters), value: range.keysOnly ? '' : value }));
    } catch (error) {
      throw this.parts.trouble(error);
    }
  }

  private rangeOptions(table: string, range: RowRange) {
    checkRange(range);
    const { limit, reverse = false } = range;
    const { snapshot } = this;
    return { ...boundsOf(table, range), limit, reverse, highWaterMarkBytes: readAheadBytes, ...(snapshot !== undefined && { snapshot }) };
  }
}

function fail(whole: Buffer): never {
  throw new StateStoreCorrupt(`a row of ${whole.toString('latin1', 0, Math.max(0, whole.indexOf(0)))} is not what was written`);
}

const prefixes = new Map<string, Buffer>();

/** All tables share one key space: table name, a zero byte, the row's key. */
export function keyOf(table: string, key: Uint8Array): Buffer {
  const prefix = prefixOf(table);
  const whole = Buffer.allocUnsafe(prefix.length + key.length);
  whole.set(prefix);
  whole.set(key, prefix.length);
  return whole;
}

function prefixOf(table: string): Buffer {
  let prefix = prefixes.get(table);
  if (prefix === undefined) {
    if (!/^[a-z]{1,32}$/.test(table)) throw new RangeError(`not a table name: ${table}`);
    prefix = Buffer.from(`${table}\0`);
    prefixes.set(table, prefix);
  }
  return prefix;
}

/** LevelDB takes one lower bound: the higher of the two. The table ends where the byte after its name is 1. */
function boundsOf(table: string, { gte, gt, lt }: RowRange): { gte: Buffer; lt: Buffer } | { gt: Buffer; lt: Buffer } {
  const end = lt === undefined ? Buffer.from(`${table}\u0001`) : keyOf(table, lt);
  if (gt !== undefined && (gte === undefined || Buffer.compare(gt, gte) >= 0)) return { gt: keyOf(table, gt), lt: end };
  return { gte: keyOf(table, gte ?? nothing), lt: end };
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
