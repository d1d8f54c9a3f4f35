/** Rows that are visible before they are stored: many batches arrive as one, and a drive that fails meanwhile loses none of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { laggingStore } from '../../snapshots/lagging-store.ts';
import { memoryStore } from '../../snapshots/memory-store.ts';
import { openStandbyStore } from '../../snapshots/standby-store.ts';
import { type RowChange, StateStoreUnavailable } from '../../snapshots/state-store.ts';
import { failingStore } from '../support/ledger-system.ts';
import { manualClock } from '../support/manual-clock.ts';

const put = (key: string, value: string): RowChange => ({ table: 'heads', key: Buffer.from(key), value: Buffer.from(value) });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('batches arrive together, in order, after the lag or before the next range', async () => {
  const clock = manualClock();
  const below = failingStore(memoryStore());
  const store = laggingStore(below, clock);
  for (let position = 1; position <= 10; position++) await store.write([put(`${position % 3}`, `${position}`)], position);
  assert.deepEqual(below.writes, []);
  assert.equal(store.position, 10);
  assert.equal(store.get('heads', Buffer.from('1'))?.toString(), '10');
  await clock.advance(1_000);
  await turn();
  assert.deepEqual(below.writes, [10]);
  await store.write([put('1', 'late'), { table: 'heads', key: Buffer.from('2'), value: null }], 11);
  const rows = await store.range('heads', { limit: 10 });
  assert.deepEqual(
    rows.map(({ key, value }) => `${key}=${value}`),
    ['0=9', '1=late'],
  );
  assert.deepEqual(below.writes, [10, 11]);
  await store.close();
});

test('a writer waits once too much is on its way', async () => {
  const below = failingStore(memoryStore());
  const store = laggingStore(below, manualClock());
  let release = (): void => undefined;
  below.stalled = new Promise((resolve) => (release = resolve));
  const many = Array.from({ length: 2_500 }, (_, index) => put(`${index}`, 'x'));
  let done = false;
  const write = store.write(many, 1).then(() => (done = true));
  for (let turns = 0; turns < 5; turns++) await turn();
  assert.equal(done, false);
  assert.equal(store.get('heads', Buffer.from('7'))?.toString(), 'x', 'visible on its way');
  release();
  await write;
  assert.deepEqual(below.writes, [1]);
  await store.close();
});

test('what its drive did not take any more the standby has, and every later call of the store fails', async () => {
  const clock = manualClock();
  const below = [failingStore(memoryStore()), failingStore(memoryStore())];
  const opened = below.map((store) => laggingStore(store, clock));
  const drives = ['one', 'two'].map((name, at) => ({ name, open: async () => opened[at]!, remove: async () => assert.fail('kept') }));
  const catchUp = async (): Promise<never> => assert.fail('no journal is needed');
  const store = await openStandbyStore({ drives, catchUp, log: () => undefined });
  for (let position = 1; position <= 5; position++) await store.write([put(`${position}`, 'kept')], position);
  below[0]!.away = true;
  await clock.advance(1_000);
  await turn();
  assert.throws(() => opened[0]!.get('heads', Buffer.from('1')), StateStoreUnavailable);
  await store.write([put('6', 'kept')], 6);
  assert.equal(store.places.primary, 'two');
  assert.equal((await store.range('heads', { limit: 10 })).length, 6);
  await store.close();
});
