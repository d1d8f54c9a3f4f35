/** Composes drives, workers, writer, reader and healer into the store of blobs. */
import { availableParallelism } from 'node:os';
import { assert } from '../assert.ts';
import type { Body } from '../body.ts';
import type { Clock, Randomness } from '../clock.ts';
import { Fault } from '../fault.ts';
import { openBlobBody } from './blob-reader.ts';
import type { Blob, BlobStore, StoredBody, WriteOptions } from './blob-store.ts';
import { type BlobTarget, writeBlob } from './blob-writer.ts';
import { segmentDirectory, segmentNumber } from './block.ts';
import type { Drive } from './drive.ts';
import { createKernelMemory } from './kernel.ts';
import { writeQuorumOf } from './layout.ts';
import type { Drives } from './open-drives.ts';
import { openLocalPort, openThreadPort } from './shard-port.ts';
import type { WorkerPlan } from './shard-worker.ts';
import { StripePool } from './stripe-pool.ts';
import { type LinkEvents, WorkerLink } from './worker-link.ts';

export interface BlobStoreParts {
  readonly drives: Drives;
  /** Worker threads; 0 runs one worker in this thread, on the drives' own disks. undefined: one for each core. */
  readonly threads: number | undefined;
  /** URL of the module whose `nodeDisk(root)` opens a drive in a thread; needed unless `threads` is 0. */
  readonly diskModule: string | undefined;
  readonly clock: Clock;
  readonly randomness: Randomness;
  /** Bytes of all stripe buffers; undefined: `stripeMemoryBytes`. */
  readonly stripeMemoryBytes?: number;
}

/** Most bytes that stripe buffers take, over all workers; touched only as far as traffic needs it. */
export const stripeMemoryBytes = 512 * 1024 * 1024;
/** Large stripe buffers of one worker, at least. */
const largeBuffersMin = 8;
/** Small stripe buffers for each large one. */
const smallPerLarge = 2;

export async function openBlobStore(parts: BlobStoreParts): Promise<DriveBlobStore> {
  const links = await openLinks(parts);
  return new DriveBlobStore(parts, links);
}

export class DriveBlobStore implements BlobStore {
  private readonly parts: BlobStoreParts;
  private readonly links: readonly WorkerLink[];
  private readonly unsubscribe: readonly (() => void)[];
  private turn = 0;

  constructor(parts: BlobStoreParts, links: readonly WorkerLink[]) {
    this.parts = parts;
    this.links = links;
    this.unsubscribe = parts.drives.sets.flat().map((drive) => drive.onChange((changed) => this.spread(changed)));
    // What changed while the workers started.
    for (const drive of parts.drives.sets.flat()) this.spread(drive);
  }

  write(body: Body, options: WriteOptions): Promise<StoredBody> {
    return writeBlob(body, options, () => this.target(this.parts.randomness.bytes(16).toString('hex')));
  }

  read(blob: Blob, offset: number, length: number): Promise<Body> {
    assert(offset >= 0 && length >= 0 && offset + length <= blob.length, 'the slice lies inside the blob');
    return openBlobBody(blob, { offset, length }, this.idlest());
  }

  /** Stripe buffers that nobody holds. */
  get freeBuffers(): number {
    return this.links.reduce((sum, link) => sum + link.pool.freeBuffers, 0);
  }

  async close(): Promise<void> {
    for (const end of this.unsubscribe) end();
    await Promise.all(this.links.map((link) => link.close()));
  }

  /** Sets take turns; one that can't take a write is passed over. */
  private target(blob: string): BlobTarget {
    const { sets, layout } = this.parts.drives;
    const { dataShards, parityShards } = layout;
    const quorum = writeQuorumOf(dataShards, parityShards);
    for (let tried = 0; tried < sets.length; tried += 1) {
      const set = this.turn++ % sets.length;
      if (sets[set]!.filter((drive) => drive.writable).length < quorum) continue;
      return { blob, set, dataShards, parityShards, link: this.idlest() };
    }
    throw new Fault('unavailable', `no erasure set has the ${quorum} drives that a write needs`);
  }

  private idlest(): WorkerLink {
    let best: WorkerLink | undefined;
    for (const link of this.links) if (link.death === undefined && (best === undefined || link.load < best.load)) best = link;
    if (best === undefined) throw new Fault('internal', 'every shard worker died');
    return best;
  }

  private spread({ set, slot, readable, writable }: Drive): void {
    for (const link of this.links) link.post({ kind: 'drive', set, slot, readable, writable });
  }
}

async function openLinks(parts: BlobStoreParts): Promise<WorkerLink[]> {
  const { drives } = parts;
  const threads = parts.threads ?? availableParallelism();
  const workers = Math.max(1, threads);
  const firstSegments = await Promise.all(drives.sets.map((set, number) => firstFreeSegment(set, number)));
  const events: LinkEvents = {
    onTrouble: (set, slot, error) => drives.sets[set]![slot]!.trouble(error),
    onSegment: () => undefined,
    onMended: () => undefined,
  };
  return Promise.all(
    Array.from({ length: workers }, async (_, index) => {
      const pool = openPool(parts, workers);
      const memory = createKernelMemory(pool.bytes);
      const link = new WorkerLink(pool, Buffer.from(memory.buffer), events);
      const plan: WorkerPlan = {
        memory,
        mendPlace: pool.sparePlace,
        deployment: drives.deployment.slice(0, 16),
        dataShards: drives.layout.dataShards,
        parityShards: drives.layout.parityShards,
        segmentStep: workers,
        sets: drives.sets.map((set, number) => ({
          firstSegment: firstSegments[number]! + index,
          drives: set.map(({ disk, readable, writable }) => ({ name: disk.name, readable, writable })),
        })),
      };
      link.connect(await openPort(parts, plan, link));
      return link;
    }),
  );
}

function openPort(parts: BlobStoreParts, plan: WorkerPlan, link: WorkerLink) {
  if (parts.threads === 0) {
    const disks = parts.drives.sets.map((set) => set.map((drive) => drive.disk));
    return openLocalPort(plan, disks, parts.clock, link);
  }
  assert(parts.diskModule !== undefined, 'threads need the module that opens their disks');
  return openThreadPort(plan, parts.diskModule, link);
}

function openPool(parts: BlobStoreParts, workers: number): StripePool {
  const { dataShards, parityShards } = parts.drives.layout;
  const bytes = (parts.stripeMemoryBytes ?? stripeMemoryBytes) / workers;
  const shape = { dataShards, parityShards };
  const unit = new StripePool({ ...shape, largeBuffers: 1, smallBuffers: smallPerLarge }, parts.clock);
  const largeBuffers = Math.max(largeBuffersMin, Math.floor(bytes / unit.bytes));
  return new StripePool({ ...shape, largeBuffers, smallBuffers: largeBuffers * smallPerLarge }, parts.clock);
}

/** Numbers go on behind every segment that a drive knows: what an earlier process wrote is never appended to. */
async function firstFreeSegment(drives: readonly Drive[], set: number): Promise<number> {
  const highest = await Promise.all(
    drives.map(async (drive) => {
      const names = drive.readable ? await drive.disk.list(segmentDirectory(set)).catch(() => []) : [];
      return Math.max(0, ...names.map((name) => segmentNumber(name) ?? 0));
    }),
  );
  return Math.max(...highest) + 1;
}
