/** Rows under undurable layers read as if the layers were applied. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Layer, LayeredRows, storeRows } from '../../engine/actor/rows.ts';
import { Fault } from '../../engine/fault.ts';
import { memoryStore } from '../../snapshots/memory-store.ts';
import type { RowChange, RowRange } from '../../snapshots/state-store.ts';
import { failingStore } from '../support/ledger-system.ts';

const key = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\xff'), maxLength: 3 }).map((text) => Buffer.from(text, 'latin1'));
const change: fc.Arbitrary<RowChange> = fc.record({
  table: fc.constantFrom('heads', 'versions'),
  key,
  value: fc.option(fc.string({ maxLength: 2 }).map((text) => Buffer.from(text))),
});
const range: fc.Arbitrary<RowRange> = fc.record(
  { gte: key, gt: key, lt: key, limit: fc.nat(8), reverse: fc.boolean(), keysOnly: fc.boolean() },
  { requiredKeys: ['limit'] },
);

function layerOf(changes: readonly RowChange[]): Layer {
  const layer = new Layer();
  for (const each of changes) layer.put(each);
  return layer;
}

test('points and ranges over layers equal those of a store with the layers applied', async () => {
  const batch = fc.array(change, { maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(batch, fc.array(batch, { maxLength: 3 }), fc.array(range, { maxLength: 8 }), async (stored, layers, ranges) => {
      const store = memoryStore();
      const applied = memoryStore();
      await store.write(stored, 1);
      await applied.write([...stored, ...layers.flat()], 1);
      const rows = new LayeredRows(storeRows(store));
      for (const changes of layers) rows.push(layerOf(changes));
      for (const table of ['heads', 'versions']) {
        for (const each of ranges) assert.deepEqual(await rows.range(table, each), await applied.range(table, each));
        for (const { key: at } of layers.flat()) assert.deepEqual(rows.get(table, at), applied.get(table, at));
      }
    }),
    { numRuns: 300 },
  );
});

test('a layer that is applied and removed while a range is read is not missed', async () => {
  const store = memoryStore();
  await store.write([{ table: 'heads', key: Buffer.from('a'), value: Buffer.from('1') }], 1);
  const rows = new LayeredRows(storeRows(store));
  const layer = layerOf([{ table: 'heads', key: Buffer.from('b'), value: Buffer.from('2') }]);
  rows.push(layer);
  const reading = rows.range('heads', { limit: 10 });
  await store.write([...layer.changes()], 2);
  rows.remove(layer);
  assert.deepEqual(
    (await reading).map(({ value }) => value.toString()),
    ['1', '2'],
  );
});

test("the state store's trouble is a Fault, a caller's mistake is not", async () => {
  const store = failingStore(memoryStore());
  const rows = storeRows(store);
  await assert.rejects(rows.range('heads', { limit: -1 }), RangeError);
  store.away = true;
  const unavailable = (error: unknown): boolean => error instanceof Fault && error.kind === 'unavailable';
  assert.throws(() => rows.get('heads', Buffer.from('a')), unavailable);
  await assert.rejects(rows.range('heads', { limit: 1 }), unavailable);
});
