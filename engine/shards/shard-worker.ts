/**
 * What runs on a worker thread (or in the store's own, without threads): coding, hashing and the files of segments. Talks by
 * messages; owns the segments it opens, and the stripe buffers that it was sent, until it gives them back.
 */
import { type Disk, inTime } from '../../journal/disk.ts';
import type { StripePlace } from './block.ts';
import { BodyDigest } from './body-digest.ts';
import { quorumMilliseconds, type Timer } from './drive-votes.ts';
import { type ErasureCode, openErasureCode, openKernel } from './erasure-code.ts';
import type { Kernel, KernelMemory } from './kernel.ts';
import { Md5Lanes } from './md5-lanes.ts';
import { type DriveView, SegmentAppender } from './segment-appender.ts';
import { SegmentFiles } from './segment-files.ts';
import { walkSegment } from './segment-walker.ts';
import type {
  DriveNews,
  FromWorker,
  HashBytes,
  MendStripe,
  ReadStripe,
  SyncSegment,
  ToWorker,
  WalkSegment,
  WriteStripe,
} from './shard-messages.ts';
import { ShardWriter } from './shard-writer.ts';
import { type ReadableDrive, StripeReader, StripeUnreadable } from './stripe-reader.ts';

/** Damaged blocks waiting to be rewritten; what comes beyond is found again by the next reader. */
const mendQueueMax = 256;

/** Plain data, so that it can be posted to a thread. */
export interface WorkerPlan {
  readonly memory: KernelMemory;
  /** A stripe buffer that is this worker's alone, for mending. */
  readonly mendPlace: number;
  /** 16 hex digits. */
  readonly deployment: string;
  readonly dataShards: number;
  readonly parityShards: number;
  readonly sets: readonly SetPlan[];
  /** Segment numbers of this worker: first, first + step, first + 2 * step, ... */
  readonly segmentStep: number;
  /** Calls that it may have under way on one drive; undefined: any number. */
  readonly callsMax?: number | undefined;
  /** Segment files that it keeps open on one drive, apart from those it writes. */
  readonly openFilesMax?: number | undefined;
}
export interface SetPlan {
  readonly firstSegment: number;
  /** By slot. */
  readonly drives: readonly { readonly name: string; readonly readable: boolean; readonly writable: boolean }[];
}

export interface WorkerParts {
  readonly plan: WorkerPlan;
  /** By set and slot. */
  readonly disks: readonly (readonly Disk[])[];
  readonly clock: Timer;
  post(message: FromWorker): void;
  /** Runs a task when the messages that have arrived are handled. */
  later(task: () => void): void;
}

type SetDrive = DriveView & ReadableDrive;

interface SetState {
  readonly drives: readonly SetDrive[];
  readonly appender: SegmentAppender;
  readonly reader: StripeReader;
}

export class ShardWorker {
  private readonly parts: WorkerParts;
  private readonly kernel: Kernel;
  private readonly code: ErasureCode;
  private readonly md5Lanes: Md5Lanes;
  private readonly memory: Buffer;
  private readonly deployment: Buffer;
  private readonly sets: readonly SetState[];
  private readonly writers = new Map<number, ShardWriter>();
  /** Of blobs that are there, under way. */
  private readonly digests = new Map<number, BodyDigest>();
  private readonly mendQueue = new Map<string, { readonly stripe: StripePlace; readonly slot: number }>();
  /** Mending is done one block after the other: there is one buffer for it. */
  private mending: Promise<unknown> = Promise.resolve();

  constructor(parts: WorkerParts) {
    this.parts = parts;
    const { plan } = parts;
    this.kernel = openKernel(plan.memory).kernel;
    this.code = openErasureCode(plan.dataShards, plan.parityShards, this.kernel);
    this.md5Lanes = new Md5Lanes(this.kernel, (task) => parts.later(task));
    this.memory = Buffer.from(plan.memory.buffer);
    this.deployment = Buffer.from(plan.deployment.slice(0, 16), 'hex');
    this.sets = plan.sets.map((set, number) => this.openSet(set, number));
  }

  handle(message: ToWorker): void {
    switch (message.kind) {
      case 'write':
        this.write(message);
        return;
      case 'abort':
        this.writers.get(message.writer)?.abort();
        this.writers.delete(message.writer);
        return;
      case 'read':
        this.answer(message.job, this.read(message));
        return;
      case 'hash':
        this.hash(message).catch((error: Error) => this.fail(message.job, error));
        return;
      case 'mend':
        this.answer(message.job, this.enqueueMend(message));
        return;
      case 'sync':
        this.answer(message.job, this.sync(message));
        return;
      case 'walk':
        return void this.walk(message);
      case 'drive':
        this.hear(message);
        return;
      case 'forget':
        this.answer(message.job, this.forget(message.set, message.segments));
        return;
      case 'close-segment':
        this.answer(message.job, this.closeSegment(message.set, message.segment));
        return;
      case 'close':
        this.answer(message.job, this.close());
        return;
    }
  }

  private openSet(plan: SetPlan, set: number): SetState {
    const drives = plan.drives.map(({ readable, writable }, slot) => {
      const disk = this.parts.disks[set]![slot]!;
      const files = new SegmentFiles(disk, this.parts.plan.openFilesMax);
      return { slot, disk, readable, writable, roomBytes: Number.POSITIVE_INFINITY, epoch: 0, files };
    });
    const onTrouble = (slot: number, error: Error) => this.tellTrouble(set, slot, error);
    let next = plan.firstSegment;
    const nextSegment = () => {
      const segment = next;
      next += this.parts.plan.segmentStep;
      this.parts.post({ kind: 'segment', set, segment });
      return segment;
    };
    const { code, memory, deployment } = this;
    const { clock } = this.parts;
    const onDamage = (stripe: StripePlace, slot: number) => this.noteDamage(stripe, slot);
    return {
      drives,
      appender: new SegmentAppender({ set, drives, clock, nextSegment, onTrouble }),
      reader: new StripeReader({ code, memory, deployment, drives, clock, onDamage, onTrouble }),
    };
  }

  private tellTrouble(set: number, slot: number, error: Error): void {
    const code = (error as NodeJS.ErrnoException).code ?? 'ETIMEDOUT';
    this.parts.post({ kind: 'trouble', set, slot, code, reason: error.message });
  }

  private write(message: WriteStripe): void {
    const writer = message.begin === undefined ? this.writers.get(message.writer) : this.startWriter(message.writer, message.begin);
    if (writer === undefined) {
      this.parts.post({ kind: 'released', writer: message.writer, place: message.place });
      return;
    }
    writer.take(message.place, message.bytes, message.last);
  }

  private startWriter(number: number, begin: NonNullable<WriteStripe['begin']>): ShardWriter {
    const { code, kernel, md5Lanes, memory, deployment } = this;
    const { clock, post } = this.parts;
    const { appender } = this.sets[begin.set]!;
    const writer = new ShardWriter(
      {
        ...{ code, kernel, md5Lanes, memory, deployment, clock, appender },
        release: (place) => post({ kind: 'released', writer: number, place }),
        ended: (ending) => {
          this.writers.delete(number);
          if (!ending.sealed) return post({ kind: 'failed', writer: number, reason: ending.reason, full: ending.full });
          const { extents, missed, digests } = ending;
          post({ kind: 'sealed', writer: number, extents, missed, digests });
        },
      },
      begin,
    );
    this.writers.set(number, writer);
    return writer;
  }

  private async read({ stripe, place, from, length, direct }: ReadStripe): Promise<number> {
    const late = await this.sets[stripe.set]!.reader.read(stripe, { buffer: place, from, length, direct });
    if (late === undefined) return place + from;
    void late.held.then(() => this.parts.post({ kind: 'freed', place }));
    return -1;
  }

  private async hash({ job, digest = job, names, place, bytes, last }: HashBytes): Promise<void> {
    const { kernel, md5Lanes, memory } = this;
    const running = this.digests.get(digest) ?? new BodyDigest(names, { kernel, md5Lanes, memory });
    if (last) this.digests.delete(digest);
    else this.digests.set(digest, running);
    if (bytes > 0) await running.take(place, bytes);
    this.parts.post({ kind: 'done', job, value: digest, ...(last && { digests: running.digests() }) });
  }

  private noteDamage(stripe: StripePlace, slot: number): void {
    const name = `${stripe.set}/${stripe.segment}/${stripe.offset}/${slot}`;
    if (this.mendQueue.has(name) || this.mendQueue.size >= mendQueueMax) return;
    this.mendQueue.set(name, { stripe, slot });
    this.enqueueMend({ stripe, slot, durable: true })
      .then((rewritten) => rewritten === 1 && this.parts.post({ kind: 'mended', stripe, slot }))
      // The drive or its set isn't fit for it now: the next reader, or the healer, tries again.
      .catch(() => undefined)
      .finally(() => this.mendQueue.delete(name));
  }

  private enqueueMend({ stripe, slot, durable }: Pick<MendStripe, 'stripe' | 'slot' | 'durable'>): Promise<number> {
    const mended = this.mending.then(async () => {
      const { reader, drives } = this.sets[stripe.set]!;
      // What is missing there would make it grow.
      if (!drives[slot]!.writable) throw new Error('the drive takes no writes');
      try {
        const rewritten = await reader.mend(stripe, slot, this.parts.plan.mendPlace);
        if (rewritten && durable) await this.inTime(drives[slot]!.files.sync(stripe));
        return Number(rewritten);
      } catch (error) {
        if (!(error instanceof StripeUnreadable)) this.tellTrouble(stripe.set, slot, error as Error);
        throw error;
      }
    });
    this.mending = mended.catch(() => undefined);
    return mended;
  }

  private async walk(message: WalkSegment): Promise<void> {
    const { drives } = this.sets[message.set]!;
    const asked = drives.filter((drive) => drive.slot !== message.slot);
    const { stripes, next } = await walkSegment(asked, message, { deployment: this.deployment, timer: this.parts.clock });
    this.parts.post({ kind: 'done', job: message.job, value: next ?? -1, stripes });
  }

  private hear({ set, slot, readable, writable, roomBytes }: DriveNews): void {
    const drive = this.sets[set]!.drives[slot]!;
    this.sets[set]!.appender.hearRoom(slot, roomBytes);
    if (drive.readable === readable && drive.writable === writable) return;
    drive.readable = readable;
    drive.writable = writable;
    drive.epoch += 1;
    drive.files.forget();
    if (!readable) this.sets[set]!.appender.dropDrive(slot);
  }

  private async sync({ set, segment, slot }: SyncSegment): Promise<number> {
    await this.inTime(this.sets[set]!.drives[slot]!.files.sync({ set, segment }));
    return 0;
  }

  /** Whoever heals waits for a drive, but not for ever. */
  private inTime(synced: Promise<void>): Promise<void> {
    return inTime(synced, { timer: this.parts.clock, milliseconds: quorumMilliseconds, name: 'the drive' });
  }

  private async forget(set: number, segments: readonly number[]): Promise<number> {
    if (segments.some((segment) => this.sets[set]!.appender.holds(segment))) return 0;
    for (const segment of segments) for (const drive of this.sets[set]!.drives) drive.files.forget({ set, segment });
    return 1;
  }

  private async closeSegment(set: number, segment: number): Promise<number> {
    const { appender } = this.sets[set]!;
    if (appender.open === segment) appender.retire();
    return Number(!appender.holds(segment));
  }

  private async close(): Promise<number> {
    await this.mending;
    for (const { appender, drives } of this.sets) {
      appender.retire();
      for (const drive of drives) drive.files.forget();
    }
    return 0;
  }

  private answer(job: number, work: Promise<number>): void {
    work.then(
      (value) => this.parts.post({ kind: 'done', job, value }),
      (error: Error) => this.fail(job, error),
    );
  }

  private fail(job: number, error: Error): void {
    this.parts.post({ kind: 'undone', job, unreadable: error instanceof StripeUnreadable, reason: error.message });
  }
}
