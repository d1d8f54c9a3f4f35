/**
 * The state store: ordered tables of rows, derived from the journal and never ahead of it. It knows bytes only. Everything
 * in it can be deleted and rebuilt. Keys of a table are ordered as raw bytes.
 */
export interface StateStore extends RowReads {
  /** Journal sequence that the rows reflect: every record up to it, none after it. 0 when new. */
  readonly position: number;
  /**
   * Several reads of one moment: with all that was written before the call, and nothing of what is written once `read` was called. The
   * rows are there until its promise settles.
   */
  view<T>(read: (rows: RowReads) => Promise<T>): Promise<T>;
  /**
   * One atomic batch together with the position it reflects. Calls must come one after the other, positions ascending (a
   * repeated position is allowed). Of several changes of one key the last counts. Need not be durable when it resolves: the
   * journal is. Visible to get and range when it resolves. Keys and values are the store's from the call on: nobody changes their bytes.
   */
  write(changes: readonly RowChange[], position: number): Promise<void>;
  /**
   * What the store holds is not what the journal says: another one takes its place, or it is made anew. Resolves when that one is there,
   * and with false when there is none. A store that can't be replaced doesn't have it.
   */
  distrust?(reason: string): Promise<boolean>;
  /** Resolves once no replacement of the store is under way. A store that is never replaced doesn't have it. */
  settled?(): Promise<void>;
  close(): Promise<void>;
}

/** Every row is proved when it is read. */
export interface RowReads {
  /**
   * Point read, at once. The buffer is the caller's.
   * @throws StateStoreUnavailable, StateStoreCorrupt a row is not what was written, as do all reads and writes.
   */
  get(table: string, key: Uint8Array): Buffer | undefined;
  /** At most `range.limit` rows in key order (descending with `reverse`), as they were at the call. */
  range(table: string, range: RowRange): Promise<Row[]>;
  /** The same of a table whose keys and values are UTF-8 text, at a third of the cost: a string is cheaper to make than a buffer. */
  texts(table: string, range: RowRange): Promise<TextRow[]>;
}

export interface Row {
  readonly key: Buffer;
  /** Empty when `keysOnly` was asked. */
  readonly value: Buffer;
}

export interface TextRow {
  readonly key: string;
  /** Empty when `keysOnly` was asked. */
  readonly value: string;
}

export interface RowRange {
  readonly gte?: Uint8Array;
  readonly gt?: Uint8Array;
  readonly lt?: Uint8Array;
  /** Rows, at most `rangeRowsMax`. */
  readonly limit: number;
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
}

export interface RowChange {
  /** Lower-case letters, at most 32. */
  readonly table: string;
  readonly key: Uint8Array;
  /** null deletes the row. */
  readonly value: Uint8Array | null;
}

export const rangeRowsMax = 10_000;

/** No usable store at the moment: its drive is gone, or it is closed. The same call may succeed later. */
export class StateStoreUnavailable extends Error {
  override readonly name = 'StateStoreUnavailable';
}

/** The directory is in use by another store, in this process or another. */
export class StateStoreLocked extends Error {
  override readonly name = 'StateStoreLocked';
}

/** The store is damaged, or not the one that belongs there: none of it is believed. Delete it, it is rebuilt from the journal. */
export class StateStoreCorrupt extends Error {
  override readonly name = 'StateStoreCorrupt';
}

/** Trouble of a store, not of the one who asks: the same call may succeed when another store has taken its place. */
export function isStoreTrouble(error: unknown): error is StateStoreUnavailable | StateStoreCorrupt {
  return error instanceof StateStoreUnavailable || error instanceof StateStoreCorrupt;
}

/** Every implementation refuses the same ranges. */
export function checkRange(range: RowRange): void {
  if (!Number.isInteger(range.limit) || range.limit < 0 || range.limit > rangeRowsMax) {
    throw new RangeError(`a range is limited to 0..${rangeRowsMax} rows, not ${range.limit}`);
  }
}

/** For stores that hold buffers. */
export function textRow({ key, value }: Row): TextRow {
  return { key: key.toString(), value: value.toString() };
}

/** Every implementation refuses to go back. */
export function checkWrite(position: number, next: number): void {
  if (!Number.isSafeInteger(next) || next < position) throw new RangeError(`the state store is at ${position} and cannot go to ${next}`);
}
