/** What the views say of repeated measurements: medians, spreads, ratios and intervals. Pure; the same numbers in give the same numbers out. */

import { SeededRandom } from '../workload/seeded-random.ts';

/** Resamples of one bootstrap: the ends of a 95 % interval then move by about one per cent of its width. */
const resamples = 2000;
const bootstrapSeed = 20_240_229;

/** A median with the least and the greatest of what it is the median of. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  return quantile(Float64Array.from(values).sort(), 0.5);
}

/** Of ascending values, between two of them in proportion (type 7 of Hyndman & Fan, 1996). NaN of nothing. */
export function quantile(ascending: ArrayLike<number>, share: number): number {
  const at = (ascending.length - 1) * share;
  const below = ascending[Math.floor(at)] ?? Number.NaN;
  const above = ascending[Math.ceil(at)] ?? Number.NaN;
  return below === above ? below : below + (above - below) * (at - Math.floor(at));
}

/** Undefined of nothing. */
export function spread(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return { median: median(values), least: Math.min(...values), greatest: Math.max(...values) };
}

/**
 * first / other, turn by turn: the turns with the same number ran next to each other, so what slowed the machine down slowed both down.
 * A turn in which neither did anything says nothing and is left out. Undefined when no turn is left.
 */
export function turnRatios(first: readonly number[], other: readonly number[]): Spread | undefined {
  const turns = Math.min(first.length, other.length);
  const ratios = Array.from({ length: turns }, (_, turn) => first[turn]! / other[turn]!);
  return spread(ratios.filter((ratio) => !Number.isNaN(ratio)));
}

/**
 * 95 % bootstrap interval of median(after) / median(before), each resampled by itself: the percentile interval of Efron & Tibshirani,
 * "An Introduction to the Bootstrap" (1993), chapters 13 and 16, which suits a median better than BCa (the jackknife that BCa needs is
 * inconsistent for it, chapter 10.6 there), taken at the wider levels that small samples want (Hesterberg, "What Teachers Should Know About the
 * Bootstrap", The American Statistician 69, 2015, section 5.2). Undefined under three values on either side: two don't tell noise from change.
 */
export function ratioInterval(before: readonly number[], after: readonly number[]): Interval | undefined {
  const least = Math.min(before.length, after.length);
  if (least < 3) return undefined;
  const random = new SeededRandom(bootstrapSeed);
  const [ofBefore, ofAfter] = [new Float64Array(before.length), new Float64Array(after.length)];
  const ratios = new Float64Array(resamples);
  for (let at = 0; at < resamples; at += 1)
    ratios[at] = resampledMedian(after, ofAfter, random) / resampledMedian(before, ofBefore, random);
  ratios.sort();
  const level = expandedLevel(least);
  return { low: quantile(ratios, level), high: quantile(ratios, 1 - level) };
}

/** Draws as many as there are, with repetition, into `drawn`. */
function resampledMedian(values: readonly number[], drawn: Float64Array, random: SeededRandom): number {
  for (let at = 0; at < drawn.length; at += 1) drawn[at] = values[random.below(values.length)]!;
  return quantile(drawn.sort(), 0.5);
}

/** The share to cut off at either end so that `n` values give 95 %: normal(-sqrt(n / (n - 1)) * t(0.975, n - 1)). */
function expandedLevel(n: number): number {
  return normalShare(-Math.sqrt(n / (n - 1)) * studentT975(n - 1));
}

/** 0.975 quantile of Student's t. Exact for 2 degrees of freedom, else Cornish-Fisher (Abramowitz & Stegun 26.7.5): off by under 1 % from 3 on. */
export function studentT975(degrees: number): number {
  const z = 1.959964;
  if (degrees <= 2) return degrees === 2 ? 4.302653 : 12.706205;
  const terms = [
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92_160,
  ];
  return terms.reduce((sum, term, index) => sum + term / degrees ** (index + 1), z);
}

/** The normal distribution's share below `z` (Abramowitz & Stegun 26.2.17, off by under 7.5e-8). */
export function normalShare(z: number): number {
  if (z > 0) return 1 - normalShare(-z);
  const t = 1 / (1 - 0.2316419 * z);
  const tail = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * tail;
}

/** A slope with its 95 % interval. */
export interface Slope extends Interval {
  readonly slope: number;
}

/**
 * The median of the slopes between all pairs of points, which a few stalls don't bend (Theil 1950), with Sen's interval from the variance of
 * Kendall's S without ties (Sen, JASA 63, 1968). Undefined under five points.
 */
export function theilSen(points: readonly (readonly [x: number, y: number])[]): Slope | undefined {
  const n = points.length;
  if (n < 5) return undefined;
  const slopes: number[] = [];
  for (let i = 0; i < n; i += 1) {
    for (let j = i + 1; j < n; j += 1) {
      const [x, y] = points[i]!;
      const [x2, y2] = points[j]!;
      if (x2 !== x) slopes.push((y2 - y) / (x2 - x));
    }
  }
  slopes.sort((a, b) => a - b);
  const half = (1.959964 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18)) / 2;
  const at = (rank: number): number => slopes[Math.max(0, Math.min(slopes.length - 1, Math.round(rank)))] ?? 0;
  return { slope: quantile(slopes, 0.5), low: at(slopes.length / 2 - half), high: at(slopes.length / 2 + half) };
}
