/** One keep-alive HTTP/1.1 connection to a server under load: a raw socket and a small parser, so that the client costs little. */
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** Lower-case names; of duplicates the last. */
  readonly headers: Readonly<Record<string, string>>;
  /** Empty when a sink took the bytes. */
  readonly body: Buffer;
}

export interface Send {
  readonly method: string;
  /** Path and query as they go on the wire. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Gets the bytes of a 2xx answer instead of collecting them. A promise pauses the socket until it resolves. */
  readonly sink?: (bytes: Buffer) => void | Promise<void>;
}

const endOfHead = Buffer.from('\r\n\r\n');

/** Requests go one after the other. A broken connection rejects the request under way; the next one connects anew. */
export class Connection {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;
  #pending: Pending | undefined;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  async send(request: Send): Promise<Answer> {
    const socket = (this.#socket ??= this.#open());
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#pending = new Pending(request, resolve, reject);
    });
    answer.catch(() => undefined);
    const head = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const lines = `${request.method} ${request.target} HTTP/1.1\r\n${head.join('')}\r\n`;
    if (request.body instanceof Uint8Array) {
      socket.cork();
      socket.write(lines);
      socket.write(request.body);
      socket.uncork();
    } else {
      socket.write(lines);
      if (request.body !== undefined) await this.#pump(socket, request.body);
    }
    return answer;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #pump(socket: Socket, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    for await (const chunk of chunks) {
      if (this.#pending === undefined) return this.close(); // answered early: the rest of the body has no reader
      if (socket.destroyed) return;
      if (!socket.write(chunk)) await drained(socket);
    }
  }

  #open(): Socket {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
    socket.on('data', (bytes) => this.#received(socket, bytes as Buffer));
    socket.on('error', (error) => this.#broken(socket, error));
    socket.on('close', () => this.#broken(socket, new Error('connection closed before the answer was whole')));
    return socket;
  }

  #received(socket: Socket, bytes: Buffer): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    const waiting = pending.take(bytes);
    if (waiting !== undefined) {
      socket.pause();
      waiting.then(
        () => socket.resume(),
        (error: Error) => socket.destroy(error),
      );
    }
    if (!pending.done) return;
    this.#pending = undefined;
    if (pending.closes) this.close();
    pending.finish();
  }

  #broken(socket: Socket, error: Error): void {
    if (this.#socket === socket) this.#socket = undefined;
    else if (this.#socket !== undefined) return;
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(error);
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      socket.off('drain', go);
      socket.off('close', go);
      resolve();
    };
    socket.on('drain', go);
    socket.on('close', go);
  });
}

/** The answer being read. */
class Pending {
  readonly #request: Send;
  readonly #resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  #head: Buffer | undefined;
  #status = 0;
  #headers: Record<string, string> = {};
  #left = 0;
  #chunked: ChunkedReader | undefined;
  #body: Buffer[] = [];
  #whole = false;

  constructor(request: Send, resolve: (answer: Answer) => void, reject: (error: Error) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.reject = reject;
  }

  get done(): boolean {
    return this.#whole;
  }

  get closes(): boolean {
    return this.#headers.connection?.toLowerCase() === 'close';
  }

  finish(): void {
    const body = this.#body.length === 1 ? this.#body[0] : Buffer.concat(this.#body);
    this.#resolve({ status: this.#status, headers: this.#headers, body: body ?? Buffer.alloc(0) });
  }

  take(bytes: Buffer): Promise<void> | undefined {
    if (this.#status !== 0) return this.#bodyBytes(bytes);
    const head = this.#head === undefined ? bytes : Buffer.concat([this.#head, bytes]);
    const end = head.indexOf(endOfHead);
    if (end < 0) {
      this.#head = head;
      return undefined;
    }
    this.#parseHead(head.toString('utf8', 0, end));
    const rest = head.subarray(end + 4);
    this.#head = undefined;
    if (this.#status < 200) {
      this.#status = 0;
      return rest.length > 0 ? this.take(rest) : undefined;
    }
    return this.#bodyBytes(rest);
  }

  #parseHead(text: string): void {
    const [first, ...lines] = text.split('\r\n');
    this.#status = Number(first?.split(' ')[1]);
    this.#headers = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      this.#headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const empty = this.#request.method === 'HEAD' || this.#status === 204 || this.#status === 304;
    if (!empty && this.#headers['transfer-encoding'] === 'chunked') this.#chunked = new ChunkedReader();
    else this.#left = empty ? 0 : Number(this.#headers['content-length'] ?? 0);
  }

  #bodyBytes(bytes: Buffer): Promise<void> | undefined {
    const taken = this.#chunked === undefined ? bytes.subarray(0, this.#left) : this.#chunked.take(bytes);
    if (this.#chunked === undefined) this.#left -= taken.length;
    this.#whole = this.#chunked?.ended ?? this.#left === 0;
    if (taken.length === 0) return undefined;
    if (this.#request.sink !== undefined && this.#status < 300) return this.#request.sink(taken) ?? undefined;
    this.#body.push(taken);
    return undefined;
  }
}

/** HTTP chunked transfer decoding of an answer; trailers are passed over. */
class ChunkedReader {
  ended = false;
  #held: Buffer = Buffer.alloc(0);
  #left = 0;

  take(bytes: Buffer): Buffer {
    let rest = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const out: Buffer[] = [];
    while (rest.length > 0 && !this.ended) {
      if (this.#left > 2) {
        const data = rest.subarray(0, this.#left - 2);
        out.push(data);
        this.#left -= data.length;
        rest = rest.subarray(data.length);
      } else if (this.#left > 0) {
        const skipped = Math.min(this.#left, rest.length);
        this.#left -= skipped;
        rest = rest.subarray(skipped);
      } else {
        const line = rest.indexOf('\r\n');
        if (line < 0) break;
        const size = Number.parseInt(rest.toString('latin1', 0, line), 16);
        rest = rest.subarray(line + 2);
        if (size === 0) this.ended = true;
        else this.#left = size + 2;
      }
    }
    this.#held = rest;
    return out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out);
  }
}
