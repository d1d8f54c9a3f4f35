/** What `--fail-under` asks of a result: `put.ratio>=1.0`, `put-4KiB-c16.minio.ratio>=4`, `get.p99<=20`, `rss<=400`. */
import { mebibyte } from '../workload/sizes.ts';
import type { BenchResult } from './result.ts';
import { type Figures, type LineSummary, type ServerSummary, summarizeLines } from './summary.ts';

/** An expression that can't be read or that names nothing of the result: no pass and no failure, but a mistake (exit 2). */
export class ThresholdMistake extends Error {}

export interface ThresholdOutcome {
  readonly expression: string;
  /** Whether every value meets it. */
  readonly met: boolean;
  readonly findings: readonly Finding[];
}

export interface Finding {
  /** `put-4KiB-c16, liteio over minio`. */
  readonly of: string;
  /** NaN when there are no figures, which meets nothing. */
  readonly value: number;
  readonly met: boolean;
}

const comparisons: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  '>=': (value, limit) => value >= limit,
  '<=': (value, limit) => value <= limit,
  '==': (value, limit) => value === limit,
  '>': (value, limit) => value > limit,
  '<': (value, limit) => value < limit,
};

/** What can be asked of one server of a line; latencies in ms. Undefined: it wasn't measured. */
const serverMetrics: Readonly<Record<string, (figures: Figures) => number | undefined>> = {
  ops: (figures) => figures.opsPerSecond,
  mib: (figures) => figures.mibPerSecond,
  keys: (figures) => figures.keysPerSecond,
  p50: (figures) => figures.latency.p50,
  p90: (figures) => figures.latency.p90,
  p99: (figures) => figures.latency.p99,
  p999: (figures) => figures.latency.p999,
  max: (figures) => figures.latency.max,
  errors: (figures) => figures.errors,
  /** Microseconds per operation. */
  cpu: (figures) => figures.cost?.cpuMicros,
  /** MiB. */
  rss: (figures) => figures.cost && figures.cost.residentBytes / mebibyte,
  /** Bytes per operation. */
  written: (figures) => figures.cost?.writtenBytes,
  flushes: (figures) => figures.cost?.flushes,
  /** Of all cores, 0..1. */
  client: (figures) => figures.clientShare,
};

/** Those that may stand alone: `rss` is then the first server's highest over the run, the others are asked of every line. */
const alone = ['rss', 'client', 'errors', 'ratio'];

interface Expression {
  readonly text: string;
  /** Empty when the metric stands alone. */
  readonly scope: string;
  readonly metric: string;
  readonly comparison: string;
  readonly limit: number;
}

/** One outcome per expression. Throws ThresholdMistake, naming the expression, when one can't be read or matches nothing. */
export function checkThresholds(result: BenchResult, expressions: readonly string[]): ThresholdOutcome[] {
  const parsed = expressions.map(parse);
  const lines = summarizeLines(result);
  return parsed.map((expression) => {
    const compare = comparisons[expression.comparison]!;
    const findings = valuesOf(expression, result, lines).map(([of, value]) => ({ of, value, met: compare(value, expression.limit) }));
    if (findings.length === 0)
      throw new ThresholdMistake(`${expression.text}: nothing in the result is called ${expression.scope || expression.metric}`);
    return { expression: expression.text, met: findings.every((finding) => finding.met), findings };
  });
}

function hasUnit(text: string): boolean {
  return /[<>=]\s*\d+(\.\d+)?\s*[a-zµ%]+$/i.test(text);
}

function parse(text: string): Expression {
  const [, left = '', comparison = '', number = ''] = /^([^<>=]+?)\s*(>=|<=|==|>|<)\s*(-?\d+(?:\.\d+)?)$/.exec(text.trim()) ?? [];
  if (comparison === '')
    throw new ThresholdMistake(
      `${text}: not of the form name.metric>=number${hasUnit(text) ? ', without a unit: latencies are in ms, rss in MiB' : ''}`,
    );
  const dot = left.lastIndexOf('.');
  const expression = { text, scope: left.slice(0, Math.max(0, dot)), metric: left.slice(dot + 1), comparison, limit: Number(number) };
  const known = ['ratio', ...Object.keys(serverMetrics)];
  if (!known.includes(expression.metric)) {
    throw new ThresholdMistake(`${text}: no metric is called ${expression.metric}; there are ${known.join(', ')}`);
  }
  if (expression.scope === '' && !alone.includes(expression.metric)) {
    throw new ThresholdMistake(`${text}: ${expression.metric} needs a workload or a line before it; ${alone.join(', ')} may stand alone`);
  }
  return expression;
}

function valuesOf(
  { scope, metric }: Expression,
  result: BenchResult,
  lines: readonly LineSummary[],
): (readonly [of: string, value: number])[] {
  if (scope === '' && metric === 'rss') return residentPeak(result, lines);
  return lines.flatMap((line) => {
    const asked = line.servers.filter((server, index) => isAsked(scope, line, { server, index, metric }));
    return asked.map((server) => [nameOf(line, server, metric), figureOf(server, metric)] as const);
  });
}

/** A name alone asks the first server, or for ratios all others; `name.server` asks that one. Names may have dots of their own. */
function isAsked(scope: string, { line }: LineSummary, of: { server: ServerSummary; index: number; metric: string }): boolean {
  const ofPeer = of.index > 0;
  const names = [line.name, line.workload];
  if (scope === '' || names.includes(scope)) return ofPeer === (of.metric === 'ratio');
  return names.some((name) => scope === `${name}.${of.server.server}`) && (ofPeer || of.metric !== 'ratio');
}

function nameOf({ line, servers }: LineSummary, server: ServerSummary, metric: string): string {
  return metric === 'ratio' ? `${line.name}, ${servers[0]?.server} over ${server.server}` : `${line.name}, ${server.server}`;
}

function figureOf(server: ServerSummary, metric: string): number {
  if (metric === 'ratio') return server.ratio?.median ?? Number.NaN;
  return (server.figures && serverMetrics[metric]!(server.figures)) ?? Number.NaN;
}

function residentPeak(result: BenchResult, lines: readonly LineSummary[]): (readonly [string, number])[] {
  const first = result.servers[0];
  if (first === undefined || (first.process === undefined && lines.length === 0)) return [];
  const turns = lines.map((line) => line.servers[0]?.figures?.cost?.residentBytes ?? Number.NaN);
  const bytes = first.process?.peakResidentBytes ?? Math.max(...turns);
  return [[`${first.name}, highest of the run`, bytes / mebibyte]];
}

/** One line each: what was asked, and which values don't meet it. */
export function renderThresholds(outcomes: readonly ThresholdOutcome[]): string {
  return outcomes
    .map(({ expression, met, findings }) => {
      if (met) return `met      ${expression}  (${findings.length === 1 ? `${shown(findings[0]!.value)}` : `${findings.length} values`})`;
      const missed = findings.filter((finding) => !finding.met).map(({ of, value }) => `\n           ${of}: ${shown(value)}`);
      return `not met  ${expression}${missed.join('')}`;
    })
    .join('\n');
}

function shown(value: number): string {
  return Number.isNaN(value) ? 'no figures' : String(Number(value.toPrecision(4)));
}
