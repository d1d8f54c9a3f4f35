/**
 * One body on its way to the drives, in the worker that owns it: coding, writing and hashing stripe by stripe, then one sync a
 * drive, shared with whoever else waits. Success is a matter of quorum; what a drive missed is part of the answer.
 */
import { createActor, createMachine } from 'xstate';
import { DriveHangs } from '../../journal/disk.ts';
import type { Digests } from '../body.ts';
import type { Extent } from './blob-store.ts';
import { blockBytesOf, extendExtents, headBytesOf, type StripePlace, shardBytesOf, slotOf, stripeBytesMax, writeHead } from './block.ts';
import { BodyDigest } from './body-digest.ts';
import type { DriveLane } from './drive-lane.ts';
import { collectVotes, type Timer, type Vote, type Votes } from './drive-votes.ts';
import type { ErasureCode } from './erasure-code.ts';
import type { Kernel } from './kernel.ts';
import { writeQuorumOf } from './layout.ts';
import type { Md5Lanes } from './md5-lanes.ts';
import type { OpenSegment, SegmentAppender } from './segment-appender.ts';
import type { BeginWrite } from './shard-messages.ts';
import { NobodyOnTime } from './whose-trouble.ts';

/** Stripes of a run that is allotted at once to a body of known length: its extents stay few. */
const runStripesMax = 64;
/** The same where the length is unknown; what is left of the run stays a hole. */
const blindRunStripes = 8;

export interface WriterParts {
  readonly code: ErasureCode;
  readonly kernel: Kernel;
  readonly md5Lanes: Md5Lanes;
  /** The kernel's memory. */
  readonly memory: Buffer;
  readonly appender: SegmentAppender;
  /** 8 bytes. */
  readonly deployment: Buffer;
  readonly clock: Timer;
  /** The stripe buffer is free again. */
  release(place: number): void;
  ended(ending: WriteEnding): void;
}

export type WriteEnding =
  | { readonly sealed: true; readonly extents: readonly Extent[]; readonly missed: readonly number[]; readonly digests: Digests }
  | { readonly sealed: false; readonly reason: string; readonly full: boolean };

const lifeCycle = createMachine({
  id: 'shard-writer',
  initial: 'receiving',
  states: {
    receiving: { on: { last: 'sealing', abort: 'aborted' } },
    sealing: { on: { allTook: 'sealed', quorumTook: 'degraded', abort: 'aborted' } },
    sealed: { type: 'final' },
    degraded: { type: 'final' },
    aborted: { type: 'final' },
  },
});

interface StripeShape {
  readonly place: StripePlace;
  readonly segment: OpenSegment;
  /** Where the stripe buffer lies. */
  readonly buffer: number;
  readonly shardBytes: number;
}

export class ShardWriter {
  private readonly parts: WriterParts;
  private readonly begin: BeginWrite;
  private readonly life = createActor(lifeCycle);
  private readonly digest: BodyDigest;
  private readonly quorum: number;
  private readonly extents: Extent[] = [];
  /** One entry for each allotment. */
  private readonly segments: OpenSegment[] = [];
  /** By slot: fulfilled when the drive has taken every stripe so far. */
  private readonly tails: Promise<unknown>[];
  private readonly lanes: Set<DriveLane>[];
  private run: { readonly segment: OpenSegment; next: number; readonly end: number } | undefined;
  private stripes = 0;
  private bytes = 0;
  /** Allotted and not settled. */
  private unwrittenBytes = 0;

  constructor(parts: WriterParts, begin: BeginWrite) {
    this.parts = parts;
    this.begin = begin;
    const { dataShards, parityShards } = parts.code;
    this.quorum = writeQuorumOf(dataShards, parityShards);
    this.digest = new BodyDigest(begin.digests, parts);
    this.tails = Array.from({ length: dataShards + parityShards }, () => Promise.resolve());
    this.lanes = this.tails.map(() => new Set());
    this.life.start();
  }

  /** Takes over a stripe buffer; `last` ends the body. */
  take(buffer: number, bytes: number, last: boolean): void {
    if (!this.life.getSnapshot().matches('receiving')) {
      this.parts.release(buffer);
      return;
    }
    if (this.stripes === 0 && this.parts.appender.writableDrives < this.quorum) {
      this.parts.release(buffer);
      this.giveUp(`${this.parts.appender.writableDrives} of ${this.quorum} drives needed take writes`);
      return;
    }
    // A body that was begun while there was room mustn't take what is left for others.
    if (this.parts.appender.drivesWithRoom(this.allotmentBytes(bytes)) < this.quorum) {
      this.parts.release(buffer);
      this.giveUp('too few drives have room', true);
      return;
    }
    const shape = this.encode(buffer, bytes);
    const written = this.send(shape);
    const hashed = this.digest.take(buffer, bytes);
    void this.settle(written, shape, hashed);
    if (last) void this.seal(hashed);
  }

  abort(): void {
    this.end({ type: 'abort' });
  }

  private encode(buffer: number, bytes: number): StripeShape {
    const { code, memory } = this.parts;
    const shardBytes = shardBytesOf(bytes, code.dataShards);
    const { segment, offset } = this.allot(bytes);
    const { blob, set } = this.begin;
    const { dataShards, parityShards } = code;
    const place = { blob, set, segment: segment.segment, offset, stripe: this.stripes, stripeBytes: bytes, dataShards, parityShards };
    extendExtents(this.extents, place);
    this.stripes += 1;
    this.bytes += bytes;
    memory.fill(0, buffer + bytes, buffer + dataShards * shardBytes);
    const at = (shard: number) => buffer + shard * shardBytes;
    const data = Array.from({ length: dataShards }, (_, index) => at(index));
    const parity = Array.from({ length: parityShards }, (_, index) => at(dataShards + index));
    code.encode(data, parity, shardBytes);
    return { place, segment, buffer, shardBytes };
  }

  /** Hands each drive its block; answers with the writes under way. */
  private send({ place, segment, buffer, shardBytes }: StripeShape): Vote[] {
    const { memory, deployment } = this.parts;
    const headBytes = headBytesOf(shardBytes);
    const headsAt = buffer + this.tails.length * shardBytes;
    return this.tails.map((_, shard) => {
      const slot = slotOf(place, shard);
      const lane = segment.lanes[slot];
      const content = memory.subarray(buffer + shard * shardBytes, buffer + (shard + 1) * shardBytes);
      const head = memory.subarray(headsAt + shard * headBytes, headsAt + (shard + 1) * headBytes);
      writeHead(head, place, shard, { shard: content, deployment });
      const done = lane === undefined ? Promise.reject(absent) : lane.write([head, content], place.offset);
      if (lane !== undefined) this.lanes[slot]!.add(lane);
      this.tails[slot] = Promise.all([this.tails[slot], done]);
      this.tails[slot].catch(() => undefined);
      return { slot, done };
    });
  }

  /** Waits for the writes of a stripe, and until it is hashed. Its buffer is free before anything is synced. */
  private async settle(written: readonly Vote[], { place, buffer }: StripeShape, hashed: Promise<void> | undefined): Promise<void> {
    const need = blockBytesOf(place.stripeBytes, place.dataShards);
    const votes = await collectVotes(written, this.quorum, this.parts.clock);
    this.abandon(votes);
    this.written(need);
    await hashed;
    this.parts.release(buffer);
    if (votes.took.size < this.quorum) this.giveUp(`${votes.took.size} of ${this.quorum} drives needed took a stripe`);
  }

  private async seal(hashed: Promise<void> | undefined): Promise<void> {
    this.life.send({ type: 'last' });
    const synced = this.tails.map((tail, slot) => ({
      slot,
      done: tail.then(() => Promise.all([...this.lanes[slot]!].map((lane) => lane.sync()))),
    }));
    const votes = await collectVotes(synced, this.quorum, this.parts.clock);
    this.abandon(votes);
    if (votes.took.size < this.quorum) return this.giveUp(`${votes.took.size} of ${this.quorum} drives needed made the body durable`);
    const missed = this.tails.map((_, slot) => slot).filter((slot) => !votes.took.has(slot));
    await hashed;
    const ending = { sealed: true as const, extents: this.extents, missed, digests: this.digest.digests() };
    if (this.end({ type: missed.length === 0 ? 'allTook' : 'quorumTook' })) this.parts.ended(ending);
  }

  /** Drives that didn't answer in time are out of their segments. */
  private abandon({ took, late }: Votes): void {
    const trouble = took.size > 0 ? new DriveHangs('the drive did not answer in time') : new NobodyOnTime('no drive answered in time');
    for (const slot of late) for (const lane of this.lanes[slot]!) lane.fail(trouble);
  }

  private giveUp(reason: string, full = this.parts.appender.drivesWithRoom(largestBlockBytes(this.parts.code)) < this.quorum): void {
    if (this.end({ type: 'abort' })) this.parts.ended({ sealed: false, reason, full });
  }

  /** False when it had ended before. */
  private end(message: { type: 'allTook' | 'quorumTook' | 'abort' }): boolean {
    if (this.life.getSnapshot().status !== 'active') return false;
    this.life.send(message);
    for (const segment of this.segments) this.parts.appender.release(segment);
    this.written(this.unwrittenBytes);
    return true;
  }

  private written(bytes: number): void {
    const counted = Math.min(bytes, this.unwrittenBytes);
    this.unwrittenBytes -= counted;
    this.parts.appender.written(counted);
  }

  private allot(bytes: number): { readonly segment: OpenSegment; readonly offset: number } {
    const need = blockBytesOf(bytes, this.parts.code.dataShards);
    const runBytes = this.allotmentBytes(bytes);
    if (runBytes > 0) {
      const { segment, offset } = this.parts.appender.allot(runBytes);
      this.segments.push(segment);
      this.unwrittenBytes += runBytes;
      this.run = { segment, next: offset, end: offset + runBytes };
    }
    const run = this.run!;
    const offset = run.next;
    run.next += need;
    return { segment: run.segment, offset };
  }

  /** What has to be allotted for the next stripe: nothing while the run has room for it. */
  private allotmentBytes(bytes: number): number {
    const need = blockBytesOf(bytes, this.parts.code.dataShards);
    if (this.run !== undefined && this.run.next + need <= this.run.end) return 0;
    return Math.max(need, this.runBytes(bytes));
  }

  private runBytes(bytes: number): number {
    const { dataShards } = this.parts.code;
    const full = blockBytesOf(stripeBytesMax, dataShards);
    if (bytes < stripeBytesMax) return 0;
    if (this.begin.length === undefined) return blindRunStripes * full;
    const left = Math.max(0, this.begin.length - this.bytes);
    const stripes = Math.floor(left / stripeBytesMax);
    if (stripes >= runStripesMax) return runStripesMax * full;
    const tail = left % stripeBytesMax;
    return stripes * full + (tail > 0 ? blockBytesOf(tail, dataShards) : 0);
  }
}

function largestBlockBytes({ dataShards }: ErasureCode): number {
  return blockBytesOf(stripeBytesMax, dataShards);
}

const absent = new Error('the drive takes no part');
