import type { RowView } from '../actor/decider.ts';
import { unpack, unpackBlob } from '../bucket/codec.ts';
import { behind, missedKey, nameKey, startingWith, tables } from '../bucket/row-keys.ts';
import type { Blob } from '../shards/blob-store.ts';

const pageRows = 1_000;

/** Blobs whose write went without the drive in that slot: what the healer brings to it. A page of rows at a time. */
export async function* missedBlobs(rows: RowView, set: number, slot: number): AsyncGenerator<Blob> {
  const prefix = missedKey(set, slot, '');
  let range = { ...startingWith(prefix, pageRows), keysOnly: true };
  for (;;) {
    const page = await rows.range(tables.missed, range);
    for (const { key } of page) {
      const row = rows.get(tables.blobs, nameKey(key.toString('latin1', prefix.length)));
      if (row !== undefined) yield unpackBlob(unpack(row));
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageRows) return;
    range = { gt: last.key, lt: behind(prefix), limit: pageRows, keysOnly: true };
  }
}
