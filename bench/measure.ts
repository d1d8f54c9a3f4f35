/** One line of the table: an operation at a size and a concurrency, over several contenders in turn (A B C A B C ...). */
import { createHash } from 'node:crypto';
import { S3Client } from './client/s3-client.ts';
import type { Contender } from './contender.ts';

export interface Line {
  readonly operation: 'PUT' | 'GET';
  readonly bytes: number;
  readonly concurrency: number;
}

export interface Figure {
  readonly contender: string;
  /** Operations per second, one entry a turn. */
  readonly rates: number[];
  /** Server CPU microseconds per operation, over all turns. */
  readonly serverMicros: number;
  /** Client CPU share of one core, over all turns. */
  readonly clientShare: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export const bucket = 'bench';
const keysPerLine = 64;

interface Tally {
  rates: number[];
  latencies: number[];
  serverSeconds: number;
  clientSeconds: number;
  wallSeconds: number;
}

/** `turns` turns of `seconds` each per contender. Throws when an answer isn't 200 or a body isn't what was put. */
export async function measure(line: Line, contenders: readonly Contender[], turns: number, seconds: number): Promise<Figure[]> {
  const tallies = contenders.map((): Tally => ({ rates: [], latencies: [], serverSeconds: 0, clientSeconds: 0, wallSeconds: 0 }));
  const body = Buffer.alloc(line.bytes, 7);
  const md5 = createHash('md5').update(body).digest('hex');
  const clients = contenders.map((contender) => new S3Client(contender, line.concurrency));
  for (const client of clients) await prepare(client, line, body);
  for (let turn = -1; turn < turns; turn += 1) {
    for (const [index, contender] of contenders.entries()) {
      const tally = tallies[index] as Tally;
      const client = clients[index] as S3Client;
      const before = { server: contender.cpuSeconds(), client: process.cpuUsage(), at: performance.now() };
      const latencies = await load(client, line, { body, md5, until: before.at + (turn < 0 ? 0.3 : seconds) * 1000 });
      if (turn < 0) continue; // a warm-up turn does not count
      const wall = (performance.now() - before.at) / 1000;
      const spent = process.cpuUsage(before.client);
      tally.rates.push(latencies.length / wall);
      tally.latencies.push(...latencies);
      tally.serverSeconds += contender.cpuSeconds() - before.server;
      tally.clientSeconds += (spent.user + spent.system) / 1e6;
      tally.wallSeconds += wall;
    }
  }
  for (const client of clients) client.close();
  return contenders.map((contender, index) => figure(contender.name, tallies[index] as Tally));
}

/** Seconds of each small operation before the first line: what is measured is compiled code, not its compilation. */
const warmUpSeconds = 3;

/** The servers one after the other, as long for each. */
export async function warmUp(contenders: readonly Contender[]): Promise<void> {
  for (const contender of contenders) {
    for (const operation of ['PUT', 'GET'] as const) {
      for (const bytes of [4096, 131_072]) {
        const line: Line = { operation, bytes, concurrency: 16 };
        await measure(line, [contender], 1, warmUpSeconds);
      }
    }
  }
}

async function prepare(client: S3Client, line: Line, body: Buffer): Promise<void> {
  if (line.operation !== 'GET') return;
  for (let key = 0; key < keysPerLine; key += 1) await client.must({ method: 'PUT', bucket, key: `get/${key}-${line.bytes}`, body });
}

interface Load {
  readonly body: Buffer;
  readonly md5: string;
  /** performance.now() at which no further request is begun. */
  readonly until: number;
}

/** Keeps `concurrency` requests in flight until the time is up; resolves to the latencies in ms. */
async function load(client: S3Client, line: Line, { body, md5, until }: Load): Promise<number[]> {
  const latencies: number[] = [];
  let number = 0;
  const loop = async (): Promise<void> => {
    do {
      const begun = performance.now();
      const key = `${line.operation.toLowerCase()}/${number++ % keysPerLine}-${line.bytes}`;
      if (line.operation === 'PUT') await client.must({ method: 'PUT', bucket, key, body });
      else await get(client, key, { body, md5, check: number % keysPerLine === 1 });
      latencies.push(performance.now() - begun);
    } while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: line.concurrency }, loop));
  return latencies;
}

/** Every answer's length is checked, every 64th body hashed: hashing all of them would measure the client. */
async function get(client: S3Client, key: string, expected: { body: Buffer; md5: string; check: boolean }): Promise<void> {
  let received = 0;
  const hash = expected.check ? createHash('md5') : undefined;
  const sink = (bytes: Buffer): void => {
    received += bytes.length;
    hash?.update(bytes);
  };
  await client.must({ method: 'GET', bucket, key, sink });
  if (received !== expected.body.length) throw new Error(`${key}: ${received} bytes instead of ${expected.body.length}`);
  if (hash !== undefined && hash.digest('hex') !== expected.md5) throw new Error(`${key}: wrong bytes`);
}

function figure(contender: string, tally: Tally): Figure {
  const sorted = tally.latencies.sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return {
    contender,
    rates: tally.rates,
    serverMicros: (tally.serverSeconds * 1e6) / Math.max(1, sorted.length),
    clientShare: tally.clientSeconds / tally.wallSeconds,
    p50: at(0.5),
    p99: at(0.99),
  };
}
