/**
 * The stripe buffers of one worker's memory: a fixed number, lent to bodies in turn. Who finds none free waits, and with that
 * its client's socket; who waits too long, or comes when too many wait, is told that the store is overloaded.
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

export interface PoolShape {
  readonly dataShards: number;
  readonly parityShards: number;
  readonly smallBuffers: number;
  readonly largeBuffers: number;
}

interface Waiter {
  resolve(place: number): void;
  reject(error: Error): void;
  cancelTimer(): void;
}

interface SizeClass {
  /** Last given back, first lent: memory that was never needed stays untouched. */
  readonly free: number[];
  readonly waiters: Set<Waiter>;
}

export class StripePool {
  /** Bytes of memory behind `kernelBytes`. */
  readonly bytes: number;
  /** One more large buffer, for the worker's own use. */
  readonly sparePlace: number;
  private readonly clock: Clock;
  private readonly small: SizeClass = { free: [], waiters: new Set() };
  private readonly large: SizeClass = { free: [], waiters: new Set() };
  private readonly firstLargePlace: number;
  private closed = false;

  constructor(shape: PoolShape, clock: Clock) {
    this.clock = clock;
    const setSize = shape.dataShards + shape.parityShards;
    const smallBytes = setSize * blockBytesOf(smallStripeBytes, shape.dataShards);
    const largeBytes = setSize * blockBytesOf(stripeBytesMax, shape.dataShards);
    this.firstLargePlace = kernelBytes + shape.smallBuffers * smallBytes;
    for (let index = shape.smallBuffers - 1; index >= 0; index -= 1) this.small.free.push(kernelBytes + index * smallBytes);
    for (let index = shape.largeBuffers - 1; index >= 0; index -= 1) this.large.free.push(this.firstLargePlace + index * largeBytes);
    this.sparePlace = this.firstLargePlace + shape.largeBuffers * largeBytes;
    this.bytes = this.sparePlace + largeBytes - kernelBytes;
  }

  /** A buffer for a stripe of that many body bytes, if one is free. */
  tryTake(stripeBytes: number): number | undefined {
    return this.classOf(stripeBytes).free.pop();
  }

  /** Throws Fault 'overloaded' when none comes free in time. */
  take(stripeBytes: number): number | Promise<number> {
    if (this.closed) throw new Fault('unavailable', 'the store is closing');
    const size = this.classOf(stripeBytes);
    const place = size.free.pop();
    if (place !== undefined) return place;
    if (size.waiters.size >= waitersMax) throw new Fault('overloaded', `${waitersMax} bodies wait for stripe buffers`);
    return new Promise((resolve, reject) => {
      const cancelTimer = this.clock.after(waitMilliseconds, () => {
        size.waiters.delete(waiter);
        reject(new Fault('overloaded', `no stripe buffer came free in ${waitMilliseconds} ms`));
      });
      const waiter = { resolve, reject, cancelTimer };
      size.waiters.add(waiter);
    });
  }

  give(place: number): void {
    const size = place < this.firstLargePlace ? this.small : this.large;
    const [waiter] = size.waiters;
    if (waiter === undefined) {
      size.free.push(place);
      return;
    }
    size.waiters.delete(waiter);
    waiter.cancelTimer();
    waiter.resolve(place);
  }

  /** Buffers that are free, small and large. */
  get freeBuffers(): number {
    return this.small.free.length + this.large.free.length;
  }

  close(): void {
    this.closed = true;
    for (const { waiters } of [this.small, this.large]) {
      for (const waiter of waiters) {
        waiter.cancelTimer();
        waiter.reject(new Fault('unavailable', 'the store is closing'));
      }
      waiters.clear();
    }
  }

  private classOf(stripeBytes: number): SizeClass {
    return stripeBytes <= smallStripeBytes ? this.small : this.large;
  }
}
