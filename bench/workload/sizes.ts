/** Object sizes as people ask for them: one size, a range, a log-normal spread or a mix of sizes. */

export const mebibyte = 1024 ** 2;
export const gibibyte = 1024 ** 3;

/** Bodies lie in memory whole; larger objects are what `multipart` is for. */
export const objectBytesMax = gibibyte;

/** A log-normal size is cut off at three sigma above its median: one body in a thousand would else decide how much memory a run needs. */
const sigmasMax = 3;
const meanSteps = 1024;

export interface SizeDistribution {
  /** As it was asked for. */
  readonly text: string;
  /** Bytes. */
  readonly mean: number;
  /** Bytes: no size is greater. */
  readonly max: number;
  /** The size in bytes that `share` of all sizes don't exceed (the quantile function); share in [0, 1). */
  at(share: number): number;
}

/**
 * `4KiB`, `uniform:1KiB-1MiB`, `lognormal:64KiB,1.5` (median and sigma, cut off at three sigma), `4KiB:0.7,1MiB:0.3`.
 * @throws Error that says what was expected
 */
export function parseSize(text: string): SizeDistribution {
  if (text.startsWith('uniform:')) return uniform(text);
  if (text.startsWith('lognormal:')) return logNormal(text);
  if (text.includes(':') || text.includes(',')) return mix(text);
  const bytes = parseBytes(text, text);
  return distribution(text, bytes, () => bytes);
}

function distribution(text: string, max: number, at: (share: number) => number): SizeDistribution {
  let sum = 0;
  for (let step = 0; step < meanSteps; step += 1) sum += at((step + 0.5) / meanSteps);
  return { text, mean: sum / meanSteps, max, at };
}

function uniform(text: string): SizeDistribution {
  const [least, most, more] = text.slice('uniform:'.length).split('-');
  if (least === undefined || most === undefined || more !== undefined) throw wrong(text, 'expected uniform:LEAST-MOST');
  const from = parseBytes(least, text);
  const to = parseBytes(most, text);
  if (to < from) throw wrong(text, 'the least size is above the most');
  return distribution(text, to, (share) => from + Math.floor(share * (to - from + 1)));
}

function logNormal(text: string): SizeDistribution {
  const [middle, spread, more] = text.slice('lognormal:'.length).split(',');
  if (middle === undefined || spread === undefined || more !== undefined) throw wrong(text, 'expected lognormal:MEDIAN,SIGMA');
  const median = parseBytes(middle, text);
  const sigma = parseNumber(spread, text);
  if (sigma <= 0 || sigma > 4) throw wrong(text, 'sigma must be above 0 and at most 4');
  const max = Math.min(objectBytesMax, Math.round(median * Math.exp(sigmasMax * sigma)));
  return distribution(text, max, (share) => Math.min(max, Math.max(1, Math.round(median * Math.exp(sigma * normalQuantile(share))))));
}

function mix(text: string): SizeDistribution {
  const parts = text.split(',').map((part) => {
    const [size, share, more] = part.split(':');
    if (size === undefined || share === undefined || more !== undefined) throw wrong(text, 'expected SIZE:SHARE,SIZE:SHARE');
    return { bytes: parseBytes(size, text), share: parseNumber(share, text) };
  });
  if (parts.some((part) => part.share <= 0)) throw wrong(text, 'every share must be above 0');
  const total = parts.reduce((sum, part) => sum + part.share, 0);
  if (Math.abs(total - 1) > 0.001) throw wrong(text, `the shares make ${Number(total.toFixed(3))}, not 1`);
  const last = parts.at(-1)?.bytes ?? 0;
  const at = (share: number): number => {
    let below = 0;
    return parts.find((part) => share < (below += part.share))?.bytes ?? last;
  };
  return distribution(text, Math.max(...parts.map((part) => part.bytes)), at);
}

const units: Readonly<Record<string, number>> = { '': 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 1024, MiB: mebibyte, GiB: gibibyte };

function parseBytes(part: string, text: string): number {
  const found = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(part.trim());
  const unit = units[found?.[2] ?? '?'];
  if (found === null || unit === undefined) throw wrong(text, 'expected a size such as 4KiB, 1MiB or 512');
  const bytes = Math.round(Number(found[1]) * unit);
  if (bytes < 1 || bytes > objectBytesMax) throw wrong(text, 'sizes go from 1 byte to 1GiB');
  return bytes;
}

function parseNumber(part: string, text: string): number {
  if (!/^\d*\.?\d+$/.test(part.trim())) throw wrong(text, `${part} is not a number`);
  return Number(part);
}

function wrong(text: string, why: string): Error {
  return new Error(`size ${text}: ${why} (sizes are 4KiB, uniform:1KiB-1MiB, lognormal:64KiB,1.5 or 4KiB:0.7,1MiB:0.3)`);
}

/** The inverse of the normal distribution by Acklam's rational approximation: relative error below 1.15e-9. */
function normalQuantile(share: number): number {
  const p = Math.min(Math.max(share, 1e-12), 1 - 1e-12);
  const polynomial = (x: number, factors: readonly number[]): number => factors.reduce((sum, factor) => sum * x + factor, 0);
  const tail = (x: number): number => polynomial(x, tailAbove) / polynomial(x, tailBelow);
  if (p < 0.02425) return tail(Math.sqrt(-2 * Math.log(p)));
  if (p > 1 - 0.02425) return -tail(Math.sqrt(-2 * Math.log(1 - p)));
  const q = p - 0.5;
  return (polynomial(q * q, middleAbove) * q) / polynomial(q * q, middleBelow);
}

const middleAbove = [-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239];
const middleBelow = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572, 1];
const tailAbove = [
  -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783,
];
const tailBelow = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416, 1];
