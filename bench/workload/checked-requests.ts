/** S3 requests whose answers are checked: status, ETag, every byte. What is right is tallied with its latency, what is wrong is thrown. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from '../client/connection.ts';
import type { S3Call, S3Client } from '../client/s3-client.ts';
import type { Body } from './bodies.ts';
import type { Tally } from './tally.ts';
import { BrokenOff, TurnOver, WrongAnswer } from './trouble.ts';

/** When a 503 does not say how long to wait. */
const patienceSeconds = 1;
const patienceSecondsMax = 10;
const shownCharactersMax = 300;

export interface Expectation {
  /** What the tally calls it. */
  readonly operation: string;
  readonly status: number;
  /** Of the request; those of the answer are counted as they come. */
  readonly bytes?: number;
  /** Throws WrongAnswer. Its time is not in the latency. */
  readonly check?: (answer: Answer) => void;
}

type More = Pick<S3Call, 'query' | 'headers'>;

export class CheckedRequests {
  readonly bucket: string;
  readonly #client: S3Client;
  readonly #tally: Tally;
  /** performance.now() from which on nothing is tried again; infinite where nothing is timed. */
  deadline = Number.POSITIVE_INFINITY;

  constructor(client: S3Client, bucket: string, tally: Tally) {
    this.#client = client;
    this.bucket = bucket;
    this.#tally = tally;
  }

  get tally(): Tally {
    return this.#tally;
  }

  /**
   * One request. 503 and 429 are errors, and the request is repeated after Retry-After: its latency is what the caller waited in all.
   * @throws WrongAnswer, BrokenOff, TurnOver
   */
  async send(call: Omit<S3Call, 'bucket'>, expected: Expectation): Promise<Answer> {
    const begun = performance.now();
    for (;;) {
      const answer = await this.#call(call, expected.operation);
      if (answer.status !== 503 && answer.status !== 429) {
        const microseconds = (performance.now() - begun) * 1000;
        if (answer.status !== expected.status) throw new WrongAnswer(unexpected(call, answer, expected.status));
        expected.check?.(answer);
        this.#tally.done(expected.operation, microseconds, (expected.bytes ?? 0) + answer.body.length);
        return answer;
      }
      this.#tally.failed(expected.operation);
      await this.#patience(answer);
    }
  }

  put(key: string, body: Body, operation = 'put', more: More = {}): Promise<Answer> {
    const check = (answer: Answer): void => checkETag(`PUT ${key}`, answer.headers.etag, { md5: body.md5, headers: answer.headers });
    return this.send({ method: 'PUT', key, body: body.bytes, ...more }, { operation, status: 200, bytes: body.bytes.length, check });
  }

  /** Every byte is compared as it arrives. */
  get(key: string, body: Body, operation = 'get', more: More = {}): Promise<Answer> {
    return this.#fetch({ method: 'GET', key, ...more }, body.bytes, { operation, status: 200 });
  }

  getRange(key: string, body: Body, { start, length }: { readonly start: number; readonly length: number }): Promise<Answer> {
    const range = `${start}-${start + length - 1}`;
    const check = (answer: Answer): void => {
      const expected = `bytes ${range}/${body.bytes.length}`;
      const found = answer.headers['content-range'];
      if (found !== expected) throw new WrongAnswer(`GET ${key}: content-range ${found} instead of ${expected}`);
    };
    const call = { method: 'GET', key, headers: { range: `bytes=${range}` } } as const;
    return this.#fetch(call, body.bytes.subarray(start, start + length), { operation: 'range-get', status: 206, check });
  }

  stat(key: string, body: Body): Promise<Answer> {
    const check = (answer: Answer): void => {
      const length = answer.headers['content-length'];
      if (length !== String(body.bytes.length)) throw new WrongAnswer(`HEAD ${key}: length ${length} instead of ${body.bytes.length}`);
      checkETag(`HEAD ${key}`, answer.headers.etag, { md5: body.md5, headers: answer.headers });
    };
    return this.send({ method: 'HEAD', key }, { operation: 'stat', status: 200, check });
  }

  delete(key: string): Promise<Answer> {
    return this.send({ method: 'DELETE', key }, { operation: 'delete', status: 204 });
  }

  /** Opens a connection, or finds that it is there: untallied. */
  async greet(): Promise<void> {
    await this.#call({ method: 'HEAD' }, 'greet');
  }

  #fetch(call: Omit<S3Call, 'bucket'>, bytes: Buffer, { operation, status, check }: Expectation): Promise<Answer> {
    let at = 0;
    let wrongFrom: number | undefined;
    const sink = (part: Buffer): void => {
      const same = at + part.length <= bytes.length && bytes.compare(part, 0, part.length, at, at + part.length) === 0;
      if (!same) wrongFrom ??= at;
      at += part.length;
    };
    const checkAll = (answer: Answer): void => {
      if (at !== bytes.length) throw new WrongAnswer(`GET ${call.key}: ${at} bytes instead of ${bytes.length}`);
      if (wrongFrom !== undefined) throw new WrongAnswer(`GET ${call.key}: wrong bytes from ${wrongFrom} on, of ${bytes.length}`);
      check?.(answer);
    };
    return this.send({ ...call, sink }, { operation, status, bytes: bytes.length, check: checkAll });
  }

  async #call(call: Omit<S3Call, 'bucket'>, operation: string): Promise<Answer> {
    try {
      return await this.#client.call({ ...call, bucket: this.bucket });
    } catch (error) {
      this.#tally.failed(operation);
      throw new BrokenOff(`${call.method} ${call.key ?? this.bucket}: ${(error as Error).message}`);
    }
  }

  async #patience(answer: Answer): Promise<void> {
    const asked = Number(answer.headers['retry-after'] ?? patienceSeconds);
    const milliseconds = Math.min(Number.isFinite(asked) ? asked : patienceSeconds, patienceSecondsMax) * 1000;
    const left = this.deadline - performance.now();
    if (left <= 0) throw new TurnOver();
    await sleep(Math.min(left, milliseconds));
    if (performance.now() >= this.deadline) throw new TurnOver();
  }
}

/** A plain MD5 in quotes is held against the bytes; what else servers put there (of parts, of encrypted objects) says nothing about them. */
export function checkETag(
  what: string,
  etag: string | undefined,
  { md5, headers }: { readonly md5: Buffer; readonly headers: Answer['headers'] },
): void {
  if (etag === undefined) throw new WrongAnswer(`${what}: no ETag`);
  const found = /^"?([0-9a-f]{32})"?$/.exec(etag)?.[1];
  if (found === undefined || headers['x-amz-server-side-encryption']?.startsWith('aws:kms')) return;
  const expected = md5.toString('hex');
  if (found !== expected) throw new WrongAnswer(`${what}: ETag ${found} instead of ${expected}`);
}

function unexpected(call: Omit<S3Call, 'bucket'>, answer: Answer, status: number): string {
  const text = answer.body.toString('utf8', 0, shownCharactersMax).replaceAll(/\s+/g, ' ');
  const query = call.query === undefined ? '' : `?${Object.keys(call.query).join('&')}`;
  return `${call.method} ${call.key ?? ''}${query}: status ${answer.status} instead of ${status}${text === '' ? '' : `: ${text}`}`;
}
