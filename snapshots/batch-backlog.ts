/** Committed batches that the standby has not seen, bounded in rows and bytes: what does not fit is forgotten, and replayed from the journal. */
import type { RowChange } from './state-store.ts';

export const backlogRowsMax = 50_000;
export const backlogBytesMax = 32 * 1024 * 1024;

export class BatchBacklog {
  /** A store at this position or later can be brought up from here. */
  from: number;
  rows = 0;
  bytes = 0;
  private batches: { changes: readonly RowChange[]; position: number }[] = [];

  constructor(from: number) {
    this.from = from;
  }

  add(changes: readonly RowChange[], position: number): void {
    this.batches.push({ changes, position });
    this.rows += changes.length;
    for (const { key, value } of changes) this.bytes += key.length + (value?.length ?? 0);
    if (this.rows > backlogRowsMax || this.bytes > backlogBytesMax) this.forget(position);
  }

  /** Hands over what a store at `position` lacks, the last change of each key, and begins anew; undefined: nothing. */
  take(position: number): { changes: readonly RowChange[]; position: number } | undefined {
    const last = this.batches.at(-1);
    const lacking = this.batches.filter((batch) => batch.position > position);
    if (last === undefined) return undefined;
    this.forget(last.position);
    return lacking.length === 0 ? undefined : { changes: lacking.flatMap(({ changes }) => changes), position: last.position };
  }

  forget(from: number): void {
    this.batches = [];
    this.rows = 0;
    this.bytes = 0;
    this.from = from;
  }
}
