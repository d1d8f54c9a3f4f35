/**
 * A row that is not what was written, in a table that is whole: as a merge leaves it that read damage. Whoever meets it, a read, a listing
 * or a command, is answered rightly, and the store is replaced and made anew.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ClassicLevel } from 'classic-level';
import { replay } from '../../engine/actor/recovery.ts';
import { engineKinds } from '../../engine/kinds.ts';
import { isRejection } from '../../engine/rejection.ts';
import { type MemoryLog, memoryJournal } from '../../journal/memory-journal.ts';
import { openClassicStore, removeClassicStore } from '../../snapshots/classic-store.ts';
import { openStandbyStore, type StandbyStore } from '../../snapshots/standby-store.ts';
import { accepted, putCommand, type TestEngine, testEngine } from '../support/engine.ts';
import { temporaryDirectory } from '../support/files.ts';

const bucket = 'photos';
const keys = Array.from({ length: 20 }, (_, at) => `key-${at}`);
const victim = keys[7]!;

interface House extends TestEngine {
  readonly store: StandbyStore;
  readonly said: string[];
}

async function openHouse(root: string, names: readonly string[], log: MemoryLog): Promise<House> {
  const said: string[] = [];
  const drives = names.map((name) => {
    const directory = join(root, name);
    return { name, open: () => openClassicStore(directory, { hotTables: ['buckets'] }), remove: () => removeClassicStore(directory) };
  });
  const store = await openStandbyStore({
    drives,
    catchUp: (behind) => replay({ journal: memoryJournal(() => assert.fail('not asked for'), log), store: behind, kinds: engineKinds }),
    log: (_level, message) => said.push(message),
  });
  return { ...(await testEngine({ store, log })), store, said };
}

/** Objects on the drives, and the victim's row of that table other than it was written on the first of them. */
async function damagedHouse(t: TestContext, names: readonly string[], table: string): Promise<House> {
  const place = temporaryDirectory('takeover');
  const log: MemoryLog = { frames: [] };
  const first = await openHouse(place.path, names, log);
  await accepted(first.engine.createBucket(first.caller(), { bucket, locationConstraint: '' }));
  for (const key of keys) await accepted(first.engine.putObject(first.caller(), putCommand(bucket, key, `bytes of ${key}`)));
  await first.engine.close();
  const level = new ClassicLevel<Buffer, Buffer>(join(place.path, names[0]!), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    compression: false,
  });
  const prefix = Buffer.from(table === 'buckets' ? `${table}\0${bucket}` : `${table}\0${bucket}\0${victim}`);
  const [found] = await level.iterator({ gte: prefix, limit: 1 }).all();
  assert.ok(found, `a row of ${table}`);
  assert.deepEqual(found[0].subarray(0, prefix.length), prefix);
  const row = Buffer.from(found[1]);
  row[3] = row[3]! ^ 1;
  await level.put(found[0], row);
  await level.compactRange(Buffer.from([0]), Buffer.from([0xff]));
  await level.close();
  const house = await openHouse(place.path, names, log);
  t.after(async () => {
    await house.engine.close();
    place.remove();
  });
  assert.equal(house.store.places.primary, names[0]);
  return house;
}

async function contentOf({ engine, caller }: House, key: string): Promise<string> {
  const content = await accepted(engine.getObject(caller(), { bucket, key, conditions: {} }));
  return Buffer.from((await content.body.read()) ?? []).toString();
}

async function listed({ engine, caller }: House): Promise<string[]> {
  const query = { bucket, prefix: '', delimiter: '', after: '', max: 1000 };
  return (await accepted(engine.listObjects(caller(), query))).objects.map(({ key }) => key).sort();
}

const sorted = [...keys].sort();

/** What somebody asks who meets the row. */
const readers: Readonly<Record<string, { table: string; ask(house: House): Promise<void> }>> = {
  'a read meets the row of a head': {
    table: 'heads',
    ask: async (house) => assert.equal(await contentOf(house, victim), `bytes of ${victim}`),
  },
  'a read meets a body': { table: 'bodies', ask: async (house) => assert.equal(await contentOf(house, victim), `bytes of ${victim}`) },
  'a listing meets it': { table: 'heads', ask: async (house) => assert.deepEqual(await listed(house), sorted) },
  'a condition meets it': {
    table: 'heads',
    ask: async (house) => {
      const put = putCommand(bucket, victim, 'anew', { conditions: { ifNoneMatch: '*' } });
      const answer = await house.engine.putObject(house.caller(), put);
      assert.ok(isRejection(answer) && answer.rejected === 'PreconditionFailed', 'the object is there');
    },
  },
  'a command meets it': {
    table: 'heads',
    ask: async (house) => void (await accepted(house.engine.putObjectTagging(house.caller(), { bucket, key: victim }, [['a', 'b']]))),
  },
  'a copy meets it': {
    table: 'bodies',
    ask: async (house) => {
      const kept = { metadata: undefined, tags: undefined, placement: {}, algorithm: undefined };
      const copy = { bucket, key: 'copy', source: { bucket, key: victim, conditions: {} }, conditions: {}, ...kept };
      await accepted(house.engine.copyObject(house.caller(), copy));
      assert.equal(await contentOf(house, 'copy'), `bytes of ${victim}`);
      await accepted(house.engine.deleteObject(house.caller(), { bucket, key: 'copy', conditions: {} }));
    },
  },
  'all meet the bucket': { table: 'buckets', ask: async (house) => assert.equal(await contentOf(house, victim), `bytes of ${victim}`) },
};

for (const names of [['one'], ['one', 'two']]) {
  for (const [what, { table, ask }] of Object.entries(readers)) {
    test(`${names.length} stores: ${what}, and it is answered rightly`, { timeout: 20_000 }, async (t) => {
      const house = await damagedHouse(t, names, table);
      await ask(house);
      assert.ok(house.said.includes('state store damaged: it is made anew from the journal'), house.said.join('; '));
      assert.equal(house.store.places.primary, names.at(-1));
      for (const key of keys) assert.equal(await contentOf(house, key), `bytes of ${key}`);
      assert.deepEqual(await listed(house), sorted);
      if (names.length === 1) return;
      for (let turn = 0; house.store.places.standby === undefined; turn += 1) {
        assert.ok(turn < 500, 'the damaged one is a standby again');
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await house.store.driveLost('two');
      assert.equal(house.store.places.primary, 'one');
      for (const key of keys) assert.equal(await contentOf(house, key), `bytes of ${key}`);
    });
  }
}
