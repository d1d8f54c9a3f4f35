/** Medians, ratios, intervals and trends on samples whose truth is known, by hand or because it was simulated. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { median, normalShare, quantile, ratioInterval, spread, studentT975, theilSen, turnRatios } from '../../bench/report/statistics.ts';
import { summarizeLine } from '../../bench/report/summary.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { normal, sampleResult } from './sample-result.ts';

function close(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual - expected) <= Math.abs(expected) * share, `${actual} is not within ${share * 100} % of ${expected}`);
}

test('median and quantiles of known numbers', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([7]), 7);
  assert.ok(Number.isNaN(median([])));
  assert.equal(median([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]), Number.POSITIVE_INFINITY);
  assert.equal(quantile([0, 10, 20, 30, 40], 0.9), 36);
  assert.deepEqual(spread([5, 1, 9]), { median: 5, least: 1, greatest: 9 });
  assert.equal(spread([]), undefined);
});

test('ratios are taken turn by turn, so that a slow moment of both does not count', () => {
  assert.deepEqual(turnRatios([100, 10, 200], [50, 5, 100]), { median: 2, least: 2, greatest: 2 });
  assert.deepEqual(turnRatios([100, 300, 200], [100, 100, 100]), { median: 2, least: 1, greatest: 3 });
  assert.deepEqual(turnRatios([100, 100], [0, 50]), { median: Number.POSITIVE_INFINITY, least: 2, greatest: Number.POSITIVE_INFINITY });
  assert.deepEqual(turnRatios([0, 0], [0, 50]), { median: 0, least: 0, greatest: 0 });
  assert.equal(turnRatios([0], [0]), undefined);
  assert.equal(turnRatios([], [1]), undefined);
});

test('the t and normal distributions agree with published tables', () => {
  for (const [degrees, value] of [
    [1, 12.706],
    [2, 4.303],
    [3, 3.182],
    [4, 2.776],
    [9, 2.262],
    [30, 2.042],
    [1000, 1.962],
  ] as const) {
    close(studentT975(degrees), value, 0.01);
  }
  close(normalShare(-1.959964), 0.025, 1e-4);
  close(normalShare(1), 0.841345, 1e-5);
  assert.equal(normalShare(0).toFixed(6), '0.500000');
});

/** Log-normal, so that the true median is known: `truth`. */
function noisy(truth: number, { turns, noise, random }: { turns: number; noise: number; random: () => number }): number[] {
  return Array.from({ length: turns }, () => truth * Math.exp(noise * normal(random)));
}

test('the bootstrap interval covers the truth as often as it says, at five turns and at twelve', () => {
  const seed = 11;
  const random = seededRandom(seed);
  const trials = 120;
  for (const turns of [5, 12]) {
    let covered = 0;
    for (let trial = 0; trial < trials; trial += 1) {
      const interval = ratioInterval(noisy(100, { turns, noise: 0.1, random }), noisy(130, { turns, noise: 0.1, random }));
      if (interval!.low <= 1.3 && interval!.high >= 1.3) covered += 1;
    }
    assert.ok(covered / trials >= 0.93, `${turns} turns: covered ${covered} of ${trials}, seed ${seed}`);
  }
});

test('the bootstrap interval finds a fifth in little noise, and seldom finds what is not there', () => {
  const seed = 12;
  const random = seededRandom(seed);
  const trials = 60;
  let found = 0;
  let falseAlarms = 0;
  for (let trial = 0; trial < trials; trial += 1) {
    const before = noisy(100, { turns: 5, noise: 0.02, random });
    if (ratioInterval(before, noisy(120, { turns: 5, noise: 0.02, random }))!.low > 1) found += 1;
    const same = ratioInterval(before, noisy(100, { turns: 5, noise: 0.02, random }))!;
    if (same.low > 1 || same.high < 1) falseAlarms += 1;
  }
  assert.equal(found, trials, `seed ${seed}`);
  assert.ok(falseAlarms / trials <= 0.06, `${falseAlarms} of ${trials}, seed ${seed}`);
});

test('the bootstrap interval repeats, and needs three turns on either side', () => {
  const [before, after] = [
    [100, 110, 95, 102],
    [120, 118, 131],
  ];
  assert.deepEqual(ratioInterval(before, after), ratioInterval(before, after));
  assert.deepEqual(ratioInterval([10, 10, 10], [20, 20, 20]), { low: 2, high: 2 });
  assert.equal(ratioInterval([100, 110], after), undefined);
  assert.equal(ratioInterval(before, []), undefined);
});

test('a trend is the slope of the points, bent by no outlier, with an interval that holds zero where there is none', () => {
  const line = Array.from({ length: 40 }, (_, x) => [x, 5 + 3 * x] as const);
  const exact = theilSen(line)!;
  assert.equal(exact.slope, 3);
  const bent = theilSen(line.map(([x, y]) => [x, x % 13 === 5 ? 0 : y] as const))!;
  close(bent.slope, 3, 0.03);
  const seed = 13;
  const random = seededRandom(seed);
  let alarms = 0;
  for (let trial = 0; trial < 200; trial += 1) {
    const flat = theilSen(Array.from({ length: 30 }, (_, x) => [x, 100 + normal(random)] as const))!;
    if (flat.low > 0 || flat.high < 0) alarms += 1;
  }
  assert.ok(alarms <= 20, `${alarms} of 200 flat series have a trend, seed ${seed}`);
  assert.equal(theilSen(line.slice(0, 4)), undefined);
});

test('percentiles are those of the histograms, over all operations together and each by itself', () => {
  const histogram = (from: number, to: number): string => {
    const made = build({ bitBucketSize: 32, autoResize: false, highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: 3 });
    for (let micros = from; micros <= to; micros += 1) made.recordValue(micros);
    return encodeIntoCompressedBase64(made);
  };
  const result = sampleResult({ lines: [{ name: 'mixed-4KiB-c16', workload: 'mixed', servers: [{ name: 'one', rate: 1000 }] }] });
  const line = result.lines[0]!;
  const operations = {
    get: { operations: 50_000, errors: 0, bytes: 0, histogram: histogram(1, 50_000) },
    put: { operations: 50_000, errors: 3, bytes: 0, histogram: histogram(50_001, 100_000) },
  };
  const { figures } = summarizeLine({ ...line, servers: [{ ...line.servers[0]!, operations }] }, result.machine).servers[0]!;
  close(figures!.latency.p50, 50, 0.001);
  close(figures!.latency.p90, 90, 0.001);
  close(figures!.latency.p99, 99, 0.001);
  close(figures!.latency.p999, 99.9, 0.001);
  close(figures!.latency.max, 100, 0.001);
  close(figures!.byOperation.get!.latency.p50, 25, 0.001);
  close(figures!.byOperation.put!.latency.p99, 99.5, 0.001);
  assert.equal(figures!.byOperation.put!.errors, 3);
});

test('a summary adds up what the turns say', () => {
  const result = sampleResult({
    lines: [
      {
        name: 'put-4KiB-c16',
        workload: 'put',
        servers: [
          { name: 'one', rate: 2000, noise: 0, clientCpuShare: 0.2 },
          { name: 'two', rate: 1000, noise: 0, clientCpuShare: 0.55 },
          { name: 'three', rate: 500, noise: 0, busiestClientThread: 0.95, foreign: true },
        ],
      },
    ],
  });
  const { servers, rate, clientLimited } = summarizeLine(result.lines[0]!, result.machine);
  const [one, two, three] = servers;
  assert.equal(rate, 'op/s');
  assert.equal(one!.figures!.opsPerSecond, 2000);
  assert.equal(one!.figures!.mibPerSecond, 7.8125);
  close(one!.figures!.cost!.cpuMicros, 350, 1e-9);
  close(one!.figures!.cost!.writeAmplification!, 1.5, 1e-9);
  close(one!.figures!.cost!.flushes!, 0.25, 1e-9);
  close(one!.figures!.clientShare, 0.2, 1e-9);
  assert.equal(one!.ratio, undefined);
  assert.deepEqual(two!.ratio, { median: 2, least: 2, greatest: 2 });
  assert.deepEqual(three!.ratio, { median: 4, least: 4, greatest: 4 });
  assert.equal(three!.figures!.cost, undefined);
  assert.deepEqual(
    [one, two, three].map((server) => server!.figures!.clientLimited),
    [false, true, true],
  );
  assert.equal(clientLimited, true);
});
