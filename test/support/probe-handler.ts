/** A handler that does on request everything a handler may do, and keeps a record of it. */
import { createHash } from 'node:crypto';
import type { Body } from '../../engine/body.ts';
import { Fault } from '../../engine/fault.ts';
import type { Exchange, ExchangeHandler } from '../../http/transport/listener.ts';

/** What happened to the requests that carried `?id`. */
export interface ProbeRecord {
  readBytes: number;
  pulledBytes: number;
  cancelled: boolean;
  finished: boolean;
  thrown: unknown;
  /** Lets a handler that waits go on. */
  release(): void;
  readonly released: Promise<void>;
}

export class ProbeHandler {
  /** Of every request that reached the handler. */
  readonly paths: string[] = [];
  readonly #records = new Map<string, ProbeRecord>();

  record(id: string): ProbeRecord {
    let record = this.#records.get(id);
    if (record === undefined) {
      let release = () => {};
      const released = new Promise<void>((resolve) => (release = resolve));
      record = { readBytes: 0, pulledBytes: 0, cancelled: false, finished: false, thrown: undefined, release, released };
      this.#records.set(id, record);
    }
    return record;
  }

  readonly handle: ExchangeHandler = async (exchange) => {
    this.paths.push(exchange.path);
    const query = new URLSearchParams(exchange.query);
    const record = this.record(query.get('id') ?? '');
    try {
      await (this.#deeds[exchange.path] ?? this.#echo)(exchange, record, query);
    } catch (error) {
      record.thrown = error;
      throw error;
    } finally {
      record.finished = true;
    }
  };

  readonly #echo = async (exchange: Exchange, record: ProbeRecord): Promise<void> => {
    exchange.proceed();
    const hash = createHash('sha256');
    let bytes = 0;
    for (let chunk = await exchange.body.read(); chunk !== null; chunk = await exchange.body.read()) {
      bytes += chunk.byteLength;
      record.readBytes = bytes;
      hash.update(chunk);
    }
    const { method, path, query, headers, contentLength, sourceAddress, secure } = exchange;
    const seen = {
      method,
      path,
      query,
      headers,
      contentLength,
      sourceAddress,
      secure,
      bytes,
      sha256: hash.digest('hex'),
    };
    exchange.send(200, [['Content-Type', 'application/json']], JSON.stringify(seen));
  };

  readonly #deeds: Readonly<Record<string, (exchange: Exchange, record: ProbeRecord, query: URLSearchParams) => Promise<void>>> = {
    '/do/wait-and-echo': async (exchange, record) => {
      await record.released;
      await this.#echo(exchange, record);
    },
    '/do/refuse': async (exchange) => exchange.send(403, [['x-why', 'refused']], '<Error/>'),
    '/do/refuse-after-first-bytes': async (exchange) => {
      exchange.proceed();
      await exchange.body.read();
      exchange.body.cancel();
      exchange.send(403, [['x-why', 'refused']], '<Error/>');
    },
    '/do/status': async (exchange, _record, query) => exchange.send(Number(query.get('status')), [['ETag', '"0"']]),
    '/do/head': async (exchange) => exchange.send(200, [['ETag', '"0"']], undefined, 123_456_789_012),
    '/do/inject': async (exchange) =>
      exchange.send(200, [
        ['x-value', 'a\r\nInjected: 1\n\r\0\x1bb'],
        ['x-bad\r\nInjected', '2'],
        ['x-utf8', 'grüße ☃'],
      ]),
    '/do/throw': async () => {
      throw new Error('a defect in the handler');
    },
    '/do/nothing': async () => {},
    '/do/large': async (exchange, _record, query) => exchange.send(200, [], Buffer.alloc(Number(query.get('bytes')), 'x')),
    '/do/stream': async (exchange, record, query) => {
      const bytes = Number(query.get('bytes'));
      await exchange.stream(200, [['x-kind', 'stream']], bytes, new Counting(record, bytes, Number(query.get('chunk') ?? 1 << 20)));
    },
    '/do/stream-and-stop': async (exchange, record) => {
      await exchange.stream(200, [], 1 << 20, new Counting(record, 1 << 19, 1 << 18, () => new Promise(() => {})));
    },
    '/do/stream-and-break': async (exchange, record) => {
      const fail = () => Promise.reject(new Fault('unavailable', 'the drives are gone'));
      await exchange.stream(200, [], 1 << 20, new Counting(record, 1 << 19, 1 << 18, fail));
    },
    '/do/stream-too-little': async (exchange, record) => exchange.stream(200, [], 1 << 20, new Counting(record, 1 << 19, 1 << 18)),
    '/do/break-at-once': async (exchange, record) => {
      const fail = () => Promise.reject(new Fault('unavailable', 'the drives are gone'));
      try {
        await exchange.stream(200, [['x-never', 'sent']], 1 << 20, new Counting(record, 0, 1, fail));
      } catch {
        exchange.send(503, [], '<Error/>');
      }
    },
  };
}

/** Fills with what a streamed body has from `position` on: block n of 4096 bytes holds n, modulo 256. */
export function fillPattern(target: Uint8Array, position: number): void {
  let at = 0;
  while (at < target.byteLength) {
    const block = (position + at) >> 12;
    const end = Math.min(((block + 1) << 12) - position, target.byteLength);
    target.fill(block & 255, at, end);
    at = end;
  }
}

/** In memory that is shared and used again and again. */
class Counting implements Body {
  readonly #record: ProbeRecord;
  readonly #bytes: number;
  readonly #chunk: Uint8Array;
  readonly #atEnd: () => Promise<null>;

  constructor(record: ProbeRecord, bytes: number, chunkBytes: number, atEnd: () => Promise<null> = async () => null) {
    this.#record = record;
    this.#bytes = bytes;
    this.#chunk = new Uint8Array(new SharedArrayBuffer(chunkBytes));
    this.#atEnd = atEnd;
  }

  async read(): Promise<Uint8Array | null> {
    const start = this.#record.pulledBytes;
    const count = Math.min(this.#chunk.byteLength, this.#bytes - start);
    if (count === 0) return this.#atEnd();
    fillPattern(this.#chunk, start);
    this.#record.pulledBytes += count;
    return this.#chunk.subarray(0, count);
  }

  cancel(): void {
    this.#record.cancelled = true;
  }
}
