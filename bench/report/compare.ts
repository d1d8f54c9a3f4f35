/** Two results against each other: which differences exceed noise, and which don't. */
import { alignedRows, type Column, number } from './format.ts';
import { interruptionLines } from './interruption-lines.ts';
import type { BenchResult, LineResult, LineServer } from './result.ts';
import { secondsByTurn } from './seconds.ts';
import { type Interval, median, ratioInterval } from './statistics.ts';
import { turnRates } from './summary.ts';

export interface Comparison {
  readonly rows: readonly ComparisonRow[];
  /** `put-4KiB-c16, minio`: what only one of the two has, or what has no figures in one of them, which is then said. */
  readonly unpaired: readonly string[];
  /** How the machines or versions differ, which a difference may come from; empty when they don't. */
  readonly cautions: readonly string[];
  /** What is said of a run that was ended before its time: its unfinished line is in no row. */
  readonly interruptions: readonly string[];
}

export interface ComparisonRow {
  readonly line: string;
  readonly server: string;
  /** `p99 ms` is the median over a turn's seconds of each second's 99th percentile: a value a turn, as intervals need. */
  readonly metric: 'op/s' | 'keys/s' | 'p99 ms';
  /** Medians of the turns. */
  readonly before: number;
  readonly after: number;
  /** after / before */
  readonly ratio: number;
  /** 95 %; absent when either has fewer than three turns. */
  readonly interval?: Interval;
  readonly verdict: Verdict;
}

/** `too few turns`: under three on either side, from which noise can't be told. */
export type Verdict = 'faster' | 'slower' | 'within noise' | 'too few turns';

/** Pairs lines and servers by name. */
export function compareResults(before: BenchResult, after: BenchResult): Comparison {
  const earlier = new Map(measured(before));
  const later = new Map(measured(after));
  const rows = [...earlier].flatMap(([key, one]) => {
    const other = later.get(key);
    return other === undefined ? [] : compareServer(one, other);
  });
  const failed = [...failures(before, 'the one before'), ...failures(after, 'the one after')];
  const names = [...earlier.keys(), ...later.keys()].filter((key) => !earlier.has(key) || !later.has(key));
  const unpaired = [...new Set([...names, ...failed.map(([key]) => key)])].map((key) => {
    const where = failed.flatMap(([one, which]) => (one === key ? [which] : []));
    return where.length === 0 ? key : `${key}: failed in ${where.join(' and ')}`;
  });
  const interruptions = [...interruptionOf('the one before', before), ...interruptionOf('the one after', after)];
  return { rows, unpaired, cautions: cautionsOf(before, after), interruptions };
}

function interruptionOf(which: string, { interruption }: BenchResult): string[] {
  return interruption === undefined
    ? []
    : interruptionLines(interruption).map((line, index) => (index === 0 ? `${which}: ${line}` : `  ${line}`));
}

function failures({ lines }: BenchResult, which: string): (readonly [key: string, which: string])[] {
  return lines.flatMap((line) =>
    line.servers.flatMap(({ server, failure }) => (failure === undefined ? [] : [[`${line.name}, ${server}`, which] as const])),
  );
}

interface Measured {
  readonly line: LineResult;
  readonly server: LineServer;
}

function measured(result: BenchResult): (readonly [string, Measured])[] {
  return result.lines.flatMap((line) =>
    line.servers.flatMap((server) =>
      server.failure === undefined && server.turns.length > 0 ? [[`${line.name}, ${server.server}`, { line, server }] as const] : [],
    ),
  );
}

function compareServer(before: Measured, after: Measured): ComparisonRow[] {
  const rate = before.line.workload === 'list' ? 'keys/s' : 'op/s';
  const row = (metric: ComparisonRow['metric'], values: readonly [number[], number[]], better: 'more' | 'less'): ComparisonRow => {
    const [one, other] = values.map(median) as [number, number];
    const interval = ratioInterval(...values);
    return {
      line: before.line.name,
      server: before.server.server,
      metric,
      before: one,
      after: other,
      ratio: other / one,
      ...(interval && { interval }),
      verdict: verdictOf(interval, better),
    };
  };
  const tails = [turnTails(before.server), turnTails(after.server)] as const;
  return [
    row(rate, [turnRates(before.server, rate), turnRates(after.server, rate)], 'more'),
    ...(tails.every((tail) => tail.length > 0) ? [row('p99 ms', [tails[0], tails[1]], 'less')] : []),
  ];
}

function verdictOf(interval: Interval | undefined, better: 'more' | 'less'): Verdict {
  if (interval === undefined) return 'too few turns';
  if (interval.low <= 1 && interval.high >= 1) return 'within noise';
  return interval.low > 1 === (better === 'more') ? 'faster' : 'slower';
}

/** One value a turn that has seconds with answers in them. */
function turnTails(server: LineServer): number[] {
  return secondsByTurn(server).flatMap((seconds) => {
    const tails = seconds.flatMap(({ sample }) => (sample.operations > 0 ? [sample.p99] : []));
    return tails.length === 0 ? [] : [median(tails)];
  });
}

function cautionsOf(before: BenchResult, after: BenchResult): string[] {
  const sides: readonly (readonly [string, (result: BenchResult) => string])[] = [
    ['processor', ({ machine }) => `${machine.cpu}, ${machine.cores} cores`],
    ['system', ({ machine }) => machine.system],
    ['Node', ({ machine }) => machine.node],
    ['harness', ({ version }) => version],
    ['seed', ({ seed }) => String(seed)],
  ];
  const differing = sides
    .filter(([, of]) => of(before) !== of(after))
    .map(([name, of]) => `${name}: ${of(before)} before, ${of(after)} after`);
  const busy = [before, after].some(({ machine }) => machine.loadAverage > machine.cores / 2);
  const loads = `load average when it began: ${number(before.machine.loadAverage)} before, ${number(after.machine.loadAverage)} after`;
  return busy ? [...differing, loads] : differing;
}

/** As a table, ending in a line feed. */
export function renderComparison({ rows, unpaired, cautions, interruptions }: Comparison): string {
  const columns: Column[] = ['line', 'server', 'metric'].map((head) => ({ head, align: 'left' }));
  for (const head of ['before', 'after', 'after/before', '95 % interval']) columns.push({ head, align: 'right' });
  columns.push({ head: 'verdict', align: 'left' });
  const cells = rows.map(({ line, server, metric, before, after, ratio, interval, verdict }) => {
    const range = interval === undefined ? '' : `${ratio3(interval.low)}–${ratio3(interval.high)}`;
    return [line, server, metric, number(before), number(after), ratio3(ratio), range, verdict];
  });
  const parts = [
    ...(rows.length > 0 ? [alignedRows(columns, cells), tallyOf(rows)] : ['The two results have no line and server in common.']),
    ...(unpaired.length > 0 ? [`Without figures in one of the two:\n${unpaired.map((name) => `  ${name}`).join('\n')}`] : []),
    ...(interruptions.length > 0 ? [`A run without all its lines:\n${interruptions.map((line) => `  ${line}`).join('\n')}`] : []),
    ...(cautions.length > 0 ? [`What differs besides:\n${cautions.map((caution) => `  ${caution}`).join('\n')}`] : []),
  ];
  return `${parts.join('\n\n')}\n`;
}

function ratio3(value: number): string {
  return Number.isFinite(value) ? value.toFixed(3) : number(value);
}

function tallyOf(rows: readonly ComparisonRow[]): string {
  const verdicts: readonly Verdict[] = ['faster', 'slower', 'within noise', 'too few turns'];
  const counts = verdicts.map((verdict) => [verdict, rows.filter((row) => row.verdict === verdict).length] as const);
  const told = counts.filter(([, count]) => count > 0).map(([verdict, count]) => `${count} ${verdict}`);
  const chance = rows.length >= 20 ? ` Of ${rows.length} comparisons, one in twenty may exceed a 95 % interval by chance.` : '';
  return `${told.join(', ')}.${chance}`;
}
