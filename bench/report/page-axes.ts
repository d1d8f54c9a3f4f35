/** Axes of the page's charts and the numbers along them. In the browser: what page-script.ts says of its functions holds of these. */
import type uPlotChart from 'uplot';
import type { Palette } from './page-palette.ts';

export function axis(palette: Palette): uPlotChart.Axis {
  return {
    stroke: palette.quiet,
    font: '12px system-ui, sans-serif',
    grid: { stroke: palette.grid, width: 1 },
    ticks: { stroke: palette.grid, width: 1, size: 4 },
  };
}

/** How far it reaches, and how it is drawn. */
interface Upward {
  readonly scale: uPlotChart.Scale;
  readonly axis: uPlotChart.Axis;
}

/** From zero on. */
export function rateAxis(palette: Palette): Upward {
  return {
    scale: { range: (_, __, most) => [0, Math.max(1e-9, most) * 1.08] },
    axis: { ...axis(palette), size: 58, values: (_, ticks) => ticks.map(shortNumber) },
  };
}

/** Logarithmic. */
export function latencyAxis(palette: Palette): Upward {
  return {
    scale: { distr: 3, range: (_, least, most) => [logStepBelow(least || 1), logStepAbove(most || 1)] },
    axis: {
      ...axis(palette),
      size: 58,
      splits: (_, __, from, to) => logSteps(from, to),
      filter: (_, splits) => splits,
      values: (_, ticks) => ticks.map(shortNumber),
    },
  };
}

export function shortNumber(value: number | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (value >= 99.5) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

/** 1, 2, 5, 10, ... from one to the other; only the tens where that is more than eight. */
export function logSteps(from: number, to: number): number[] {
  const steps: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power += 1) {
    for (const step of [1, 2, 5]) {
      const value = Number((step * 10 ** power).toPrecision(1));
      if (value >= from * 0.999 && value <= to * 1.001) steps.push(value);
    }
  }
  return steps.length > 8 ? steps.filter((step) => Number.isInteger(Math.round(Math.log10(step) * 1e6) / 1e6)) : steps;
}

export function logStepBelow(value: number): number {
  return logSteps(value / 10, value).pop() ?? value;
}

export function logStepAbove(value: number): number {
  return logSteps(value, value * 10)[0] ?? value;
}
