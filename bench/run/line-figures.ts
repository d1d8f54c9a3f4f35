/** What one server did in one line, gathered sample by sample. */
import { build, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { LineServer, OperationRecord, Sample, Turn } from '../report/result.ts';
import type { ThreadSample } from './thread-words.ts';

/** Ten minutes: longer latencies are counted as that. */
const microsecondsMax = 600_000_000;

export function newHistogram(): Histogram {
  return build({ bitBucketSize: 32, autoResize: false, highestTrackableValue: microsecondsMax, numberOfSignificantValueDigits: 3 });
}

interface Gathered {
  errors: number;
  bytes: number;
  readonly histogram: Histogram;
}

export type TurnCounts = Pick<Turn, 'operations' | 'bytes' | 'keys' | 'errors'>;

export class LineFigures {
  readonly #server: string;
  readonly #operations = new Map<string, Gathered>();
  readonly #samples: Sample[] = [];
  readonly #turns: Turn[] = [];
  readonly #second = newHistogram();
  #counts: TurnCounts = { operations: 0, bytes: 0, keys: 0, errors: 0 };
  failure: string | undefined;

  constructor(server: string) {
    this.#server = server;
  }

  /** What has been counted since the turn began. */
  get counts(): TurnCounts {
    return this.#counts;
  }

  beginTurn(): void {
    this.#counts = { operations: 0, bytes: 0, keys: 0, errors: 0 };
  }

  /** What all threads did in the same second; `counts`: it isn't of a warm-up. */
  add(samples: readonly ThreadSample[], at: number, counts: boolean): Sample {
    this.#second.reset();
    let [operations, bytes, errors, keys] = [0, 0, 0, 0];
    for (const sample of samples) {
      keys += sample.keys;
      for (const tally of sample.operations) {
        operations += tally.latencies.length;
        bytes += tally.bytes;
        errors += tally.errors;
        record(this.#second, tally.latencies);
        if (!counts) continue;
        const gathered = this.#of(tally.operation);
        gathered.errors += tally.errors;
        gathered.bytes += tally.bytes;
        record(gathered.histogram, tally.latencies);
      }
    }
    const before = this.#counts;
    this.#counts = {
      operations: before.operations + operations,
      bytes: before.bytes + bytes,
      keys: before.keys + keys,
      errors: before.errors + errors,
    };
    const percentile = (share: number): number => (operations === 0 ? 0 : this.#second.getValueAtPercentile(share) / 1000);
    const seconds = Math.max(...samples.map((sample) => sample.seconds));
    const sample = { at, seconds, operations, bytes, errors, p50: percentile(50), p99: percentile(99) };
    if (counts) this.#samples.push(sample);
    return sample;
  }

  endTurn(turn: Turn): void {
    this.#turns.push(turn);
  }

  result(): LineServer {
    if (this.failure !== undefined) return { server: this.#server, failure: this.failure, turns: [], operations: {}, samples: [] };
    const operations: Record<string, OperationRecord> = {};
    for (const [operation, { errors, bytes, histogram }] of this.#operations) {
      operations[operation] = { operations: histogram.totalCount, errors, bytes, histogram: encodeIntoCompressedBase64(histogram) };
    }
    return { server: this.#server, turns: this.#turns, operations, samples: this.#samples };
  }

  #of(operation: string): Gathered {
    let gathered = this.#operations.get(operation);
    if (gathered === undefined) this.#operations.set(operation, (gathered = { errors: 0, bytes: 0, histogram: newHistogram() }));
    return gathered;
  }
}

function record(histogram: Histogram, latencies: Uint32Array): void {
  for (const latency of latencies) histogram.recordValue(Math.min(microsecondsMax, Math.max(1, latency)));
}
