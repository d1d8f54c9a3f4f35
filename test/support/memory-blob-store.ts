/** Blobs in memory behind the contract of the drives' store: the same digests, the same limit for inline bytes. */
import type { Body, DigestName } from '../../engine/body.ts';
import { Fault } from '../../engine/fault.ts';
import type { Blob, BlobStore, StoredBody, WriteOptions } from '../../engine/shards/blob-store.ts';
import { digestsOf } from '../../engine/shards/digester.ts';

export interface MemoryBlobStore extends BlobStore {
  readonly blobs: Map<string, Buffer>;
  /** Bytes that were given out by `read`. */
  bytesRead: number;
  /** While true, writes and reads throw Fault 'unavailable'. */
  away: boolean;
}

export function memoryBlobStore(): MemoryBlobStore {
  const blobs = new Map<string, Buffer>();
  const store: MemoryBlobStore = {
    blobs,
    bytesRead: 0,
    away: false,
    async write(body, options) {
      const bytes = await readAll(body);
      if (store.away) throw new Fault('unavailable', 'no drives');
      return stored(bytes, options);
    },
    async read(blob, offset, length) {
      const bytes = blobs.get(blob.id);
      if (store.away || bytes === undefined) throw new Fault('unavailable', `no blob ${blob.id}`);
      return chunks(bytes.subarray(offset, offset + length));
    },
    async digest(slices, names) {
      const bytes: Buffer[] = [];
      for (const { blob, offset, length } of slices) bytes.push(await readAll(await store.read(blob, offset, length)));
      return digestsOf(names, Buffer.concat(bytes));
    },
    async close() {},
  };
  const stored = (bytes: Buffer, options: WriteOptions): StoredBody => {
    const digests = digestsOf([...options.digests] as DigestName[], bytes);
    if (bytes.length <= options.inlineBytesMax) return { length: bytes.length, digests, inline: bytes, blob: undefined };
    if (bytes.length === 0) return { length: 0, digests, inline: undefined, blob: undefined };
    const id = (blobs.size + 1).toString(16).padStart(32, '0');
    blobs.set(id, bytes);
    const extents = [{ segment: 1, offset: blobs.size * 4096, length: bytes.length }];
    const blob: Blob = { id, length: bytes.length, set: 0, dataShards: 4, parityShards: 2, extents, missed: [] };
    return { length: bytes.length, digests, inline: undefined, blob };
  };
  /** In two chunks, so that whoever reads one chunk alone is found out. */
  const chunks = (bytes: Buffer): Body => {
    const half = Math.ceil(bytes.length / 2);
    const left = [bytes.subarray(0, half), bytes.subarray(half)].filter((chunk) => chunk.length > 0);
    return {
      async read() {
        const chunk = left.shift() ?? null;
        store.bytesRead += chunk?.length ?? 0;
        return chunk;
      },
      cancel() {
        left.length = 0;
      },
    };
  };
  return store;
}

export async function readAll(body: Body): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let chunk = await body.read(); chunk !== null; chunk = await body.read()) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
