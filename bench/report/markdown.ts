/** The result as a table of Markdown, one row a line, for BENCHMARKS.md. */
import { mebibytes, number, percent, ratioWithSpread } from './format.ts';
import type { BenchResult } from './result.ts';
import { type LineSummary, type ServerSummary, summarizeLines } from './summary.ts';
import { unknownCosts } from './unknown-costs.ts';

/** The table, then what its marks mean; ends in a line feed. The figures are the first server's, the ratios are it over each other. */
export function renderMarkdown(result: BenchResult): string {
  const [first, ...peers] = result.servers.map((server) => server.name);
  const lines = summarizeLines(result);
  const heads = ['line', 'op/s', 'MiB/s', 'p50 ms', 'p99 ms', `${first} CPU us/op`, ...peers.map((peer) => `over ${peer}`), 'client CPU'];
  const rows = lines.map((line) => rowOf(line, peers));
  const table = [heads, heads.map((_, index) => (index === 0 ? '---' : '--:')), ...rows].map(
    (row) => `| ${row.map(escaped).join(' | ')} |`,
  );
  return `${[...table, ...notesOf(result, lines)].join('\n')}\n`;
}

function rowOf({ line, servers, clientLimited, rate }: LineSummary, peers: readonly string[]): string[] {
  const own = servers[0]?.figures;
  const ratios = peers.map((peer) => ratioCell(servers.find((server) => server.server === peer)));
  const name = `${line.name}${clientLimited ? ' *' : ''}${servers[0]?.knee ? ' ^' : ''}`;
  if (own === undefined) return [name, 'failed', '', '', '', '', ...ratios, ''];
  const operations = rate === 'keys/s' ? `${number(own.opsPerSecond)} (${number(own.keysPerSecond)} keys/s)` : number(own.opsPerSecond);
  const busiest = Math.max(...servers.map((server) => server.figures?.clientShare ?? 0));
  return [
    name,
    operations,
    own.mibPerSecond > 0 ? number(own.mibPerSecond) : '',
    number(own.latency.p50),
    number(own.latency.p99),
    own.cost === undefined ? '' : number(own.cost.cpuMicros),
    ...ratios,
    percent(busiest),
  ];
}

function ratioCell(peer: ServerSummary | undefined): string {
  if (peer === undefined) return '';
  if (peer.failure !== undefined) return 'failed';
  return peer.ratio === undefined ? '' : `${ratioWithSpread(peer.ratio)}${peer.figures?.clientLimited ? ' *' : ''}`;
}

function escaped(cell: string): string {
  return cell.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function notesOf(result: BenchResult, lines: readonly LineSummary[]): string[] {
  const failures = lines.flatMap((line) =>
    line.servers.flatMap(({ server, failure }) =>
      failure === undefined ? [] : [`- ${line.line.name}, ${server} failed: ${failure.replaceAll('\n', ' ')}`],
    ),
  );
  const resident = result.servers.flatMap(({ name, process }) =>
    process?.peakResidentBytes === undefined
      ? []
      : [`${name} ${mebibytes(process.idleResidentBytes)} idle and ${mebibytes(process.peakResidentBytes)} at most`],
  );
  const unknown = unknownCosts(result);
  return [
    '',
    'Ratios are medians of the turns with the least and the greatest; client CPU is the highest of the line, of all cores.',
    ...(lines.some((line) => line.clientLimited)
      ? ['', '\\* The client was the limit of a server marked so, or of one server of a line marked so.']
      : []),
    ...(lines.some((line) => line.servers[0]?.knee) ? ['', '^ The knee of a ramp: the last step that brought a tenth more.'] : []),
    ...(unknown === undefined ? [] : ['', unknown]),
    ...(resident.length > 0 ? ['', `Resident MiB: ${resident.join(', ')}.`] : []),
    ...(failures.length > 0 ? ['', ...failures] : []),
  ];
}
