/** The chart that the page opens with: on every line, how many times as fast the first server is as each other. */
import { escapeHtml } from './escape.ts';
import { number, ratioWithSpread } from './format.ts';
import { serverColour } from './page-palette.ts';
import type { BenchResult } from './result.ts';
import type { Spread } from './statistics.ts';
import type { LineSummary, ServerSummary } from './summary.ts';

/** Empty when there is nothing to compare. */
export function overview(result: BenchResult, lines: readonly LineSummary[]): string {
  const [first, ...peers] = result.servers.map((server) => server.name);
  const ratios = lines.flatMap((line) => line.servers.flatMap((server) => (server.ratio === undefined ? [] : [server.ratio])));
  if (first === undefined || ratios.length === 0) return '';
  const axis = new RatioAxis(ratios);
  const bodies = lines.map((line, index) => lineRows(line, index, axis)).join('');
  const keys = lines.some((line) => line.rate === 'keys/s') ? 'operations per second, for lists keys per second' : 'operations per second';
  return `<section aria-labelledby="overview"><h2 id="overview">${escapeHtml(first)} over the others</h2>
<p class="lead">How many times as many ${keys}: right of 1 ${escapeHtml(first)} is ahead. The dot is the median of the turns, the bar reaches from the least to the greatest; a hollow dot says that the client was the limit.</p>
<ul class="standing">${peers.map((peer) => standing(peer, result, lines)).join('')}</ul>
<style>.track{background:${axis.gridlines()}}</style>
<table class="overview"><thead><tr><th scope="col">Line</th><th scope="col">Over</th><td aria-hidden="true"><div class="axis">${axis.labels()}</div></td><th scope="col" class="figure">Ratio</th></tr></thead>
${bodies}</table></section>`;
}

/** Ahead and behind are counted where all turns agree. */
function standing(peer: string, result: BenchResult, lines: readonly LineSummary[]): string {
  const index = result.servers.findIndex((server) => server.name === peer);
  const ratios = lines.flatMap((line) => line.servers[index]?.ratio ?? []).filter(({ median }) => Number.isFinite(median) && median > 0);
  const failed = lines.filter((line) => line.servers[index]?.failure !== undefined).length;
  const ahead = ratios.filter(({ least }) => least > 1).length;
  const behind = ratios.filter(({ greatest }) => greatest < 1).length;
  const mean = Math.exp(ratios.reduce((sum, { median }) => sum + Math.log(median), 0) / ratios.length);
  const counts = [`ahead on ${ahead}`, `level on ${ratios.length - ahead - behind}`, `behind on ${behind}`];
  const body =
    ratios.length === 0
      ? 'no line to compare'
      : `<strong>${number(mean)} times</strong> (geometric mean of ${ratios.length}); ${counts.join(', ')}`;
  return `<li>${swatch(index)}over ${escapeHtml(peer)}: ${body}${failed > 0 ? `; failed ${failed}` : ''}</li>`;
}

export function swatch(index: number): string {
  return `<i class="swatch" style="background:${serverColour(index)}"></i>`;
}

function lineRows({ line, servers }: LineSummary, index: number, axis: RatioAxis): string {
  const rows = servers.slice(1).map((server, peer) => {
    const head =
      peer > 0 ? '' : `<th scope="rowgroup" rowspan="${servers.length - 1}"><a href="#line${index}">${escapeHtml(line.name)}</a></th>`;
    const figure = server.ratio === undefined ? 'no figures' : escapeHtml(ratioWithSpread(server.ratio));
    return `<tr>${head}<td class="peer">${escapeHtml(server.server)}</td><td aria-hidden="true">${track(server, peer + 1, { axis, own: servers[0] })}</td><td class="figure">${figure}</td></tr>`;
  });
  return `<tbody>${rows.join('')}</tbody>`;
}

function track(server: ServerSummary, index: number, { axis, own }: { axis: RatioAxis; own: ServerSummary | undefined }): string {
  if (server.ratio === undefined) return '<div class="track"></div>';
  const [from, to] = [axis.at(server.ratio.least), axis.at(server.ratio.greatest)];
  const hollow = server.figures?.clientLimited || own?.figures?.clientLimited ? ' hollow' : '';
  return `<div class="track" style="--own:${serverColour(index)}"><i class="whisker" style="left:${from}%;width:${(to - from).toFixed(2)}%"></i><i class="dot${hollow}" style="left:${axis.at(server.ratio.median)}%"></i></div>`;
}

/** Logarithmic, with 1 on it; what is 0 or infinite stands at the edge. */
class RatioAxis {
  readonly #from: number;
  readonly #to: number;

  constructor(ratios: readonly Spread[]) {
    const ends = ratios.flatMap(({ least, greatest }) => [least, greatest]).filter((ratio) => Number.isFinite(ratio) && ratio > 0);
    const margin = 1.12;
    this.#from = Math.log(Math.min(1 / 1.6, ...ends) / margin);
    this.#to = Math.log(Math.max(1.6, ...ends) * margin);
  }

  /** Per cent from the left. */
  at(ratio: number): number {
    const share = (Math.log(ratio) - this.#from) / (this.#to - this.#from);
    return Number((Math.min(1, Math.max(0, share)) * 100).toFixed(2));
  }

  /** 1, 2, 5, 10 ... and their inverses; only the tens where that would crowd. */
  #ticks(): number[] {
    const decades = (this.#to - this.#from) / Math.LN10;
    const steps = decades > 2.6 ? [1] : decades > 1.6 ? [1, 3] : [1, 2, 5];
    const ticks: number[] = [];
    for (let power = -6; power <= 6; power += 1) {
      for (const step of steps) {
        const ratio = step * 10 ** power;
        const log = Math.log(ratio);
        if (log >= this.#from && log <= this.#to) ticks.push(ratio);
      }
    }
    return ticks;
  }

  labels(): string {
    return this.#ticks()
      .map((ratio) => `<span style="left:${this.at(ratio)}%"${ratio === 1 ? ' class="one"' : ''}>${Number(ratio.toPrecision(2))}</span>`)
      .join('');
  }

  gridlines(): string {
    const line = (ratio: number): string => {
      const colour = ratio === 1 ? 'var(--quiet)' : 'var(--rule)';
      return `linear-gradient(${colour},${colour}) ${this.at(ratio)}% 0/1px 100% no-repeat`;
    };
    return this.#ticks().map(line).join(',');
  }
}
