import type { Body } from '../../engine/body.ts';
import { Fault } from '../../engine/fault.ts';

/** What may wait in memory for a handler that doesn't read: from here on the socket is paused. One more chunk of the transport (<= 512 KiB) can be on its way. */
export const inboundBytesMax = 256 * 1024;

/** Of a body that nobody wants, so much is read and dropped, so that its sender comes to read the answer. Beyond it the connection is closed. */
export const discardBytesMax = 16 * 1024 * 1024;

/** The longest time given to a sender to finish a body that nobody wants. */
export const discardMilliseconds = 10_000;

/** The tap of a socket. */
export interface Flow {
  pause(): void;
  resume(): void;
}

/** A request's body between the socket that pushes and the handler that pulls, bounded by `inboundBytesMax`. */
export class InboundBody implements Body {
  readonly #flow: Flow;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #receivedBytes = 0;
  #discardedBytes = 0;
  #paused = false;
  #discarding = false;
  #ended = false;
  #fault: Fault | undefined;
  #reader: { resolve(chunk: Uint8Array | null): void; reject(fault: Fault): void } | undefined;
  #settled: (() => void) | undefined;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  /** The last byte has arrived, read or not. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Pushed bytes are dropped: no need to copy them. */
  get discarding(): boolean {
    return this.#discarding;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** From the transport; the chunk is the body's from now on. */
  push(chunk: Uint8Array): void {
    this.#receivedBytes += chunk.byteLength;
    if (this.#discarding) {
      this.#discardedBytes += chunk.byteLength;
      if (this.#discardedBytes > discardBytesMax) this.#settle();
    } else if (this.#reader !== undefined) {
      const reader = this.#reader;
      this.#reader = undefined;
      reader.resolve(chunk);
    } else {
      this.#waiting.push(chunk);
      this.#waitingBytes += chunk.byteLength;
      if (this.#waitingBytes >= inboundBytesMax) this.#pause();
    }
  }

  /** From the transport: that was the last byte. */
  end(): void {
    this.#ended = true;
    // A paused socket would not notice that the client leaves.
    this.#resume();
    this.#reader?.resolve(null);
    this.#reader = undefined;
    this.#settle();
  }

  /** From the transport: the connection is gone, or can't be understood any more, or nothing comes on it. */
  fail(message: string, kind: 'clientGone' | 'clientStalled' = 'clientGone'): void {
    if (this.#ended || this.#fault !== undefined) return;
    this.#fault = new Fault(kind, message);
    this.#reader?.reject(this.#fault);
    this.#reader = undefined;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#settle();
  }

  read(): Promise<Uint8Array | null> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    const chunk = this.#waiting.shift();
    if (chunk !== undefined) {
      this.#waitingBytes -= chunk.byteLength;
      if (this.#waitingBytes < inboundBytesMax) this.#resume();
      return Promise.resolve(chunk);
    }
    if (this.#ended || this.#discarding) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  /** The rest flows on and is dropped, so that the connection stays usable where the rest is small. */
  cancel(): void {
    if (this.#discarding) return;
    this.#discarding = true;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#reader?.resolve(null);
    this.#reader = undefined;
    if (!this.#ended && this.#fault === undefined) this.#resume();
  }

  /** Drops what still comes. Resolves once the body has ended or failed, or one of the discard limits is reached. */
  async discard(): Promise<void> {
    this.cancel();
    if (this.#ended || this.#fault !== undefined || this.#discardedBytes > discardBytesMax) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, discardMilliseconds);
      this.#settled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #settle(): void {
    this.#settled?.();
    this.#settled = undefined;
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#flow.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#flow.resume();
  }
}

/** Of a request that has none. */
export const emptyBody = new InboundBody({ pause: () => undefined, resume: () => undefined });
emptyBody.end();
