/** The columns of the tables of all lines, in the terminal and on the page. */
import { bytes, count, mebibytes, number, percent, ratioWithSpread } from './format.ts';
import type { Figures, ServerSummary } from './summary.ts';

export interface Field {
  readonly head: string;
  /** What a reader may want to know of it. */
  readonly meaning: string;
  /** What rows are sorted by; undefined where there is none. A column without any is left out. */
  readonly value: (figures: Figures, summary: ServerSummary) => number | undefined;
  /** `number` where absent. */
  readonly text?: (value: number, summary: ServerSummary) => string;
}

export const fields: readonly Field[] = [
  { head: 'op/s', meaning: 'operations per second, median of the turns', value: (figures) => figures.opsPerSecond },
  { head: 'MiB/s', meaning: 'body bytes in both directions, median of the turns', value: (figures) => positive(figures.mibPerSecond) },
  { head: 'keys/s', meaning: 'keys listed per second, median of the turns', value: (figures) => positive(figures.keysPerSecond) },
  {
    head: 'ratio (least–greatest)',
    meaning: 'the first server over this one, median of the turns with the least and the greatest',
    value: (_, { ratio }) => ratio?.median,
    text: (_, { ratio }) => ratioWithSpread(ratio!),
  },
  { head: 'p50 ms', meaning: 'latency that half of the operations stayed under', value: (figures) => figures.latency.p50 },
  { head: 'p90', meaning: 'latency that 90 % stayed under, ms', value: (figures) => figures.latency.p90 },
  { head: 'p99', meaning: 'latency that 99 % stayed under, ms', value: (figures) => figures.latency.p99 },
  { head: 'p99.9', meaning: 'latency that 99.9 % stayed under, ms', value: (figures) => figures.latency.p999 },
  { head: 'errors', meaning: 'answers that were not what was asked for', value: (figures) => positive(figures.errors), text: count },
  { head: 'CPU us/op', meaning: 'CPU time of the server per operation, all threads', value: (figures) => figures.cost?.cpuMicros },
  {
    head: 'RSS MiB',
    meaning: 'highest resident memory of the server at the end of a turn',
    value: (figures) => figures.cost?.residentBytes,
    text: mebibytes,
  },
  { head: 'written/op', meaning: 'bytes sent to storage per operation', value: (figures) => figures.cost?.writtenBytes, text: bytes },
  { head: 'per byte', meaning: 'bytes sent to storage per body byte', value: (figures) => figures.cost?.writeAmplification },
  { head: 'flushes/op', meaning: 'flushes of all block devices per operation', value: (figures) => figures.cost?.flushes },
  { head: 'client CPU', meaning: 'share of all cores that the client used', value: (figures) => figures.clientShare, text: percent },
];

function positive(value: number): number | undefined {
  return value > 0 ? value : undefined;
}

/** Undefined where the server has no such figure. */
export function fieldText({ value, text = number }: Field, summary: ServerSummary): string | undefined {
  const figure = summary.figures && value(summary.figures, summary);
  return figure === undefined ? undefined : text(figure, summary);
}
