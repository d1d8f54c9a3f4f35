/** What nobody refers to gives its space back, after the grace and not before; on real segments. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storeRows } from '../../engine/actor/rows.ts';
import { headOf } from '../../engine/actor/stream-heads.ts';
import { type Engine, openEngine } from '../../engine/engine.ts';
import { engineOptions } from '../../engine/engine-options.ts';
import { isRejection } from '../../engine/rejection.ts';
import type { Blob } from '../../engine/shards/blob-store.ts';
import { segmentPath } from '../../engine/shards/block.ts';
import { missedBlobs } from '../../engine/upkeep/missed-blobs.ts';
import { storeKind } from '../../engine/upkeep/store-kind.ts';
import type { Disk } from '../../journal/disk.ts';
import { memoryDisk } from '../../journal/memory-disk.ts';
import { memoryJournal } from '../../journal/memory-journal.ts';
import { memoryStore } from '../../snapshots/memory-store.ts';
import { rangeRowsMax, type StateStore } from '../../snapshots/state-store.ts';
import { accepted, putCommand } from '../support/engine.ts';
import { seededBytes } from '../support/files.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { readAll } from '../support/memory-blob-store.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { alice, blobObject, Given, givenBucket, put, remove } from './given-bucket.ts';
import { openHouse, randomness } from './shards-fixture.ts';

const blob = '1'.repeat(32);

test('a candidate is reclaimed when nobody refers to it and nobody did later', async () => {
  const bucket = await givenBucket();
  const store = new Given(storeKind, bucket.store);
  const at = (time: number) => ({ type: 'ReclaimBlobs', candidates: [{ blob, time }] }) as const;
  const types = async (time: number) => {
    const decision = await store.when('blobs', at(time));
    return isRejection(decision) ? decision.rejected : decision.events.map((event) => event.type);
  };
  await bucket.accept('photos', put('a', blobObject(blob)));
  await bucket.accept('photos', put('b', { ...blobObject(blob), blobs: [] }), { ...alice, time: 1 });
  await bucket.accept('photos', remove('a'), { ...alice, time: 1000 });
  assert.deepEqual(await types(1000), ['CandidateDropped'], 'b refers to it');
  await bucket.accept('photos', remove('b'), { ...alice, time: 2000 });
  assert.deepEqual(await types(1000), ['CandidateDropped'], 'b did until later');
  assert.deepEqual(await types(2000), ['BlobReclaimed']);
  await store.accept('blobs', at(1000));
  await store.accept('blobs', at(2000));
  for (const table of ['blobs', 'refs', 'orphans', 'extents']) assert.deepEqual(await bucket.keysOf(table), [], table);
  assert.deepEqual(await types(2000), ['CandidateDropped'], 'it has gone');
});

test('what a drive missed is found by its slot, until it is recorded as healed', async () => {
  const bucket = await givenBucket();
  const store = new Given(storeKind, bucket.store);
  const object = blobObject(blob);
  const missing = { ...object.blobs[0]!, missed: [2, 5] };
  await bucket.accept('photos', put('a', { ...object, blobs: [missing] }));
  const missedBy = async (slot: number): Promise<string[]> => {
    const found: string[] = [];
    for await (const { id } of missedBlobs(storeRows(bucket.store), missing.set, slot)) found.push(id);
    return found;
  };
  assert.deepEqual([await missedBy(2), await missedBy(3), await missedBy(5)], [[blob], [], [blob]]);
  const healed = await store.accept('blobs', { type: 'RecordHealed', blob: missing, slot: 2 });
  assert.deepEqual(
    healed.events.map((event) => event.type),
    ['BlobHealed'],
  );
  assert.deepEqual([await missedBy(2), await missedBy(5)], [[], [blob]]);
  const again = await store.accept('blobs', { type: 'RecordHealed', blob: missing, slot: 2 });
  assert.deepEqual(again.events, [], 'once');
});

test('a blob that moved keeps its references and leaves its old place; one that changed meanwhile stays', async () => {
  const bucket = await givenBucket();
  const store = new Given(storeKind, bucket.store);
  const object = blobObject(blob);
  await bucket.accept('photos', put('a', object));
  const from = object.blobs[0]!;
  const to = { ...from, extents: [{ segment: 7, offset: 0, length: 9000 }], missed: [] };
  const { reply } = await store.accept('blobs', { type: 'MoveBlob', from, to });
  assert.deepEqual(reply, [from]);
  const again = await store.accept('blobs', { type: 'MoveBlob', from, to });
  assert.deepEqual([again.events, again.reply], [[], []]);
  assert.equal((await bucket.keysOf('extents')).length, 1);
  assert.equal((await bucket.keysOf('refs')).length, 1);
});

interface House {
  readonly engine: Engine;
  readonly store: StateStore;
  readonly clock: ManualClock;
  /** Why the state store was found to be wrong. */
  readonly distrusted: readonly string[];
  close(): Promise<void>;
}

const minute = 60_000;
const grace = engineOptions.reclaimGraceMilliseconds;

/** An engine on drives in memory, which goes on with the clock of the one before; its rows are made anew from the journal. */
async function openAll(disks: readonly Disk[], log: { frames: Buffer[] }, start: number): Promise<House> {
  const clock = manualClock(start);
  const store = memoryStore();
  const distrusted: string[] = [];
  const distrust = (reason: string) => void distrusted.push(reason);
  const shards = await openHouse(disks, 0, { clock });
  const journal = memoryJournal((stream) => headOf(store, stream), log);
  const segments = {
    sets: 1,
    listSegments: (set: number) => shards.store.listSegments(set),
    removeSegments: (set: number, numbers: readonly number[]) => shards.store.removeSegments(set, numbers),
    closeSegment: (set: number, segment: number) => shards.store.closeSegment(set, segment),
    moveBlob: (blob: Blob) => shards.store.moveBlob(blob),
  };
  const options = { inlineBytesMax: 0, reclaimPauseMilliseconds: minute };
  const parts = { journal, store, blobs: shards.store, segments, distrust, clock, randomness, log: () => undefined, options };
  const engine = await openEngine(parts);
  const close = async () => {
    await engine.close();
    await shards.drives.close();
  };
  return { engine, store, clock, distrusted, close };
}

test('space comes back: the blob goes after the grace, its segment is emptied and removed', async () => {
  const disks = [0, 1, 2, 3].map((at) => memoryDisk(`memory${at}`, seededRandom(at)));
  const log = { frames: [] };
  const first = await openAll(disks, log, 1_700_000_000_000);
  const caller = (house: House) => ({ ...alice, time: house.clock.now() });
  const place = { bucket: 'photos', key: 'keep', conditions: {} };
  await accepted(first.engine.createBucket(caller(first), { bucket: 'photos', locationConstraint: '' }));
  await accepted(first.engine.putObject(caller(first), putCommand('photos', 'keep', seededBytes(300_000, 1))));
  await accepted(first.engine.putObject(caller(first), putCommand('photos', 'drop', seededBytes(3_000_000, 2))));
  await first.close();
  const house = await openAll(disks, log, first.clock.now());
  const { engine, store, clock } = house;
  const rows = async (table: string) => (await store.range(table, { limit: rangeRowsMax })).length;
  const [old] = await segmentsOf(store);
  assert.deepEqual([await rows('blobs'), await rows('extents')], [2, 2]);
  await accepted(engine.putObject(caller(house), putCommand('photos', 'next', seededBytes(10_000, 3))));
  await accepted(engine.deleteObject(caller(house), { bucket: 'photos', key: 'drop', conditions: {} }));
  await clock.advance(grace - 2 * minute);
  assert.deepEqual([await rows('blobs'), await rows('orphans')], [3, 1], 'a reader may still be at it');
  const reading = await accepted(engine.getObject(caller(house), place));
  await until(clock, async () => (await rows('blobs')) === 2 && !(await segmentsOf(store)).includes(old!));
  assert.deepEqual([await rows('orphans'), await rows('extents')], [0, 2]);
  assert.equal(await disks[0]!.exists(segmentPath(0, old!)), true, 'who reads the old place can go on');
  assert.deepEqual(await readAll(reading.body), seededBytes(300_000, 1));
  await until(clock, async () => !(await disks[0]!.exists(segmentPath(0, old!))));
  for (const disk of disks) assert.equal(await disk.exists(segmentPath(0, old!)), false);
  const content = await accepted(engine.getObject(caller(house), place));
  assert.deepEqual(await readAll(content.body), seededBytes(300_000, 1));
  const live = await everything(store);
  await house.close();
  const rebuilt = await openAll(disks, log, clock.now());
  assert.deepEqual(await everything(rebuilt.store), live);
  await rebuilt.close();
});

test('when nothing lives any more every byte is given back, of open segments and of the highest number too, and numbers go on', async () => {
  const disks = [0, 1, 2, 3].map((at) => memoryDisk(`memory${at}`, seededRandom(at)));
  const log = { frames: [] };
  const house = await openAll(disks, log, 1_700_000_000_000);
  const caller = () => ({ ...alice, time: house.clock.now() });
  await accepted(house.engine.createBucket(caller(), { bucket: 'photos', locationConstraint: '' }));
  for (const key of ['a', 'b', 'c']) await accepted(house.engine.putObject(caller(), putCommand('photos', key, seededBytes(2_000_000, 1))));
  const highest = Math.max(...(await segmentsOf(house.store)));
  await anHour(house.clock);
  assert.equal(await disks[0]!.exists(segmentPath(0, highest)), true, 'what lives stays where it is');
  for (const key of ['a', 'b', 'c']) await accepted(house.engine.deleteObject(caller(), { bucket: 'photos', key, conditions: {} }));
  const files = async () => (await Promise.all(disks.map((disk) => disk.list('segments/0')))).flat();
  await until(house.clock, async () => (await files()).every((name) => !name.endsWith('.seg')));
  await accepted(house.engine.putObject(caller(), putCommand('photos', 'again', seededBytes(3_000_000, 2))));
  assert.ok(Math.min(...(await segmentsOf(house.store))) > highest);
  await accepted(house.engine.deleteObject(caller(), { bucket: 'photos', key: 'again', conditions: {} }));
  await until(house.clock, async () => (await files()).every((name) => !name.endsWith('.seg')));
  assert.equal((await files()).length, disks.length, 'one number is remembered');
  await house.close();
  const next = await openAll(disks, log, house.clock.now());
  await accepted(next.engine.putObject({ ...alice, time: next.clock.now() }, putCommand('photos', 'new', seededBytes(2_000_000, 3))));
  assert.ok(Math.min(...(await segmentsOf(next.store))) > highest + 1);
  await next.close();
});

/** Rows that go behind the store's back: all of a table but those named. */
async function lose(store: StateStore, table: string, stays: (key: Buffer) => boolean = () => false): Promise<number> {
  const rows = (await store.range(table, { limit: rangeRowsMax })).filter(({ key }) => !stays(key));
  await store.write(
    rows.map(({ key }) => ({ table, key, value: null })),
    store.position,
  );
  return rows.length;
}

/** A copy takes all over. */
const asItIs = { metadata: undefined, placement: undefined, tags: undefined, algorithm: undefined };
const contents = [1, 2, 3].map((seed) => seededBytes(300_000, seed));

/** Three objects, copied and their originals deleted, in a segment that no process writes to any more; one more object in a later one. */
async function threeObjects(disks: readonly Disk[], log: { frames: Buffer[] }): Promise<House> {
  const first = await openAll(disks, log, 1_700_000_000_000);
  const caller = (house: House) => ({ ...alice, time: house.clock.now() });
  await accepted(first.engine.createBucket(caller(first), { bucket: 'photos', locationConstraint: '' }));
  for (const [at, content] of contents.entries()) {
    await accepted(first.engine.putObject(caller(first), putCommand('photos', `original${at}`, content)));
    const source = { bucket: 'photos', key: `original${at}`, conditions: {} };
    await accepted(first.engine.copyObject(caller(first), { bucket: 'photos', key: `copy${at}`, source, conditions: {}, ...asItIs }));
    await accepted(first.engine.deleteObject(caller(first), { bucket: 'photos', key: `original${at}`, conditions: {} }));
  }
  await first.close();
  const house = await openAll(disks, log, first.clock.now());
  await accepted(house.engine.putObject(caller(house), putCommand('photos', 'next', seededBytes(10_000, 4))));
  return house;
}

/** What the rows say wrongly, and how they came to say it. */
const losses: readonly (readonly [what: string, lose: (store: StateStore) => Promise<number>])[] = [
  ['the rows of what lives in segments', (store) => lose(store, 'extents')],
  ['the references', (store) => lose(store, 'refs', (key) => key.at(-1) === 0)],
  ['some of the references, and when blobs lost the last one', (store) => lose(store, 'refs')],
  ['the rows of the blobs', (store) => lose(store, 'blobs')],
  [
    'every row that says where bytes are',
    async (store) => (await lose(store, 'extents')) + (await lose(store, 'blobs')) + (await lose(store, 'refs')),
  ],
];

for (const [what, loseRows] of losses) {
  test(`${what} are lost behind the store's back: no byte is given back, and the store is found to be wrong`, async () => {
    const disks = [0, 1, 2, 3].map((at) => memoryDisk(`memory${at}`, seededRandom(at)));
    const log: { frames: Buffer[] } = { frames: [] };
    const house = await threeObjects(disks, log);
    const [old] = await segmentsOf(house.store);
    const records = log.frames.length;
    assert.ok((await loseRows(house.store)) >= 3);
    await anHour(house.clock);
    for (const disk of disks) assert.equal(await disk.exists(segmentPath(0, old!)), true);
    assert.ok(!log.frames.slice(records).some((frame) => frame.includes('BlobReclaimed')));
    assert.ok(house.distrusted.length > 0);
    await house.close();
    const rebuilt = await openAll(disks, log, house.clock.now());
    for (const [at, content] of contents.entries()) {
      const read = await accepted(rebuilt.engine.getObject(alice, { bucket: 'photos', key: `copy${at}`, conditions: {} }));
      assert.deepEqual(await readAll(read.body), content);
    }
    await anHour(rebuilt.clock);
    assert.deepEqual(rebuilt.distrusted, [], 'rows that are right are believed');
    await rebuilt.close();
  });
}

async function segmentsOf(store: StateStore): Promise<number[]> {
  const rows = await store.range('extents', { limit: rangeRowsMax });
  return rows.map((row) => row.key.readUInt32BE(2));
}

async function everything(store: StateStore): Promise<string[]> {
  const all = await Promise.all(
    ['blobs', 'extents', 'refs', 'orphans', 'heads'].map((table) => store.range(table, { limit: rangeRowsMax })),
  );
  return all.flat().map((row) => `${row.key.toString('hex')}=${row.value.toString('hex')}`);
}

/** In steps, so that every round comes to its end. */
async function anHour(clock: ManualClock): Promise<void> {
  for (let passed = 0; passed < 60; passed += 1) await clock.advance(minute);
}

/** Goes on with the clock until it is so, an hour at most. */
async function until(clock: ManualClock, isSo: () => Promise<boolean>): Promise<void> {
  for (let passed = 0; passed < 60; passed += 1) {
    if (await isSo()) return;
    await clock.advance(minute);
  }
  assert.fail('an hour passed');
}
