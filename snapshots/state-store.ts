/**
 * The state store: ordered tables of rows, derived from the journal and never ahead of it. It knows bytes only. Everything
 * in it can be deleted and rebuilt. Keys of a table are ordered as raw bytes.
 */
export interface StateStore {
  /** Journal sequence that the rows reflect: every record up to it, none after it. 0 when new. */
  readonly position: number;
  /** Point read, at once. The buffer is the caller's. */
  get(table: string, key: Uint8Array): Buffer | undefined;
  /** At most `range.limit` rows in key order (descending with `reverse`). */
  range(table: string, range: RowRange): Promise<Row[]>;
  /**
   * One atomic batch together with the position it reflects. Calls must come one after the other, positions ascending.
   * Need not be durable when it resolves: the journal is. Visible to get and range when it resolves.
   */
  write(changes: readonly RowChange[], position: number): Promise<void>;
  close(): Promise<void>;
}

export interface Row {
  readonly key: Buffer;
  /** Empty when `keysOnly` was asked. */
  readonly value: Buffer;
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
  readonly table: string;
  readonly key: Uint8Array;
  /** null deletes the row. */
  readonly value: Uint8Array | null;
}

export const rangeRowsMax = 10_000;
