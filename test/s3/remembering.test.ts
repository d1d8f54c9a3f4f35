import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isoTime } from '../../http/parameters/object-headers.ts';
import { remembering } from '../../http/remembering.ts';

test('a result is computed once, and no more results are kept than there are places', () => {
  let computed = 0;
  const double = remembering(2, (number: number) => {
    computed += 1;
    return number * 2;
  });
  assert.deepEqual([double(1), double(2), double(1), double(2)], [2, 4, 2, 4]);
  assert.equal(computed, 2);
  assert.equal(double(3), 6);
  assert.equal(double(1), 2);
  assert.equal(computed, 4, 'the third began anew');
});

test('times in listings are those of ISO 8601, to the millisecond', () => {
  for (const time of [0, 1, 999, 1000, 1_709_251_199_999, 1_709_251_200_000, 4_102_444_800_007, -1, -1000]) {
    assert.equal(isoTime(time), new Date(time).toISOString());
    assert.equal(isoTime(time), new Date(time).toISOString(), 'again');
  }
});
