import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SegmentDiary } from '../../engine/shards/segment-diary.ts';
import { manualClock } from '../support/manual-clock.ts';

const minute = 60_000;

test('a closed segment does not rest while a body that may lie in it is under way, however long that takes', async () => {
  const clock = manualClock();
  const diary = new SegmentDiary(clock);
  diary.opened(0, 1);
  diary.begun(7);
  await clock.advance(minute);
  diary.opened(0, 2);
  await clock.advance(180 * minute);
  diary.opened(0, 3);
  diary.opened(0, 4);
  assert.equal(diary.restsSince(0, 1), Number.POSITIVE_INFINITY, 'three hours later');
  const ended = clock.now();
  diary.done(7);
  await clock.advance(minute);
  assert.equal(diary.restsSince(0, 1), ended, 'its end is where the rest begins: it is journaled after it');
});

test('bodies that began after a segment was closed do not matter to it, and short ones not for long', async () => {
  const clock = manualClock();
  const diary = new SegmentDiary(clock);
  diary.opened(0, 1);
  diary.begun(1);
  await clock.advance(100);
  diary.done(1);
  await clock.advance(minute);
  const closed = clock.now();
  diary.opened(0, 2);
  await clock.advance(1);
  diary.begun(2);
  assert.equal(diary.restsSince(0, 1), closed);
  assert.equal(diary.restsSince(0, 2), Number.POSITIVE_INFINITY, 'it is open');
  assert.equal(diary.restsSince(0, 9), 0, 'not one of its');
});

test('what is forgotten of long bodies errs on the safe side', async () => {
  const clock = manualClock();
  const diary = new SegmentDiary(clock);
  diary.opened(0, 1);
  for (let writer = 0; writer < 1_500; writer += 1) diary.begun(writer);
  await clock.advance(2 * minute);
  diary.opened(0, 2);
  for (let writer = 0; writer < 1_500; writer += 1) {
    await clock.advance(1);
    diary.done(writer);
  }
  assert.equal(diary.restsSince(0, 1), clock.now());
});
