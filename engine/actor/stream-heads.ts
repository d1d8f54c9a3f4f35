/** Table `streams` of the state store: stream name -> position (8 bytes, big endian) and hash (32 bytes) of its last record. */
import { emptyStream, type StreamHead } from '../../journal/journal.ts';
import type { RowChange } from '../../snapshots/state-store.ts';
import { assert } from '../assert.ts';

export const streamsTable = 'streams';

/** The journal is opened with `(stream) => headOf(store, stream)`. */
export function headOf(rows: { get(table: string, key: Uint8Array): Buffer | undefined }, stream: string): StreamHead {
  const row = rows.get(streamsTable, Buffer.from(stream));
  if (row === undefined) return emptyStream;
  assert(row.length === 40, `streams row of ${stream} has 40 bytes`);
  return { position: Number(row.readBigUInt64BE(0)), hash: row.subarray(8) };
}

export function headRow(stream: string, head: StreamHead): RowChange {
  const value = Buffer.allocUnsafe(40);
  value.writeBigUInt64BE(BigInt(head.position), 0);
  value.set(head.hash, 8);
  return { table: streamsTable, key: Buffer.from(stream), value };
}
