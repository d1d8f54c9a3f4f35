/** What the page's charts are drawn from: made here, embedded as JSON, read by page-script.ts in the browser. */
import { dashes, type Palette, palettes } from './page-palette.ts';
import { rampsOf } from './ramps.ts';
import type { BenchResult, LineServer } from './result.ts';
import { secondsByTurn } from './seconds.ts';
import { type Figures, type LineSummary, mergedHistogram } from './summary.ts';

export interface PageData {
  readonly servers: readonly string[];
  readonly palettes: { readonly light: Palette; readonly dark: Palette };
  /** Of the charts' lines, by server. */
  readonly dashes: readonly (readonly number[])[];
  readonly percentileSteps: readonly number[];
  readonly lines: readonly PageLine[];
  readonly ramps: readonly PageRamp[];
}

export interface PageRamp {
  /** Requests at once, ascending. */
  readonly steps: readonly number[];
  /** Those that did any step. */
  readonly servers: readonly PageRampServer[];
}

export interface PageRampServer {
  /** In PageData.servers. */
  readonly index: number;
  /** Operations per second for each step; null where the server failed. */
  readonly rates: readonly (number | null)[];
  /** 99th percentiles, ms. */
  readonly tails: readonly (number | null)[];
  /** In PageRamp.steps; -1 where there is none. */
  readonly knee: number;
}

export interface PageLine {
  readonly name: string;
  readonly servers: readonly PageServer[];
}

export interface PageServer {
  /** In PageData.servers. */
  readonly index: number;
  /** Seconds of load, ascending; a null rate between turns, where the line breaks. */
  readonly load: readonly number[];
  readonly rates: readonly (number | null)[];
  /** One latency in ms for each of PageData.percentileSteps; null beyond what so few operations can tell. */
  readonly latencies: readonly (number | null)[];
}

const stepsPerDecade = 16;

/**
 * Where the percentile chart has its points, as 1 / (1 - share): 2 is the 50th percentile, 10,000 the 99.99th. Evenly spaced on a
 * logarithmic axis, so that each further nine has as much room as the one before (after Gil Tene's HdrHistogram plots).
 */
const percentileSteps: readonly number[] = Array.from({ length: Math.ceil(Math.log10(5000) * stepsPerDecade) + 1 }, (_, step) =>
  Math.min(10_000, 2 * 10 ** (step / stepsPerDecade)),
);

export function pageData(result: BenchResult, lines: readonly LineSummary[]): PageData {
  return {
    servers: result.servers.map((server) => server.name),
    palettes,
    dashes,
    percentileSteps: percentileSteps.map(rounded),
    lines: result.lines.map((line) => ({
      name: line.name,
      servers: line.servers.flatMap((server, index) =>
        server.failure === undefined && server.turns.length > 0 ? [pageServer(server, index)] : [],
      ),
    })),
    ramps: rampsOf(lines).map(({ steps, servers }) => ({
      steps,
      servers: servers.flatMap(({ figures, knee = -1 }, index) => {
        const each = (of: (one: Figures) => number) => figures.map((one) => (one === undefined ? null : rounded(of(one))));
        const rates = each(({ opsPerSecond }) => opsPerSecond);
        return rates.every((rate) => rate === null) ? [] : [{ index, rates, tails: each(({ latency }) => latency.p99), knee }];
      }),
    })),
  };
}

function pageServer(server: LineServer, index: number): PageServer {
  const load: number[] = [];
  const rates: (number | null)[] = [];
  for (const seconds of secondsByTurn(server)) {
    const begun = seconds[0] === undefined ? 0 : seconds[0].load - seconds[0].seconds;
    if (load.length > 0 && seconds.length > 0) {
      load.push(Math.max(begun, load.at(-1)! + 0.001));
      rates.push(null);
    }
    for (const second of seconds) {
      load.push(rounded(Math.max(second.load, (load.at(-1) ?? 0) + 0.001)));
      rates.push(rounded(second.sample.operations / second.seconds));
    }
  }
  return { index, load, rates, latencies: latenciesOf(server) };
}

function latenciesOf(server: LineServer): (number | null)[] {
  const histogram = mergedHistogram(server);
  return percentileSteps.map((step) =>
    step > Math.max(2, histogram.totalCount) ? null : rounded(histogram.getValueAtPercentile(100 * (1 - 1 / step)) / 1000),
  );
}

/** Six digits are more than a chart shows. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
