/** The result for a terminal. */
import { gibibyte } from '../workload/sizes.ts';
import { fields, fieldText } from './fields.ts';
import { alignedRows, type Column, duration, mebibytes, number, percent } from './format.ts';
import { interruptionLines } from './interruption-lines.ts';
import type { BenchResult, ServerProcess } from './result.ts';
import { clientShareLimit, type LineSummary, type ServerSummary, summarizeLines } from './summary.ts';
import { unknownCosts } from './unknown-costs.ts';

/** Of the whole run, ending in a line feed. */
export function renderTable(result: BenchResult): string {
  const lines = summarizeLines(result);
  const cells = lines.flatMap((line) => line.servers.map((server) => rowOf(line, server)));
  const used = fields.map((_, index) => cells.some((row) => row.fields[index] !== undefined));
  const columns: Column[] = [
    { head: 'line', align: 'left' },
    { head: 'server', align: 'left' },
    ...fields.filter((_, index) => used[index]).map(({ head }): Column => ({ head, align: 'right' })),
  ];
  const rows = cells.map((row) => [row.line, row.server, ...row.fields.filter((_, index) => used[index]).map((text) => text ?? '')]);
  const parts = [headOf(result), ...(rows.length > 0 ? [alignedRows(columns, rows)] : []), ...notesOf(result, lines)];
  return `${parts.join('\n\n')}\n`;
}

function rowOf(line: LineSummary, server: ServerSummary): { line: string; server: string; fields: (string | undefined)[] } {
  const { figures } = server;
  return {
    line: server === line.servers[0] ? line.line.name : '',
    server: `${server.server}${figures?.clientLimited ? ' *' : ''}${server.knee ? ' ^' : ''}${server.failure === undefined ? '' : ' failed'}`,
    fields: fields.map((field) => fieldText(field, server)),
  };
}

function headOf({ machine, startedAt, version, servers }: BenchResult): string {
  const memory = `${Math.round(machine.memoryBytes / gibibyte)} GiB`;
  return [
    `liteio bench ${version}, ${startedAt}`,
    `${machine.cpu}, ${machine.cores} cores, ${memory}, ${machine.system}, Node ${machine.node}, load average ${number(machine.loadAverage)}`,
    ...servers.map(({ name, banner, endpoint, process }) => {
      const own = process && `; up in ${number(process.startSeconds)} s${memoryText(process)}`;
      return `${name}: ${[banner, endpoint].filter((part) => part !== '').join(', ') || 'did not come up'}${own ?? ''}`;
    }),
  ].join('\n');
}

function memoryText({ idleResidentBytes, peakResidentBytes }: ServerProcess): string {
  return peakResidentBytes === undefined ? '' : `, RSS ${mebibytes(idleResidentBytes)} MiB idle, ${mebibytes(peakResidentBytes)} at most`;
}

/** What the figures don't say by themselves, in words. */
function notesOf(result: BenchResult, lines: readonly LineSummary[]): string[] {
  const [first] = result.servers.map((server) => server.name);
  const seconds = lines
    .flatMap((line) => line.servers.map((server) => server.figures?.seconds ?? 0))
    .reduce((sum, value) => sum + value, 0);
  const failures = lines.flatMap((line) =>
    line.servers.flatMap(({ server, failure }) => (failure === undefined ? [] : [`${line.line.name}, ${server} failed: ${failure}`])),
  );
  const limited = lines.flatMap((line) => line.servers.flatMap((server) => (server.figures?.clientLimited ? [limitOf(line, server)] : [])));
  const unknown = unknownCosts(result);
  const ratio =
    lines.some((line) => line.servers.some((server) => server.ratio)) &&
    `ratio: ${first} over that server in ${lines.some((line) => line.rate === 'keys/s') ? 'op/s, for lists in keys/s' : 'op/s'}; median of the turns (least–greatest)`;
  return [
    [
      ...(ratio ? [ratio] : []),
      `${seconds < 10 ? `${number(seconds)} s` : duration(seconds)} of load measured${result.interruption ? ' in finished lines' : ''}`,
    ].join('\n'),
    ...(failures.length > 0 ? [failures.join('\n')] : []),
    ...(lines.some((line) => line.servers.some((server) => server.knee))
      ? ['^ the knee of a ramp: the last step that brought this server a tenth more']
      : []),
    ...(limited.length > 0 ? [`* the client was the limit here, so the server may be faster than it says:\n${limited.join('\n')}`] : []),
    ...(unknown === undefined ? [] : [unknown]),
    ...(result.interruption ? [interruptionLines(result.interruption).join('\n')] : []),
  ];
}

function limitOf({ line }: LineSummary, { server, figures }: ServerSummary): string {
  const share = figures!.clientShare;
  const why =
    share >= clientShareLimit ? `${percent(share)} of all cores` : `its busiest thread at ${percent(figures!.busiestClientThread ?? 0)}`;
  return `  ${line.name}, ${server}: the client used ${why}`;
}
