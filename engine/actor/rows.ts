/**
 * Rows as one actor has them: the state store under the layers of what it decided and what is not applied yet. One layer is
 * one record, so that a failed append takes away exactly its own rows. Other actors' layers are not seen: what they decided
 * may still fail.
 */
import {
  isStoreTrouble,
  type Row,
  type RowChange,
  type RowRange,
  type RowReads,
  type StateStore,
  type TextRow,
} from '../../snapshots/state-store.ts';
import { Fault } from '../fault.ts';
import type { RowView } from './decider.ts';

type Value = Uint8Array | null;

/** The row changes of one record, the last one of each key. */
export class Layer {
  private readonly tables = new Map<string, Map<string, RowChange>>();

  put(change: RowChange): void {
    let table = this.tables.get(change.table);
    if (table === undefined) this.tables.set(change.table, (table = new Map()));
    table.set(nameOf(change.key), change);
  }

  /** undefined: this layer says nothing about the key. null: it deletes it. */
  valueOf(table: string, name: string): Value | undefined {
    return this.tables.get(table)?.get(name)?.value;
  }

  changesOf(table: string): ReadonlyMap<string, RowChange> | undefined {
    return this.tables.get(table);
  }

  *changes(): Generator<RowChange> {
    for (const table of this.tables.values()) yield* table.values();
  }

  clear(): void {
    this.tables.clear();
  }
}

export class LayeredRows implements RowView {
  private readonly store: RowView;
  /** Oldest first. */
  private readonly layers: Layer[] = [];

  constructor(store: RowView) {
    this.store = store;
  }

  push(layer: Layer): void {
    this.layers.push(layer);
  }

  remove(layer: Layer): void {
    const at = this.layers.indexOf(layer);
    if (at >= 0) this.layers.splice(at, 1);
  }

  get(table: string, key: Uint8Array): Buffer | undefined {
    if (this.layers.length > 0) {
      const name = nameOf(key);
      for (let at = this.layers.length - 1; at >= 0; at--) {
        const value = this.layers[at]!.valueOf(table, name);
        if (value !== undefined) return value === null ? undefined : bufferOf(value);
      }
    }
    return this.store.get(table, key);
  }

  /** The layers are taken as they are at the call: one that is applied meanwhile is then in both, never in neither. */
  range(table: string, range: RowRange): Promise<Row[]> {
    const overlay = this.overlayOf(table, range);
    return overlay.length === 0 ? this.store.range(table, range) : this.merge(table, range, overlay);
  }

  /** The newest change of each key inside the bounds, in the order of the range. */
  private overlayOf(table: string, { gte, gt, lt, reverse }: RowRange): (readonly [string, RowChange])[] {
    const newest = new Map<string, RowChange>();
    const [from, above, below] = [gte, gt, lt].map((bound) => (bound === undefined ? undefined : nameOf(bound)));
    for (const layer of this.layers) {
      for (const [name, change] of layer.changesOf(table) ?? []) {
        if (from !== undefined && name < from) continue;
        if (above !== undefined && name <= above) continue;
        if (below !== undefined && name >= below) continue;
        newest.set(name, change);
      }
    }
    const sign = reverse ? -1 : 1;
    return [...newest].sort(([one], [other]) => (one < other ? -sign : sign));
  }

  private async merge(table: string, range: RowRange, overlay: readonly (readonly [string, RowChange])[]): Promise<Row[]> {
    const merged: Row[] = [];
    const ahead = (one: string, other: string): boolean => (range.reverse ? one > other : one < other);
    let at = 0;
    const take = (row: RowChange): void => {
      if (row.value !== null) merged.push({ key: bufferOf(row.key), value: range.keysOnly ? nothing : bufferOf(row.value) });
    };
    for (let page: RowRange | undefined = range; page !== undefined && merged.length < range.limit; ) {
      const rows = await this.store.range(table, page);
      for (const row of rows) {
        const name = nameOf(row.key);
        while (at < overlay.length && ahead(overlay[at]![0], name)) take(overlay[at++]![1]);
        if (at < overlay.length && overlay[at]![0] === name) take(overlay[at++]![1]);
        else merged.push(row);
      }
      page = rows.length < page.limit ? undefined : behind(page, rows.at(-1)!.key);
      if (page === undefined) while (at < overlay.length) take(overlay[at++]![1]);
    }
    return merged.length > range.limit ? merged.slice(0, range.limit) : merged;
  }
}

/** The rest of a range after its row `key`. */
function behind(range: RowRange, key: Uint8Array): RowRange {
  return range.reverse ? { ...range, lt: key } : { ...range, gt: key };
}

/** Rows for readers: only what is durable and applied. */
export interface StoredRows extends RowView {
  /** Of a table whose keys and values are text. */
  texts(table: string, range: RowRange): Promise<TextRow[]>;
  /** Several reads of one moment, which end when the promise of `read` settles. */
  view<T>(read: (rows: StoredReads) => Promise<T>): Promise<T>;
}

export type StoredReads = Omit<StoredRows, 'view'>;

/** The state store's rows; its trouble becomes a Fault. */
export function storeRows(store: StateStore): StoredRows {
  return {
    ...readsOf(store),
    async view(read) {
      try {
        return await store.view((rows) => read(readsOf(rows)));
      } catch (error) {
        throw storeTrouble(error);
      }
    },
  };
}

function readsOf(store: RowReads): StoredReads {
  return {
    get(table, key) {
      try {
        return store.get(table, key);
      } catch (error) {
        throw storeTrouble(error);
      }
    },
    async range(table, range) {
      try {
        return await store.range(table, range);
      } catch (error) {
        throw storeTrouble(error);
      }
    },
    async texts(table, range) {
      try {
        return await store.texts(table, range);
      } catch (error) {
        throw storeTrouble(error);
      }
    },
  };
}

function storeTrouble(error: unknown): unknown {
  return isStoreTrouble(error) ? new Fault('unavailable', error.message, { cause: error }) : error;
}

const nothing = Buffer.alloc(0);

function nameOf(key: Uint8Array): string {
  return bufferOf(key).toString('latin1');
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
