/** The result as one page of HTML that needs nothing else: no request leaves it, and it can be kept, mailed and printed. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gibibyte } from '../workload/sizes.ts';
import { embeddedJson, escapeHtml } from './escape.ts';
import { mebibytes, number } from './format.ts';
import { interruptionLines } from './interruption-lines.ts';
import { pageData } from './page-data.ts';
import { lineSections, linesTable } from './page-lines.ts';
import { overview, swatch } from './page-overview.ts';
import { rampSections } from './page-ramps.ts';
import { pageScript } from './page-script.ts';
import { pageStyle } from './page-style.ts';
import type { BenchResult, ServerRecord } from './result.ts';
import { summarizeLines } from './summary.ts';
import { unknownCosts } from './unknown-costs.ts';

/** Nothing may be loaded from anywhere: what stands in the page is all there is. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** Throws when uPlot isn't installed. */
export function renderPage(result: BenchResult): string {
  const uplot = dirname(createRequire(import.meta.url).resolve('uplot'));
  const lines = summarizeLines(result);
  const title = `${result.servers.map((server) => server.name).join(', ')}: liteio bench`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${readFileSync(join(uplot, 'uPlot.min.css'), 'utf8')}
${pageStyle()}</style>
</head>
<body>
${pageHeader(result)}
<main>
${overview(result, lines)}
${linesTable(lines)}
${rampSections(lines)}
<h2>Line by line</h2>
<noscript><p class="note">The charts are drawn by a script, which is turned off here. The tables are complete without it.</p></noscript>
${lineSections(lines)}
</main>
<footer>${explanation}</footer>
<script type="application/json" id="data">${embeddedJson(pageData(result, lines))}</script>
<script>${readFileSync(join(uplot, 'uPlot.iife.min.js'), 'utf8')}
${pageScript()}</script>
</body>
</html>
`;
}

function pageHeader(result: BenchResult): string {
  const { machine, servers, startedAt, version, command, seed, interruption } = result;
  const unknown = unknownCosts(result);
  const facts: readonly (readonly [string, string])[] = [
    [
      'Machine',
      `${machine.cpu}, ${machine.cores} ${machine.cores === 1 ? 'core' : 'cores'}, ${Math.round(machine.memoryBytes / gibibyte)} GiB`,
    ],
    ['System', `${machine.system}, Node ${machine.node}`],
    ['Load average', `${number(machine.loadAverage)} when the run began`],
    ['Harness', `liteio bench ${version}, seed ${seed}`],
  ];
  return `<header>
<button type="button" id="theme" hidden></button>
<h1>${escapeHtml(servers.map((server) => server.name).join(', '))}, side by side</h1>
<p class="lead">Measured on <time datetime="${escapeHtml(startedAt)}">${escapeHtml(startedAt.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC'))}</time>, in turn on one machine</p>
${interruption === undefined ? '' : `<p class="note">The run was ${interruptionLines(interruption).map(escapeHtml).join('.<br>')}.</p>`}
<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`).join('')}</dl>
${command.length === 0 ? '' : `<pre><code>${escapeHtml(command.map(quoted).join(' '))}</code></pre>`}
${serversTable(servers)}
${unknown === undefined ? '' : `<p class="note">${escapeHtml(unknown)}</p>`}
</header>`;
}

/** As a shell would want it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function serversTable(servers: readonly ServerRecord[]): string {
  const started = servers.some((server) => server.process !== undefined);
  const heads = ['up in s', 'idle RSS MiB', 'peak RSS MiB'].map((head) => `<th scope="col" class="figure">${head}</th>`).join('');
  const rows = servers.map(({ name, banner, endpoint, process }, index) => {
    const told = process && [number(process.startSeconds), mebibytes(process.idleResidentBytes), mebibytes(process.peakResidentBytes)];
    const figures = (told ?? ['', '', '']).map((text) => `<td class="figure">${text}</td>`).join('');
    const command = process === undefined ? '' : `<br><code>${escapeHtml(process.command)}</code>`;
    return `<tr><th scope="row" class="peer">${swatch(index)}${escapeHtml(name)}</th><td>${escapeHtml([banner, endpoint].filter((part) => part !== '').join(', ') || 'did not come up')}${command}</td>${started ? figures : ''}</tr>`;
  });
  return `<h2 id="servers">Servers</h2><div class="scroll" role="region" aria-labelledby="servers" tabindex="0"><table class="servers"><thead><tr><th scope="col">name</th><th scope="col">what it is</th>${started ? heads : ''}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

const explanation = `<p>The servers ran in turn on the same keys and bytes, so that what else the machine did met all of them. A ratio is taken turn by turn. Latencies are kept in HDR histograms of three digits. CPU and memory are those of a server's whole process tree; flushes are those of all block devices. A line is marked client-limited when the client used half of all cores, or one of its threads 90 % of a core.</p>`;
