import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Body } from '../../engine/body.ts';
import { Departure } from './departure.ts';
import { discardBytesMax, emptyBody, InboundBody } from './inbound-body.ts';
import type { Exchange, ResponseHeaders } from './listener.ts';
import { pump } from './pump.ts';
import { firstValues, type HeaderList, plainAddress, type RequestFraming } from './request-framing.ts';
import { cleanHeaderValue, isBodyless, isHeaderName } from './response-framing.ts';

/** A client that has closed its side, and may have gone, is kept so long while there is nothing to send it in the middle of an answer. */
const halfClosedMilliseconds = 3_000;

export interface NodeRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly headers: HeaderList;
  readonly framing: RequestFraming;
  /** The client sends its body only after `100 Continue`. */
  readonly awaitsContinue: boolean;
  /** No handler sees it. */
  readonly refusal: { readonly status: number; readonly reason: string } | undefined;
}

/** What an exchange has to know of its listener. */
export interface NodeSurroundings {
  /** No more requests are wanted on any connection. */
  readonly closing: boolean;
  /** A client that neither sends what it declared nor takes what it asked for is cut off after so long; in a body it is told. */
  readonly stallMilliseconds: number;
  report(defect: unknown): void;
}

/** One request and its answer over node:http. */
export class NodeExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: HeaderList;
  readonly sourceAddress: string;
  readonly secure: boolean;
  readonly body: Body;
  readonly contentLength: number | undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #inbound: InboundBody;
  readonly #around: NodeSurroundings;
  readonly #departure = new Departure();
  readonly #refusal: NodeRequest['refusal'];
  readonly #done: (exchange: NodeExchange) => void;
  #isDone = false;
  #clientEnded = false;
  /** The client has something to read. */
  #sending = false;
  #patience: NodeJS.Timeout | undefined;
  #awaitsContinue: boolean;
  #answered = false;
  #byName: ReadonlyMap<string, string> | undefined;

  /** `done`: the answer is out, or the connection gone. */
  constructor(parts: NodeRequest, around: NodeSurroundings, done: (exchange: NodeExchange) => void) {
    const { request, response, headers, framing, awaitsContinue, refusal } = parts;
    const target = originForm(request.url ?? '/');
    const mark = target.indexOf('?');
    this.method = request.method ?? '';
    this.path = mark < 0 ? target : target.slice(0, mark);
    this.query = mark < 0 ? '' : target.slice(mark + 1);
    this.headers = headers;
    this.sourceAddress = plainAddress(request.socket.remoteAddress ?? '');
    this.secure = 'encrypted' in request.socket;
    this.contentLength = framing.contentLength;
    this.#request = request;
    this.#response = response;
    this.#awaitsContinue = awaitsContinue;
    this.#around = around;
    this.#refusal = refusal;
    this.#done = done;
    this.#inbound = framing.contentLength === 0 ? emptyBody : this.#receive();
    this.body = this.#inbound;
    response.on('error', ignore);
  }

  /** From the connection: the answer is out, or the connection gone. */
  closed(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    clearTimeout(this.#patience);
    this.#departure.leave();
    this.#done(this);
  }

  /** From the connection: the client has closed its side. What it has asked for it still gets. */
  clientEnded(): void {
    this.#clientEnded = true;
    if (this.answering && !this.#sending) this.#bePatient();
  }

  /** True if the request was refused before any handler, and is answered with that. */
  refused(): boolean {
    if (this.#refusal === undefined) return false;
    const { status, reason } = this.#refusal;
    this.#response.shouldKeepAlive = false;
    if (!this.#departure.gone) this.send(status, [['Content-Type', 'text/plain']], reason);
    return true;
  }

  /** The headers as they came: Node decodes them as latin-1, S3 means UTF-8. */
  static headersOf(request: IncomingMessage): HeaderList {
    const raw = request.rawHeaders;
    const headers: [string, string][] = [];
    for (let i = 0; i + 1 < raw.length; i += 2) headers.push([raw[i]!.toLowerCase(), fromLatin1(raw[i + 1]!)]);
    return headers;
  }

  header(name: string): string | undefined {
    this.#byName ??= firstValues(this.headers);
    return this.#byName.get(name);
  }

  proceed(): void {
    if (!this.#awaitsContinue || this.#answered) return;
    this.#awaitsContinue = false;
    this.#response.writeContinue();
  }

  send(status: number, headers: ResponseHeaders, body?: Uint8Array | string, contentLength?: number): void {
    this.#begin();
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const length = isBodyless(status) ? undefined : (contentLength ?? bytes?.byteLength ?? 0);
    const lingers = this.#writeHead(status, headers, length);
    const silent = length === undefined || this.method === 'HEAD' || bytes === undefined;
    if (lingers) void this.#linger(silent ? undefined : bytes);
    else this.#end(silent ? undefined : bytes);
  }

  async stream(status: number, headers: ResponseHeaders, contentLength: number, body: Body): Promise<void> {
    if (this.method === 'HEAD' || isBodyless(status)) {
      body.cancel();
      this.send(status, headers, undefined, contentLength);
      return;
    }
    let lingers = false;
    await pump(body, contentLength, {
      departure: this.#departure,
      begin: () => {
        this.#begin();
        lingers = this.#writeHead(status, headers, contentLength);
      },
      write: async (chunk, isLast) => {
        await this.#departure.until(!isLast ? this.#write(chunk) : lingers ? this.#linger(chunk) : this.#ended(chunk));
      },
      cut: (trouble) => {
        if (this.#departure.gone) return;
        this.#response.destroy();
        this.#around.report(trouble);
      },
    });
  }

  /** Its answer has begun and is not out to the last byte. */
  get answering(): boolean {
    return this.#response.headersSent && !this.#response.writableFinished;
  }

  /** More of its body has to come. */
  get receiving(): boolean {
    return !this.#inbound.ended;
  }

  /** No more of the body can come, but an answer can still go. False when the body was complete or the answer is on its way. */
  bodyEndsEarly(): boolean {
    return this.#breakBody('the body ended before it was complete, or its framing broke', 'clientGone');
  }

  #breakBody(message: string, kind: 'clientGone' | 'clientStalled'): boolean {
    if (this.#answered || this.#departure.gone || this.#inbound.ended) return false;
    this.#response.shouldKeepAlive = false;
    this.#inbound.fail(message, kind);
    return true;
  }

  /** The handler is done. True if it owed an answer: then a bare 500 was sent. */
  abandon(): boolean {
    if (this.#departure.gone || this.#answered) return false;
    this.send(500, []);
    return true;
  }

  #receive(): InboundBody {
    const request = this.#request;
    const { socket } = request;
    const { stallMilliseconds } = this.#around;
    const body = new InboundBody({
      pause: () => {
        request.pause();
        socket.setTimeout(0);
      },
      resume: () => {
        request.resume();
        socket.setTimeout(stallMilliseconds);
      },
    });
    socket.setTimeout(stallMilliseconds);
    request.on('timeout', () => {
      if (!this.#breakBody(`no byte of the body came for ${stallMilliseconds} ms`, 'clientStalled')) socket.destroy();
    });
    request.on('data', (chunk: Buffer) => body.push(chunk));
    request.on('end', () => {
      body.end();
      socket.setTimeout(0);
    });
    request.on('error', () => body.fail('the connection broke while the body was being read'));
    request.on('close', () => body.fail('the connection was closed before the body was complete'));
    return body;
  }

  #begin(): void {
    if (this.#answered) throw new Error(`a second answer to ${this.method} ${this.path}`);
    this.#answered = true;
  }

  /** True if the connection has to close after this answer, but only when the client had time to read it. */
  #writeHead(status: number, headers: ResponseHeaders, contentLength: number | undefined): boolean {
    const left = this.#inbound.ended ? 0 : (this.contentLength ?? Number.POSITIVE_INFINITY) - this.#inbound.receivedBytes;
    if (this.#around.closing) this.#response.shouldKeepAlive = false;
    const closes = !this.#response.shouldKeepAlive;
    const lingers = left > discardBytesMax || (left > 0 && (closes || this.#awaitsContinue));
    if (this.#departure.gone) return lingers;
    const flat: string[] = [];
    for (const [name, value] of headers) if (isHeaderName(name)) flat.push(name, toLatin1(cleanHeaderValue(value)));
    if (contentLength !== undefined) flat.push('Content-Length', String(contentLength));
    if (lingers) flat.push('Connection', 'close');
    this.#response.writeHead(status, flat);
    return lingers;
  }

  /** The answer goes out whole, its end is kept back: Node closes with it, and closing on unread bytes resets the connection. */
  async #linger(bytes: Uint8Array | undefined): Promise<void> {
    this.#startSending();
    if (bytes?.byteLength) this.#response.write(bytes);
    else this.#response.flushHeaders();
    // A body whose framing is refused may have no end that can be seen: the client is told at once that no more will be answered.
    if (this.#refusal !== undefined) this.#response.socket?.end();
    await this.#inbound.discard();
    this.#response.end();
  }

  /** Once the answer is out, Node sets the time that a connection may lie idle. */
  #end(bytes: Uint8Array | undefined, done?: () => void): void {
    this.#startSending();
    this.#inbound.cancel();
    if (bytes === undefined) this.#response.end(done);
    else this.#response.end(bytes, done);
    // Most answers are with the operating system at once, and nobody waits for their reader.
    if (!this.#response.writableFinished) this.#request.socket.setTimeout(this.#around.stallMilliseconds);
  }

  #ended(chunk: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#end(chunk, resolve));
  }

  /** Resolves when the bytes are with the operating system. */
  async #write(chunk: Uint8Array): Promise<void> {
    const { socket } = this.#request;
    socket.setTimeout(this.#around.stallMilliseconds);
    this.#startSending();
    await new Promise<void>((resolve) => this.#response.write(chunk, () => resolve()));
    socket.setTimeout(0);
    this.#sending = false;
    if (this.#clientEnded) this.#bePatient();
  }

  #startSending(): void {
    this.#sending = true;
    clearTimeout(this.#patience);
  }

  #bePatient(): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#response.destroy(), halfClosedMilliseconds);
  }
}

/** A proxy may be sent `GET http://host/path`: the path is what counts. */
function originForm(target: string): string {
  if (target.startsWith('/') || target === '*') return target;
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  return path.startsWith('/') ? path : `/${path}`;
}

function fromLatin1(value: string): string {
  return NON_ASCII.test(value) ? Buffer.from(value, 'latin1').toString('utf8') : value;
}

function toLatin1(value: string): string {
  return NON_ASCII.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : value;
}

/** What breaks an answer also closes it, and that is told. */
const ignore = (): void => undefined;

const NON_ASCII = /[^\x00-\x7f]/;
