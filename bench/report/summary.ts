/** Every figure that the views show of a line, made once from what the run recorded. */
import { build, decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';
import { mebibyte } from '../workload/sizes.ts';
import type { BenchResult, LineResult, LineServer, Machine, OperationRecord, Turn } from './result.ts';
import { median, type Spread, turnRatios } from './statistics.ts';

/** From here on the client is part of what is measured: half of the machine's cores, or one thread of its own nearly all the time. */
export const clientShareLimit = 0.5;
export const clientThreadLimit = 0.9;

export interface LineSummary {
  readonly line: LineResult;
  /** In the order of the result's servers. */
  readonly servers: readonly ServerSummary[];
  /** What ratios of this line are taken of. */
  readonly rate: 'op/s' | 'keys/s';
  /** Whether any server's figures are those of a client at its limit. */
  readonly clientLimited: boolean;
}

export interface ServerSummary {
  readonly server: string;
  /** When given, there are no figures. */
  readonly failure?: string;
  readonly figures?: Figures;
  /** Of ramps: more at a time than here bring this server no more. */
  readonly knee?: true;
  /** The line's first server over this one, turn by turn; absent for the first itself, and where either has no figures. */
  readonly ratio?: Spread;
}

export interface Figures {
  readonly turns: number;
  readonly seconds: number;
  readonly operations: number;
  readonly errors: number;
  /** Medians of the turns. */
  readonly opsPerSecond: number;
  readonly mibPerSecond: number;
  readonly keysPerSecond: number;
  readonly latency: Latency;
  readonly byOperation: Readonly<Record<string, OperationFigures>>;
  /** What the server cost, over all turns; absent for one that the harness did not start. */
  readonly cost?: Cost;
  /** Of all cores of the machine, 0..1, over all turns. */
  readonly clientShare: number;
  /** Of one core, 0..1, the mean of the turns by their length; absent where the system does not tell. */
  readonly busiestClientThread?: number;
  readonly clientLimited: boolean;
}

/** Milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface OperationFigures {
  readonly operations: number;
  readonly errors: number;
  readonly latency: Latency;
}

export interface Cost {
  readonly cpuMicros: number;
  /** Highest at the end of a turn. */
  readonly residentBytes: number;
  /** Bytes sent to storage per operation; absent where the system does not tell. */
  readonly writtenBytes?: number;
  /** Bytes sent to storage per body byte, where all body bytes are uploads. */
  readonly writeAmplification?: number;
  /** Of all devices of the machine, per operation; absent where the system does not tell. */
  readonly flushes?: number;
}

/** Workloads whose body bytes all go to the server. */
const uploading: readonly string[] = ['put', 'multipart'];

export function summarizeLine(line: LineResult, machine: Machine): LineSummary {
  const rate = line.workload === 'list' ? 'keys/s' : 'op/s';
  const rates = line.servers.map((server) => (hasFigures(server) ? turnRates(server, rate) : []));
  const servers = line.servers.map((server, index): ServerSummary => {
    if (!hasFigures(server)) return { server: server.server, failure: server.failure ?? 'did nothing' };
    const ratio = index === 0 ? undefined : turnRatios(rates[0] ?? [], rates[index]!);
    return {
      server: server.server,
      figures: figuresOf(server, line, machine),
      ...(server.knee && { knee: server.knee }),
      ...(ratio && { ratio }),
    };
  });
  return { line, servers, rate, clientLimited: servers.some((server) => server.figures?.clientLimited) };
}

export function summarizeLines(result: BenchResult): LineSummary[] {
  return result.lines.map((line) => summarizeLine(line, result.machine));
}

/** One entry a turn. */
export function turnRates(server: LineServer, rate: LineSummary['rate']): number[] {
  return server.turns.map((turn) => (rate === 'op/s' ? turn.operations : turn.keys) / turn.seconds);
}

function hasFigures(server: LineServer): boolean {
  return server.failure === undefined && server.turns.length > 0;
}

function figuresOf(server: LineServer, line: LineResult, machine: Machine): Figures {
  const total = (of: (turn: Turn) => number): number => server.turns.reduce((sum, turn) => sum + of(turn), 0);
  const seconds = total((turn) => turn.seconds);
  const clientShare = total((turn) => turn.clientCpuSeconds) / (seconds * machine.cores);
  const busiestClientThread = total((turn) => (turn.busiestClientThread ?? Number.NaN) * turn.seconds) / seconds;
  const cost = costOf(server.turns, line);
  return {
    turns: server.turns.length,
    seconds,
    operations: total((turn) => turn.operations),
    errors: total((turn) => turn.errors),
    opsPerSecond: median(turnRates(server, 'op/s')),
    mibPerSecond: median(server.turns.map((turn) => turn.bytes / mebibyte / turn.seconds)),
    keysPerSecond: median(turnRates(server, 'keys/s')),
    latency: latencyOf(mergedHistogram(server)),
    byOperation: Object.fromEntries(Object.entries(server.operations).map(([name, record]) => [name, operationFigures(record)])),
    ...(cost && { cost }),
    clientShare,
    ...(!Number.isNaN(busiestClientThread) && { busiestClientThread }),
    clientLimited: clientShare >= clientShareLimit || busiestClientThread >= clientThreadLimit,
  };
}

function costOf(turns: readonly Turn[], line: LineResult): Cost | undefined {
  const costs = turns.flatMap((turn) => (turn.server === undefined ? [] : [turn.server]));
  if (costs.length < turns.length) return undefined;
  const operations = Math.max(
    1,
    turns.reduce((sum, turn) => sum + turn.operations, 0),
  );
  const bytes = turns.reduce((sum, turn) => sum + turn.bytes, 0);
  const written = costs.reduce((sum, cost) => sum + (cost.writtenBytes ?? Number.NaN), 0);
  const flushes = costs.reduce((sum, cost) => sum + (cost.deviceFlushes ?? Number.NaN), 0);
  const isAmplified = uploading.includes(line.workload) && bytes > 0 && !Number.isNaN(written);
  return {
    cpuMicros: (costs.reduce((sum, cost) => sum + cost.cpuSeconds, 0) * 1e6) / operations,
    residentBytes: Math.max(...costs.map((cost) => cost.residentBytes)),
    ...(!Number.isNaN(written) && { writtenBytes: written / operations }),
    ...(isAmplified && { writeAmplification: written / bytes }),
    ...(!Number.isNaN(flushes) && { flushes: flushes / operations }),
  };
}

function operationFigures(record: OperationRecord): OperationFigures {
  return { operations: record.operations, errors: record.errors, latency: latencyOf(decodeHistogram(record.histogram)) };
}

/** Throws when the text isn't a histogram. */
export function decodeHistogram(text: string): Histogram {
  return decodeFromCompressedBase64(text, 64);
}

/** Of all operations together. */
export function mergedHistogram(server: LineServer): Histogram {
  const merged = build({ bitBucketSize: 64 });
  for (const record of Object.values(server.operations)) merged.add(decodeHistogram(record.histogram));
  return merged;
}

function latencyOf(histogram: Histogram): Latency {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: histogram.totalCount === 0 ? 0 : histogram.maxValue / 1000 };
}
