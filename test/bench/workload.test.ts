/** What load is made of: sizes as asked for, keys and bodies that follow from seed and number, answers read right. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Bodies } from '../../bench/workload/bodies.ts';
import { type KeyLayout, keyOf, laidOutPrefix } from '../../bench/workload/keys.ts';
import { SeededRandom } from '../../bench/workload/seeded-random.ts';
import { objectBytesMax, parseSize, type SizeDistribution } from '../../bench/workload/sizes.ts';
import { Tally } from '../../bench/workload/tally.ts';
import { xmlTexts } from '../../bench/workload/xml-texts.ts';

const kib = 1024;
const mib = 1024 * kib;

function drawn(sizes: SizeDistribution, count = 20_000): number[] {
  const random = new SeededRandom(7);
  return Array.from({ length: count }, () => sizes.at(random.share())).sort((a, b) => a - b);
}

const meanOf = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

function near(found: number, expected: number, share: number): void {
  assert.ok(Math.abs(found / expected - 1) <= share, `${found} instead of ${expected} within ${share * 100} %`);
}

test('a fixed size, in the units people write', () => {
  const sizes = { '4KiB': 4096, '1MiB': mib, '512': 512, '64B': 64, '10KB': 10_000, '1.5MiB': 1.5 * mib, '1GiB': objectBytesMax };
  for (const [text, bytes] of Object.entries(sizes)) {
    const size = parseSize(text);
    assert.deepEqual([size.at(0), size.at(0.5), size.at(0.999), size.mean, size.max, size.text], [bytes, bytes, bytes, bytes, bytes, text]);
  }
});

test('a uniform size fills its range evenly', () => {
  const size = parseSize('uniform:1KiB-1MiB');
  const draws = drawn(size);
  assert.ok((draws[0] ?? 0) >= kib && (draws.at(-1) ?? 0) <= mib);
  near(meanOf(draws), (kib + mib) / 2, 0.02);
  near(size.mean, (kib + mib) / 2, 0.001);
  near(draws[draws.length / 4] ?? 0, kib + (mib - kib) / 4, 0.05);
  assert.equal(size.max, mib);
});

test('a log-normal size has its median and sigma, and is cut off at three sigma', () => {
  const size = parseSize('lognormal:64KiB,1.5');
  const draws = drawn(size);
  near(draws[draws.length / 2] ?? 0, 64 * kib, 0.05);
  // One sigma above and below the median: 84.13 % and 15.87 %.
  near(draws[Math.floor(draws.length * 0.8413)] ?? 0, 64 * kib * Math.exp(1.5), 0.06);
  near(draws[Math.floor(draws.length * 0.1587)] ?? 0, 64 * kib * Math.exp(-1.5), 0.06);
  near(size.max, 64 * kib * Math.exp(4.5), 0.001);
  assert.ok((draws.at(-1) ?? 0) <= size.max);
  near(size.mean, 64 * kib * Math.exp(1.5 ** 2 / 2), 0.1);
  assert.equal(parseSize('lognormal:1GiB,1').max, objectBytesMax, 'never above what fits in memory');
});

test('a mix has each size as often as asked for', () => {
  const size = parseSize('4KiB:0.7,1MiB:0.3');
  const draws = drawn(size);
  near(draws.filter((bytes) => bytes === 4096).length / draws.length, 0.7, 0.02);
  assert.deepEqual([...new Set(draws)], [4096, mib]);
  near(size.mean, 0.7 * 4096 + 0.3 * mib, 0.005);
  assert.equal(size.max, mib);
});

test('what is no size is refused with the reason', () => {
  const wrong = {
    '': /expected a size/,
    '4KIB': /expected a size/,
    '-4KiB': /expected a size/,
    '0': /1 byte to 1GiB/,
    '2GiB': /1 byte to 1GiB/,
    'uniform:1MiB': /uniform:LEAST-MOST/,
    'uniform:1MiB-1KiB': /least size is above/,
    'uniform:1-2-3': /uniform:LEAST-MOST/,
    'lognormal:64KiB': /lognormal:MEDIAN,SIGMA/,
    'lognormal:64KiB,0': /sigma/,
    'lognormal:64KiB,x': /x is not a number/,
    '4KiB:0.7,1MiB:0.2': /make 0.9/,
    '4KiB:1.5,1MiB:-0.5': /not a number/,
    '4KiB,1MiB': /SIZE:SHARE/,
    'normal:4KiB': /expected/,
  };
  for (const [text, reason] of Object.entries(wrong)) {
    assert.throws(() => parseSize(text), reason, text);
    assert.throws(() => parseSize(text), new RegExp(`size ${text.replaceAll('.', '\\.')}: .*sizes are 4KiB`), text);
  }
});

test('the generator repeats itself for a seed, differs for another, and is even', () => {
  const words = (...seeds: number[]): number[] => {
    const random = new SeededRandom(...seeds);
    return Array.from({ length: 1000 }, () => random.word());
  };
  assert.deepEqual(words(1, 2, 3), words(1, 2, 3));
  const differ = [words(1, 2, 3), words(1, 2, 4), words(1, 3, 2), words(2), words(1)];
  assert.equal(new Set(differ.map((all) => all.join())).size, differ.length);
  const random = new SeededRandom(11);
  const spread = new Array<number>(10).fill(0);
  for (let draw = 0; draw < 100_000; draw += 1) {
    const at = random.below(10);
    assert.ok(Number.isInteger(at) && at >= 0 && at < 10);
    spread[at] = (spread[at] ?? 0) + 1;
  }
  for (const count of spread) near(count, 10_000, 0.05);
  // Chi-square of nine degrees of freedom: 33.7 is passed once in ten thousand seeds.
  assert.ok(spread.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0) < 33.7);
  for (let draw = 0; draw < 1000; draw += 1) assert.ok(random.below(2 ** 40) < 2 ** 40);
});

test('keys are distinct in every layout, and lie as the layout says', () => {
  const shapes: Record<KeyLayout, RegExp> = { flat: /^\d{15}$/, prefixes: /^[0-9a-f]\/[0-9a-f]\/\d{15}$/, hex: /^[0-9a-f]{21}$/ };
  for (const [layout, shape] of Object.entries(shapes) as [KeyLayout, RegExp][]) {
    const numbers = [...Array(50_000).keys(), 640_000_000_000_000];
    const keys = numbers.map((number) => keyOf(layout, number));
    assert.equal(new Set(keys).size, keys.length);
    for (const key of keys) assert.match(key, shape);
  }
  const folders = new Set(Array.from({ length: 5000 }, (_, number) => keyOf('prefixes', number).slice(0, 4)));
  assert.equal(folders.size, 256);
  assert.ok(keyOf('flat', 9) < keyOf('flat', 10));
  const firsts = new Set(Array.from({ length: 500 }, (_, number) => keyOf('hex', number).slice(0, 1)));
  assert.equal(firsts.size, 16, 'neighbours begin anywhere');
  assert.equal(laidOutPrefix('run/', '4KiB:0.7,1MiB:0.3'), 'run/laid-out/4KiB-0.7-1MiB-0.3/');
});

test('bodies follow from seed and number; the same body is the same instance', () => {
  const size = parseSize('4KiB');
  const [one, again, other] = [new Bodies(size, 1), new Bodies(size, 1), new Bodies(size, 2)];
  for (let number = 0; number < 100; number += 1) {
    assert.ok(one.of(number).bytes.equals(again.of(number).bytes));
    assert.ok(!one.of(number).bytes.equals(other.of(number).bytes));
    assert.equal(one.of(number), one.of(number));
    for (let revision = 0; revision < 5; revision += 1) {
      assert.ok(!one.of(number, revision).bytes.equals(one.of(number, revision + 1).bytes), 'a revision differs from the one before');
    }
  }
  const digests = new Set(Array.from({ length: 5000 }, (_, number) => one.of(number).md5.toString('hex')));
  assert.ok(digests.size > 1000 && digests.size <= 1024, `${digests.size} bodies: no two have the same bytes`);
  const { bytes, md5 } = one.of(3);
  assert.deepEqual(md5, createHash('md5').update(bytes).digest());
});

test('bodies have the sizes of their distribution; large ones are few', () => {
  const mix = new Bodies(parseSize('4KiB:0.7,64KiB:0.3'), 5);
  const lengths = Array.from({ length: 5000 }, (_, number) => mix.of(number).bytes.length);
  near(lengths.filter((length) => length === 4096).length / lengths.length, 0.7, 0.04);
  near(mix.meanBytes, 0.7 * 4096 + 0.3 * 65_536, 0.01);
  const large = new Bodies(parseSize('8MiB'), 5);
  const digests = new Set(Array.from({ length: 100 }, (_, number) => large.of(number).md5.toString('hex')));
  assert.equal(digests.size, 8, '64 MiB are hashed once');
  const parts = new Bodies(parseSize('4KiB'), 5, 5 * mib);
  assert.equal(parts.of(1).bytes.length, 5 * mib);
});

test('elements of XML are read with their entities', () => {
  const xml = '<A><Key>a&amp;b</Key><Key>c&#x2F;d&#47;e</Key><ETag>&quot;x&quot;</ETag><Key></Key></A>';
  assert.deepEqual(xmlTexts(xml, 'Key'), ['a&b', 'c/d/e', '']);
  assert.deepEqual(xmlTexts(xml, 'ETag'), ['"x"']);
  assert.deepEqual(xmlTexts('<Key>never ended', 'Key'), []);
});

test('a tally gives everything once', () => {
  const tally = new Tally();
  for (let count = 1; count <= 3000; count += 1) tally.done('put', count, 10);
  tally.failed('get');
  tally.listed(5);
  const { operations, keys } = tally.take();
  assert.equal(keys, 5);
  assert.deepEqual(
    operations.map(({ operation, errors, bytes, latencies }) => [operation, errors, bytes, latencies.length, latencies.at(-1)]),
    [
      ['put', 0, 30_000, 3000, 3000],
      ['get', 1, 0, 0, undefined],
    ],
  );
  assert.deepEqual(tally.take(), { operations: [], keys: 0 });
  assert.equal(tally.answers, 3000);
});
