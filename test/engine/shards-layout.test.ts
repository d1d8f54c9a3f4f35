import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layoutOf, writeQuorumOf } from '../../engine/shards/layout.ts';

const expected: readonly [drives: number, sets: number, data: number, parity: number, quorum: number][] = [
  [1, 1, 1, 0, 1],
  [2, 1, 1, 1, 2],
  [3, 1, 2, 1, 2],
  [4, 1, 2, 2, 3],
  [5, 1, 3, 2, 3],
  [6, 1, 4, 2, 4],
  [7, 1, 5, 2, 5],
  [8, 1, 4, 4, 5],
  [12, 1, 8, 4, 8],
  [16, 1, 12, 4, 12],
  [18, 2, 5, 4, 5],
  [20, 2, 6, 4, 6],
  [32, 2, 12, 4, 12],
  [64, 4, 12, 4, 12],
];

for (const [drives, setCount, dataShards, parityShards, quorum] of expected) {
  test(`${drives} drives: ${setCount} x ${dataShards}+${parityShards}, write quorum ${quorum}`, () => {
    assert.deepEqual(layoutOf(drives, undefined), { setCount, setSize: drives / setCount, dataShards, parityShards });
    assert.equal(writeQuorumOf(dataShards, parityShards), quorum);
  });
}

test('parity as asked for', () => {
  assert.deepEqual(layoutOf(8, 2), { setCount: 1, setSize: 8, dataShards: 6, parityShards: 2 });
  assert.deepEqual(layoutOf(4, 0), { setCount: 1, setSize: 4, dataShards: 4, parityShards: 0 });
});

test('what is impossible is said in one sentence', () => {
  assert.deepEqual(layoutOf(0, undefined), { refused: 'at least one drive is needed' });
  assert.deepEqual(layoutOf(17, undefined), { refused: "17 drives can't be split into equal sets of 4 to 16: use 16 or 18" });
  assert.deepEqual(layoutOf(34, undefined), { refused: "34 drives can't be split into equal sets of 4 to 16: use 33 or 35" });
  assert.deepEqual(layoutOf(6, 4), { refused: 'parity 4 is impossible with sets of 6: it must be from 0 to 3' });
  assert.deepEqual(layoutOf(6, -1), { refused: 'parity -1 is impossible with sets of 6: it must be from 0 to 3' });
});
