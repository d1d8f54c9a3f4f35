/** Listings: order, pages, and that what lies under a common prefix is not read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { versionRow } from '../../engine/bucket/codec.ts';
import { headKey, tables } from '../../engine/bucket/row-keys.ts';
import { noMetadata, type Version } from '../../engine/bucket/version.ts';
import { memoryStore } from '../../snapshots/memory-store.ts';
import type { RowRange, RowReads, StateStore } from '../../snapshots/state-store.ts';
import { accepted, putCommand, testEngine } from '../support/engine.ts';

/** Counts the rows that are read. */
function countingStore(): StateStore & { rowsRead: number } {
  const inner = memoryStore();
  const store = {
    rowsRead: 0,
    get position() {
      return inner.position;
    },
    get: (table: string, key: Uint8Array) => inner.get(table, key),
    async range(table: string, range: RowRange) {
      const rows = await inner.range(table, range);
      store.rowsRead += rows.length;
      return rows;
    },
    async texts(table: string, range: RowRange) {
      const rows = await inner.texts(table, range);
      store.rowsRead += rows.length;
      return rows;
    },
    view: <T>(read: (rows: RowReads) => Promise<T>) => read(store),
    write: inner.write.bind(inner),
    close: () => inner.close(),
  };
  return store;
}

const version: Version = {
  seq: 1,
  entropy: '',
  deleteMarker: false,
  size: 1,
  etag: 'e'.repeat(32),
  lastModified: 1,
  content: 'none',
  metadata: noMetadata,
  tags: [],
  checksum: undefined,
  owner: undefined,
  partCount: 0,
};

async function house(keys: readonly string[]) {
  const store = countingStore();
  const opened = await testEngine({ store });
  await accepted(opened.engine.createBucket(opened.caller(), { bucket: 'photos', locationConstraint: '' }));
  const value = versionRow(version);
  await store.write(
    keys.map((key) => ({ table: tables.heads, key: headKey('photos', key), value })),
    store.position,
  );
  store.rowsRead = 0;
  return { ...opened, store };
}

const query = { bucket: 'photos', prefix: '', delimiter: '', after: '', max: 1000 };

test('a common prefix is leaped over, however much lies under it', async () => {
  const keys = Array.from({ length: 50 }, (_, directory) => Array.from({ length: 200 }, (_, at) => `${directory + 10}/${at + 100}`)).flat();
  const { engine, caller, store } = await house(keys);
  const page = await accepted(engine.listObjects(caller(), { ...query, delimiter: '/' }));
  assert.deepEqual(
    page.commonPrefixes,
    Array.from({ length: 50 }, (_, at) => `${at + 10}/`),
  );
  assert.ok(store.rowsRead < 1000, `${store.rowsRead} rows of ${keys.length}`);
  const versions = await accepted(
    engine.listObjectVersions(caller(), { ...query, delimiter: '/', keyMarker: '', versionIdMarker: undefined }),
  );
  assert.equal(versions.commonPrefixes.length, 50);
  await engine.close();
});

test('the last page costs what the first costs', async () => {
  const keys = Array.from({ length: 9000 }, (_, at) => `key-${String(at).padStart(6, '0')}`);
  const { engine, caller, store } = await house(keys);
  const first = await accepted(engine.listObjects(caller(), query));
  assert.deepEqual([first.objects.length, first.next], [1000, 'key-000999']);
  const readForFirst = store.rowsRead;
  const last = await accepted(engine.listObjects(caller(), { ...query, after: 'key-007998' }));
  assert.deepEqual([last.objects.length, last.next], [1000, 'key-008998']);
  assert.equal(store.rowsRead, readForFirst * 2);
  await engine.close();
});

test('order is that of UTF-8 bytes, markers may be keys or common prefixes, prefixes may end anywhere', async () => {
  const keys = ['a', 'a!', 'a/', 'a//', 'a/b', 'a0', 'ab', 'ü', '\uffff', '\u{10000}'];
  const { engine, caller } = await house([...keys].reverse());
  const list = async (more: Partial<typeof query>) => {
    const page = await accepted(engine.listObjects(caller(), { ...query, ...more }));
    return [page.objects.map((object) => object.key), page.commonPrefixes, page.next];
  };
  assert.deepEqual(await list({}), [keys, [], undefined]);
  assert.deepEqual(await list({ delimiter: '/' }), [keys.filter((key) => !key.includes('/')), ['a/'], undefined]);
  assert.deepEqual(await list({ delimiter: '/', max: 3 }), [['a', 'a!'], ['a/'], 'a/']);
  assert.deepEqual(await list({ delimiter: '/', max: 1, after: 'a/' }), [['a0'], [], 'a0']);
  assert.deepEqual(await list({ delimiter: '/', max: 1, after: 'a!' }), [[], ['a/'], 'a/']);
  assert.deepEqual(await list({ delimiter: '/', prefix: 'a/' }), [['a/', 'a/b'], ['a//'], undefined]);
  assert.deepEqual(await list({ prefix: 'a/', after: 'a/' }), [['a//', 'a/b'], [], undefined]);
  assert.deepEqual(await list({ prefix: 'a', after: 'Z', max: 1 }), [['a'], [], 'a']);
  assert.deepEqual(await list({ prefix: 'a', after: 'b' }), [[], [], undefined]);
  assert.deepEqual(await list({ delimiter: 'b' }), [keys.filter((key) => !key.includes('b')), ['a/b', 'ab'], undefined]);
  assert.deepEqual(await list({ max: 0 }), [[], [], undefined]);
  assert.deepEqual(await list({ after: '\uffff' }), [['\u{10000}'], [], undefined]);
  assert.deepEqual(await list({ max: keys.length }), [keys, [], undefined]);
  await engine.close();
});

test('buckets whose names begin alike keep apart', async () => {
  const { engine, caller } = await house(['one']);
  await accepted(engine.createBucket(caller(), { bucket: 'photos-2', locationConstraint: '' }));
  await accepted(engine.putObject(caller(), putCommand('photos-2', 'two', 'x')));
  const page = await accepted(engine.listObjects(caller(), query));
  assert.deepEqual(
    page.objects.map((object) => object.key),
    ['one'],
  );
  await engine.close();
});

test('no gaps and no repeats while others write', async () => {
  const keys = Array.from({ length: 300 }, (_, at) => `key-${String(at).padStart(4, '0')}`);
  const { engine, caller } = await house(keys);
  let stop = false;
  const writing = (async () => {
    for (let at = 0; !stop; at += 1) {
      await accepted(engine.putObject(caller(), putCommand('photos', `key-${String((at * 7) % 300).padStart(4, '0')}x`, 'new')));
      await accepted(
        engine.deleteObject(caller(), { bucket: 'photos', key: `key-${String((at * 7) % 300).padStart(4, '0')}x`, conditions: {} }),
      );
    }
  })();
  for (let round = 0; round < 5; round += 1) {
    const seen: string[] = [];
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page: { objects: readonly { key: string }[]; next: string | undefined } = await accepted(
        engine.listObjects(caller(), { ...query, after, max: 7 }),
      );
      seen.push(...page.objects.map((object) => object.key));
      after = page.next;
    }
    assert.deepEqual(
      seen.filter((key) => !key.endsWith('x')),
      keys,
    );
    assert.equal(new Set(seen).size, seen.length);
  }
  stop = true;
  await writing;
  await engine.close();
});
