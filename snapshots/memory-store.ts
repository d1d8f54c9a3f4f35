/** The state store's in-memory twin: same contract, same order, gone with the process. */
import { SortedKeys } from './sorted-keys.ts';
import {
  checkRange,
  checkWrite,
  type Row,
  type RowChange,
  type RowRange,
  type RowReads,
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

type Tables = Map<string, Table>;

class MemoryStore implements StateStore {
  position = 0;
  private tables: Tables = new Map();
  /** They see the tables as they are: the next write begins new ones. */
  private views = 0;
  private open = true;

  get(table: string, key: Uint8Array): Buffer | undefined {
    return this.readsOf(this.tables).get(table, key);
  }

  range(table: string, range: RowRange): Promise<Row[]> {
    return this.readsOf(this.tables).range(table, range);
  }

  texts(table: string, range: RowRange): Promise<TextRow[]> {
    return this.readsOf(this.tables).texts(table, range);
  }

  async view<T>(read: (rows: RowReads) => Promise<T>): Promise<T> {
    this.mustBeOpen();
    this.views += 1;
    const { tables } = this;
    try {
      return await read(this.readsOf(tables));
    } finally {
      if (tables === this.tables) this.views -= 1;
    }
  }

  private readsOf(tables: Tables): RowReads {
    const range = async (table: string, range: RowRange): Promise<Row[]> => {
      this.mustBeOpen();
      return rowsIn(tables.get(table), range);
    };
    return {
      get: (table, key) => {
        this.mustBeOpen();
        const value = tables.get(table)?.rows.get(nameOf(key));
        return value === undefined ? undefined : Buffer.from(value);
      },
      range,
      texts: async (table, asked) => (await range(table, asked)).map(textRow),
    };
  }

  async write(changes: readonly RowChange[], position: number): Promise<void> {
    this.mustBeOpen();
    checkWrite(this.position, position);
    if (this.views > 0) {
      this.tables = new Map([...this.tables].map(([name, { rows, keys }]) => [name, { rows: new Map(rows), keys: keys.copy() }]));
      this.views = 0;
    }
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

function rowsIn(table: Table | undefined, range: RowRange): Row[] {
  checkRange(range);
  const rows: Row[] = [];
  if (table === undefined || range.limit === 0) return rows;
  for (const key of keysIn(table, range)) {
    const value = range.keysOnly ? Buffer.alloc(0) : Buffer.from(table.rows.get(key)!);
    rows.push({ key: Buffer.from(key, 'latin1'), value });
    if (rows.length === range.limit) break;
  }
  return rows;
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
