/** What the tests of the shards share: bodies, drives on real and on memory disks, a clock. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Body } from '../../engine/body.ts';
import type { Clock, Randomness } from '../../engine/clock.ts';
import type { Blob, StoredBody, WriteOptions } from '../../engine/shards/blob-store.ts';
import { type DriveBlobStore, openBlobStore } from '../../engine/shards/open-blob-store.ts';
import { type Drives, type OpenDrives, openDrives, type Refusal } from '../../engine/shards/open-drives.ts';
import { openWorkers, type Workers } from '../../engine/shards/workers.ts';
import type { Disk } from '../../journal/disk.ts';
import { nodeDisk } from '../../journal/node-disk.ts';

export const clock: Clock = {
  now: () => Date.now(),
  after(milliseconds, task) {
    const timer = setTimeout(task, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export const randomness: Randomness = { bytes: (count) => randomBytes(count) };

export const diskModule = new URL('../../journal/node-disk.js', import.meta.url).href;

/** A fixed pseudo-random sequence, 0 (inclusive) to 1. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A body of these bytes in chunks, as a socket would give them. */
export function bodyOf(bytes: Uint8Array, chunkBytes = 100_000): Body & { cancelled: boolean } {
  let at = 0;
  return {
    cancelled: false,
    async read() {
      if (at >= bytes.length) return null;
      const chunk = bytes.subarray(at, at + chunkBytes);
      at += chunk.length;
      return chunk;
    },
    cancel() {
      this.cancelled = true;
    },
  };
}

export async function collect(body: Body): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let chunk = await body.read(); chunk !== null; chunk = await body.read()) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

export function driveParts(disks: readonly Disk[], parity?: number): OpenDrives {
  const holder = { pid: process.pid, mark: 'test', host: 'here', boot: 'boot', space: 'space' };
  const lost = (sentence: string) => {
    throw new Error(sentence);
  };
  return { disks, parity, holder, isAlive: () => false, lost, clock, randomness };
}

export async function openedDrives(disks: readonly Disk[], parity?: number): Promise<Drives> {
  return accepted(await openDrives(driveParts(disks, parity)));
}

export function accepted(opened: Drives | Refusal): Drives {
  if ('refused' in opened) throw new Error(opened.refused);
  return opened;
}

export interface House {
  readonly drives: Drives;
  readonly store: DriveBlobStore;
  readonly workers: Workers;
  /** Blobs and slots that were reported healed. */
  readonly healed: readonly [Blob, number][];
  put(bytes: Uint8Array, options?: Partial<WriteOptions>): Promise<Blob>;
  get(blob: Blob, offset?: number, length?: number): Promise<Buffer>;
  close(): Promise<void>;
}

export interface HouseExtra {
  readonly parity?: number;
  readonly stripeMemoryBytes?: number;
  readonly clock?: Clock;
  readonly diskModule?: string;
  readonly missedBlobs?: (set: number, slot: number) => AsyncIterable<Blob>;
}

const log = () => undefined;

export async function openHouse(disks: readonly Disk[], threads: number, extra: HouseExtra = {}): Promise<House> {
  const drives = await openedDrives(disks, extra.parity);
  const all: [Blob, number][] = [];
  const missedBlobs = async function* () {};
  const parts = {
    ...{ drives, threads, diskModule, clock, randomness, log, missedBlobs, ...extra },
    onHealed: (...healed: [Blob, number]) => void all.push(healed),
  };
  const workers = await openWorkers(parts);
  const store = await openBlobStore(parts, Promise.resolve(workers));
  return {
    drives,
    store,
    workers,
    healed: all,
    async put(bytes, options = {}) {
      const stored: StoredBody = await store.write(bodyOf(bytes), { digests: [], inlineBytesMax: 0, length: bytes.length, ...options });
      if (stored.blob === undefined) throw new Error('the body was not stored on drives');
      return stored.blob;
    },
    get: async (blob, offset = 0, length = blob.length - offset) => collect(await store.read(blob, offset, length)),
    async close() {
      await store.close();
      await drives.close();
    },
  };
}

/** `count` directories below a temporary one that is removed after `use`. */
export async function withDirectories(count: number, use: (disks: Disk[], root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'liteio-shards-'));
  try {
    await use(
      Array.from({ length: count }, (_, index) => nodeDisk(join(root, `drive${index + 1}`))),
      root,
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Waits for a condition, at most ten seconds. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 1000; tries += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`waited in vain: ${what}`);
}
