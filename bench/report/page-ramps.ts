/** The page's section of ramps: rates and tails against the requests at once, with each server's knee. */
import { escapeHtml } from './escape.ts';
import { number } from './format.ts';
import { panel } from './page-lines.ts';
import { swatch } from './page-overview.ts';
import { type Ramp, type RampServer, rampsOf } from './ramps.ts';
import type { Figures, LineSummary } from './summary.ts';

/** Empty where there is no ramp. */
export function rampSections(lines: readonly LineSummary[]): string {
  const ramps = rampsOf(lines);
  if (ramps.length === 0) return '';
  return `<h2>Ramps</h2>
<p class="lead">Mixed load, with more requests at once from step to step. The knee is the last step that brought a server 10 % more operations per second than the step marked before it: from there on, more at once mostly wait.</p>
${ramps.map(rampSection).join('\n')}`;
}

function rampSection(ramp: Ramp, index: number): string {
  const { size, steps, servers } = ramp;
  const chart = (kind: string, what: string, of: (figures: Figures) => number): string =>
    `<div class="chart" data-ramp="${index}" data-kind="${kind}" role="img" aria-label="${escapeHtml(`${what} by requests at once: ${servers.map((server) => toldOf(ramp, server, of)).join('; ')}`)}"></div>`;
  return `<section class="line" id="ramp${index}" aria-labelledby="rampname${index}"><h3 id="rampname${index}">ramp, ${escapeHtml(size)}</h3>
<p class="lead">${steps.length === 1 ? 'one step' : `${steps.length} steps`}, up to ${steps.at(-1)} at once</p>
<ul class="knees">${servers.map((server, place) => `<li>${swatch(place)}${escapeHtml(kneeText(ramp, server))}</li>`).join('')}</ul>
<div class="panels">
${panel(
  'Throughput, op/s by requests at once; a ring marks the knee',
  chart('ramp-rate', 'Throughput', ({ opsPerSecond }) => opsPerSecond),
)}
${panel(
  '99th percentile of latency, ms by requests at once',
  chart('ramp-tail', '99th percentile of latency in ms', ({ latency }) => latency.p99),
)}
</div></section>`;
}

function kneeText({ steps }: Ramp, { server, figures, knee }: RampServer): string {
  const at = knee === undefined ? undefined : figures[knee];
  if (knee === undefined || at === undefined) return `${server}: no knee known`;
  const end = knee === steps.length - 1 ? ' (the last step: it may lie further on)' : '';
  return `${server}: knee at ${steps[knee]}${end}, ${number(at.opsPerSecond)} op/s, 99th percentile ${number(at.latency.p99)} ms`;
}

function toldOf({ steps }: Ramp, { server, figures }: RampServer, of: (figures: Figures) => number): string {
  const points = figures.flatMap((one, step) => (one === undefined ? [] : [`${number(of(one))} at ${steps[step]}`]));
  return `${server} ${points.length === 0 ? 'failed' : points.join(', ')}`;
}
