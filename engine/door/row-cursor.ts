import type { RowRange } from '../../snapshots/state-store.ts';

/** What a cursor walks over. */
export interface RowWalk<Row> {
  read(range: RowRange): Promise<readonly Row[]>;
  keyOf(row: Row): Buffer;
  readonly lt: Buffer;
  /** Rows that a walk without leaps would need: no chunk is larger. */
  readonly wanted: number;
  /** Leaps are likely: begin with small chunks. */
  readonly leaps: boolean;
}

const chunkRowsMin = 4;
const chunkRowsFirst = 64;

/**
 * Rows in order, read in chunks, with leaps ahead: small chunks while it leaps from one common prefix to the next, larger ones while it
 * walks from row to row.
 */
export class RowCursor<Row> {
  private readonly walk: RowWalk<Row>;
  private chunk: readonly Row[] = [];
  private at = 0;
  private chunkRows: number;
  private from: { gte: Buffer } | { gt: Buffer } | undefined;

  constructor(walk: RowWalk<Row>, from: { gte: Buffer } | { gt: Buffer }) {
    this.walk = walk;
    this.from = from;
    this.chunkRows = walk.leaps ? Math.min(walk.wanted, chunkRowsFirst) : walk.wanted;
  }

  /** The row here, undefined at the end. Whatever is in the chunk is there at once: only ask `await` when `needsRead`. */
  get row(): Row | undefined {
    return this.chunk[this.at];
  }

  get needsRead(): boolean {
    return this.at >= this.chunk.length && this.from !== undefined;
  }

  async read(): Promise<void> {
    const { lt, keyOf } = this.walk;
    const limit = this.chunkRows;
    this.chunk = await this.walk.read({ ...this.from, lt, limit });
    this.at = 0;
    this.from = this.chunk.length < limit ? undefined : { gt: keyOf(this.chunk.at(-1)!) };
    this.chunkRows = Math.min(limit * 4, this.walk.wanted);
  }

  next(): void {
    this.at += 1;
  }

  /** On to the first row at or behind `bound`, without reading what lies between. */
  leap(bound: Buffer): void {
    const { keyOf } = this.walk;
    while (this.at < this.chunk.length && Buffer.compare(keyOf(this.chunk[this.at]!), bound) < 0) this.at += 1;
    if (this.at < this.chunk.length || this.from === undefined) return;
    this.from = { gte: bound };
    this.chunkRows = Math.min(chunkRowsMin, this.walk.wanted);
  }
}
