/**
 * A body on its way into stripe buffers. Its client may be slow, and a buffer that waits for it is one that others lack: so a
 * fill ends early when others want the buffer, and what is too little for a stripe is kept in a small memory of the body's own.
 */
import { assert } from '../assert.ts';
import type { Body } from '../body.ts';
import type { Clock } from '../clock.ts';
import { copyInto } from './copy-into.ts';

/** Fewest body bytes of a stripe that isn't the last; so many a body gathers outside of stripe buffers while those are scarce. */
export const shortStripeBytesMin = 256 * 1024;
/** Milliseconds for which a body fills a buffer that others want. */
const fillMilliseconds = 1_000;
/** Milliseconds without a byte after which a buffer that others want isn't filled any further. */
const stallMilliseconds = 100;

const nothing = new Uint8Array(0);

export class BodySource {
  private readonly body: Body;
  private readonly clock: Clock;
  /** The chunk in hand, as far as it isn't used; null at the end. */
  private held: Uint8Array | null;
  /** Bytes before those: a part of `store`. */
  private kept: Uint8Array = nothing;
  private store: Buffer | undefined;
  /** The body is being read: fulfilled with the next chunk in hand. */
  private reading: Promise<void> | undefined;

  /** `begun`: what was read of the body already. */
  constructor(body: Body, begun: Uint8Array | null, clock: Clock) {
    this.body = body;
    this.held = begun ?? nothing;
    this.clock = clock;
  }

  /** All of it has been used. */
  get isOver(): boolean {
    return this.held === null && this.kept.length === 0;
  }

  /** Waits until that many bytes (at most `shortStripeBytesMin`) are at hand, or the rest. */
  async gather(bytes: number): Promise<void> {
    while (this.held !== null && this.kept.length < bytes) {
      if (this.held.length === 0) await this.read();
      else this.keep(this.take(Math.min(this.held.length, bytes - this.kept.length)));
    }
  }

  /** Fills `target` as far as the body goes, or until its client is too slow for a buffer that `isWanted`. Answers the bytes filled. */
  async fill(target: Buffer, isWanted: () => boolean): Promise<number> {
    const since = this.clock.now();
    let filled = Math.min(this.kept.length, target.length);
    copyInto(target, 0, this.kept.subarray(0, filled));
    this.kept = this.kept.subarray(filled);
    while (filled < target.length && this.held !== null) {
      if (this.held.length === 0) {
        if (isWanted() && this.clock.now() - since >= fillMilliseconds) break;
        if (!(await this.readPatiently(isWanted))) break;
        continue;
      }
      const taken = this.take(Math.min(this.held.length, target.length - filled));
      copyInto(target, filled, taken);
      filled += taken.length;
    }
    return filled;
  }

  /** Is there no more? undefined when that can't be told before the buffer is too long held for one that `isWanted`. */
  async ended(isWanted: () => boolean = () => false): Promise<boolean | undefined> {
    while (this.held !== null && this.held.length === 0 && this.kept.length === 0)
      if (!(await this.readPatiently(isWanted))) return undefined;
    return this.isOver;
  }

  /** The last bytes that were filled come again with the next fill. At most `shortStripeBytesMin`, when all else has been used. */
  takeBack(bytes: Uint8Array): void {
    assert(this.kept.length === 0, 'what comes back was the last');
    this.keep(bytes);
  }

  private take(bytes: number): Uint8Array {
    const taken = this.held!.subarray(0, bytes);
    this.held = this.held!.subarray(bytes);
    return taken;
  }

  private keep(bytes: Uint8Array): void {
    this.store ??= Buffer.allocUnsafeSlow(shortStripeBytesMin);
    if (this.kept.length > 0 && this.kept.byteOffset > this.store.byteOffset) this.store.set(this.kept);
    this.store.set(bytes, this.kept.length);
    this.kept = this.store.subarray(0, this.kept.length + bytes.length);
  }

  private read(): Promise<void> {
    this.reading ??= this.body.read().then((chunk) => {
      this.held = chunk;
      this.reading = undefined;
    });
    return this.reading;
  }

  /** False when nothing came in time: the read goes on. */
  private readPatiently(isWanted: () => boolean): Promise<boolean> {
    const read = this.read();
    return new Promise((resolve, reject) => {
      let cancelTimer: () => void = () => undefined;
      const watch = () => (cancelTimer = this.clock.after(stallMilliseconds, () => (isWanted() ? resolve(false) : watch())));
      watch();
      read.then(
        () => {
          cancelTimer();
          resolve(true);
        },
        (error: Error) => {
          cancelTimer();
          reject(error);
        },
      );
    });
  }
}
