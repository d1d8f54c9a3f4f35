/**
 * The stripe buffers of one worker's memory: a fixed number, given to bodies in turn. Who finds none free waits, and with that
 * its client's socket; who waits too long, or comes when too many wait, is told that the store is overloaded. At most half of
 * them are ever held at a client's pace for long: the others come back as fast as the drives are.
 */
import type { Clock } from '../clock.ts';
import { Fault } from '../fault.ts';
import { blockBytesOf, stripeBytesMax } from './block.ts';
import { kernelBytes } from './kernel.ts';

/** Body bytes that fit a small buffer. */
export const smallStripeBytes = 128 * 1024;
/** Bodies waiting for a buffer of one worker. */
const waitersMax = 1024;
/** Milliseconds to wait for a buffer. */
const waitMilliseconds = 15_000;
/** Milliseconds to wait for a buffer to be lent, and without one coming back after which nobody waits for it. */
const lendMilliseconds = 250;
const standstillMilliseconds = 50;
/** Later comers that a waiting body lets pass for each stripe it has had: a short body isn't held up by long ones. */
const yieldsPerStripe = 8;
/** Later comers that a waiting body lets pass at most: a long body's turn comes too. */
const yieldsMax = 512;

export interface PoolShape {
  readonly dataShards: number;
  readonly parityShards: number;
  readonly smallBuffers: number;
  readonly largeBuffers: number;
}

interface Waiter {
  /** Lowest first. */
  readonly rank: number;
  resolve(place: number): void;
  reject(error: Error): void;
  cancelTimer(): void;
}

interface SizeClass {
  readonly count: number;
  /** Last given back, first taken: memory that was never needed stays untouched. */
  readonly free: number[];
  /** By rank. */
  readonly waiters: Waiter[];
  /** Who waits for a buffer to be lent, in their order. */
  readonly borrowers: ((place: number | undefined) => void)[];
  /** Places that are lent. */
  readonly lent: Set<number>;
  /** When one that was lent came back, or was lent while no other was: what writers hold says nothing about readers' clients. */
  movedAt: number;
}

export class StripePool {
  /** Bytes of memory behind `kernelBytes`. */
  readonly bytes: number;
  /** One more large buffer, for the worker's own use. */
  readonly sparePlace: number;
  private readonly clock: Clock;
  private readonly small: SizeClass;
  private readonly large: SizeClass;
  private readonly firstLargePlace: number;
  private comers = 0;
  private closed = false;

  constructor(shape: PoolShape, clock: Clock) {
    this.clock = clock;
    const setSize = shape.dataShards + shape.parityShards;
    const smallBytes = setSize * blockBytesOf(smallStripeBytes, shape.dataShards);
    const largeBytes = setSize * blockBytesOf(stripeBytesMax, shape.dataShards);
    this.firstLargePlace = kernelBytes + shape.smallBuffers * smallBytes;
    this.small = sizeClass(shape.smallBuffers, kernelBytes, smallBytes);
    this.large = sizeClass(shape.largeBuffers, this.firstLargePlace, largeBytes);
    this.sparePlace = this.firstLargePlace + shape.largeBuffers * largeBytes;
    this.bytes = this.sparePlace + largeBytes - kernelBytes;
  }

  /** No more than half of the buffers for stripes of that many body bytes are free. */
  isScarce(stripeBytes: number): boolean {
    const { free, count } = this.classOf(stripeBytes);
    return free.length <= count / 2;
  }

  /** Somebody waits for a buffer for a stripe of that many body bytes. */
  isWanted(stripeBytes: number): boolean {
    return this.classOf(stripeBytes).waiters.length > 0;
  }

  /** A buffer to be held for as long as a client likes: only while they aren't scarce, so that this is half of them at most. */
  tryLend(stripeBytes: number): number | undefined {
    const size = this.classOf(stripeBytes);
    return this.isScarce(stripeBytes) || size.borrowers.length > 0 ? undefined : this.lendOf(size);
  }

  /** The same for who can wait a little while others' come back. undefined: clients are too slow for that. */
  lend(stripeBytes: number): number | undefined | Promise<number | undefined> {
    const place = this.tryLend(stripeBytes);
    const size = this.classOf(stripeBytes);
    const standsStill = this.clock.now() - size.movedAt > standstillMilliseconds;
    if (place !== undefined || standsStill || this.closed || size.borrowers.length >= waitersMax) return place;
    return new Promise((resolve) => {
      const cancelTimer = this.clock.after(lendMilliseconds, () => {
        size.borrowers.splice(size.borrowers.indexOf(borrower), 1);
        resolve(undefined);
      });
      const borrower = (lent: number | undefined) => {
        cancelTimer();
        resolve(lent);
      };
      size.borrowers.push(borrower);
    });
  }

  /**
   * A buffer for a stripe of that many body bytes. `stripesHad`: stripes that the body has had before. Who holds one must not
   * wait for another. Throws Fault 'overloaded' when none comes free in time.
   */
  take(stripeBytes: number, stripesHad: number): number | Promise<number> {
    if (this.closed) throw new Fault('unavailable', 'the store is closing');
    const size = this.classOf(stripeBytes);
    const place = size.free.pop();
    if (place !== undefined) return place;
    if (size.waiters.length >= waitersMax) throw new Fault('overloaded', `${waitersMax} bodies wait for stripe buffers`);
    return new Promise((resolve, reject) => {
      const cancelTimer = this.clock.after(waitMilliseconds, () => {
        size.waiters.splice(size.waiters.indexOf(waiter), 1);
        reject(new Fault('overloaded', `no stripe buffer came free in ${waitMilliseconds} ms`));
      });
      const rank = this.comers++ + Math.min(stripesHad * yieldsPerStripe, yieldsMax);
      const waiter = { rank, resolve, reject, cancelTimer };
      size.waiters.splice(size.waiters.findLastIndex((other) => other.rank <= rank) + 1, 0, waiter);
    });
  }

  give(place: number): void {
    const size = place < this.firstLargePlace ? this.small : this.large;
    if (size.lent.delete(place)) size.movedAt = this.clock.now();
    const waiter = size.waiters.shift();
    if (waiter === undefined) {
      size.free.push(place);
      if (size.borrowers.length > 0 && size.free.length > size.count / 2) size.borrowers.shift()!(this.lendOf(size));
      return;
    }
    waiter.cancelTimer();
    waiter.resolve(place);
  }

  /** Buffers that are free, small and large. */
  get freeBuffers(): number {
    return this.small.free.length + this.large.free.length;
  }

  close(): void {
    this.closed = true;
    for (const { waiters, borrowers } of [this.small, this.large]) {
      for (const borrower of borrowers.splice(0)) borrower(undefined);
      for (const waiter of waiters) {
        waiter.cancelTimer();
        waiter.reject(new Fault('unavailable', 'the store is closing'));
      }
      waiters.length = 0;
    }
  }

  private lendOf(size: SizeClass): number | undefined {
    const place = size.free.pop();
    // Many who come at once after a pause find nothing that came back for long: that is no standstill.
    if (size.lent.size === 0) size.movedAt = this.clock.now();
    if (place !== undefined) size.lent.add(place);
    return place;
  }

  private classOf(stripeBytes: number): SizeClass {
    return stripeBytes <= smallStripeBytes ? this.small : this.large;
  }
}

function sizeClass(count: number, first: number, bytes: number): SizeClass {
  return {
    count,
    free: Array.from({ length: count }, (_, index) => first + (count - 1 - index) * bytes),
    waiters: [],
    borrowers: [],
    lent: new Set(),
    movedAt: 0,
  };
}
