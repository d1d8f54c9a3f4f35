import type { Socket } from 'node:net';
import { discardBytesMax, discardMilliseconds } from './inbound-body.ts';
import type { NodeExchange } from './node-exchange.ts';

/** Requests of one connection that wait for their turn or their answer; with more it is refused. */
export const pipelinedMax = 64;

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * The exchanges of one connection. A client may send requests without waiting for answers, and means them one after the other: each begins when the
 * handler is done with those before it, side by side only as long as none of them changes anything.
 */
export class NodeConnection {
  /** Whatever comes from now on is no request. */
  refused = false;
  readonly #socket: Socket;
  readonly #run: (exchange: NodeExchange) => Promise<void>;
  /** Not answered to the end, in order of arrival. */
  readonly #open = new Set<NodeExchange>();
  readonly #waiting: NodeExchange[] = [];
  #running = 0;
  #runningIsSafe = true;
  #last: NodeExchange | undefined;
  #afterAll: (() => void) | undefined;
  #bytesBefore = 0;

  /** `run`: the handler's work on one exchange; never rejects. */
  constructor(socket: Socket, run: (exchange: NodeExchange) => Promise<void>) {
    this.#socket = socket;
    this.#run = run;
    socket.once('end', () => {
      for (const exchange of this.#open) exchange.clientEnded();
    });
    // Node tells only the answer whose turn it is that the socket has gone.
    socket.once('close', () => {
      for (const exchange of this.#open) exchange.closed();
    });
  }

  get full(): boolean {
    return this.#open.size >= pipelinedMax;
  }

  take(exchange: NodeExchange): void {
    this.#last = exchange;
    this.#open.add(exchange);
    if (this.#mayStart(exchange)) this.#start(exchange);
    else this.#waiting.push(exchange);
  }

  /** The answer is out, or the connection gone. */
  finished(exchange: NodeExchange): void {
    this.#open.delete(exchange);
    if (this.#open.size > 0) return;
    this.#afterAll?.();
    this.#afterAll = undefined;
  }

  /** What arrived is no HTTP, or ends too soon. Nothing goes between the bytes of an answer, and none before those that are due. */
  misunderstood(status: string, endsEarly: boolean): void {
    const refusal = `HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`;
    if (this.refused) {
      this.#bound();
      return;
    }
    const last = this.#last;
    const alone = this.#open.size === 1;
    if (last !== undefined && this.#open.has(last) && (endsEarly || !alone) && last.bodyEndsEarly()) {
      this.refused = !endsEarly;
      return;
    }
    this.refused = true;
    this.#bytesBefore = this.#socket.bytesRead;
    if (this.#open.size === 0 || (alone && last?.receiving === true)) this.#refuse(refusal);
    else this.#afterAll = () => this.#refuse(refusal);
  }

  /** Closed at once, what still comes would reset the connection and the refusal be lost. */
  #refuse(text: string): void {
    const socket = this.#socket;
    if (!socket.writable || this.#last?.answering === true) {
      socket.destroySoon();
      return;
    }
    socket.end(text);
    const timer = setTimeout(() => socket.destroy(), discardMilliseconds);
    socket.once('close', () => clearTimeout(timer));
  }

  #bound(): void {
    if (this.#open.size === 0 && this.#socket.bytesRead - this.#bytesBefore > discardBytesMax) this.#socket.destroy();
  }

  #mayStart(exchange: NodeExchange): boolean {
    if (this.#running === 0) return true;
    return this.#waiting.length === 0 && this.#runningIsSafe && safeMethods.has(exchange.method);
  }

  #start(exchange: NodeExchange): void {
    const isSafe = safeMethods.has(exchange.method);
    this.#runningIsSafe = isSafe && (this.#running === 0 || this.#runningIsSafe);
    this.#running += 1;
    void this.#run(exchange).then(() => this.#startNext());
  }

  #startNext(): void {
    this.#running -= 1;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#running > 0 && !(this.#runningIsSafe && safeMethods.has(next.method))) return;
      this.#waiting.shift();
      // Whoever left before its turn came can't be answered: it is as if it had not been sent.
      if (this.#open.has(next)) this.#start(next);
    }
  }
}
