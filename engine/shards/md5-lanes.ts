/**
 * MD5 of the bodies that pass through a worker, side by side. The blocks of one body depend on each other and leave a processor
 * waiting most of the time: eight bodies at once take less than twice the time of one. Bytes are hashed a little later than they
 * come, so that those of other bodies come beside them.
 */
import { createHash, type Hash } from 'node:crypto';
import { assert } from '../assert.ts';
import type { Kernel } from './kernel.ts';

/** Bodies hashed at once. */
export const md5LanesMax = 8;
/** Blocks of each body before others may join: 256 KiB, under a millisecond. */
const blocksMax = 4096;
const blockBytes = 64;

/** MD5 of one body. */
export interface Md5Stream {
  /** Takes the next bytes, lying at `place` in the kernel's memory. They must stay until this resolves. */
  update(place: number, bytes: number): Promise<void>;
  /** When all updates have been taken. */
  digest(): Buffer;
}

interface Piece {
  place: number;
  bytes: number;
  done(): void;
}

export class Md5Lanes {
  private readonly kernel: Kernel;
  private readonly memory: Buffer;
  private readonly later: (task: () => void) => void;
  /** Bodies with pieces to hash; who was served goes to the end. */
  private readonly busy: StreamLane[] = [];
  private scheduled = false;

  /** `later` runs a task when what has arrived so far has been handled. */
  constructor(kernel: Kernel, later: (task: () => void) => void) {
    this.kernel = kernel;
    this.memory = Buffer.from(kernel.memory);
    this.later = later;
  }

  open(): Md5Stream {
    if (this.kernel.md5 === undefined) return new PlainStream(this.memory);
    return new StreamLane(this.kernel.md5, this.memory, (lane) => this.enqueue(lane));
  }

  private enqueue(lane: StreamLane): void {
    this.busy.push(lane);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.later(() => this.run());
  }

  private run(): void {
    this.scheduled = false;
    const lanes = this.busy.splice(0, md5LanesMax);
    const whole = lanes.filter((lane) => lane.begin() >= blockBytes);
    if (whole.length > 0) {
      const blocks = whole.reduce((least, lane) => Math.min(least, Math.floor(lane.left / blockBytes)), blocksMax);
      this.kernel.md5!.take(
        whole.map(({ state }) => state),
        whole.map(({ place }) => place),
        blocks,
      );
      for (const lane of whole) lane.advance(blocks * blockBytes);
    }
    for (const lane of lanes) if (lane.settle()) this.busy.push(lane);
    if (this.busy.length > 0) this.schedule();
  }
}

class StreamLane implements Md5Stream {
  /** a, b, c, d. */
  readonly state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  private readonly pieces: Piece[] = [];
  private readonly md5: NonNullable<Kernel['md5']>;
  private readonly memory: Buffer;
  private readonly enqueue: (lane: StreamLane) => void;
  /** Bytes of a block that is not yet whole. */
  private readonly rest = Buffer.alloc(blockBytes);
  private restBytes = 0;
  private bytes = 0;

  constructor(md5: NonNullable<Kernel['md5']>, memory: Buffer, enqueue: (lane: StreamLane) => void) {
    this.md5 = md5;
    this.memory = memory;
    this.enqueue = enqueue;
  }

  update(place: number, bytes: number): Promise<void> {
    this.bytes += bytes;
    return new Promise((done) => {
      if (this.pieces.push({ place, bytes, done }) === 1) this.enqueue(this);
    });
  }

  get place(): number {
    return this.pieces[0]!.place;
  }

  get left(): number {
    return this.pieces[0]!.bytes;
  }

  /** Completes the block that the last piece left unfinished; the bytes left of this one. */
  begin(): number {
    if (this.restBytes > 0) {
      this.keep(Math.min(this.left, blockBytes - this.restBytes));
      if (this.restBytes === blockBytes) this.takeRest();
    }
    return this.left;
  }

  advance(bytes: number): void {
    const piece = this.pieces[0]!;
    piece.place += bytes;
    piece.bytes -= bytes;
  }

  /** Ends the piece when less than a block is left of it. True when there is more to do. */
  settle(): boolean {
    if (this.left < blockBytes && this.restBytes + this.left < blockBytes) {
      this.keep(this.left);
      this.pieces.shift()!.done();
    }
    return this.pieces.length > 0;
  }

  digest(): Buffer {
    assert(this.pieces.length === 0, 'all that came is hashed');
    const padded = this.restBytes < blockBytes - 8 ? blockBytes : 2 * blockBytes;
    const end = Buffer.alloc(padded);
    this.rest.copy(end, 0, 0, this.restBytes);
    end[this.restBytes] = 0x80;
    end.writeBigUInt64LE(BigInt(this.bytes) * 8n, padded - 8);
    for (let at = 0; at < padded; at += blockBytes) {
      end.copy(this.rest, 0, at, at + blockBytes);
      this.takeRest();
    }
    const digest = Buffer.alloc(16);
    this.state.forEach((word, index) => void digest.writeUInt32LE(word, 4 * index));
    return digest;
  }

  private keep(bytes: number): void {
    this.memory.copy(this.rest, this.restBytes, this.place, this.place + bytes);
    this.restBytes += bytes;
    this.advance(bytes);
  }

  private takeRest(): void {
    this.rest.copy(this.memory, this.md5.blockPlace);
    this.md5.take([this.state], [this.md5.blockPlace], 1);
    this.restBytes = 0;
  }
}

/** Where there is no SIMD: each body by itself, at once. */
class PlainStream implements Md5Stream {
  private readonly hash: Hash = createHash('md5');
  private readonly memory: Buffer;

  constructor(memory: Buffer) {
    this.memory = memory;
  }

  async update(place: number, bytes: number): Promise<void> {
    this.hash.update(this.memory.subarray(place, place + bytes));
  }

  digest(): Buffer {
    return this.hash.digest();
  }
}
