/**
 * Reads a range of one stripe into a stripe buffer, in the worker: data shards first, parity where a block is missing,
 * damaged, on a drive that is away, or late. Blocks come to the stripe buffer straight from the drive where whoever owns it can
 * spare it while a drive is late; else they are read into buffers of their own and copied once they are proved, so that a read
 * that comes back late touches nothing.
 */

import { afterRunning, DriveHangs, inTime } from '../../journal/disk.ts';
import { headBytesOf, isHeadOf, isPieceIntact, pieceBytes, type StripePlace, shardBytesOf, slotOf, writeHead } from './block.ts';
import { copyInto } from './copy-into.ts';
import type { Timer } from './drive-votes.ts';
import type { ErasureCode } from './erasure-code.ts';
import { answerMilliseconds } from './patient-disk.ts';
import type { SegmentFiles } from './segment-files.ts';
import { isTroubleOfDrive } from './whose-trouble.ts';

/** Milliseconds to wait for a drive's block before parity takes its place. */
export const readPatienceMilliseconds = 1_000;
/** Milliseconds that a late drive still has once another one has answered. */
const graceMilliseconds = 300;
/** Idle block buffers kept for the next read. */
const idleBuffersMax = 16;

/** A drive as the reader sees it. */
export interface ReadableDrive {
  readonly files: SegmentFiles;
  readable: boolean;
}

export interface ReaderParts {
  readonly code: ErasureCode;
  readonly memory: Buffer;
  /** By slot. */
  readonly drives: readonly ReadableDrive[];
  /** 8 bytes. */
  readonly deployment: Buffer;
  readonly clock: Timer;
  /** A readable drive lacks the block, or has it damaged. */
  onDamage(stripe: StripePlace, slot: number): void;
  onTrouble(slot: number, error: Error): void;
}

export class StripeUnreadable extends Error {
  override readonly name = 'StripeUnreadable';
}

type Fetched = 'proved' | 'damaged' | 'failed' | 'late' | 'away';

/** A readable drive lacks the block or has it damaged: it can be mended. */
function isDamage(fetched: Fetched): boolean {
  return fetched === 'damaged' || fetched === 'failed';
}

interface Damage {
  readonly shard: number;
}

/** Bytes [from, to) of a shard, whole pieces. */
interface ShardRange {
  readonly from: number;
  readonly to: number;
}

/** Where a shard's range is wanted. */
interface Target {
  readonly buffer: number;
  readonly range: ShardRange;
  /** Straight from the drive. */
  readonly direct: boolean;
  /** What reads into the buffer still, and is waited for no more. */
  readonly late: Promise<unknown>[];
  readonly punctuality: Punctuality;
}

/** Of the drives that were asked for one stripe: late is a drive only where it still owes its answer when another one has given it. */
interface Punctuality {
  /** Slots. */
  readonly late: Set<number>;
  answered: boolean;
}

/** What is read of a block: `content` lies from byte `from` of the shard on. */
interface Block {
  readonly head: Buffer;
  readonly content: Buffer;
  readonly from: number;
}

/** Bytes [from, from + length) of a stripe, wanted at `buffer` + from. */
export interface StripeRange {
  readonly buffer: number;
  readonly from: number;
  readonly length: number;
  /** Whoever owns the buffer can do without it for as long as a drive is late. */
  readonly direct: boolean;
}

export class StripeReader {
  private readonly parts: ReaderParts;
  /** By slot: reads that were late and have not ended. */
  private readonly overdue: (number | undefined)[] = [];
  private readonly idle: Buffer[] = [];

  constructor(parts: ReaderParts) {
    this.parts = parts;
  }

  /**
   * Brings the range to the buffer, and answers undefined; or, when a late drive may write to the buffer still, nothing is brought
   * and the answer's `held` ends when the buffer may be used again. Throws StripeUnreadable below read quorum.
   */
  async read(stripe: StripePlace, { buffer, from, length, direct }: StripeRange): Promise<{ held: Promise<unknown> } | undefined> {
    const shardBytes = shardBytesOf(stripe.stripeBytes, stripe.dataShards);
    const first = Math.floor(from / shardBytes);
    const last = Math.floor((from + length - 1) / shardBytes);
    const needed = Array.from({ length: last - first + 1 }, (_, index) => {
      const start = (first + index) * shardBytes;
      return {
        shard: first + index,
        range: wholePieces(Math.max(0, from - start), Math.min(shardBytes, from + length - start), shardBytes),
      };
    });
    const late: Promise<unknown>[] = [];
    const punctuality = unasked();
    const target = { buffer, direct, late, punctuality };
    const fetched = await Promise.all(needed.map(({ shard, range }) => this.fetch(stripe, shard, { ...target, range })));
    this.report(
      stripe,
      needed.filter((_, index) => isDamage(fetched[index]!)),
    );
    this.blame(punctuality);
    if (late.length > 0) return { held: Promise.all(late) };
    const lost = needed.filter((_, index) => fetched[index] !== 'proved');
    if (lost.length === 0) return undefined;
    const range = { from: Math.min(...lost.map((shard) => shard.range.from)), to: Math.max(...lost.map((shard) => shard.range.to)) };
    const covers = (held: ShardRange) => held.from <= range.from && held.to >= range.to;
    const present = needed.filter((shard, index) => fetched[index] === 'proved' && covers(shard.range)).map(({ shard }) => shard);
    const wanted = lost.map(({ shard }) => shard);
    this.report(stripe, await this.recover({ stripe, buffer, range, present, wanted, punctuality }));
    return undefined;
  }

  /**
   * Makes sure that the block in `slot` is there and intact; rewrites it from the others where it isn't, and answers whether
   * it had to. Not durable before a sync. `buffer` has room for a whole stripe. Throws StripeUnreadable, or what the drive throws on the write.
   */
  async mend(stripe: StripePlace, slot: number, buffer: number): Promise<boolean> {
    const { code, memory, drives, deployment } = this.parts;
    const setSize = code.dataShards + code.parityShards;
    const shard = Array.from({ length: setSize }, (_, index) => index).find((index) => slotOf(stripe, index) === slot)!;
    const shardBytes = shardBytesOf(stripe.stripeBytes, stripe.dataShards);
    const range = { from: 0, to: shardBytes };
    const punctuality = unasked();
    if ((await this.fetch(stripe, shard, { buffer, range, direct: false, late: [], punctuality })) === 'proved') return false;
    await this.recover({ stripe, buffer, range, present: [], wanted: [shard], punctuality });
    const head = Buffer.alloc(headBytesOf(shardBytes));
    // A copy: a drive that hangs may take it from there after the buffer serves again.
    const content = Buffer.from(memory.subarray(buffer + shard * shardBytes, buffer + (shard + 1) * shardBytes));
    writeHead(head, stripe, shard, { shard: content, deployment });
    const limit = { timer: this.parts.clock, milliseconds: answerMilliseconds, name: `the drive in slot ${slot}` };
    await inTime(drives[slot]!.files.write(stripe, [head, content], stripe.offset), limit);
    return true;
  }

  /** Fetches further shards until K are there, then rebuilds the wanted ones. Answers the shards that were found damaged. */
  private async recover(loss: {
    stripe: StripePlace;
    buffer: number;
    range: ShardRange;
    present: number[];
    wanted: number[];
    punctuality: Punctuality;
  }): Promise<Damage[]> {
    const { stripe, buffer, range, present, wanted, punctuality } = loss;
    const target = { buffer, range, direct: false, late: [], punctuality };
    const { code } = this.parts;
    const shardBytes = shardBytesOf(stripe.stripeBytes, stripe.dataShards);
    const shards = Array.from({ length: code.dataShards + code.parityShards }, (_, shard) => shard);
    const candidates = shards.filter(
      (shard) => !present.includes(shard) && !wanted.includes(shard) && this.isUsable(slotOf(stripe, shard)),
    );
    const damages: Damage[] = [];
    while (present.length < code.dataShards) {
      const wave = candidates.splice(0, code.dataShards - present.length);
      if (wave.length === 0) {
        throw new StripeUnreadable(
          `${present.length} of ${code.dataShards} blocks needed of stripe ${stripe.stripe} of blob ${stripe.blob} can be read`,
        );
      }
      const fetched = await Promise.all(wave.map((shard) => this.fetch(stripe, shard, target)));
      this.blame(punctuality);
      damages.push(...wave.map((shard) => ({ shard })).filter((_, index) => isDamage(fetched[index]!)));
      present.push(...wave.filter((_, index) => fetched[index] === 'proved'));
    }
    const places = shards.map((shard) => buffer + shard * shardBytes + range.from);
    code.reconstruct({ places, present, wanted, length: range.to - range.from });
    return damages;
  }

  private report(stripe: StripePlace, damages: readonly Damage[]): void {
    for (const { shard } of damages) this.parts.onDamage(stripe, slotOf(stripe, shard));
  }

  /** Not at once: after a standstill of all, answers come one after the other. */
  private blame({ late, answered }: Punctuality): void {
    if (!answered || late.size === 0) return;
    this.parts.clock.after(graceMilliseconds, () => {
      for (const slot of late) this.parts.onTrouble(slot, new DriveHangs('the drive did not answer in time'));
      late.clear();
    });
  }

  /** Reads and proves a shard's range, and sees that it comes to its place in the buffer. */
  private async fetch(stripe: StripePlace, shard: number, target: Target): Promise<Fetched> {
    const slot = slotOf(stripe, shard);
    if (!this.isUsable(slot)) return 'away';
    const { range } = target;
    const bytes = range.to - range.from;
    const shardBytes = shardBytesOf(stripe.stripeBytes, stripe.dataShards);
    const at = target.buffer + shard * shardBytes + range.from;
    const direct = target.direct && this.overdue[slot] === undefined;
    const own = direct ? undefined : this.takeBuffer(bytes);
    const content = own?.subarray(0, bytes) ?? this.parts.memory.subarray(at, at + bytes);
    const head = Buffer.allocUnsafe(headBytesOf(shardBytes));
    const loaded = this.load(slot, stripe, { head, content, from: range.from });
    // However late it is, the buffer serves again only after the drive has let go of it.
    if (own !== undefined) void loaded.finally(() => this.giveBuffer(own));
    const outcome = await this.inTime(loaded);
    if (outcome !== 'late') target.punctuality.answered = true;
    if (outcome === true && this.prove(stripe, shard, head, { content, from: range.from })) {
      if (own !== undefined) copyInto(this.parts.memory, at, content);
      return 'proved';
    }
    if (outcome === 'late') {
      this.noteLate(slot, loaded);
      if (direct) target.late.push(loaded);
      target.punctuality.late.add(slot);
      void loaded.finally(() => target.punctuality.late.delete(slot));
      return 'late';
    }
    if (!(outcome instanceof Error)) return 'damaged';
    if ((outcome as NodeJS.ErrnoException).code !== 'ENOENT') this.parts.onTrouble(slot, outcome);
    // The block may well be there.
    return outcome instanceof DriveHangs || !isTroubleOfDrive(outcome) ? 'away' : 'failed';
  }

  /** A drive that owes an answer is left alone, as long as there are enough others. */
  private isUsable(slot: number): boolean {
    const { drives, code } = this.parts;
    if (!drives[slot]!.readable || this.overdue[slot] === undefined) return drives[slot]!.readable;
    return drives.filter((drive, other) => drive.readable && this.overdue[other] === undefined).length < code.dataShards;
  }

  private noteLate(slot: number, loaded: Promise<unknown>): void {
    this.overdue[slot] = (this.overdue[slot] ?? 0) + 1;
    void loaded.finally(() => {
      const left = this.overdue[slot]! - 1;
      this.overdue[slot] = left > 0 ? left : undefined;
    });
  }

  /** True when all bytes were there. Never rejects. */
  private async load(slot: number, stripe: StripePlace, block: Block): Promise<boolean | Error> {
    const { head, content, from } = block;
    const { files } = this.parts.drives[slot]!;
    const wanted = head.length + content.length;
    try {
      if (from === 0) return (await files.read(stripe, [head, content], stripe.offset)) === wanted;
      const [first, rest] = await Promise.all([
        files.read(stripe, head, stripe.offset),
        files.read(stripe, content, stripe.offset + head.length + from),
      ]);
      return first + rest === wanted;
    } catch (error) {
      return error as Error;
    }
  }

  private prove(stripe: StripePlace, shard: number, head: Buffer, { content, from }: Omit<Block, 'head'>): boolean {
    if (!isHeadOf(head, stripe, shard, this.parts.deployment)) return false;
    for (let at = 0; at < content.length; at += pieceBytes) {
      if (!isPieceIntact(head, (from + at) / pieceBytes, content.subarray(at, at + pieceBytes))) return false;
    }
    return true;
  }

  private inTime(loaded: Promise<boolean | Error>): Promise<boolean | Error | 'late'> {
    return new Promise((resolve) => {
      const cancel = afterRunning(this.parts.clock, readPatienceMilliseconds, () => resolve('late'));
      void loaded.then((outcome) => {
        cancel();
        resolve(outcome);
      });
    });
  }

  private takeBuffer(bytes: number): Buffer {
    const at = this.idle.findIndex((buffer) => buffer.length >= bytes && buffer.length <= 8 * bytes);
    return at < 0 ? Buffer.allocUnsafeSlow(Math.max(bytes, 4096)) : this.idle.splice(at, 1)[0]!;
  }

  private giveBuffer(buffer: Buffer): void {
    this.idle.push(buffer);
    if (this.idle.length > idleBuffersMax) this.idle.shift();
  }
}

function unasked(): Punctuality {
  return { late: new Set(), answered: false };
}

function wholePieces(from: number, to: number, shardBytes: number): ShardRange {
  return { from: Math.floor(from / pieceBytes) * pieceBytes, to: Math.min(shardBytes, Math.ceil(to / pieceBytes) * pieceBytes) };
}
