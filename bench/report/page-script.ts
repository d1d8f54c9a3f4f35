/**
 * What the page does in the browser. These functions and those of page-axes.ts and page-ramp-chart.ts are written into the page as text
 * (`pageScript`), so each may use only the others, its own names, and what a browser has: of other files nothing but types.
 */
import type uPlotChart from 'uplot';
import { axis, latencyAxis, logStepAbove, logStepBelow, logSteps, rateAxis, shortNumber } from './page-axes.ts';
import type { PageData, PageLine } from './page-data.ts';
import type { Palette } from './page-palette.ts';
import { type Chart, drawKnees, rampChart, withRoom } from './page-ramp-chart.ts';

/** The little of the browser that is used. */
interface PageElement {
  readonly dataset: Record<string, string | undefined>;
  readonly clientWidth: number;
  readonly children: ArrayLike<PageElement>;
  readonly tBodies: ArrayLike<PageElement>;
  readonly rows: ArrayLike<PageElement>;
  readonly cells: ArrayLike<PageElement>;
  tabIndex: number;
  textContent: string | null;
  append(...parts: PageElement[]): void;
  querySelectorAll(selector: string): Iterable<PageElement> & ArrayLike<PageElement>;
  closest(selector: string): PageElement | null;
  setAttribute(name: string, value: string): void;
  getAttribute(name: string): string | null;
  removeAttribute(name: string): void;
  click(): void;
  addEventListener(type: string, listen: (event: { readonly key: string; preventDefault(): void }) => void): void;
}

declare const document: PageElement & { readonly documentElement: PageElement; getElementById(id: string): PageElement };
declare const window: PageElement & { matchMedia(query: string): PageElement & { readonly matches: boolean } };
declare const localStorage: { getItem(key: string): string | null; setItem(key: string, value: string): void };
declare const IntersectionObserver: new (
  seen: (entries: readonly { readonly isIntersecting: boolean; readonly target: PageElement }[]) => void,
  options: { rootMargin: string },
) => { observe(element: PageElement): void; unobserve(element: PageElement): void };
declare const ResizeObserver: new (
  sized: (entries: readonly { readonly target: PageElement }[]) => void,
) => { observe(element: PageElement): void };
declare const uPlot: typeof uPlotChart;

type Theme = 'light' | 'dark';

interface Charts {
  readonly data: PageData;
  readonly drawn: Map<PageElement, uPlotChart>;
}

export function startPage(): void {
  const charts: Charts = { data: JSON.parse(document.getElementById('data').textContent ?? '') as PageData, drawn: new Map() };
  const places = document.querySelectorAll('.chart');
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const theme = (): Theme => (document.documentElement.dataset.theme ?? (system.matches ? 'dark' : 'light')) as Theme;
  const redraw = (): void => {
    for (const place of [...charts.drawn.keys()]) draw(place, charts, { theme: theme() });
  };
  const sight = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        sight.unobserve(target);
        draw(target, charts, { theme: theme() });
      }
    },
    { rootMargin: '400px' },
  );
  const size = new ResizeObserver((entries) => {
    for (const { target } of entries) charts.drawn.get(target)?.setSize({ width: target.clientWidth, height: 220 });
  });
  for (const place of places) {
    sight.observe(place);
    size.observe(place);
  }
  system.addEventListener('change', redraw);
  window.addEventListener('beforeprint', () => {
    for (const place of places) draw(place, charts, { theme: 'light', width: 440 });
  });
  window.addEventListener('afterprint', redraw);
  startThemeButton(theme, redraw);
  startSorting();
}

export function startThemeButton(theme: () => Theme, redraw: () => void): void {
  const button = document.getElementById('theme');
  const root = document.documentElement;
  const label = (): void => {
    button.textContent = theme() === 'dark' ? 'Light' : 'Dark';
    button.setAttribute('aria-label', `Switch to ${theme() === 'dark' ? 'light' : 'dark'} colours`);
  };
  try {
    const kept = localStorage.getItem('theme');
    if (kept === 'light' || kept === 'dark') root.dataset.theme = kept;
  } catch {
    // a page from a file may not be allowed to keep anything
  }
  button.addEventListener('click', () => {
    root.dataset.theme = theme() === 'dark' ? 'light' : 'dark';
    try {
      localStorage.setItem('theme', root.dataset.theme);
    } catch {
      // as above: it then lasts as long as the page
    }
    label();
    redraw();
  });
  button.removeAttribute('hidden');
  label();
}

/** Largest first for figures, the other way round when asked again; rows without the figure stay last. */
export function startSorting(): void {
  for (const button of document.querySelectorAll('table.all th button')) {
    button.addEventListener('click', () => {
      const head = button.closest('th')!;
      const table = button.closest('table')!;
      const heads = [...table.querySelectorAll('thead th')];
      const column = heads.indexOf(head);
      const before = head.getAttribute('aria-sort');
      const descending = before === null ? head.getAttribute('class') === 'figure' : before === 'ascending';
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
      const body = table.tBodies[0]!;
      const value = (row: PageElement): number => Number(row.cells[column]?.dataset.value ?? Number.NaN);
      const rows = Array.from(body.rows).sort((a, b) => {
        const [one, other] = [value(a), value(b)];
        if (Number.isNaN(one) || Number.isNaN(other)) return Number(Number.isNaN(one)) - Number(Number.isNaN(other));
        return descending ? other - one : one - other;
      });
      body.append(...rows);
    });
  }
}

export function draw(place: PageElement, charts: Charts, { theme, width }: { theme: Theme; width?: number }): void {
  charts.drawn.get(place)?.destroy();
  const palette = charts.data.palettes[theme];
  const { options, servers, values } = chartOf(place, charts.data, palette);
  const series = servers.map((server) => serverSeries(charts.data, server, palette));
  const points = options.series[0]!.points;
  const sized = {
    ...options,
    width: width ?? place.clientWidth,
    height: 220,
    series: [options.series[0]!, ...series.map((one) => (points === undefined ? one : { ...one, points }))],
    legend: { markers: { dash: (_: uPlotChart, index: number) => (index === 1 ? 'solid' : index % 2 === 0 ? 'dashed' : 'dotted') } },
  };
  charts.drawn.set(place, new uPlot(sized, values, place as never));
  for (const name of place.querySelectorAll('.u-legend th')) {
    name.tabIndex = 0;
    name.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      name.click();
    });
  }
}

export function chartOf({ dataset }: PageElement, data: PageData, palette: Palette): Chart {
  if (dataset.ramp !== undefined) return rampChart(data.ramps[Number(dataset.ramp)]!, dataset.kind === 'ramp-rate', palette);
  const line = data.lines[Number(dataset.line)]!;
  const servers = line.servers.map(({ index }) => index);
  return dataset.kind === 'latency'
    ? { options: latencyOptions(data, palette), servers, values: latencyValues(data, line) }
    : { options: throughputOptions(palette), servers, values: throughputValues(line) };
}

export function serverSeries(data: PageData, index: number, palette: Palette): uPlotChart.Series {
  return {
    label: data.servers[index]!,
    stroke: palette.servers[index % palette.servers.length]!,
    width: index === 0 ? 2.25 : 1.75,
    dash: [...data.dashes[index % data.dashes.length]!],
    value: (_, value) => shortNumber(value),
  };
}

/** Times differ from server to server: joined, with a break between turns. */
export function throughputValues(line: PageLine): uPlotChart.AlignedData {
  if (line.servers.length === 0) return [[]];
  const reachesToNeighbours = 2;
  return uPlot.join(
    line.servers.map((server) => [server.load, server.rates] as unknown as uPlotChart.AlignedData),
    line.servers.map(() => [0, reachesToNeighbours]),
  );
}

export function latencyValues(data: PageData, line: PageLine): uPlotChart.AlignedData {
  return [data.percentileSteps, ...line.servers.map((server) => server.latencies)] as unknown as uPlotChart.AlignedData;
}

export function throughputOptions(palette: Palette): uPlotChart.Options {
  return {
    width: 0,
    height: 0,
    cursor: { drag: { x: true, y: false }, points: { size: 6 } },
    scales: {
      x: { time: false, range: (_, __, most) => [0, Math.max(1, most)] },
      y: rateAxis(palette).scale,
    },
    axes: [{ ...axis(palette), size: 32, space: 60, values: (_, ticks) => ticks.map((tick) => `${tick} s`) }, rateAxis(palette).axis],
    series: [{ label: 'Load', value: (_, value) => (value === null ? '' : `${shortNumber(value)} s`) }],
  };
}

export function latencyOptions(data: PageData, palette: Palette): uPlotChart.Options {
  const named = [2, 4, 10, 100, 1000, 10_000];
  const percentile = (step: number): string => `${Number((100 * (1 - 1 / step)).toFixed(step < 1000 ? 1 : 3))} %`;
  const last = data.percentileSteps[data.percentileSteps.length - 1]!;
  return {
    width: 0,
    height: 0,
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { time: false, distr: 3, range: () => [2, last] },
      y: latencyAxis(palette).scale,
    },
    axes: [
      {
        ...axis(palette),
        size: 32,
        splits: () => named,
        filter: (_, splits) => splits,
        values: (self, ticks) => ticks.map((tick) => (tick === 4 && self.width < 480 ? '' : percentile(tick))),
      },
      latencyAxis(palette).axis,
    ],
    series: [{ label: 'Percentile', value: (_, value) => (value === null ? '' : percentile(value)) }],
  };
}

/** The text of the script, after uPlot's. */
export function pageScript(): string {
  const parts = [
    draw,
    chartOf,
    rampChart,
    withRoom,
    drawKnees,
    serverSeries,
    shortNumber,
    throughputValues,
    latencyValues,
    axis,
    rateAxis,
    latencyAxis,
    throughputOptions,
    latencyOptions,
    logSteps,
    logStepBelow,
    logStepAbove,
    startThemeButton,
    startSorting,
    startPage,
  ];
  return `${parts.map(String).join('\n')}\nstartPage();`;
}
