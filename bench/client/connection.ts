/** One connection to a server under load: a raw socket, its own read buffer and a small parser, so that the client costs little. */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Answer, AnswerReader, type Sink } from './answer.ts';

export type { Answer };

export interface Route {
  readonly host: string;
  readonly port: number;
  /** `insecure`: a certificate that can't be verified is accepted. */
  readonly tls?: { readonly insecure: boolean };
}

export interface Send {
  /** Request line, header lines and the empty line, each with its CRLF. */
  readonly head: string;
  /** Of a HEAD: the answer has no body whatever its headers say. */
  readonly bodiless?: boolean;
  /** The connection is of no use behind the answer. */
  readonly last?: boolean;
  readonly body?: Uint8Array | Pieces;
  readonly sink?: Sink;
}

export type Pieces = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/** A server that says nothing for so long has failed the request. */
const silenceMillisecondsMax = 120_000;
/** A connection that did nothing for so long may be closed by the server just now: the next request takes a new one. */
const idleMillisecondsMax = 2_000;
const readBytes = 65_536;
/** Requests up to this go out in one piece. */
const pieceBytes = 12_288;
/** Pieces of a body are gathered up to this before they are written. */
const gatherBytes = 524_288;

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** Requests go one after the other. A broken connection rejects the request under way; the next one connects anew. */
export class Connection {
  readonly #route: Route;
  readonly #reader = new AnswerReader();
  #read: Buffer | undefined;
  #piece: Buffer | undefined;
  #socket: Socket | undefined;
  #waiting: Waiting | undefined;
  #last = false;
  #idleSince = 0;

  constructor(route: Route) {
    this.#route = route;
  }

  send(request: Send): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#socket !== undefined && Date.now() - this.#idleSince > idleMillisecondsMax) this.close();
      const socket = (this.#socket ??= this.#open());
      this.#waiting = { resolve, reject };
      this.#last = request.last === true;
      this.#reader.begin(request.bodiless === true, request.sink);
      const { body } = request;
      if (body === undefined || body instanceof Uint8Array) this.#write(socket, request.head, body);
      else this.#pump(socket, request.head, body).catch((error: Error) => socket.destroy(error));
    });
  }

  close(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#socket?.destroy();
    this.#socket = undefined;
    waiting?.reject(new Error('the client closed the connection'));
  }

  #write(socket: Socket, head: string, body: Uint8Array | undefined): void {
    const bodyBytes = body?.length ?? 0;
    // Of what was sent before nothing may be waiting in the same memory.
    if (head.length * 3 + bodyBytes <= pieceBytes && socket.writableLength === 0) {
      const piece = (this.#piece ??= Buffer.allocUnsafeSlow(pieceBytes));
      const headBytes = piece.write(head);
      if (body !== undefined) piece.set(body, headBytes);
      socket.write(piece.subarray(0, headBytes + bodyBytes));
      return;
    }
    socket.cork();
    socket.write(head);
    if (body !== undefined) socket.write(body);
    socket.uncork();
  }

  async #pump(socket: Socket, head: string, pieces: Pieces): Promise<void> {
    socket.cork();
    socket.write(head);
    if (!(Symbol.iterator in pieces)) {
      socket.uncork();
      for await (const piece of pieces) {
        if (!this.#wanted(socket)) return;
        if (!socket.write(piece)) await drained(socket);
      }
      return;
    }
    for (const piece of pieces) {
      if (!this.#wanted(socket)) return;
      socket.write(piece);
      if (socket.writableLength < gatherBytes) continue;
      socket.uncork();
      await drained(socket);
      socket.cork();
    }
    socket.uncork();
  }

  /** More of a body has a reader. */
  #wanted(socket: Socket): boolean {
    if (this.#waiting === undefined) this.close(); // answered early
    return !socket.destroyed;
  }

  #open(): Socket {
    const { host, port, tls } = this.#route;
    const received = (bytes: Buffer): boolean => this.#received(socket, bytes);
    this.#read ??= Buffer.allocUnsafeSlow(readBytes);
    const read = this.#read;
    const onread = { buffer: read, callback: (bytes: number): boolean => received(bytes === read.length ? read : read.subarray(0, bytes)) };
    const socket: Socket =
      tls === undefined
        ? connect({ host, port, noDelay: true, onread })
        : connectTls({ host, port, rejectUnauthorized: !tls.insecure, ...(isIP(host) === 0 ? { servername: host } : {}) });
    if (tls !== undefined) socket.setNoDelay(true).on('data', received);
    socket.on('error', (error) => this.#broken(socket, error));
    socket.on('close', () => this.#broken(socket, new Error('connection closed before the answer was whole')));
    socket.setTimeout(silenceMillisecondsMax, () => socket.destroy(new Error(`silent for ${silenceMillisecondsMax / 1000} s`)));
    this.#idleSince = Number.POSITIVE_INFINITY;
    return socket;
  }

  /** False pauses the socket. */
  #received(socket: Socket, bytes: Buffer): boolean {
    if (this.#socket !== socket) return true;
    if (this.#waiting === undefined) {
      this.close(); // nobody asked
      return true;
    }
    try {
      const held = this.#reader.take(bytes);
      if (held === undefined) {
        this.#settle();
        return true;
      }
      socket.pause();
      held.then(
        () => {
          socket.resume();
          this.#settle();
        },
        (error: Error) => socket.destroy(error),
      );
      return false;
    } catch (error) {
      socket.destroy(error as Error);
      return true;
    }
  }

  #settle(): void {
    const waiting = this.#waiting;
    if (!this.#reader.whole || waiting === undefined) return;
    this.#waiting = undefined;
    if (this.#reader.closes || this.#last) this.close();
    else this.#idleSince = Date.now();
    waiting.resolve(this.#reader.answer());
  }

  #broken(socket: Socket, error: Error): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) return;
    if (this.#reader.end()) waiting.resolve(this.#reader.answer());
    else waiting.reject(error);
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
