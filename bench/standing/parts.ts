/** The parts of BENCHMARKS.md that a run writes: each tells on its own when, where and by which command it was made. */
import { bytes, mebibytes, number, percent } from '../report/format.ts';
import { renderMarkdown } from '../report/markdown.ts';
import { median } from '../report/statistics.ts';
import { summarizeLines } from '../report/summary.ts';
import type { MicroFigure } from './micro.ts';
import { type GroupName, groupNames, type MatrixResult, type StandingResult } from './standing-result.ts';

/** Name of the part and what stands in it; only parts that the results tell of. */
export function renderParts(results: StandingResult): Map<string, string> {
  const parts = new Map<string, string>();
  const add = (part: string, content: string): void => void parts.set(part, `${caption(results)}\n\n${content}`);
  if (results.micros !== undefined) add('micro', microTable(results.micros));
  for (const group of groupNames) {
    const matrix = results.matrix[group];
    if (matrix !== undefined) add(`matrix-${group}`, matrixTables(matrix));
  }
  if (Object.keys(results.matrix).length > 0) add('memory', memoryTables(results.matrix));
  if (results.listing.length > 0) add('list-flatness', listingTable(results.listing));
  if (results.endurance !== undefined) add('endurance', enduranceTable(results.endurance));
  if (results.startUp !== undefined) add('start-up', startUpTable(results.startUp));
  return parts;
}

/** All of it to read on a terminal. */
export function partsText(results: StandingResult): string {
  return [...renderParts(results)].map(([part, content]) => `## ${part}\n\n${content}`).join('\n\n');
}

function caption({ startedAt, version, machine, fileSystem, command }: StandingResult): string {
  const { cpu, cores, memoryBytes, system, node, loadAverage } = machine;
  const where = `${cpu}, ${cores} cores, ${bytes(memoryBytes)}, ${fileSystem}, ${system}, Node ${node}`;
  return `liteio ${version} on ${startedAt.slice(0, 10)}; ${where}; load average at the start ${number(loadAverage)}.\n\n    ${command.join(' ')}`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = heads.map((_, column) => (column === 0 ? '---' : '--:'));
  return [heads, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function microTable(micros: readonly MicroFigure[]): string {
  const rows = micros.map(({ group, name, microseconds, fifthPercentile, ninetyFifthPercentile, bytesPerSecond }) => [
    `${group}: ${name}`,
    time(microseconds),
    `${time(fifthPercentile)} – ${time(ninetyFifthPercentile)}`,
    bytesPerSecond === undefined ? '' : mebibytes(bytesPerSecond),
  ]);
  return table(['one operation', 'median', '5 % – 95 %', 'MiB/s'], rows);
}

function time(microseconds: number): string {
  if (microseconds < 1) return `${number(microseconds * 1000)} ns`;
  return microseconds < 1000 ? `${number(microseconds)} us` : `${number(microseconds / 1000)} ms`;
}

function matrixTables({ servers, result }: MatrixResult): string {
  const described = servers.map(({ name, version, durability }) => [name, version, durability]);
  const heads = ['server', 'version', 'on the medium before a PUT is answered'];
  const list = [heads, heads.map(() => '---'), ...described].map((row) => `| ${row.join(' | ')} |`).join('\n');
  return `${list}\n\n${renderMarkdown(result)}`;
}

function memoryTables(matrix: StandingResult['matrix']): string {
  const results = groupNames.flatMap((group) => (matrix[group] === undefined ? [] : [[group, matrix[group].result] as const]));
  const servers = results.flatMap(([group, result]) =>
    result.servers.flatMap(({ name, process }) =>
      process === undefined
        ? []
        : [[name, group.replace('-', ' '), mebibytes(process.idleResidentBytes), mebibytes(process.peakResidentBytes)]],
    ),
  );
  const tables = [table(['resident MiB', 'group', 'idle', 'highest'], servers)];
  for (const [group, result] of results) tables.push(residentByLine(group, result));
  return tables.join('\n\n');
}

/** Highest of the three concurrencies at the end of a turn. */
function residentByLine(group: GroupName, result: MatrixResult['result']): string {
  const lines = summarizeLines(result);
  const sizes = [...new Set(result.lines.map(({ size }) => size))];
  const workloads = [...new Set(result.lines.map(({ workload }) => workload))];
  const cell = (workload: string, size: string): string => {
    const same = lines.filter(({ line }) => line.workload === workload && line.size === size);
    const resident = same.flatMap(({ servers }) => servers[0]?.figures?.cost?.residentBytes ?? []);
    return resident.length === 0 ? '' : mebibytes(Math.max(...resident));
  };
  const rows = sizes.map((size) => [size, ...workloads.map((workload) => cell(workload, size))]);
  return table([`${result.servers[0]?.name ?? ''}, ${group.replace('-', ' ')}: MiB after a turn of`, ...workloads], rows);
}

function listingTable(listing: StandingResult['listing']): string {
  const rows = listing.flatMap(({ keys, result }) =>
    summarizeLines(result).flatMap(({ line, servers }) =>
      servers.map(({ server, figures, failure, ratio }) => [
        keys.toLocaleString('en-US'),
        `c${line.concurrency}`,
        server,
        figures === undefined ? `failed: ${(failure ?? '').split('\n')[0]}` : number(figures.keysPerSecond),
        figures === undefined ? '' : number(figures.latency.p50),
        figures === undefined ? '' : number(figures.latency.p99),
        ratio === undefined ? '' : number(ratio.median),
        figures === undefined ? '' : `${percent(figures.clientShare)}${figures.clientLimited ? ' \\*' : ''}`,
      ]),
    ),
  );
  const heads = ['keys in the bucket', '', 'server', 'keys/s', 'p50 ms', 'p99 ms', 'liteio is times as fast', 'client CPU'];
  const marked = rows.some((row) => row.at(-1)?.endsWith('*')) ? '\n\n\\* The client was the limit.' : '';
  return `${table(heads, rows)}${marked}`;
}

function enduranceTable(result: NonNullable<StandingResult['endurance']>): string {
  const [line] = result.lines;
  const [server] = line?.servers ?? [];
  if (line === undefined || server === undefined) return 'No line was run.';
  if (server.failure !== undefined) return `${line.name} failed: ${server.failure.split('\n')[0]}`;
  const rows = server.turns.map((turn, minute) => [
    String(minute + 1),
    number(turn.operations / turn.seconds),
    mebibytes(turn.bytes / turn.seconds),
    String(turn.errors),
    turn.server === undefined ? '' : mebibytes(turn.server.residentBytes),
    turn.server === undefined ? '' : number((turn.server.cpuSeconds * 1e6) / Math.max(1, turn.operations)),
  ]);
  const heads = ['minute', 'op/s', 'MiB/s', 'errors', 'resident MiB at its end', 'CPU us/op'];
  return `${server.server}, ${line.name} (45 GET, 15 PUT, 30 STAT, 10 DELETE of a hundred):\n\n${table(heads, rows)}`;
}

function startUpTable(figures: NonNullable<StandingResult['startUp']>): string {
  const rows = figures.map(({ objects, seconds, pageCache, residentBytes }) => [
    objects === 0 ? 'empty, on new drives' : `${objects.toLocaleString('en-US')} objects, after kill -9`,
    pageCache,
    String(seconds.length),
    number(median(seconds)),
    number(Math.max(...seconds)),
    mebibytes(residentBytes),
  ]);
  return table(['store', 'page cache', 'starts', 'median s', 'worst s', 'resident MiB'], rows);
}
