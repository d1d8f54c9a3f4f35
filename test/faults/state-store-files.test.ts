/** LevelDB's files as LevelDB wrote them, each of their bytes damaged in turn: our reader finds it before LevelDB may open them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ClassicLevel } from 'classic-level';
import { openClassicStore, removeClassicStore } from '../../snapshots/classic-store.ts';
import { prepareDirectory } from '../../snapshots/leveldb-directory.ts';
import { DamagedFile, liveTables } from '../../snapshots/leveldb-manifest.ts';
import { proveTable } from '../../snapshots/leveldb-table.ts';
import { type StateStore, StateStoreCorrupt } from '../../snapshots/state-store.ts';
import { seededBytes, temporaryDirectory } from '../support/files.ts';
import { manualClock } from '../support/manual-clock.ts';

const small = { cacheBytes: 1024 * 1024, writeBufferBytes: 64 * 1024 };
const positionKey = Buffer.from('\0position');
const keyAt = (at: number): Buffer => Buffer.from(`key-${String(at).padStart(6, '0')}`);

async function fill(store: StateStore, from: number, count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, at) => ({ table: 'heads', key: keyAt(from + at), value: seededBytes(100, from + at) }));
  for (let at = 0; at < count; at += 50) await store.write(rows.slice(at, at + 50), from + at + 50);
}

/** A closed store of several tables. */
async function closedStore(t: TestContext, rows = 3_000): Promise<string> {
  const place = temporaryDirectory('store-files');
  t.after(() => place.remove());
  const path = join(place.path, 'store');
  const store = await openClassicStore(path, small);
  await fill(store, 0, rows);
  await store.close();
  return path;
}

const fileOf = (path: string, pattern: RegExp): string => join(path, readdirSync(path).find((name) => pattern.test(name))!);

test('a clean stop leaves nothing to replay, no mark, and every row in proved tables', async (t) => {
  const path = await closedStore(t);
  assert.ok(!existsSync(join(path, 'OPEN')));
  for (const name of readdirSync(path)) if (name.endsWith('.log')) assert.equal(readFileSync(join(path, name)).length, 0);
  const tables = liveTables(readFileSync(fileOf(path, /^MANIFEST/)));
  assert.ok(tables.length > 0);
  for (const table of tables) proveTable(table, readFileSync(join(path, `${String(table.number).padStart(6, '0')}.ldb`)));
  const again = await openClassicStore(path, small);
  assert.equal(again.position, 3_000);
  assert.equal((await again.range('heads', { limit: 10_000 })).length, 3_000);
  await again.close();
});

test('each damaged byte of MANIFEST is found, or ends it where it was torn', async (t) => {
  const manifest = readFileSync(fileOf(await closedStore(t), /^MANIFEST/));
  const records: number[] = [];
  for (let at = 0; at + 7 <= manifest.length; at += 7 + manifest.readUInt16LE(at + 4)) records.push(at);
  assert.ok(records.length > 3 && manifest.length < 32_768);
  for (let at = 0; at < manifest.length; at += 1) {
    const damaged = Buffer.from(manifest);
    damaged[at] = damaged[at]! ^ 0x41;
    try {
      const found = liveTables(damaged);
      // A length that reaches beyond the end: a torn record, as LevelDB sees it.
      const torn = records.findLast((record) => record <= at)!;
      assert.ok(at === torn + 4 || at === torn + 5, `byte ${at}`);
      assert.deepEqual(found, liveTables(manifest.subarray(0, torn)));
    } catch (error) {
      assert.ok(error instanceof DamagedFile, `byte ${at}: ${String(error)}`);
    }
  }
  for (let length = 0; length < manifest.length; length += 1) {
    try {
      liveTables(manifest.subarray(0, length));
    } catch (error) {
      assert.ok(error instanceof DamagedFile, `${length} bytes: ${String(error)}`);
    }
  }
});

test('each damaged byte of a table is found but for those that nobody reads', async (t) => {
  const path = await closedStore(t, 150);
  const [table] = liveTables(readFileSync(fileOf(path, /^MANIFEST/)));
  const file = readFileSync(join(path, `${String(table!.number).padStart(6, '0')}.ldb`));
  const unread: number[] = [];
  for (let at = 0; at < file.length; at += 1) {
    file[at] = file[at]! ^ 0x10;
    try {
      proveTable(table!, file);
      unread.push(at);
    } catch (error) {
      assert.ok(error instanceof DamagedFile, `byte ${at}: ${String(error)}`);
    }
    file[at] = file[at]! ^ 0x10;
  }
  // The footer fills two places of 20 bytes with what the two handles leave over.
  assert.ok(
    unread.every((at) => at >= file.length - 48 && at < file.length - 8),
    String(unread),
  );
  assert.ok(unread.length < 40);
});

test('another table under the same number, whole and of the same size, is found', async (t) => {
  const [one, other] = [await closedStore(t, 400), await closedStore(t, 400)];
  const anew = await openClassicStore(other, small);
  await anew.close();
  await removeClassicStore(other);
  const store = await openClassicStore(other, small);
  await fill(store, 500, 400);
  await store.close();
  const [mine, foreign] = [fileOf(one, /\.ldb$/), fileOf(other, /\.ldb$/)];
  assert.equal(readFileSync(mine).length, readFileSync(foreign).length);
  copyFileSync(foreign, mine);
  await assert.rejects(openClassicStore(one, small), StateStoreCorrupt);
});

test('a store that was open when its process ended is proved whole, and is where its tables are', async (t) => {
  const path = await closedStore(t);
  const program = `import { openClassicStore } from ${JSON.stringify(new URL('../../snapshots/classic-store.js', import.meta.url).href)};
    const store = await openClassicStore(${JSON.stringify(path)}, ${JSON.stringify(small)});
    for (let at = 3000; at < 6000; at += 1) {
      const row = { table: 'heads', key: Buffer.from('key-' + String(at).padStart(6, '0')), value: Buffer.alloc(100, at) };
      await store.write([row], at + 1);
    }
    process.kill(process.pid, 'SIGKILL');`;
  const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.equal(signal, 'SIGKILL', stderr);
  assert.ok(existsSync(join(path, 'OPEN')));
  const log = fileOf(path, /\.log$/);
  assert.ok(readFileSync(log).length > 0);
  const again = await openClassicStore(path, small);
  assert.ok(!existsSync(log), 'the log was not believed');
  assert.ok(again.position >= 3_000 && again.position < 6_000, `at ${again.position}`);
  const rows = await again.range('heads', { limit: 10_000 });
  assert.equal(rows.length, again.position, 'all rows up to the position, none behind it');
  await again.close();
});

test('a mark of a run that had not proved its tables has all of them proved', async (t) => {
  const path = await closedStore(t);
  for (const mark of ['unproved', 'proved', 'torn']) {
    writeFileSync(join(path, 'OPEN'), mark);
    const { crashed, allProved, proved, tables } = await prepareDirectory(path);
    assert.ok(crashed && allProved && proved.size === tables && tables > 0, mark);
  }
  writeFileSync(join(path, 'OPEN'), 'damaged');
  await assert.rejects(openClassicStore(path, small), StateStoreCorrupt);
});

test('a row of the position that is damaged, foreign, or missing is no position', async (t) => {
  const path = await closedStore(t, 50);
  await assert.rejects(openClassicStore(path, { ...small, owner: 'another deployment' }), StateStoreCorrupt);
  await assert.rejects(openClassicStore(path, { ...small, rowFormat: 3 }), StateStoreCorrupt);
  const again = await openClassicStore(path, small);
  assert.equal(again.position, 50);
  await again.close();
  for (const damage of ['a bit', 'all']) {
    const level = new ClassicLevel<Buffer, Buffer>(path, { keyEncoding: 'buffer', valueEncoding: 'buffer', compression: false });
    const row = Buffer.from((await level.get(positionKey))!);
    row[7] = row[7]! ^ 1;
    if (damage === 'a bit') await level.put(positionKey, row);
    else await level.del(positionKey);
    await level.compactRange(Buffer.from([0]), Buffer.from([0xff]));
    await level.close();
    await assert.rejects(openClassicStore(path, small), StateStoreCorrupt, damage);
  }
});

test('the scrub finds a damaged table of an open store, and does not mind those that were merged', async (t) => {
  const path = await closedStore(t);
  const clock = manualClock();
  const said: string[] = [];
  const store = await openClassicStore(path, { ...small, timer: clock, untrusted: (reason) => said.push(reason) });
  await fill(store, 3_000, 3_000);
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 100; turn += 1) {
      await clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  await clock.advance(30 * 60 * 1000);
  await turns();
  assert.deepEqual(said, []);
  const tables = liveTables(readFileSync(fileOf(path, /^MANIFEST/)));
  const victim = join(path, `${String(tables[0]!.number).padStart(6, '0')}.ldb`);
  truncateSync(victim, 100);
  unlinkSync(victim);
  await clock.advance(30 * 60 * 1000);
  await turns();
  assert.equal(said.length, 1);
  await store.close();
  assert.equal(readFileSync(join(path, 'OPEN'), 'utf8'), 'damaged');
  await assert.rejects(openClassicStore(path, small), StateStoreCorrupt);
  await removeClassicStore(path);
  assert.ok(!existsSync(path));
  rmSync(`${path}-damaged`, { recursive: true, force: true });
});
