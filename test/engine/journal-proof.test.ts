/** What the journal says is left of blobs and segments: the same that all rows say, in bounded memory, and cut short when it has to be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extentKey, tables } from '../../engine/bucket/row-keys.ts';
import { engineKinds } from '../../engine/kinds.ts';
import { JournalProof, type Question } from '../../engine/upkeep/journal-proof.ts';
import type { Journal } from '../../journal/journal.ts';
import { rangeRowsMax, type StateStore } from '../../snapshots/state-store.ts';
import { accepted, putCommand, type TestEngine, testEngine, uploadBody } from '../support/engine.ts';
import { seededBytes } from '../support/files.ts';

const clock = {
  now: () => Date.now(),
  after(milliseconds: number, task: () => void) {
    const timer = setTimeout(task, milliseconds);
    return () => clearTimeout(timer);
  },
};

const asItIs = { metadata: undefined, placement: undefined, tags: undefined, algorithm: undefined };
const described = { metadata: { headers: {}, user: {} }, tags: [] };

/** Objects, copies, versions, uploads and their ends: what refers to blobs in every way, and ceases to. */
async function busyHouse(): Promise<TestEngine> {
  const house = await testEngine();
  const { engine } = house;
  const caller = () => house.caller();
  const put = (bucket: string, key: string, seed: number) =>
    accepted(engine.putObject(caller(), putCommand(bucket, key, seededBytes(5000, seed))));
  const copy = (bucket: string, from: string, to: string) => {
    const source = { bucket, key: from, conditions: {} };
    return accepted(engine.copyObject(caller(), { bucket, key: to, source, conditions: {}, ...asItIs }));
  };
  const remove = (bucket: string, key: string) => accepted(engine.deleteObject(caller(), { bucket, key, conditions: {} }));
  for (const bucket of ['plain', 'versioned']) await accepted(engine.createBucket(caller(), { bucket, locationConstraint: '' }));
  await accepted(engine.putBucketVersioning(caller(), 'versioned', 'enabled'));
  for (const bucket of ['plain', 'versioned']) {
    for (let at = 0; at < 10; at += 1) await put(bucket, `key${at}`, at);
    for (let at = 0; at < 5; at += 1) await put(bucket, `key${at}`, 100 + at);
    await copy(bucket, 'key7', 'copy7');
    await copy(bucket, 'key8', 'copy8');
    for (const key of ['key1', 'key7', 'copy8']) await remove(bucket, key);
  }
  for (const [key, end] of [
    ['whole', 'complete'],
    ['gone', 'complete'],
    ['aborted', 'abort'],
    ['open', 'none'],
  ] as const) {
    const { uploadId } = await accepted(
      engine.createMultipartUpload(caller(), { bucket: 'plain', key, ...described, checksum: undefined }),
    );
    const target = { bucket: 'plain', key, uploadId };
    const parts = [];
    for (const partNumber of [1, 2, 2, 3]) {
      const part = await accepted(engine.uploadPart(caller(), { ...target, partNumber, body: uploadBody(seededBytes(2000, partNumber)) }));
      if (partNumber !== 3) parts[partNumber - 1] = { partNumber, etag: part.etag, checksum: undefined };
    }
    if (end === 'abort') await accepted(engine.abortMultipartUpload(caller(), target));
    if (end === 'complete')
      await accepted(
        engine.completeMultipartUpload(caller(), {
          ...target,
          parts,
          conditions: {},
          checksum: undefined,
          objectSize: undefined,
          checksumType: undefined,
        }),
      );
  }
  await copy('plain', 'whole', 'copy of whole');
  await copy('plain', 'gone', 'copy of gone');
  for (const key of ['whole', 'gone', 'copy of gone']) await remove('plain', key);
  return house;
}

interface Answer {
  readonly referred: string[];
  readonly released: [string, string][];
  readonly placed: [string, string][];
  readonly occupied: string[];
}

/** What the rows of the state store say. */
async function storedAnswer(store: StateStore): Promise<Answer> {
  const rows = async (table: string) => {
    const all = await store.range(table, { limit: rangeRowsMax });
    return all.map(({ key, value }) => [key.toString('latin1'), value.toString('latin1')] as [string, string]);
  };
  const refs = await rows(tables.refs);
  const referred = refs.filter(([key]) => !key.endsWith('\0')).map(([key]) => key.slice(0, 32));
  return {
    referred: [...new Set(referred)].sort(),
    released: refs.filter(([key]) => key.endsWith('\0')).map(([key, value]) => [key.slice(0, 32), value]),
    placed: await rows(tables.blobs),
    occupied: [...new Set((await rows(tables.extents)).map(([key]) => key.slice(0, 6)))].sort(),
  };
}

async function provedAnswer(proof: JournalProof, question: Question): Promise<Answer & { position: number }> {
  const { referred, released, placed, occupied, position } = await proof.of(question);
  return {
    referred: [...referred].sort(),
    released: [...released].sort(),
    placed: [...placed].sort(),
    occupied: [...occupied].sort(),
    position,
  };
}

async function questionOf(store: StateStore): Promise<Question> {
  const { placed, occupied } = await storedAnswer(store);
  return { blobs: new Set(placed.map(([blob]) => blob)), segments: new Set([...occupied, extentKey(7, 7, '').toString('latin1')]) };
}

for (const [heldRowsMax, passes] of [
  [1_000_000, 1],
  [12, 1 + 8],
] as const) {
  test(`the journal proves what the rows say, in ${passes} passes where ${heldRowsMax} rows may be held`, async () => {
    const house = await busyHouse();
    const { store, journal } = house;
    const question = await questionOf(store);
    const stored = await storedAnswer(store);
    assert.ok(stored.placed.length > 30 && stored.referred.length < stored.placed.length && stored.occupied.length > 0);
    let reads = 0;
    const read = (after: number) => {
      reads += 1;
      return journal.read(after);
    };
    const counted = Object.assign(Object.create(journal) as Journal, { read });
    const proof = new JournalProof({ journal: counted, kinds: engineKinds, clock, heldRowsMax });
    assert.deepEqual(await provedAnswer(proof, question), { ...stored, position: journal.lastSequence });
    assert.ok(reads === passes || (heldRowsMax < 100 && reads > passes), `${reads} reads of the journal`);
    const some: Question = { blobs: new Set([stored.placed[0]![0]]), segments: new Set() };
    const answer = await provedAnswer(proof, some);
    assert.deepEqual(answer.placed, [stored.placed[0]], 'nothing but what was asked for');
    await house.engine.close();
  });
}

test('what passes between two pieces of work is no work: the pause after it is no longer for it', async () => {
  const house = await busyHouse();
  let now = 0;
  const pauses: number[] = [];
  const passing = {
    now: () => (now += 1),
    after(milliseconds: number, task: () => void) {
      pauses.push(milliseconds);
      setImmediate(task);
      return () => undefined;
    },
  };
  const proof = new JournalProof({ journal: house.journal, kinds: engineKinds, clock: passing });
  const question = await questionOf(house.store);
  for (let pass = 0; pass < 2; pass += 1) {
    now += 3_600_000;
    await proof.of(question);
  }
  assert.ok(pauses.length > 0 && Math.max(...pauses) < 1000, `pauses of ${Math.max(...pauses)} ms`);
  await house.engine.close();
});

test('a proof under way ends when it is closed', async () => {
  const house = await busyHouse();
  let pauses = 0;
  // Every look at the time finds that much has passed, and no pause ever ends by itself.
  let now = 0;
  const after = () => {
    pauses += 1;
    return () => undefined;
  };
  const slow = { now: () => (now += 10), after };
  const proof = new JournalProof({ journal: house.journal, kinds: engineKinds, clock: slow });
  const proving = proof.of(await questionOf(house.store));
  proving.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(pauses, 1, 'it rests between two pieces of its work');
  proof.close();
  await assert.rejects(proving, /cut short/);
  await house.engine.close();
});
