/** The shard workers of a store: starts them, finds the right one, tells them about drives, and replaces one that died. */
import { availableParallelism } from 'node:os';
import { assert } from '../assert.ts';
import type { Clock } from '../clock.ts';
import { Fault } from '../fault.ts';
import type { Log } from '../log.ts';
import { segmentDirectory, takenNumber } from './block.ts';
import type { Drive } from './drive.ts';
import { createKernelMemory } from './kernel.ts';
import type { Drives } from './open-drives.ts';
import { patientDisk } from './patient-disk.ts';
import { openLocalPort, openThreadPort, type ShardPort } from './shard-port.ts';
import type { MainThreadWatch } from './shard-thread.ts';
import type { WorkerPlan } from './shard-worker.ts';
import type { StartedThreads } from './started-threads.ts';
import { StripePool, smallStripeBytes } from './stripe-pool.ts';
import { WorkerLink } from './worker-link.ts';

/** Most bytes that stripe buffers take, over all workers; touched only as far as traffic needs it. */
export const stripeMemoryBytes = 64 * 1024 * 1024;
/** Large stripe buffers of one worker, at least. */
const largeBuffersMin = 8;
/** Small stripe buffers for each large one. */
const smallPerLarge = 2;
/** Bodies under way in a worker up to which a small one joins them. */
const smallBodiesPerWorker = 32;
/** Segment numbers that a new worker leaves free behind the last one its forerunner told of. */
const segmentsSkipped = 16;
/** Milliseconds before a worker that died is replaced. */
const replaceMilliseconds = 1_000;

export interface WorkersParts {
  readonly drives: Drives;
  /** Worker threads; 0 runs one worker in this thread, on the drives' own disks. undefined: one for each core. */
  readonly threads: number | undefined;
  /** URL of the module whose `nodeDisk(root)` opens a drive in a thread; needed unless `threads` is 0. */
  readonly diskModule: string | undefined;
  /** Taken before new ones are started. */
  readonly started?: StartedThreads;
  readonly clock: Clock;
  readonly log: Log;
  /** Calls that each thread may have under way on one drive; undefined: any number. */
  readonly callsMax?: number;
  /** Done by each thread. */
  readonly watch?: MainThreadWatch;
  /** Segment files that each thread keeps open on one drive. */
  readonly openFilesMax?: number;
  /** Bytes of all stripe buffers; undefined: `stripeMemoryBytes`. */
  readonly stripeMemoryBytes?: number;
}

export async function openWorkers(parts: WorkersParts): Promise<Workers> {
  const firstSegments = await Promise.all(parts.drives.sets.map((set, number) => firstFreeSegment(set, number, parts.clock)));
  const workers = new Workers(parts, firstSegments);
  await workers.start();
  return workers;
}

export class Workers {
  readonly links: WorkerLink[] = [];
  /** By set: segments from here on were opened by this process. */
  readonly firstSegments: readonly number[];
  private readonly parts: WorkersParts;
  private readonly count: number;
  private closed = false;

  constructor(parts: WorkersParts, firstSegments: readonly number[]) {
    this.parts = parts;
    this.firstSegments = firstSegments;
    this.count = Math.max(1, parts.threads ?? availableParallelism());
  }

  async start(): Promise<void> {
    const firsts = (index: number) => this.firstSegments.map((first) => first + index);
    this.links.push(...(await Promise.all(Array.from({ length: this.count }, (_, index) => this.openLink(firsts(index))))));
  }

  /** Throws Fault 'unavailable' when all have died. */
  idlest(): WorkerLink {
    let best: WorkerLink | undefined;
    for (const link of this.links) if (link.death === undefined && (best === undefined || link.load < best.load)) best = link;
    if (best === undefined) throw new Fault('unavailable', 'no shard worker is up');
    return best;
  }

  /** For a body of that length. Small ones share a worker while it keeps up: they share its syncs then. */
  writerFor(length: number | undefined): WorkerLink {
    if (length !== undefined && length <= smallStripeBytes) {
      const open = this.links.find((link) => link.death === undefined && link.load < smallBodiesPerWorker);
      if (open !== undefined) return open;
    }
    return this.idlest();
  }

  spread({ set, slot, readable, writable, roomBytes }: Drive): void {
    const share = roomBytes / this.count;
    for (const link of this.links) link.post({ kind: 'drive', set, slot, readable, writable, roomBytes: share });
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.links.map((link) => link.close()));
  }

  private async openLink(firstSegments: readonly number[]): Promise<WorkerLink> {
    const { drives, clock } = this.parts;
    const pool = this.openPool();
    const memory = createKernelMemory(pool.bytes);
    const link: WorkerLink = new WorkerLink(
      pool,
      Buffer.from(memory.buffer),
      {
        onTrouble: (set, slot, error) => drives.sets[set]![slot]!.trouble(error),
        onMended: (stripe, slot) => this.parts.log('info', 'a damaged block was rewritten', { blob: stripe.blob, set: stripe.set, slot }),
        onDeath: (error) => this.replace(link, error),
      },
      clock,
    );
    const plan: WorkerPlan = {
      memory,
      mendPlace: pool.sparePlace,
      deployment: drives.deployment.slice(0, 16),
      dataShards: drives.layout.dataShards,
      parityShards: drives.layout.parityShards,
      segmentStep: this.count,
      sets: drives.sets.map((set, number) => ({
        firstSegment: firstSegments[number]!,
        drives: set.map(({ disk, readable, writable }) => ({ name: disk.name, readable, writable })),
      })),
      callsMax: this.parts.callsMax,
      openFilesMax: this.parts.openFilesMax,
    };
    link.connect(await this.openPort(plan, link));
    return link;
  }

  private openPort(plan: WorkerPlan, link: WorkerLink): ShardPort | Promise<ShardPort> {
    const { threads, diskModule, started } = this.parts;
    if (threads === 0) {
      const disks = this.parts.drives.sets.map((set) => set.map((drive) => drive.disk));
      return openLocalPort(plan, disks, this.parts.clock, link);
    }
    assert(diskModule !== undefined, 'threads need the module that opens their disks');
    return openThreadPort(plan, { diskModule, watch: this.parts.watch, thread: started?.take() }, link);
  }

  private openPool(): StripePool {
    const { dataShards, parityShards } = this.parts.drives.layout;
    const bytes = (this.parts.stripeMemoryBytes ?? stripeMemoryBytes) / this.count;
    const shape = { dataShards, parityShards };
    const bytesOf = (largeBuffers: number, smallBuffers: number): number =>
      new StripePool({ ...shape, largeBuffers, smallBuffers }, this.parts.clock).bytes;
    // The worker's own buffer is there once, however many others there are.
    const spareBytes = bytesOf(0, 0);
    const largeBuffers = Math.max(largeBuffersMin, Math.floor((bytes - spareBytes) / (bytesOf(1, smallPerLarge) - spareBytes)));
    return new StripePool({ ...shape, largeBuffers, smallBuffers: largeBuffers * smallPerLarge }, this.parts.clock);
  }

  private replace(link: WorkerLink, error: Error): void {
    this.parts.log('error', 'a shard worker died and is replaced', { reason: error.message });
    this.parts.clock.after(replaceMilliseconds, () => void this.openSuccessor(link));
  }

  private async openSuccessor(link: WorkerLink): Promise<void> {
    if (this.closed) return;
    const index = this.links.indexOf(link);
    const firsts = this.firstSegments.map((first, set) => {
      return Math.max(first + index, link.diary.last(set)) + segmentsSkipped * this.count;
    });
    try {
      const successor = await this.openLink(firsts);
      if (this.closed) return void (await successor.close());
      this.links[index] = successor;
      for (const drive of this.parts.drives.sets.flat()) this.spread(drive);
    } catch (error) {
      this.replace(link, error as Error);
    }
  }
}

/** Numbers go on behind every segment that a drive knows or knew: what an earlier process wrote is never appended to. */
async function firstFreeSegment(drives: readonly Drive[], set: number, clock: Clock): Promise<number> {
  const highest = await Promise.all(
    drives.map(async (drive) => {
      const names = drive.readable
        ? await patientDisk(drive.disk, clock)
            .list(segmentDirectory(set))
            .catch(() => [])
        : [];
      return Math.max(0, ...names.map((name) => takenNumber(name) ?? 0));
    }),
  );
  return Math.max(...highest) + 1;
}
