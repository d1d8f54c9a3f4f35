/** Reads answers of HTTP/1.1: the head is scanned for the few things that matter, and taken apart only when somebody asks. */

const endOfHead = Buffer.from('\r\n\r\n');
const nothing = Buffer.alloc(0);
/** A head longer than this is refused. */
const headBytesMax = 256 * 1024;

export class Answer {
  readonly status: number;
  /** Empty when a sink took the bytes. */
  readonly body: Buffer;
  readonly #head: string;
  #headers: Readonly<Record<string, string>> | undefined;

  constructor(status: number, head: string, body: Buffer) {
    this.status = status;
    this.#head = head;
    this.body = body;
  }

  /** Lower-case names; of duplicates the last. */
  get headers(): Readonly<Record<string, string>> {
    return (this.#headers ??= headersOf(this.#head));
  }

  /** The value of one header, in any case of letters; `name` in lower case. Cheaper than `headers` for a few of them. */
  header(name: string): string | undefined {
    return headerOf(this.#head, name);
  }
}

/** Values are UTF-8; the head was read as Latin-1. */
function headersOf(head: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of Buffer.from(head, 'latin1').toString().split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}

function headerOf(head: string, name: string): string | undefined {
  for (let at = head.indexOf('\r\n'); at >= 0; ) {
    const colon = at + 2 + name.length;
    const next = head.indexOf('\r\n', at + 2);
    // The first letter settles nearly every line.
    if ((head.charCodeAt(at + 2) | 32) === name.charCodeAt(0) && head[colon] === ':' && head.slice(at + 2, colon).toLowerCase() === name) {
      return head.slice(colon + 1, next < 0 ? undefined : next).trim();
    }
    at = next;
  }
  return undefined;
}

/** Takes the bytes of a 2xx answer instead of collecting them. They are there until it returns, or its promise resolves. */
export type Sink = (bytes: Buffer) => void | Promise<void>;

/** One answer after the other from the bytes of one connection. Throws on what is not HTTP. */
export class AnswerReader {
  /** The answer is complete. */
  whole = false;
  /** The server closes the connection behind it. */
  closes = false;
  /** Bytes of it were read. */
  begun = false;
  #sink: Sink | undefined;
  #bodiless = false;
  #held: Buffer | undefined;
  #status = 0;
  #head = '';
  /** Body bytes to come; infinite when the end of the connection ends it. */
  #left = 0;
  #chunked: ChunkedReader | undefined;
  #body: Buffer[] = [];

  /** `bodiless`: the request was a HEAD. */
  begin(bodiless: boolean, sink: Sink | undefined): void {
    this.whole = false;
    this.closes = false;
    this.begun = false;
    this.#sink = sink;
    this.#bodiless = bodiless;
    this.#held = undefined;
    this.#status = 0;
    this.#left = 0;
    this.#chunked = undefined;
    if (this.#body.length > 0) this.#body = [];
  }

  /** The next bytes, which may change once it returned. A promise: no more until it resolves. */
  take(bytes: Buffer): Promise<void> | undefined {
    this.begun = true;
    if (this.#status !== 0) return this.#takeBody(bytes);
    const head = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes]);
    const end = head.indexOf(endOfHead);
    if (end < 0) {
      if (head.length > headBytesMax) throw new Error('the head of the answer does not end');
      this.#held = Buffer.from(head);
      return undefined;
    }
    this.#held = undefined;
    this.#readHead(head.toString('latin1', 0, end));
    const rest = head.subarray(end + 4);
    if (this.#status >= 200) return this.#takeBody(rest);
    this.#status = 0; // 100 Continue and the like: the answer is yet to come
    return rest.length > 0 ? this.take(rest) : undefined;
  }

  /** The connection ended. True when that completes the answer. */
  end(): boolean {
    return this.#status !== 0 && this.#left === Number.POSITIVE_INFINITY;
  }

  answer(): Answer {
    const body = this.#body.length === 1 ? (this.#body[0] as Buffer) : this.#body.length === 0 ? nothing : Buffer.concat(this.#body);
    return new Answer(this.#status, this.#head, body);
  }

  #readHead(head: string): void {
    this.#status = Number(head.slice(9, 12));
    if (!head.startsWith('HTTP/1.') || !(this.#status >= 100)) throw new Error(`not an answer of HTTP/1.1: ${head.slice(0, 40)}`);
    this.#head = head;
    this.closes = headerOf(head, 'connection')?.toLowerCase() === 'close' || head.charCodeAt(7) === 48; // HTTP/1.0
    if (this.#bodiless || this.#status === 204 || this.#status === 304) {
      this.#left = 0;
      return;
    }
    const length = headerOf(head, 'content-length');
    if (headerOf(head, 'transfer-encoding')?.toLowerCase() === 'chunked') this.#chunked = new ChunkedReader();
    else this.#left = length === undefined ? Number.POSITIVE_INFINITY : Number(length);
    if (!(this.#left >= 0)) throw new Error(`content-length of the answer: ${length}`);
    if (this.#left === Number.POSITIVE_INFINITY) this.closes = true;
  }

  #takeBody(bytes: Buffer): Promise<void> | undefined {
    let taken = bytes;
    if (this.#chunked !== undefined) {
      taken = this.#chunked.take(bytes);
      this.whole = this.#chunked.ended;
    } else {
      if (bytes.length > this.#left) throw new Error(`${bytes.length - this.#left} bytes more than the answer has`);
      this.#left -= bytes.length;
      this.whole = this.#left === 0;
    }
    if (taken.length === 0) return undefined;
    if (this.#sink !== undefined && this.#status < 300) return this.#sink(taken) ?? undefined;
    this.#body.push(Buffer.from(taken));
    return undefined;
  }
}

/** HTTP chunked transfer decoding of an answer; trailers are passed over. */
class ChunkedReader {
  ended = false;
  #held: Buffer = nothing;
  #left = 0;
  #trailers = false;

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
        const end = rest.indexOf('\r\n');
        if (end < 0) break;
        this.#line(rest.toString('latin1', 0, end));
        rest = rest.subarray(end + 2);
      }
    }
    this.#held = rest.length === 0 ? nothing : Buffer.from(rest);
    return out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out);
  }

  #line(line: string): void {
    if (this.#trailers) {
      this.ended = line === '';
      return;
    }
    const size = Number.parseInt(line, 16);
    if (!(size >= 0)) throw new Error(`size of a chunk of the answer: ${line.slice(0, 40)}`);
    this.#trailers = size === 0;
    if (size > 0) this.#left = size + 2;
  }
}
