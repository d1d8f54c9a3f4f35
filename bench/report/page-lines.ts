/** The page's table of all lines and the section of each. */
import { escapeHtml } from './escape.ts';
import { type Field, fields, fieldText } from './fields.ts';
import { count, duration, mebibytes, number, percent } from './format.ts';
import { swatch } from './page-overview.ts';
import { serverColour } from './page-palette.ts';
import { clientShareLimit, type LineSummary, type ServerSummary } from './summary.ts';

export function linesTable(lines: readonly LineSummary[]): string {
  const used = fields.filter((field) => lines.some((line) => line.servers.some((server) => fieldText(field, server) !== undefined)));
  const heads = used.map(({ head, meaning }) => sortable(head, meaning, 'figure')).join('');
  const rows = lines.flatMap((line, index) => line.servers.map((server, place) => tableRow(line, index, { server, place, used })));
  return `<section aria-labelledby="lines"><h2 id="lines">All lines</h2>
<p class="lead">Rates are medians of the turns, latencies come from all operations of all turns. A head sorts by its column.</p>
<div class="scroll" role="region" aria-labelledby="lines" tabindex="0"><table class="all"><thead><tr>${sortable('line', 'workload, size and concurrency', '')}${sortable('server', 'as it was named', '')}${heads}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div></section>`;
}

function sortable(head: string, meaning: string, kind: string): string {
  return `<th scope="col" class="${kind}"><button type="button" title="${escapeHtml(meaning)}">${escapeHtml(head)}</button></th>`;
}

interface RowOf {
  readonly server: ServerSummary;
  readonly place: number;
  readonly used: readonly Field[];
}

function tableRow({ line }: LineSummary, index: number, { server, place, used }: RowOf): string {
  const limited = `${server.figures?.clientLimited ? clientMark : ''}${server.knee ? kneeMark : ''}`;
  const head = `<th scope="row" data-value="${index}"><a href="#line${index}">${escapeHtml(line.name)}</a></th><td data-value="${place}" class="peer">${swatch(place)}${escapeHtml(server.server)}${limited}</td>`;
  const first = place === 0 ? ' class="first"' : '';
  if (server.failure !== undefined)
    return `<tr${first}>${head}<td colspan="${used.length}" class="failure">failed: ${escapeHtml(server.failure)}</td></tr>`;
  const cells = used.map((field) => {
    const value = server.figures && field.value(server.figures, server);
    return `<td class="figure"${value === undefined ? '' : ` data-value="${value}"`}>${escapeHtml(fieldText(field, server) ?? '')}</td>`;
  });
  return `<tr${first}>${head}${cells.join('')}</tr>`;
}

const clientMark = ' <span class="mark" title="The client was the limit: the server may be faster">client-limited</span>';

const kneeMark = ' <span class="mark knee" title="The last step of the ramp that brought this server a tenth more">knee</span>';

export function lineSections(lines: readonly LineSummary[]): string {
  return lines.map(lineSection).join('\n');
}

function lineSection(summary: LineSummary, index: number): string {
  const { line, servers } = summary;
  const measured = servers.flatMap(({ figures }) => (figures === undefined ? [] : [figures]));
  const turns = Math.max(0, ...measured.map((figures) => figures.turns));
  const seconds = Math.max(0, ...measured.map((figures) => figures.seconds));
  const rates = servers
    .flatMap(({ server, figures }) => (figures === undefined ? [] : [`${server} ${number(figures.opsPerSecond)} op/s`]))
    .join(', ');
  return `<section class="line" id="line${index}" aria-labelledby="name${index}"><h3 id="name${index}">${escapeHtml(line.name)}</h3>
<p class="lead">${escapeHtml(`${line.workload}, ${line.size}, ${line.concurrency} at a time; ${turns} ${turns === 1 ? 'turn' : 'turns'}, ${duration(seconds)} of load for each server`)}</p>
${notes(servers)}
<div class="panels">
${panel('Throughput, op/s by seconds of load', `<div class="chart" data-line="${index}" data-kind="throughput" role="img" aria-label="${escapeHtml(`Throughput over time: ${rates}`)}"></div>`)}
${panel('Latency by percentile, ms', `<div class="chart" data-line="${index}" data-kind="latency" role="img" aria-label="${escapeHtml(`Latency by percentile: ${tails(servers)}`)}"></div>`)}
${bars(
  'Server CPU per operation, µs',
  servers.map((server) => server.figures?.cost?.cpuMicros),
  { servers, text: number },
)}
${bars(
  'Resident memory, MiB',
  servers.map((server) => server.figures?.cost?.residentBytes),
  { servers, text: mebibytes },
)}
</div>
${operationsTable(servers)}</section>`;
}

function tails(servers: readonly ServerSummary[]): string {
  const told = servers.flatMap(({ server, figures }) =>
    figures === undefined ? [] : [`${server} median ${number(figures.latency.p50)} ms, 99th percentile ${number(figures.latency.p99)} ms`],
  );
  return told.join('; ');
}

function notes(servers: readonly ServerSummary[]): string {
  const told = servers.flatMap(({ server, failure, figures }) => {
    if (failure !== undefined) return [`<p class="failure">${escapeHtml(`${server} failed: ${failure}`)}</p>`];
    if (!figures?.clientLimited) return [];
    const why =
      figures.clientShare >= clientShareLimit
        ? `${percent(figures.clientShare)} of all cores`
        : `${percent(figures.busiestClientThread ?? 0)} of one core in its busiest thread`;
    return [
      `<p class="note">${escapeHtml(`With ${server} the client was the limit: it used ${why}. The server may be faster than this says.`)}</p>`,
    ];
  });
  return told.join('');
}

export function panel(title: string, content: string): string {
  return `<figure><figcaption>${escapeHtml(title)}</figcaption>${content}</figure>`;
}

/** From zero on; empty where no server has the figure. */
function bars(
  title: string,
  values: readonly (number | undefined)[],
  { servers, text }: { servers: readonly ServerSummary[]; text: (value: number) => string },
): string {
  const longest = Math.max(...values.map((value) => value ?? 0));
  if (longest === 0) return '';
  const rows = servers.map(({ server }, index) => {
    const value = values[index];
    const width = (((value ?? 0) / longest) * 100).toFixed(1);
    const bar = value === undefined ? '' : `<i style="width:${width}%;background:${serverColour(index)}"></i>`;
    return `<tr><th scope="row">${escapeHtml(server)}</th><td class="bar">${bar}</td><td class="figure">${value === undefined ? '–' : text(value)}</td></tr>`;
  });
  return panel(title, `<table class="bars"><tbody>${rows.join('')}</tbody></table>`);
}

/** Where a line has more than one operation (mixed): each by itself. */
function operationsTable(servers: readonly ServerSummary[]): string {
  const rows = servers.flatMap(({ server, figures }, index) =>
    Object.entries(figures?.byOperation ?? {}).map(([name, { operations, errors, latency }]) => {
      const latencies = [latency.p50, latency.p90, latency.p99, latency.p999].map(number);
      const cells = [count(operations), ...latencies, count(errors)].map((text) => `<td class="figure">${text}</td>`);
      return `<tr><th scope="row">${escapeHtml(name)}</th><td class="peer">${swatch(index)}${escapeHtml(server)}</td>${cells.join('')}</tr>`;
    }),
  );
  if (servers.every(({ figures }) => Object.keys(figures?.byOperation ?? {}).length < 2)) return '';
  const heads = ['operations', 'p50 ms', 'p90', 'p99', 'p99.9', 'errors']
    .map((head) => `<th scope="col" class="figure">${head}</th>`)
    .join('');
  return `<div class="scroll" role="region" aria-label="By operation" tabindex="0"><table><thead><tr><th scope="col">operation</th><th scope="col">server</th>${heads}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}
