/** The chart of a ramp. In the browser: what page-script.ts says of its functions holds of these. */
import type uPlotChart from 'uplot';
import { axis, latencyAxis, rateAxis, shortNumber } from './page-axes.ts';
import type { PageRamp } from './page-data.ts';
import type { Palette } from './page-palette.ts';

/** The little of a canvas that is used. */
interface Context {
  readonly canvas: { readonly width: number };
  lineWidth: number;
  strokeStyle: string;
  save(): void;
  restore(): void;
  beginPath(): void;
  arc(x: number, y: number, radius: number, from: number, to: number): void;
  stroke(): void;
}

/** What a chart shows; `servers`: of its lines, in PageData.servers. */
export interface Chart {
  readonly options: uPlotChart.Options;
  readonly servers: readonly number[];
  readonly values: uPlotChart.AlignedData;
}

/** Steps are evenly apart where they double. */
export function rampChart({ steps, servers }: PageRamp, ofRates: boolean, palette: Palette): Chart {
  const [first, last] = [steps[0]!, steps[steps.length - 1]!];
  const y = ofRates ? rateAxis(palette) : latencyAxis(palette);
  const options: uPlotChart.Options = {
    width: 0,
    height: 0,
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: false, distr: 3, log: 2, range: () => [first / 1.2, last * 1.2] }, y: y.scale },
    axes: [
      {
        ...axis(palette),
        size: 32,
        splits: () => [...steps],
        filter: (_, splits) => splits,
        values: (self, ticks) => withRoom(ticks, self.width - 90),
      },
      y.axis,
    ],
    series: [{ label: 'At once', value: (_, value) => shortNumber(value), points: { show: true, size: 6, fill: palette.ground } }],
    hooks: { draw: ofRates ? [(self) => drawKnees(self, servers, palette)] : [] },
  };
  const values = [steps, ...servers.map((server) => (ofRates ? server.rates : server.tails))] as unknown as uPlotChart.AlignedData;
  return { options, servers: servers.map(({ index }) => index), values };
}

/** Names of steps on a logarithmic axis of so many pixels, the last first: where one has no room it is left out. */
export function withRoom(steps: readonly number[], pixels: number): string[] {
  const last = steps[steps.length - 1]!;
  const perOctave = pixels / Math.max(1, Math.log2(last / steps[0]!));
  let before = Number.POSITIVE_INFINITY;
  const named = [...steps].reverse().map((step) => {
    if (Math.log2(before / step) * perOctave < 34) return '';
    before = step;
    return String(step);
  });
  return named.reverse();
}

/** A ring about the point, in the colour of its line. */
export function drawKnees(self: uPlotChart, servers: PageRamp['servers'], palette: Palette): void {
  const context = self.ctx as Context;
  const scale = self.width === 0 ? 1 : context.canvas.width / self.width;
  for (const [place, { index, rates, knee }] of servers.entries()) {
    const rate = rates[knee];
    if (rate === null || rate === undefined || self.series[place + 1]?.show === false) continue;
    context.save();
    context.beginPath();
    context.arc(self.valToPos(self.data[0][knee]!, 'x', true), self.valToPos(rate, 'y', true), 8 * scale, 0, 2 * Math.PI);
    context.lineWidth = 2 * scale;
    context.strokeStyle = palette.servers[index % palette.servers.length]!;
    context.stroke();
    context.restore();
  }
}
