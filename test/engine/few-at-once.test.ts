import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FewAtOnce } from '../../engine/door/few-at-once.ts';
import { settled } from '../support/manual-clock.ts';

test('so many at once, the others in their order, and a failure frees its place', async () => {
  const few = new FewAtOnce(2);
  const begun: number[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const work = (number: number) => () =>
    new Promise<number>((resolve, reject) => {
      begun.push(number);
      ends[number] = (error) => (error === undefined ? resolve(number) : reject(error));
    });
  const done = [0, 1, 2, 3, 4].map((number) => few.run(work(number)));
  const failed = assert.rejects(done[1]!, /broken/);
  await settled();
  assert.deepEqual(begun, [0, 1]);
  ends[1]!(new Error('broken'));
  await failed;
  await settled();
  assert.deepEqual(begun, [0, 1, 2]);
  ends[2]!();
  ends[0]!();
  await settled();
  assert.deepEqual(begun, [0, 1, 2, 3, 4]);
  ends[3]!();
  ends[4]!();
  assert.deepEqual(await Promise.all([done[0], done[2], done[3], done[4]]), [0, 2, 3, 4]);
  // All places are free again.
  const more = [5, 6].map((number) => few.run(work(number)));
  await settled();
  assert.deepEqual(begun.slice(5), [5, 6]);
  for (const number of [5, 6]) ends[number]!();
  assert.deepEqual(await Promise.all(more), [5, 6]);
});
