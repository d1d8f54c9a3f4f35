/**
 * From a worker to whoever reads: a slice of a blob as a Body. While stripe buffers are plentiful a reader holds one and reads
 * one ahead, and its client takes the bytes right out of them. While they are scarce, or when its client is slow, it gets small
 * pieces in a memory of its own instead: then the buffer is held for as long as the drives take, whatever the client does.
 */
import { assert } from '../assert.ts';
import type { Body } from '../body.ts';
import type { Clock } from '../clock.ts';
import type { Blob } from './blob-store.ts';
import { stripeAt, stripeBytesMax } from './block.ts';
import type { WorkerLink } from './worker-link.ts';

/** Body bytes of a piece: a block or two where K is 4. */
const pieceBytesMax = 256 * 1024;
/** Readers of a worker up to which they read ahead. More of them keep it busy anyway, and bytes that wait go cold: sending them costs more then. */
const aheadReadersMax = 4;
/** A client that takes longer over what it was handed is slow. */
const slowMilliseconds = 250;

interface Loaded {
  /** The stripe buffer that the bytes lie in; undefined: they lie in the reader's own memory. */
  readonly place: number | undefined;
  readonly bytes: Uint8Array;
}

/** The slice [offset, offset + length) of a blob; its first bytes are proved when this resolves. */
export async function openBlobBody(blob: Blob, slice: { offset: number; length: number }, link: WorkerLink): Promise<Body> {
  const reader = new BlobReader(blob, slice, link);
  try {
    await reader.begin();
  } catch (error) {
    reader.cancel();
    throw error;
  }
  return reader;
}

class BlobReader implements Body {
  private readonly blob: Blob;
  private readonly link: WorkerLink;
  private readonly clock: Clock;
  private at: number;
  private readonly end: number;
  private inHand: number | undefined;
  private handedAt = Number.POSITIVE_INFINITY;
  private ahead: Promise<Loaded | undefined> | undefined;
  private ownMemory: Buffer | undefined;
  private stripesHad = 0;
  /** It waits for a buffer of which it may read at its client's pace; once in vain is enough. */
  private patient = true;
  private cancelled = false;
  /** Its worker counts it no more. */
  private left = false;
  /** Bytes that failed leave a gap: nothing may follow it. */
  private failure: Error | undefined;

  constructor(blob: Blob, slice: { offset: number; length: number }, link: WorkerLink) {
    this.blob = blob;
    this.link = link;
    this.clock = link.clock;
    this.at = slice.offset;
    this.end = slice.offset + slice.length;
    link.readers += 1;
  }

  async begin(): Promise<void> {
    if (this.at >= this.end) return;
    const loaded = await this.load(false);
    this.ahead = Promise.resolve(loaded);
  }

  async read(): Promise<Uint8Array | null> {
    const slow = this.clock.now() - this.handedAt > slowMilliseconds;
    this.giveBack();
    if (this.failure !== undefined) throw this.failure;
    if (this.cancelled || (this.ahead === undefined && this.at >= this.end)) {
      this.leave();
      return null;
    }
    const { ahead } = this;
    this.ahead = undefined;
    const { place, bytes } = (await ahead) ?? (await this.load(slow || ahead !== undefined));
    if (this.cancelled) {
      if (place !== undefined) this.link.pool.give(place);
      return null;
    }
    this.inHand = place;
    if (!slow) this.readAhead();
    this.handedAt = this.clock.now();
    return bytes;
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.leave();
    this.giveBack();
    this.ahead?.then((loaded) => loaded?.place !== undefined && this.link.pool.give(loaded.place)).catch(() => undefined);
    this.ahead = undefined;
  }

  /** Only into a buffer that may be held for long: whoever holds one must not wait for a second. */
  private readAhead(): void {
    if (this.at >= this.end || this.link.readers > aheadReadersMax) return;
    const place = this.link.pool.tryLend(this.stripeBytes());
    if (place === undefined) return;
    this.ahead = this.loadStripe(place);
    this.ahead.catch(() => undefined);
  }

  private async load(slow: boolean): Promise<Loaded> {
    const { pool } = this.link;
    const room = this.stripeBytes();
    const lent = slow ? undefined : this.patient ? await pool.lend(room) : pool.tryLend(room);
    this.patient &&= lent !== undefined;
    const loaded = lent === undefined ? undefined : await this.loadStripe(lent);
    return loaded ?? this.loadPiece(await pool.take(room, this.stripesHad));
  }

  /** undefined: a drive is late and holds the buffer, the same bytes have to be fetched another way. */
  private async loadStripe(place: number): Promise<Loaded | undefined> {
    const bytes = await this.fetch(place, stripeBytesMax, true);
    return bytes && { place, bytes };
  }

  private async loadPiece(place: number): Promise<Loaded> {
    const fetched = await this.fetch(place, pieceBytesMax, false);
    assert(fetched !== undefined, 'only a buffer that was read to directly is held');
    this.ownMemory ??= Buffer.allocUnsafeSlow(Math.min(pieceBytesMax, this.blob.length));
    this.ownMemory.set(fetched);
    this.link.pool.give(place);
    return { place: undefined, bytes: this.ownMemory.subarray(0, fetched.length) };
  }

  /** The next bytes, up to the next multiple of `bytesMax` in the stripe. A buffer that nothing could be brought to is given back. undefined: it is held. */
  private async fetch(place: number, bytesMax: number, direct: boolean): Promise<Uint8Array | undefined> {
    const { stripe, from } = stripeAt(this.blob, this.at);
    const length = Math.min(this.end - this.at, stripe.stripeBytes - from, bytesMax - (from % bytesMax));
    this.at += length;
    try {
      const { value } = await this.link.ask({ kind: 'read', place, stripe, from, length, direct });
      if (value < 0) {
        this.at -= length;
        return undefined;
      }
      if (from + length === stripe.stripeBytes) this.stripesHad += 1;
      return this.link.memory.subarray(value, value + length);
    } catch (error) {
      this.failure = error as Error;
      this.link.pool.give(place);
      throw error;
    }
  }

  /** Body bytes that the next buffer must have room for: a stripe may have to be rebuilt whole. */
  private stripeBytes(): number {
    return stripeAt(this.blob, this.at).stripe.stripeBytes;
  }

  private leave(): void {
    if (this.left) return;
    this.left = true;
    this.link.readers -= 1;
  }

  private giveBack(): void {
    if (this.inHand !== undefined) this.link.pool.give(this.inHand);
    this.inHand = undefined;
  }
}
