/** What every state store must do, as a function of how one is made. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Row,
  type RowChange,
  type RowRange,
  type RowReads,
  rangeRowsMax,
  type StateStore,
  StateStoreUnavailable,
} from '../../snapshots/state-store.ts';

/** One place for a store; opened, closed and opened again. */
export interface StateStoreUnderTest {
  open(): Promise<StateStore>;
  /** What was written is there after the next open. */
  readonly keeps: boolean;
  dispose(): Promise<void>;
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const put = (key: string, value: string, table = 'heads'): RowChange => ({ table, key: bytes(key), value: bytes(value) });
const remove = (key: string, table = 'heads'): RowChange => ({ table, key: bytes(key), value: null });
const keysOf = (rows: readonly Row[]): string[] => rows.map(({ key }) => key.toString('latin1'));

export function testStateStore(name: string, make: () => Promise<StateStoreUnderTest>): void {
  const check = (title: string, body: (store: StateStore, place: StateStoreUnderTest) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const place = await make();
      const store = await place.open();
      try {
        await body(store, place);
      } finally {
        await store.close();
        await place.dispose();
      }
    });
  };

  check('a new store is empty, at position 0', async (store) => {
    assert.equal(store.position, 0);
    assert.equal(store.get('heads', bytes('a')), undefined);
    assert.deepEqual(await store.range('heads', { limit: 10 }), []);
  });

  check('a batch is visible when it resolves, with its position', async (store) => {
    await store.write([put('a', '1'), put('b', ''), put('a', 'other', 'parts')], 7);
    assert.equal(store.position, 7);
    assert.equal(store.get('heads', bytes('a'))?.toString(), '1');
    assert.equal(store.get('heads', bytes('b'))?.length, 0);
    assert.equal(store.get('parts', bytes('a'))?.toString(), 'other');
    assert.equal(store.get('uploads', bytes('a')), undefined);
  });

  check('of several changes of one key in a batch the last counts', async (store) => {
    await store.write([put('a', '1'), put('a', '2'), put('b', '1'), remove('b'), remove('c'), put('c', '3')], 1);
    const rows = await store.range('heads', { limit: 10 });
    assert.deepEqual(
      rows.map(({ key, value }) => `${key}=${value}`),
      ['a=2', 'c=3'],
    );
  });

  check('a position may repeat, an earlier one is refused and changes nothing', async (store) => {
    await store.write([put('a', '1')], 5);
    await store.write([put('a', '2')], 5);
    await assert.rejects(store.write([put('a', '3')], 4), RangeError);
    assert.equal(store.get('heads', bytes('a'))?.toString(), '2');
    assert.equal(store.position, 5);
  });

  check('a batch without rows moves the position', async (store) => {
    await store.write([], 12);
    assert.equal(store.position, 12);
  });

  check('what a reader gets is its own', async (store) => {
    await store.write([put('a', 'unchanged')], 1);
    store.get('heads', bytes('a'))!.fill(0);
    (await store.range('heads', { limit: 1 }))[0]!.value.fill(0);
    assert.equal(store.get('heads', bytes('a'))?.toString(), 'unchanged');
  });

  check('keys are ordered as raw bytes, the empty key first', async (store) => {
    const keys = ['', '\0', '\0\0', '\x01', 'A', 'a', 'a\0', 'a\0b', 'ab', '\x7f', '\x80', '\xff', '\xff\0', '\xff\xff'];
    await store.write(
      [...keys].reverse().map((key) => put(key, 'x')),
      1,
    );
    assert.deepEqual(keysOf(await store.range('heads', { limit: 100 })), keys);
    assert.deepEqual(keysOf(await store.range('heads', { limit: 100, reverse: true })), [...keys].reverse());
  });

  check('bounds, limits and directions', async (store) => {
    await store.write(
      ['a', 'b', 'c', 'd', 'e'].map((key) => put(key, key)),
      1,
    );
    const ask = async (range: RowRange): Promise<string> => keysOf(await store.range('heads', range)).join('');
    assert.equal(await ask({ gte: bytes('b'), limit: 9 }), 'bcde');
    assert.equal(await ask({ gt: bytes('b'), limit: 9 }), 'cde');
    assert.equal(await ask({ gt: bytes('b'), gte: bytes('d'), limit: 9 }), 'de');
    assert.equal(await ask({ gt: bytes('d'), gte: bytes('b'), limit: 9 }), 'e');
    assert.equal(await ask({ gte: bytes('b'), lt: bytes('d'), limit: 9 }), 'bc');
    assert.equal(await ask({ lt: bytes('d'), limit: 2 }), 'ab');
    assert.equal(await ask({ lt: bytes('d'), limit: 2, reverse: true }), 'cb');
    assert.equal(await ask({ gt: bytes('a'), reverse: true, limit: 9 }), 'edcb');
    assert.equal(await ask({ gte: bytes('d'), lt: bytes('b'), limit: 9 }), '');
    assert.equal(await ask({ limit: 0 }), '');
    const [first] = await store.range('heads', { limit: 1, keysOnly: true });
    assert.equal(first?.value.length, 0);
    await assert.rejects(store.range('heads', { limit: rangeRowsMax + 1 }), RangeError);
    await assert.rejects(store.range('heads', { limit: -1 }), RangeError);
  });

  check('texts are the same rows as strings, whatever bytes bound them', async (store) => {
    const keys = ['a', 'a\0b', 'aé', 'a漢', 'a😀', 'b'];
    const rows = keys.map((key) => ({ table: 'heads', key: Buffer.from(key), value: Buffer.from(`{"${key}": 1}`) }));
    await store.write([...rows, { table: 'parts', key: Buffer.from('c'), value: Buffer.from('other') }], 1);
    const ask = async (range: RowRange) => {
      const found = await store.texts('heads', range);
      assert.deepEqual(
        found.map(({ key, value }) => [Buffer.from(key), Buffer.from(value)]),
        (await store.range('heads', range)).map(({ key, value }) => [key, value]),
      );
      return found.map(({ key }) => key);
    };
    assert.deepEqual(await ask({ limit: 10 }), keys);
    assert.deepEqual(await ask({ gt: Buffer.from('aé'), lt: Buffer.from('b'), limit: 10 }), ['a漢', 'a😀']);
    // Half of a character, and what is no character at all.
    assert.deepEqual(await ask({ gte: Buffer.from('aé').subarray(0, 2), lt: Buffer.from([0x61, 0xff]), limit: 2 }), ['aé', 'a漢']);
    assert.deepEqual(await ask({ limit: 2, reverse: true, keysOnly: true }), ['b', 'a😀']);
    await assert.rejects(store.texts('heads', { limit: rangeRowsMax + 1 }), RangeError);
  });

  check('a range shows the rows as they were at the call', async (store) => {
    await store.write([put('a', '1'), put('b', '1')], 1);
    const asked = store.range('heads', { limit: 10 });
    await store.write([remove('a'), put('c', '1')], 2);
    assert.deepEqual(keysOf(await asked), ['a', 'b']);
    assert.deepEqual(keysOf(await store.range('heads', { limit: 10 })), ['b', 'c']);
  });

  check('a view shows all its reads as of one moment, whatever is written in between', async (store) => {
    await store.write([put('a', '1'), put('a', 'old', 'versions')], 1);
    const read = (rows: RowReads) =>
      Promise.all([
        rows.get('heads', bytes('a'))?.toString(),
        rows.get('versions', bytes('b'))?.toString(),
        rows.range('heads', { limit: 10 }).then(keysOf),
        rows.range('versions', { limit: 10, reverse: true }).then(keysOf),
        rows.texts('heads', { limit: 10 }).then((found) => found.map(({ key, value }) => `${key}=${value}`)),
      ]);
    const before = ['1', undefined, ['a'], ['a'], ['a=1']];
    const after = [undefined, '1', ['c'], ['b', 'a'], ['c=1']];
    await store.view(async (rows) => {
      assert.deepEqual(await read(rows), before);
      // A row steps from one table to the other.
      const written = store.write([remove('a'), put('b', '1', 'versions'), put('c', '1')], 2);
      assert.deepEqual(await read(rows), before);
      await written;
      assert.deepEqual(await read(rows), before);
      await store.view(async (later) => assert.deepEqual(await read(later), after));
      assert.deepEqual(await read(rows), before);
    });
    assert.deepEqual(await read(store), after);
    await assert.rejects(
      store.view(async () => {
        throw new TypeError('of the reader');
      }),
      TypeError,
    );
  });

  check('any sequence of batches reads as a sorted map would', async (store) => {
    const key = fc.string({ unit: fc.constantFrom('\0', 'a', 'b', '\xff'), maxLength: 3 });
    const change = fc.record({ table: fc.constantFrom('heads', 'versions'), key, value: fc.option(fc.string({ maxLength: 3 })) });
    const ask = fc.record({
      table: fc.constantFrom('heads', 'versions'),
      gte: fc.option(key),
      gt: fc.option(key),
      lt: fc.option(key),
      limit: fc.nat(6),
      reverse: fc.boolean(),
    });
    const model = new Map<string, string>();
    let position = store.position;
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 12 }), fc.array(ask, { maxLength: 6 }), async (changes, asks) => {
        for (const { table, key: at, value } of changes)
          value === null ? model.delete(`${table}/${at}`) : model.set(`${table}/${at}`, value);
        await store.write(
          changes.map(({ table, key: at, value }) => (value === null ? remove(at, table) : put(at, value, table))),
          ++position,
        );
        for (const { table, gte, gt, lt, limit, reverse } of asks) {
          const expected = [...model.keys()]
            .filter((each) => each.startsWith(`${table}/`))
            .map((each) => each.slice(table.length + 1))
            .filter((each) => (gte === null || each >= gte) && (gt === null || each > gt) && (lt === null || each < lt))
            .sort((one, other) => (one < other ? -1 : 1) * (reverse ? -1 : 1))
            .slice(0, limit);
          const bounds = {
            ...(gte !== null && { gte: bytes(gte) }),
            ...(gt !== null && { gt: bytes(gt) }),
            ...(lt !== null && { lt: bytes(lt) }),
          };
          const rows = await store.range(table, { ...bounds, limit, reverse });
          assert.deepEqual(keysOf(rows), expected);
          for (const row of rows) assert.equal(row.value.toString('latin1'), model.get(`${table}/${row.key.toString('latin1')}`));
        }
      }),
      { numRuns: 150 },
    );
  });

  check('many rows, inserted in no order, come back in order, page by page', async (store) => {
    const count = 20_000;
    const scattered = Array.from({ length: count }, (_, index) => String((index * 7_919) % count).padStart(6, '0'));
    for (let at = 0; at < count; at += 1_000)
      await store.write(
        scattered.slice(at, at + 1_000).map((key) => put(key, key)),
        at + 1_000,
      );
    await store.write(
      scattered.filter((_, index) => index % 2 === 0).map((key) => remove(key)),
      count + 1,
    );
    const kept = scattered.filter((_, index) => index % 2 === 1).sort();
    const seen: string[] = [];
    for (let after = bytes(''); ; ) {
      const page = await store.range('heads', { gt: after, limit: 777, keysOnly: true });
      seen.push(...keysOf(page));
      if (page.length < 777) break;
      after = page.at(-1)!.key;
    }
    assert.deepEqual(seen, kept);
  });

  check('closed, it is unavailable; opened again, it is as it was left', async (store, place) => {
    await store.write([put('a', '1')], 3);
    await store.close();
    assert.throws(() => store.get('heads', bytes('a')), StateStoreUnavailable);
    await assert.rejects(store.range('heads', { limit: 1 }), StateStoreUnavailable);
    await assert.rejects(store.texts('heads', { limit: 1 }), StateStoreUnavailable);
    await assert.rejects(
      store.view(async (rows) => rows.get('heads', bytes('a'))),
      StateStoreUnavailable,
    );
    await assert.rejects(store.write([put('a', '2')], 4), StateStoreUnavailable);
    if (!place.keeps) return;
    const again = await place.open();
    assert.equal(again.position, 3);
    assert.equal(again.get('heads', bytes('a'))?.toString(), '1');
    await again.close();
  });
}
