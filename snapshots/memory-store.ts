/** The state store's in-memory twin: same contract, same order, gone with the process. */
import { SortedKeys } from './sorted-keys.ts';
import {
  checkRange,
  checkWrite,
  type Row,
  type RowChange,
  type RowRange,
  type StateStore,
  StateStoreUnavailable,
  type TextRow,
  textRow,
} from './state-store.ts';

interface Table {
  readonly rows: Map<string, Buffer>;
  readonly keys: SortedKeys;
}

export function memoryStore(): StateStore {
  return new MemoryStore();
}

class MemoryStore implements StateStore {
  position = 0;
  private readonly tables = new Map<string, Table>();
  private open = true;

  get(table: string, key: Uint8Array): Buffer | undefined {
    this.mustBeOpen();
    const value = this.tables.get(table)?.rows.get(nameOf(key));
    return value === undefined ? undefined : Buffer.from(value);
  }

  async range(table: string, range: RowRange): Promise<Row[]> {
    this.mustBeOpen();
    checkRange(range);
    const found = this.tables.get(table);
    const rows: Row[] = [];
    if (found === undefined || range.limit === 0) return rows;
    for (const key of keysIn(found, range)) {
      const value = range.keysOnly ? Buffer.alloc(0) : Buffer.from(found.rows.get(key)!);
      rows.push({ key: Buffer.from(key, 'latin1'), value });
      if (rows.length === range.limit) break;
    }
    return rows;
  }

  async texts(table: string, range: RowRange): Promise<TextRow[]> {
    return (await this.range(table, range)).map(textRow);
  }

  async write(changes: readonly RowChange[], position: number): Promise<void> {
    this.mustBeOpen();
    checkWrite(this.position, position);
    for (const { table, key, value } of changes) this.put(this.tableOf(table), nameOf(key), value);
    this.position = position;
  }

  async close(): Promise<void> {
    this.open = false;
  }

  private put({ rows, keys }: Table, name: string, value: Uint8Array | null): void {
    if (value === null) {
      if (rows.delete(name)) keys.remove(name);
      return;
    }
    if (!rows.has(name)) keys.insert(name);
    rows.set(name, Buffer.from(value));
  }

  private tableOf(name: string): Table {
    let table = this.tables.get(name);
    if (table === undefined) this.tables.set(name, (table = { rows: new Map(), keys: new SortedKeys() }));
    return table;
  }

  private mustBeOpen(): void {
    if (!this.open) throw new StateStoreUnavailable('the state store is closed');
  }
}

function* keysIn(table: Table, range: RowRange): Generator<string> {
  const lt = range.lt && nameOf(range.lt);
  const gt = range.gt && nameOf(range.gt);
  const gte = range.gte && nameOf(range.gte);
  if (range.reverse) {
    for (const key of table.keys.descending(lt)) {
      if ((gte !== undefined && key < gte) || (gt !== undefined && key <= gt)) return;
      yield key;
    }
    return;
  }
  const from = gt !== undefined && (gte === undefined || gt > gte) ? gt : (gte ?? '');
  for (const key of table.keys.ascending(from)) {
    if (lt !== undefined && key >= lt) return;
    if (gt === undefined || key > gt) yield key;
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}
