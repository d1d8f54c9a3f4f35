/** What liteio is to reach, each goal an expression over the results: the measured value, whether it is reached, or that it wasn't measured. */
import { number } from '../report/format.ts';
import type { BenchResult } from '../report/result.ts';
import { median } from '../report/statistics.ts';
import { type LineSummary, type ServerSummary, summarizeLines } from '../report/summary.ts';
import { mebibyte } from '../workload/sizes.ts';
import type { GroupName, StandingResult } from './standing-result.ts';

/** A turn that is asked to last a minute ends with its last request. */
const minuteSecondsMin = 59;

export interface Goal {
  readonly name: string;
  /** undefined: this run says nothing of it. */
  measure(results: StandingResult): Measured | undefined;
}

export interface Measured {
  readonly value: string;
  readonly reached: boolean;
}

/** Names of settings of peers. */
const minio = 'minio';
const seaweedfs = 'seaweedfs';

export const goals: readonly Goal[] = [
  overPeer('PUT 4 KiB at c16 and c64: 4 times MinIO at its defaults', { lines: ['put-4KiB-c16', 'put-4KiB-c64'], peer: minio, times: 4 }),
  overPeer('PUT 4 KiB at c16 and c64: as fast as SeaweedFS without fsync', {
    lines: ['put-4KiB-c16', 'put-4KiB-c64'],
    peer: seaweedfs,
    times: 1,
  }),
  overPeer('GET 4 KiB: 2 times MinIO', { lines: linesOf('get', '4KiB'), peer: minio, times: 2 }),
  overPeer('STAT 4 KiB: 2 times MinIO', { lines: linesOf('stat', '4KiB'), peer: minio, times: 2 }),
  overPeer('DELETE 4 KiB: 4 times MinIO', { lines: linesOf('delete', '4KiB'), peer: minio, times: 4 }),
  overPeer('PUT 8 MiB: as fast as MinIO', { lines: linesOf('put', '8MiB'), peer: minio, times: 1 }),
  overPeer('GET 8 MiB: as fast as MinIO', { lines: linesOf('get', '8MiB'), peer: minio, times: 1 }),
  overPeer('PUT 64 MiB: as fast as MinIO', { lines: linesOf('put', '64MiB'), peer: minio, times: 1 }),
  overPeer('GET 64 MiB: as fast as MinIO', { lines: linesOf('get', '64MiB'), peer: minio, times: 1 }),
  { name: 'LIST of 10,000 keys: 10 times the keys/s of MinIO', measure: listOverMinio },
  { name: 'LIST flat: keys/s at 1,000,000 keys at least 0.8 of those at 10,000', measure: listFlatness },
  { name: 'Resident when idle: under 120 MiB', measure: (results) => resident(results, 'idleResidentBytes', 120) },
  { name: 'Resident under load: under 400 MiB', measure: (results) => resident(results, 'peakResidentBytes', 400) },
  { name: 'Ten minutes of mixed load: last minute within 15 % of the first', measure: throughputHolds },
  { name: 'Ten minutes of mixed load: resident bytes flat (last minute at most 15 % over the first)', measure: memoryHolds },
  startsWithin(0, 'Cold start with an empty store to the first 200: under 1 s'),
  startsWithin(1_000_000, 'Cold start with 1,000,000 objects to the first 200: under 1 s'),
  { name: 'The client under half of the CPU on every line (others are marked)', measure: clientShare },
];

function linesOf(workload: string, size: string): string[] {
  return [1, 16, 64].map((concurrency) => `${workload}-${size}-c${concurrency}`);
}

/** All lines must be reached by their median. Both drive groups count where the peer is in them: the one with six drives first. */
function overPeer(name: string, of: { lines: readonly string[]; peer: string; times: number }): Goal {
  return {
    name,
    measure: ({ matrix }) => {
      const groups = [matrix['six-drives'], matrix['one-drive']];
      const group = groups.find((one) => one?.result.servers.some((server) => server.name === of.peer));
      if (group === undefined) return undefined;
      const found = summariesOf(group.result, of.lines).map((line) => ({
        line,
        server: line.servers.find(({ server }) => server === of.peer),
      }));
      if (found.length < of.lines.length) return undefined;
      return judged(
        found.map(({ line, server }) => [`c${line.line.concurrency}`, ratioOf(server, line)]),
        (ratio) => ratio >= of.times,
      );
    },
  };
}

function ratioOf(server: ServerSummary | undefined, line: LineSummary): number {
  if (line.servers[0]?.figures === undefined) return 0;
  // A peer that can't do the line has no figures to compare with: that is not counted for us.
  return server?.ratio?.median ?? Number.NaN;
}

function judged(values: readonly (readonly [of: string, value: number])[], meets: (value: number) => boolean): Measured | undefined {
  const known = values.filter(([, value]) => !Number.isNaN(value));
  if (known.length === 0) return undefined;
  const value = values.map(([of, ratio]) => `${of}: ${Number.isNaN(ratio) ? 'peer failed' : number(ratio)}`).join(', ');
  return { value, reached: known.length === values.length && known.every(([, ratio]) => meets(ratio)) };
}

function summariesOf(result: BenchResult, names: readonly string[]): LineSummary[] {
  return summarizeLines({ ...result, lines: result.lines.filter((line) => names.includes(line.name)) });
}

function listOverMinio({ listing }: StandingResult): Measured | undefined {
  const lines = summarizeListing(listing.find(({ keys }) => keys === 10_000));
  const values = lines.map((line) => {
    const server = line.servers.find((other) => other.server === minio);
    return [`c${line.line.concurrency}`, ratioOf(server, line)] as const;
  });
  return judged(values, (ratio) => ratio >= 10);
}

function listFlatness({ listing }: StandingResult): Measured | undefined {
  const few = summarizeListing(listing.find(({ keys }) => keys === 10_000));
  const many = summarizeListing(listing.find(({ keys }) => keys === 1_000_000));
  const values = few.flatMap((line) => {
    const same = many.find((other) => other.line.concurrency === line.line.concurrency);
    const rates = [same, line].map((of) => of?.servers[0]?.figures?.keysPerSecond ?? Number.NaN);
    return same === undefined ? [] : [[`c${line.line.concurrency}`, rates[0]! / rates[1]!] as const];
  });
  return judged(values, (share) => share >= 0.8);
}

function summarizeListing(listing: StandingResult['listing'][number] | undefined): LineSummary[] {
  return listing === undefined ? [] : summarizeLines(listing.result);
}

/** A run without the group that needs most says nothing of all. */
function saysOfAll({ whole, matrix }: StandingResult): boolean {
  return whole && matrix['six-drives'] !== undefined;
}

function resident(results: StandingResult, which: 'idleResidentBytes' | 'peakResidentBytes', mebibytesMax: number): Measured | undefined {
  if (!saysOfAll(results)) return undefined;
  const values = (['six-drives', 'one-drive'] satisfies GroupName[]).flatMap((group) => {
    const bytes = results.matrix[group]?.result.servers[0]?.process?.[which];
    return bytes === undefined ? [] : [[group.replace('-', ' '), bytes / mebibyte] as const];
  });
  return judged(values, (mebibytes) => mebibytes < mebibytesMax);
}

/** The first and the last of ten turns of a minute; undefined of a shorter run. */
function minutesOf({ endurance }: StandingResult) {
  const turns = endurance?.lines[0]?.servers[0]?.turns ?? [];
  const [first, last] = [turns[0], turns.at(-1)];
  if (first === undefined || last === undefined || turns.length < 10 || first.seconds < minuteSecondsMin) return undefined;
  return { first, last };
}

function throughputHolds(results: StandingResult): Measured | undefined {
  const minutes = minutesOf(results);
  if (minutes === undefined) return undefined;
  const { first, last } = minutes;
  const share = last.operations / last.seconds / (first.operations / first.seconds);
  return { value: `${number(share)} of the first minute`, reached: Math.abs(share - 1) <= 0.15 };
}

function memoryHolds(results: StandingResult): Measured | undefined {
  const minutes = minutesOf(results);
  const bytes = [minutes?.first.server?.residentBytes, minutes?.last.server?.residentBytes] as const;
  if (bytes[0] === undefined || bytes[1] === undefined) return undefined;
  const value = `${number(bytes[0] / mebibyte)} MiB, then ${number(bytes[1] / mebibyte)} MiB`;
  return { value, reached: bytes[1] <= bytes[0] * 1.15 };
}

/** The worst start counts, of those from the disk where the page cache could be dropped. */
function startsWithin(objects: number, name: string): Goal {
  return {
    name,
    measure: ({ startUp }) => {
      const figures = startUp?.filter((one) => one.objects === objects) ?? [];
      const figure = figures.find(({ pageCache }) => pageCache === 'dropped') ?? figures[0];
      if (figure === undefined) return undefined;
      const worst = Math.max(...figure.seconds);
      const value = `median ${number(median(figure.seconds))} s, worst ${number(worst)} s, page cache ${figure.pageCache}`;
      return { value, reached: worst < 1 };
    },
  };
}

function clientShare(results: StandingResult): Measured | undefined {
  if (!saysOfAll(results)) return undefined;
  const lines = Object.values(results.matrix).flatMap(({ result }) => summarizeLines(result));
  if (lines.length === 0) return undefined;
  const marked = lines.filter((line) => line.clientLimited);
  const value = marked.length === 0 ? `all ${lines.length} lines` : `${marked.length} of ${lines.length} lines are marked`;
  return { value, reached: marked.length === 0 };
}
