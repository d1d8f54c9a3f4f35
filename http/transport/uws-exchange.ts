import { STATUS_CODES } from 'node:http';
import type { Body } from '../../engine/body.ts';
import { Departure } from './departure.ts';
import { discardBytesMax, emptyBody, InboundBody } from './inbound-body.ts';
import type { Exchange, ResponseHeaders } from './listener.ts';
import { pump } from './pump.ts';
import { firstValues, type HeaderList, plainAddress, type RequestFraming } from './request-framing.ts';
import { cleanHeaderValue, isBodyless, isHeaderName } from './response-framing.ts';
import type { UwsRequest, UwsResponse } from './uws-build.ts';

/** Larger answers go out as the socket takes them; smaller ones may be buffered whole. */
const bufferedAnswerBytesMax = 64 * 1024;

/** What an exchange has to know of its listener. */
export interface UwsSurroundings {
  readonly secure: boolean;
  /** No more requests are wanted on any connection. */
  readonly closing: boolean;
  /** The answer is complete or the client has gone. Called once an exchange. */
  finished(): void;
  report(defect: unknown): void;
}

export interface UwsRequestParts {
  readonly request: UwsRequest;
  readonly response: UwsResponse;
  readonly headers: HeaderList;
  readonly framing: RequestFraming;
}

/** One request and its answer over uWebSockets.js. */
export class UwsExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: HeaderList;
  readonly sourceAddress: string;
  readonly contentLength: number | undefined;
  readonly departure = new Departure();
  readonly #around: UwsSurroundings;
  readonly #response: UwsResponse;
  readonly #inbound: InboundBody;
  readonly #closeRequested: boolean;
  /** Until the answer is complete or the client has gone; any call on the response throws after that. */
  #live = true;
  #answered = false;
  /** Goes on with a chunk that the socket took in part. */
  #offerRest: ((sentBytes: number) => boolean) | undefined;
  #awaitsWritable = false;
  #byName: ReadonlyMap<string, string> | undefined;

  constructor({ request, response, headers, framing }: UwsRequestParts, around: UwsSurroundings) {
    this.method = request.getCaseSensitiveMethod();
    this.path = request.getUrl();
    this.query = request.getQuery() ?? '';
    this.headers = headers;
    this.sourceAddress = plainAddress(Buffer.from(response.getRemoteAddressAsText()).toString('latin1'));
    this.contentLength = framing.contentLength;
    this.#closeRequested = framing.closeRequested;
    this.#around = around;
    this.#response = response;
    this.#inbound = framing.contentLength === 0 ? emptyBody : this.#receive();
    response.onAborted(() => this.#leave());
  }

  get secure(): boolean {
    return this.#around.secure;
  }

  get body(): Body {
    return this.#inbound;
  }

  header(name: string): string | undefined {
    this.#byName ??= firstValues(this.headers);
    return this.#byName.get(name);
  }

  /** uWebSockets.js has sent it already. */
  proceed(): void {}

  send(status: number, headers: ResponseHeaders, body?: Uint8Array | string, contentLength?: number): void {
    this.#begin();
    const send = () => this.#sendNow(status, headers, { bytes: body ?? '', contentLength });
    const left = this.#leftBytes();
    // uWebSockets.js drops what is left by itself, but closes at once where the client asked for it, and knows no bound.
    if (left > discardBytesMax || (left > 0 && this.#closeRequested)) this.#inbound.discard().then(send);
    else send();
  }

  async stream(status: number, headers: ResponseHeaders, contentLength: number, body: Body): Promise<void> {
    if (this.method === 'HEAD' || isBodyless(status)) {
      body.cancel();
      this.send(status, headers, undefined, contentLength);
      return;
    }
    if (this.#leftBytes() > discardBytesMax) await this.#inbound.discard();
    let sentBytes = 0;
    await pump(body, contentLength, {
      departure: this.departure,
      begin: () => {
        this.#begin();
        this.#inbound.cancel();
        // A streamed answer can't close behind itself.
        if (this.#live && this.#leftBytes() > discardBytesMax) this.#response.close();
      },
      write: (chunk) => {
        const start = sentBytes;
        sentBytes += chunk.byteLength;
        return this.#write(chunk, { start, contentLength, head: start === 0 ? { status, headers } : undefined });
      },
      cut: (trouble) => {
        if (!this.#live) return;
        this.#response.close();
        this.#around.report(trouble);
      },
    });
  }

  /** The handler is done. True if it owed an answer: then a bare 500 was sent. */
  abandon(): boolean {
    if (this.departure.gone || this.#answered) return false;
    this.send(500, []);
    return true;
  }

  #receive(): InboundBody {
    const response = this.#response;
    const body = new InboundBody({
      pause: () => {
        if (this.#live) response.pause();
      },
      resume: () => {
        if (this.#live) response.resume();
      },
    });
    response.onData((chunk, isLast) => {
      // The memory is taken back when this returns.
      const bytes = new Uint8Array(chunk);
      if (bytes.byteLength > 0) body.push(body.discarding ? bytes : Buffer.from(bytes));
      if (isLast) body.end();
    });
    return body;
  }

  #begin(): void {
    if (this.#answered) throw new Error(`a second answer to ${this.method} ${this.path}`);
    this.#answered = true;
  }

  #leftBytes(): number {
    return this.#inbound.ended ? 0 : (this.contentLength ?? Number.POSITIVE_INFINITY) - this.#inbound.receivedBytes;
  }

  #sendNow(status: number, headers: ResponseHeaders, answer: Answer): void {
    if (!this.#live) return;
    this.#inbound.cancel();
    const { bytes } = answer;
    if (bytes.length <= bufferedAnswerBytesMax || this.method === 'HEAD' || isBodyless(status)) {
      this.#sendWhole(status, headers, answer);
      return;
    }
    const chunk = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    void this.#write(chunk, { start: 0, contentLength: chunk.byteLength, head: { status, headers } });
  }

  #sendWhole(status: number, headers: ResponseHeaders, { bytes, contentLength }: Answer): void {
    const response = this.#response;
    const endless = this.#leftBytes() > discardBytesMax;
    // Closing now would reset the connection under a client that still sends, and the answer be lost. Not read any more, it is closed as idle.
    if (endless) response.pause();
    response.cork(() => {
      this.#writeHead(status, headers);
      if (endless) response.writeHeader('Connection', 'close');
      if (!isBodyless(status) && this.method !== 'HEAD') {
        response.end(bytes, this.#around.closing && !endless);
        return;
      }
      // endWithoutBody(length) leaves 20.30 waiting for so many bytes: this way it doesn't.
      if (!isBodyless(status)) response.writeHeader('Content-Length', String(contentLength ?? Buffer.byteLength(bytes)));
      if (this.#around.closing && !endless) response.writeHeader('Connection', 'close');
      response.endWithoutBody();
    });
    this.#complete();
  }

  #writeHead(status: number, headers: ResponseHeaders): void {
    const response = this.#response;
    response.writeStatus(statusLine(status));
    for (const [name, value] of headers) if (isHeaderName(name)) response.writeHeader(name, cleanHeaderValue(value));
  }

  /** Resolves when the chunk has been taken to its last byte, or the client has gone. */
  async #write(chunk: Uint8Array, { start, contentLength, head }: Stretch): Promise<void> {
    if (!this.#live) return;
    let taken = false;
    this.#response.cork(() => {
      if (head !== undefined) {
        this.#writeHead(head.status, head.headers);
        if (this.#around.closing) this.#response.writeHeader('Connection', 'close');
      }
      taken = this.#offer(chunk, contentLength);
    });
    if (taken) return;
    await this.departure.until(
      new Promise<void>((resolve) => {
        this.#offerRest = (sentBytes) => {
          if (!this.#offer(chunk.subarray(sentBytes - start), contentLength)) return false;
          this.#offerRest = undefined;
          resolve();
          return true;
        };
        // One handler for all of an answer: set anew from within, 20.30 would put the old one back.
        if (!this.#awaitsWritable) this.#response.onWritable((sentBytes) => this.#offerRest?.(sentBytes) ?? true);
        this.#awaitsWritable = true;
      }),
    );
  }

  /** True if the socket took all of it. */
  #offer(chunk: Uint8Array, contentLength: number): boolean {
    const [taken, complete] = this.#response.tryEnd(chunk, contentLength);
    if (complete) this.#complete();
    return taken || complete;
  }

  #complete(): void {
    this.#live = false;
    this.#around.finished();
  }

  #leave(): void {
    if (!this.#live) return;
    this.#inbound.fail('the connection was closed before the body was complete');
    this.#complete();
    this.departure.leave();
  }
}

interface Answer {
  readonly bytes: Uint8Array | string;
  readonly contentLength?: number | undefined;
}

/** Where a chunk lies in its answer; the first one takes the head along. */
interface Stretch {
  readonly start: number;
  readonly contentLength: number;
  readonly head: { readonly status: number; readonly headers: ResponseHeaders } | undefined;
}

const statusLines = new Map<number, string>();

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) statusLines.set(status, (line = `${status} ${STATUS_CODES[status] ?? 'Unknown'}`));
  return line;
}
