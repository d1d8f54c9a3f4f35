import type { Row } from '../../snapshots/state-store.ts';
import type { RowView } from '../actor/decider.ts';

/** What a cursor walks over. */
export interface RowWalk {
  readonly table: string;
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
export class RowCursor {
  private readonly rows: RowView;
  private readonly walk: RowWalk;
  private chunk: readonly Row[] = [];
  private at = 0;
  private chunkRows: number;
  private from: { gte: Buffer } | { gt: Buffer } | undefined;

  constructor(rows: RowView, walk: RowWalk, from: { gte: Buffer } | { gt: Buffer }) {
    this.rows = rows;
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
    const { table, lt } = this.walk;
    const limit = this.chunkRows;
    this.chunk = await this.rows.range(table, { ...this.from, lt, limit });
    this.at = 0;
    this.from = this.chunk.length < limit ? undefined : { gt: this.chunk.at(-1)!.key };
    this.chunkRows = Math.min(limit * 4, this.walk.wanted);
  }

  next(): void {
    this.at += 1;
  }

  /** On to the first row at or behind `bound`, without reading what lies between. */
  leap(bound: Buffer): void {
    while (this.at < this.chunk.length && Buffer.compare(this.chunk[this.at]!.key, bound) < 0) this.at += 1;
    if (this.at < this.chunk.length || this.from === undefined) return;
    this.from = { gte: bound };
    this.chunkRows = Math.min(chunkRowsMin, this.walk.wanted);
  }
}
