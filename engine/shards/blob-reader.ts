/** From a worker to whoever reads: a slice of a blob as a Body, one stripe in hand and at most one ahead. */
import type { Body } from '../body.ts';
import type { Blob } from './blob-store.ts';
import { stripeBytesMax, stripePlaceOf } from './block.ts';
import type { WorkerLink } from './worker-link.ts';

interface Loaded {
  readonly place: number;
  readonly bytes: Uint8Array;
}

/** The slice [offset, offset + length) of a blob; its first stripe is proved when this resolves. */
export async function openBlobBody(blob: Blob, slice: { offset: number; length: number }, link: WorkerLink): Promise<Body> {
  const reader = new BlobReader(blob, slice, link);
  await reader.begin();
  return reader;
}

class BlobReader implements Body {
  private readonly blob: Blob;
  private readonly link: WorkerLink;
  private at: number;
  private readonly end: number;
  private inHand: number | undefined;
  private ahead: Promise<Loaded> | undefined;
  private cancelled = false;
  /** A stripe that failed leaves a gap: nothing may follow it. */
  private failure: Error | undefined;

  constructor(blob: Blob, slice: { offset: number; length: number }, link: WorkerLink) {
    this.blob = blob;
    this.link = link;
    this.at = slice.offset;
    this.end = slice.offset + slice.length;
  }

  async begin(): Promise<void> {
    if (this.at >= this.end) return;
    const loaded = await this.load(await this.link.pool.take(this.nextRoom()));
    this.ahead = Promise.resolve(loaded);
  }

  async read(): Promise<Uint8Array | null> {
    this.giveBack();
    if (this.failure !== undefined) throw this.failure;
    if (this.cancelled || (this.ahead === undefined && this.at >= this.end)) return null;
    const ahead = this.ahead ?? this.load(await this.link.pool.take(this.nextRoom()));
    this.ahead = undefined;
    const { place, bytes } = await ahead;
    if (this.cancelled) {
      this.link.pool.give(place);
      return null;
    }
    this.inHand = place;
    this.readAhead();
    return bytes;
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.giveBack();
    this.ahead?.then(({ place }) => this.link.pool.give(place)).catch(() => undefined);
    this.ahead = undefined;
  }

  /** Only into a buffer that is free at once: whoever holds one must not wait for a second. */
  private readAhead(): void {
    if (this.at >= this.end) return;
    const place = this.link.pool.tryTake(this.nextRoom());
    if (place === undefined) return;
    this.ahead = this.load(place);
    this.ahead.catch(() => undefined);
  }

  private async load(place: number): Promise<Loaded> {
    const stripe = stripePlaceOf(this.blob, Math.floor(this.at / stripeBytesMax));
    const from = this.at % stripeBytesMax;
    const length = Math.min(this.end - this.at, stripe.stripeBytes - from);
    this.at += length;
    try {
      const { value } = await this.link.ask({ kind: 'read', place, stripe, from, length });
      return { place, bytes: this.link.memory.subarray(value, value + length) };
    } catch (error) {
      this.failure = error as Error;
      this.link.pool.give(place);
      throw error;
    }
  }

  /** Body bytes that the next stripe's buffer must have room for: a stripe is rebuilt whole. */
  private nextRoom(): number {
    return stripePlaceOf(this.blob, Math.floor(this.at / stripeBytesMax)).stripeBytes;
  }

  private giveBack(): void {
    if (this.inHand !== undefined) this.link.pool.give(this.inHand);
    this.inHand = undefined;
  }
}
