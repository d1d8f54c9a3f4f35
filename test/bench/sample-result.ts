/** A result as a run leaves it, made by code: rates, noise and latencies are what a test says they are. */
import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import {
  type BenchResult,
  type LineResult,
  type LineServer,
  type OperationRecord,
  resultFormat,
  type Sample,
  type Turn,
} from '../../bench/report/result.ts';
import { mebibyte } from '../../bench/workload/sizes.ts';
import { seededRandom } from '../support/seeded-random.ts';

export interface SampleServer {
  readonly name: string;
  /** Operations per second. */
  readonly rate: number;
  /** Share by which turns stray from the rate, as a standard deviation. */
  readonly noise?: number;
  readonly failure?: string;
  /** Of one of its seconds, counted from 0, by which its rate is multiplied. */
  readonly pace?: (second: number) => number;
  /** Microseconds of an operation, from a share in [0, 1). */
  readonly latency?: (share: number) => number;
  readonly errors?: number;
  readonly clientCpuShare?: number;
  readonly busiestClientThread?: number;
  /** Resident MiB after each turn. */
  readonly resident?: (turn: number) => number;
  /** Not started by the harness: no cost. */
  readonly foreign?: boolean;
}

export interface SampleLine {
  readonly name: string;
  readonly workload: string;
  readonly size?: string;
  readonly concurrency?: number;
  readonly operations?: readonly string[];
  readonly servers: readonly SampleServer[];
}

export interface SampleRun {
  readonly lines: readonly SampleLine[];
  readonly turns?: number;
  readonly secondsPerTurn?: number;
  readonly seed?: number;
}

const bytesPerOperation = 4096;
const keysPerList = 1000;

export function sampleResult({ lines, turns = 5, secondsPerTurn = 4, seed = 1 }: SampleRun): BenchResult {
  const random = seededRandom(seed);
  const names = lines[0]?.servers ?? [];
  return {
    format: resultFormat,
    startedAt: '2026-03-14T15:09:26.535Z',
    version: '0.1.0',
    command: ['liteio', 'bench', 'put', '--serve', "liteio=liteio server --drives '{dir}/d{1...6}'"],
    seed,
    machine: { cpu: 'AMD EPYC', cores: 2, memoryBytes: 8 * 1024 ** 3, system: 'Linux 6.18.5 x64', node: '20.20.2', loadAverage: 0.4 },
    servers: names.map(({ name, foreign }, index) => ({
      name,
      endpoint: `http://127.0.0.1:${9000 + index}`,
      banner: `${name}/1.${index}`,
      ...(!foreign && {
        process: {
          command: `${name} serve {dir}`,
          startSeconds: 0.41,
          idleResidentBytes: 90 * mebibyte,
          peakResidentBytes: (210 + index) * mebibyte,
        },
      }),
    })),
    lines: lines.map((line): LineResult => {
      let begunAt = 1;
      const servers = line.servers.map(() => ({ turns: [] as Turn[], samples: [] as Sample[] }));
      for (let turn = 0; turn < turns; turn += 1) {
        for (const [index, server] of line.servers.entries()) {
          if (server.failure !== undefined) continue;
          const made = turnOf({ line, server, turn, begunAt, secondsPerTurn, random });
          servers[index]!.turns.push(made.turn);
          servers[index]!.samples.push(...made.samples);
          begunAt += secondsPerTurn + 0.3;
        }
      }
      return {
        name: line.name,
        workload: line.workload,
        size: line.size ?? '4KiB',
        concurrency: line.concurrency ?? 16,
        servers: line.servers.map((server, index) => lineServer(line, server, servers[index]!, random)),
      };
    }),
  };
}

interface TurnOf {
  readonly line: SampleLine;
  readonly server: SampleServer;
  readonly turn: number;
  readonly begunAt: number;
  readonly secondsPerTurn: number;
  readonly random: () => number;
}

function turnOf({ line, server, turn, begunAt, secondsPerTurn, random }: TurnOf): { turn: Turn; samples: Sample[] } {
  const stray = Math.max(0.05, 1 + (server.noise ?? 0.02) * normal(random));
  const latency = server.latency ?? defaultLatency(server);
  const samples = Array.from({ length: secondsPerTurn }, (_, second): Sample => {
    const pace = server.pace?.(turn * secondsPerTurn + second) ?? 1;
    const operations = Math.round(server.rate * stray * pace * (1 + (server.noise ?? 0.02) * 0.4 * normal(random)));
    return {
      at: begunAt + second + 1,
      operations,
      bytes: operations * bytesPerOperation,
      errors: 0,
      p50: latency(0.5) / 1000 / stray,
      p99: latency(0.99) / 1000 / stray,
    };
  });
  const operations = samples.reduce((sum, sample) => sum + sample.operations, 0);
  const share = server.clientCpuShare ?? 0.2;
  return {
    samples,
    turn: {
      begunAt,
      seconds: secondsPerTurn,
      operations,
      bytes: line.workload === 'list' ? 0 : operations * bytesPerOperation,
      keys: line.workload === 'list' ? operations * keysPerList : 0,
      errors: turn === 0 ? (server.errors ?? 0) : 0,
      clientCpuSeconds: share * 2 * secondsPerTurn,
      busiestClientThread: server.busiestClientThread ?? share,
      ...(!server.foreign && {
        server: {
          cpuSeconds: 0.7 * secondsPerTurn,
          residentBytes: (server.resident?.(turn) ?? 200) * mebibyte,
          writtenBytes: operations * bytesPerOperation * 1.5,
          deviceFlushes: operations / 4,
        },
      }),
    },
  };
}

function lineServer(line: SampleLine, server: SampleServer, made: { turns: Turn[]; samples: Sample[] }, random: () => number): LineServer {
  const names = line.operations ?? [line.workload];
  const total = made.turns.reduce((sum, turn) => sum + turn.operations, 0);
  const records = names.map((name): [string, OperationRecord] => {
    const operations = Math.round(total / names.length);
    const histogram = build({ bitBucketSize: 64, highestTrackableValue: 3_600_000_000 });
    const latency = server.latency ?? defaultLatency(server);
    for (let index = 0; index < Math.min(operations, 20_000); index += 1) histogram.recordValue(Math.max(1, Math.round(latency(random()))));
    return [
      name,
      { operations, errors: server.errors ?? 0, bytes: operations * bytesPerOperation, histogram: encodeIntoCompressedBase64(histogram) },
    ];
  });
  return {
    server: server.name,
    ...(server.failure !== undefined && { failure: server.failure }),
    turns: made.turns,
    operations: server.failure === undefined ? Object.fromEntries(records) : {},
    samples: made.samples,
  };
}

/** Sixteen at a time share the rate; a long tail. */
function defaultLatency(server: SampleServer): (share: number) => number {
  return (share) => (16 / server.rate) * 1e6 * (0.4 + 0.5 / (1.05 - share) ** 0.6);
}

/** Box and Muller. */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
