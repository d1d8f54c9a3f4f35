/** One result by itself: where the latencies lie, whether throughput and memory held, and what broke the pace. */
import { alignedRows, bytes, type Column, count, duration, mebibytes, number, percent } from './format.ts';
import { interruptionLines } from './interruption-lines.ts';
import type { BenchResult, LineServer } from './result.ts';
import { type Second, secondsByTurn } from './seconds.ts';
import { median, type Slope, theilSen } from './statistics.ts';
import { decodeHistogram, type Figures, type LineSummary, mergedHistogram, summarizeLines } from './summary.ts';
import { unknownCosts } from './unknown-costs.ts';

/** The stretches at either end that are set against each other; half of the load where that is shorter. */
const stretchSeconds = 60;
/** A second under this share of the median second's rate is a stall. */
const stallShare = 0.5;
const stallsShown = 5;
/** With as many turns, each is one point of the trend. */
const turnsForTrend = 5;
/** Else a trend is fitted to at most so many points, each a mean of as many seconds: seconds next to each other are alike, and an interval takes them as independent. */
const trendPoints = 60;
const percentiles = [50, 75, 90, 95, 99, 99.9, 99.99];

/** A paragraph per line and server, ending in a line feed. */
export function analyzeResult(result: BenchResult): string {
  const parts = summarizeLines(result).flatMap((summary) =>
    summary.servers.map((server, index) => {
      const head = `${summary.line.name}, ${server.server}`;
      if (server.figures === undefined) return `${head}\n  failed: ${server.failure}`;
      return [head, ...analyzeServer(summary, summary.line.servers[index]!, server.figures)].join('\n');
    }),
  );
  if (parts.length === 0) parts.push('The result has no finished line.');
  const unknown = unknownCosts(result);
  if (unknown !== undefined) parts.push(unknown);
  if (result.interruption !== undefined) parts.push(`The run was ${interruptionLines(result.interruption).join('\n  ')}`);
  return `${parts.join('\n\n')}\n`;
}

function analyzeServer(summary: LineSummary, server: LineServer, figures: Figures): string[] {
  const turns = secondsByTurn(server);
  const busiest = figures.busiestClientThread === undefined ? '' : `, busiest thread ${percent(figures.busiestClientThread)}`;
  const seconds = turns.flat();
  return [
    ...latencyRows(server).map((row) => `  ${row}`),
    `  load         ${duration(figures.seconds)} in ${figures.turns} ${figures.turns === 1 ? 'turn' : 'turns'}: ${count(figures.operations)} operations, ${number(figures.opsPerSecond)} op/s${figures.mibPerSecond > 0 ? `, ${number(figures.mibPerSecond)} MiB/s` : ''}${summary.rate === 'keys/s' ? `, ${number(figures.keysPerSecond)} keys/s` : ''}`,
    ...(seconds.length >= 2 ? paceOf(seconds, trendOf(turns)) : ['  pace         too few seconds to say']),
    ...(server.knee ? ['  knee         the last step of the ramp that brought this server a tenth more'] : []),
    ...residentOf(server),
    `  errors       ${figures.errors === 0 ? 'none' : `${count(figures.errors)} (${errorsByOperation(server)})`}`,
    `  client       ${percent(figures.clientShare)} of all cores${busiest}${figures.clientLimited ? ': the client was the limit, the server may be faster' : ''}`,
  ];
}

function latencyRows(server: LineServer): string[] {
  const columns: Column[] = [
    { head: 'latency ms', align: 'left' },
    ...percentiles.map((percentile): Column => ({ head: `p${percentile}`, align: 'right' })),
    { head: 'max', align: 'right' },
  ];
  const names = Object.keys(server.operations);
  const histograms = names.map((name) => [name, decodeHistogram(server.operations[name]!.histogram)] as const);
  if (names.length > 1) histograms.push(['all', mergedHistogram(server)]);
  const rows = histograms.map(([name, histogram]) => [
    name,
    ...percentiles.map((percentile) => number(histogram.getValueAtPercentile(percentile) / 1000)),
    number(histogram.totalCount === 0 ? 0 : histogram.maxValue / 1000),
  ]);
  return alignedRows(columns, rows).split('\n');
}

function rateOf({ sample, seconds }: Second): number {
  return sample.operations / seconds;
}

function paceOf(seconds: readonly Second[], trend: Slope | undefined): string[] {
  const usual = median(seconds.map(rateOf));
  const length = Math.min(stretchSeconds, Math.floor(seconds.length / 2));
  const first = meanRate(seconds.slice(0, length));
  const last = meanRate(seconds.slice(-length));
  const worst = seconds.reduce((one, other) => (rateOf(other) < rateOf(one) ? other : one));
  const stalls = seconds.filter((second) => rateOf(second) < usual * stallShare);
  const shown = stalls.slice(0, stallsShown).map(({ load }) => `${number(load)} s`);
  const where = `at ${shown.join(', ')}${stalls.length > stallsShown ? ', ...' : ''} of load`;
  return [
    `  first, last  ${number(first)} op/s in the first ${length} s, ${number(last)} in the last: ${signedPercent(last / first - 1)}`,
    `  trend        ${trendText(trend, usual / seconds.at(-1)!.load)}`,
    `  worst second ${number(rateOf(worst))} op/s at ${number(worst.load)} s of load (median second ${number(usual)}), p99 ${number(worst.sample.p99)} ms`,
    `  stalls       ${stalls.length === 0 ? `none: no second under ${percent(stallShare)} of the median` : `${stalls.length} of ${seconds.length} seconds under ${percent(stallShare)} of the median, ${where}`}`,
  ];
}

function meanRate(seconds: readonly Second[]): number {
  const covered = seconds.reduce((sum, second) => sum + second.seconds, 0);
  return seconds.reduce((sum, second) => sum + second.sample.operations, 0) / covered;
}

/** Operations per second per second: over turns where they are enough, since the seconds of one turn stray together, else over parts of the load. */
function trendOf(turns: readonly (readonly Second[])[]): Slope | undefined {
  if (turns.length >= turnsForTrend) return theilSen(turns.flatMap((seconds) => (seconds.length === 0 ? [] : [trendPoint(seconds)])));
  const seconds = turns.flat();
  const perPoint = Math.ceil(seconds.length / trendPoints);
  const points: [number, number][] = [];
  for (let from = 0; from + perPoint <= seconds.length; from += perPoint) points.push(trendPoint(seconds.slice(from, from + perPoint)));
  return theilSen(points);
}

/** The middle of a stretch of load, and the rate over it. */
function trendPoint(seconds: readonly Second[]): [number, number] {
  return [(seconds[0]!.load + seconds.at(-1)!.load) / 2, meanRate(seconds)];
}

/** `whole`: the slope by which the usual rate is gained over the whole load. */
function trendText(trend: Slope | undefined, whole: number): string {
  if (trend === undefined) return 'too few seconds to say';
  const over = (slope: number): string => signedPercent(slope / whole);
  const verdict = trend.low > 0 ? 'rising' : trend.high < 0 ? 'falling' : 'none beyond noise';
  return `${over(trend.slope)} over the load (95 %: ${over(trend.low)} to ${over(trend.high)}): ${verdict}`;
}

function residentOf({ turns }: LineServer): string[] {
  const resident = turns.flatMap((turn) => (turn.server === undefined ? [] : [turn.server.residentBytes]));
  if (resident.length === 0) return [];
  const [first, last] = [resident[0]!, resident.at(-1)!];
  const cost = turns.reduce((sum, turn) => sum + (turn.server?.cpuSeconds ?? 0), 0);
  const written = turns.reduce((sum, turn) => sum + (turn.server?.writtenBytes ?? Number.NaN), 0);
  const seconds = turns.reduce((sum, turn) => sum + turn.seconds, 0);
  const drift = resident.length < 2 ? '' : `, ${mebibytes(last)} after the last: ${signedPercent(last / first - 1)}`;
  return [
    `  resident     ${mebibytes(first)} MiB after the first turn${drift}`,
    `  server       ${number(cost / seconds)} cores busy${Number.isNaN(written) ? '' : `, ${bytes(written / seconds)} a second written`}`,
  ];
}

function errorsByOperation(server: LineServer): string {
  const told = Object.entries(server.operations).filter(([, record]) => record.errors > 0);
  return told.map(([name, record]) => `${name} ${record.errors}`).join(', ');
}

function signedPercent(share: number): string {
  if (!Number.isFinite(share)) return number(share);
  const value = share * 100;
  return `${value >= 0 ? '+' : '−'}${Math.abs(value) >= 10 ? Math.abs(value).toFixed(0) : Math.abs(value).toFixed(1)} %`;
}
