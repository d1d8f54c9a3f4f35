import type { StateStore } from '../snapshots/state-store.ts';
import { unpack, unpackBlob } from './bucket/codec.ts';
import { tables } from './bucket/row-keys.ts';
import type { Blob } from './shards/blob-store.ts';

const pageRows = 1_000;

/**
 * Blobs whose write went without the drive in that slot: what the healer brings to it. Reads every blob's row, a page at a
 * time: asked at a start and after a drive was away, not in the course of things.
 */
export async function* missedBlobs(store: StateStore, set: number, slot: number): AsyncGenerator<Blob> {
  let after: Uint8Array = new Uint8Array(0);
  for (;;) {
    const rows = await store.range(tables.blobs, { gt: after, limit: pageRows });
    for (const { value } of rows) {
      const blob = unpackBlob(unpack(value));
      if (blob.set === set && blob.missed.includes(slot)) yield blob;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageRows) return;
    after = last.key;
  }
}
