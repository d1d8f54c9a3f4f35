/**
 * Reads a range of one stripe into a stripe buffer, in the worker: data shards first, parity where a block is missing,
 * damaged, on a drive that is away, or late. Blocks are read into buffers of their own and copied once they are proved, so a
 * read that comes back late touches nothing.
 */

import { headBytesOf, isHeadOf, isPieceIntact, pieceBytes, type StripePlace, shardBytesOf, slotOf, writeHead } from './block.ts';
import { copyInto } from './copy-into.ts';
import type { Timer } from './drive-votes.ts';
import type { ErasureCode } from './erasure-code.ts';
import type { SegmentFiles } from './segment-files.ts';

/** Milliseconds to wait for a drive's block before parity takes its place. */
export const readPatienceMilliseconds = 1_000;
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

export class StripeReader {
  private readonly parts: ReaderParts;
  private readonly idle: Buffer[] = [];

  constructor(parts: ReaderParts) {
    this.parts = parts;
  }

  /** Brings bytes [from, from + length) of the stripe to `buffer` + from. Throws StripeUnreadable below read quorum. */
  async read(stripe: StripePlace, buffer: number, from: number, length: number): Promise<void> {
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
    const fetched = await Promise.all(needed.map(({ shard, range }) => this.fetch(stripe, shard, buffer, range)));
    this.report(
      stripe,
      needed.filter((_, index) => isDamage(fetched[index]!)),
    );
    const lost = needed.filter((_, index) => fetched[index] !== 'proved');
    if (lost.length === 0) return;
    const range = { from: Math.min(...lost.map((shard) => shard.range.from)), to: Math.max(...lost.map((shard) => shard.range.to)) };
    const covers = (held: ShardRange) => held.from <= range.from && held.to >= range.to;
    const present = needed.filter((shard, index) => fetched[index] === 'proved' && covers(shard.range)).map(({ shard }) => shard);
    const wanted = lost.map(({ shard }) => shard);
    this.report(stripe, await this.recover({ stripe, buffer, range, present, wanted }));
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
    if ((await this.fetch(stripe, shard, buffer, range)) === 'proved') return false;
    await this.recover({ stripe, buffer, range, present: [], wanted: [shard] });
    const head = Buffer.alloc(headBytesOf(shardBytes));
    const content = memory.subarray(buffer + shard * shardBytes, buffer + (shard + 1) * shardBytes);
    writeHead(head, stripe, shard, { shard: content, deployment });
    await drives[slot]!.files.write(stripe, [head, content], stripe.offset);
    return true;
  }

  /** Fetches further shards until K are there, then rebuilds the wanted ones. Answers the shards that were found damaged. */
  private async recover(loss: {
    stripe: StripePlace;
    buffer: number;
    range: ShardRange;
    present: number[];
    wanted: number[];
  }): Promise<Damage[]> {
    const { stripe, buffer, range, present, wanted } = loss;
    const { code, drives } = this.parts;
    const shardBytes = shardBytesOf(stripe.stripeBytes, stripe.dataShards);
    const shards = Array.from({ length: code.dataShards + code.parityShards }, (_, shard) => shard);
    const candidates = shards.filter(
      (shard) => !present.includes(shard) && !wanted.includes(shard) && drives[slotOf(stripe, shard)]!.readable,
    );
    const damages: Damage[] = [];
    while (present.length < code.dataShards) {
      const wave = candidates.splice(0, code.dataShards - present.length);
      if (wave.length === 0) {
        throw new StripeUnreadable(
          `${present.length} of ${code.dataShards} blocks needed of stripe ${stripe.stripe} of blob ${stripe.blob} can be read`,
        );
      }
      const fetched = await Promise.all(wave.map((shard) => this.fetch(stripe, shard, buffer, range)));
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

  /** Reads, proves and copies a shard's range to its place in the buffer. */
  private async fetch(stripe: StripePlace, shard: number, buffer: number, range: ShardRange): Promise<Fetched> {
    const slot = slotOf(stripe, shard);
    const drive = this.parts.drives[slot]!;
    if (!drive.readable) return 'away';
    const shardBytes = shardBytesOf(stripe.stripeBytes, stripe.dataShards);
    const headBytes = headBytesOf(shardBytes);
    const block = this.takeBuffer(headBytes + range.to - range.from);
    const loaded = this.load(drive, stripe, block, { headBytes, range });
    // However late it is, the buffer serves again only after the drive has let go of it.
    void loaded.finally(() => this.giveBuffer(block));
    const outcome = await this.inTime(loaded);
    const at = buffer + shard * shardBytes + range.from;
    if (outcome === true && this.prove(stripe, shard, block.subarray(0, headBytes + range.to - range.from), range)) {
      const bytes = range.to - range.from;
      copyInto(this.parts.memory, at, block.subarray(headBytes, headBytes + bytes));
      return 'proved';
    }
    if (outcome === 'late') {
      this.parts.onTrouble(slot, new Error('the drive did not answer in time'));
      return 'late';
    }
    if (outcome instanceof Error && (outcome as NodeJS.ErrnoException).code !== 'ENOENT') this.parts.onTrouble(slot, outcome);
    return outcome instanceof Error ? 'failed' : 'damaged';
  }

  /** True when all bytes were there. Never rejects. */
  private async load(
    drive: ReadableDrive,
    stripe: StripePlace,
    block: Buffer,
    want: { headBytes: number; range: ShardRange },
  ): Promise<boolean | Error> {
    const { headBytes, range } = want;
    const end = headBytes + range.to - range.from;
    try {
      if (range.from === 0) return (await drive.files.read(stripe, block.subarray(0, end), stripe.offset)) === end;
      const [head, pieces] = await Promise.all([
        drive.files.read(stripe, block.subarray(0, headBytes), stripe.offset),
        drive.files.read(stripe, block.subarray(headBytes, end), stripe.offset + headBytes + range.from),
      ]);
      return head + pieces === end;
    } catch (error) {
      return error as Error;
    }
  }

  private prove(stripe: StripePlace, shard: number, block: Buffer, range: ShardRange): boolean {
    const shardBytes = shardBytesOf(stripe.stripeBytes, stripe.dataShards);
    const headBytes = headBytesOf(shardBytes);
    const head = block.subarray(0, headBytes);
    if (!isHeadOf(head, stripe, shard, this.parts.deployment)) return false;
    for (let from = range.from; from < range.to; from += pieceBytes) {
      const at = headBytes + from - range.from;
      const piece = block.subarray(at, Math.min(at + pieceBytes, block.length));
      if (!isPieceIntact(head, from / pieceBytes, piece)) return false;
    }
    return true;
  }

  private inTime(loaded: Promise<boolean | Error>): Promise<boolean | Error | 'late'> {
    return new Promise((resolve) => {
      const cancel = this.parts.clock.after(readPatienceMilliseconds, () => resolve('late'));
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

function wholePieces(from: number, to: number, shardBytes: number): ShardRange {
  return { from: Math.floor(from / pieceBytes) * pieceBytes, to: Math.min(shardBytes, Math.ceil(to / pieceBytes) * pieceBytes) };
}
