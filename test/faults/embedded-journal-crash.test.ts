/** Power cuts, failing, vanishing and new drives, and bit rot, on disks in memory: what was acknowledged stays, whole and in order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openEmbeddedJournal } from '../../journal/embedded/embedded-journal.ts';
import { emptyStream, JournalOutcomeUnknown, JournalUnavailable } from '../../journal/journal.ts';
import { type MemoryDisk, memoryDisk } from '../../journal/memory-disk.ts';
import { contentsOf, type Filled, filled, segmentBytes, segments } from '../support/filled-journal.ts';
import { JournalTrial } from '../support/journal-trial.ts';
import { seededRandom } from '../support/seeded-random.ts';

const streams = ['bucket/a', 'bucket/b', 'bucket/c', 'upload/d', 'upload/e', 'upload/f'];

/** Runs writers while `meanwhile` does its worst, until it is done and the writers have noticed. */
async function underLoad(trial: JournalTrial, meanwhile: () => Promise<void>): Promise<void> {
  let over = false;
  const writers = Promise.all(streams.map((stream) => trial.write(stream, () => over)));
  writers.catch(() => undefined);
  try {
    await meanwhile();
  } finally {
    over = true;
  }
  await writers;
}

/** At least `seedsMin` seeds however slow the machine, more as long as there is time. */
async function manySeeds(
  seedsMin: number,
  millisecondsMax: number,
  trial: (seed: number) => Promise<JournalTrial>,
): Promise<JournalTrial[]> {
  const trials: JournalTrial[] = [];
  const started = performance.now();
  for (let seed = 1; seed <= seedsMin || performance.now() - started < millisecondsMax; seed++) {
    try {
      trials.push(await trial(seed));
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  return trials;
}

function sum(trials: readonly JournalTrial[], count: (trial: JournalTrial) => number): number {
  return trials.reduce((total, trial) => total + count(trial), 0);
}

test('power cuts: acknowledged records survive on 1, 2, 3 and 5 mirrors', async (context) => {
  const trials = await manySeeds(12, 3000, async (seed) => {
    const trial = new JournalTrial(seed, [1, 2, 3, 5, 5][seed % 5] as number);
    for (let round = 0; round < 4; round++) {
      await trial.open();
      await underLoad(trial, async () => {
        await trial.turns(trial.pick(40));
        trial.cut();
      });
      await trial.journal.close();
    }
    await trial.open();
    await trial.journal.close();
    return trial;
  });
  context.diagnostic(
    `${trials.length} seeds, ${sum(trials, ({ acknowledged }) => acknowledged)} acknowledged, ${sum(trials, ({ unknown }) => unknown)} unknown`,
  );
  assert.ok(sum(trials, ({ unknown }) => unknown) > 0 && sum(trials, ({ acknowledged }) => acknowledged) > 1000);
});

test('power cuts while drives are away or new: up to 2 of 5', async (context) => {
  const trials = await manySeeds(6, 3000, async (seed) => {
    const trial = new JournalTrial(seed, 5);
    // A new journal wants all of its mirrors once.
    await trial.open();
    await trial.journal.close();
    for (let round = 0; round < 5; round++) {
      const troubled = new Set([trial.pick(5), trial.pick(5)]);
      for (const place of troubled) {
        if (trial.random() < 0.3) trial.disks[place] = memoryDisk(`drive${place}`, trial.random);
        else trial.disks[place]?.vanish();
      }
      await trial.open();
      await underLoad(trial, () => trial.turns(trial.pick(40)));
      for (const place of troubled) {
        const disk = trial.disks[place] as MemoryDisk;
        disk.restore();
        trial.journal.mirrorReturned(disk.name, disk);
      }
      // Half of the time the power goes amid the repair; then nothing new may vanish for good before all are whole again.
      if (trial.random() < 0.5) await trial.turns(trial.pick(60));
      else await trial.whole();
      trial.cut();
      await trial.journal.close();
      await trial.open();
      await trial.whole();
      if (trial.random() < 0.5) await trial.journal.close();
      trial.cut();
      await trial.journal.close();
    }
    await trial.open();
    await trial.journal.close();
    return trial;
  });
  context.diagnostic(`${trials.length} seeds, ${sum(trials, ({ acknowledged }) => acknowledged)} acknowledged`);
  assert.ok(sum(trials, ({ acknowledged }) => acknowledged) > 1000);
});

test('drives fail, vanish and return under load: it serves again without a restart', async (context) => {
  const trials = await manySeeds(6, 3000, async (seed) => {
    const trial = new JournalTrial(seed, [1, 3, 5, 5][seed % 4] as number);
    await trial.open();
    for (let round = 0; round < 4; round++) {
      await underLoad(trial, async () => {
        for (let blow = 0; blow < 4; blow++) {
          strike(trial, trial.disks[trial.pick(trial.disks.length)] as MemoryDisk);
          await trial.turns(trial.pick(25));
        }
        for (const { disk, state } of trial.journal.status().mirrors) {
          const back = trial.disks.find(({ name }) => name === disk) as MemoryDisk;
          back.fail(undefined);
          back.restore();
          if (state !== 'attached') trial.journal.mirrorReturned(disk, back);
        }
        await trial.whole();
        const { acknowledged } = trial;
        for (let turns = 0; turns < 2000 && trial.acknowledged === acknowledged; turns++) await trial.turns(1);
        assert.ok(trial.acknowledged > acknowledged, `seed ${seed}: nothing is acknowledged after all mirrors came back`);
      });
      await trial.verify();
      if (trial.random() < 0.5) continue;
      trial.cut();
      await trial.journal.close();
      await trial.open();
    }
    await trial.journal.close();
    return trial;
  });
  const counts = `${sum(trials, ({ acknowledged }) => acknowledged)} acknowledged, ${sum(trials, ({ unknown }) => unknown)} unknown, ${sum(trials, ({ refused }) => refused)} refused`;
  context.diagnostic(`${trials.length} seeds, ${counts}`);
  assert.ok(sum(trials, ({ unknown }) => unknown) > 0 && sum(trials, ({ refused }) => refused) > 0);
});

/** One of the ways in which a drive goes wrong. */
function strike(trial: JournalTrial, disk: MemoryDisk): void {
  const way = trial.random();
  if (way < 0.3) disk.fail('EIO');
  else if (way < 0.5) disk.fail((operation) => (operation === 'sync' ? 'EIO' : undefined));
  else if (way < 0.6) disk.fail((operation) => (operation === 'write' ? 'ENOSPC' : undefined));
  else if (way < 0.8) {
    disk.vanish();
    trial.journal.mirrorLost(disk.name);
  } else {
    disk.fail(undefined);
    disk.restore();
    trial.journal.mirrorReturned(disk.name, disk);
  }
}

test('bit rot in any place of one mirror is not believed, and mended from the others', async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = seededRandom(seed);
    const { disks, contents } = await filled(3, 40, seed);
    const rotten = disks[Math.floor(random() * 3)] as MemoryDisk;
    const names = Object.entries(await segments(rotten));
    for (let spots = 0; spots < 3; spots++) {
      const [name, bytes] = names[Math.floor(random() * names.length)] as [string, string];
      rotten.rot(`journal/${name}`, Math.floor(random() * Buffer.from(bytes, 'base64').length));
    }
    assert.deepEqual(await contentsOf(disks), contents, `seed ${seed}`);
    const journal = await openEmbeddedJournal({ disks, headOf: () => emptyStream, segmentBytes });
    await journal.scrub();
    assert.equal(await journal.scrub(), 0, `seed ${seed}`);
    await journal.close();
    const [first, ...others] = await Promise.all(disks.map(segments));
    for (const other of others) assert.deepEqual(other, first, `seed ${seed}: the mirrors differ`);
  }
});

test('bit rot amid the only mirror is reported, not cut away', async () => {
  const { disks } = await filled(1, 40, 7);
  const [disk] = disks as [MemoryDisk];
  const last = Object.keys(await segments(disk)).at(-1) as string;
  disk.rot(`journal/${last}`, 100);
  await assert.rejects(contentsOf(disks), (error) => error instanceof JournalUnavailable && /whole on no mirror/.test(error.message));
});

test('fewer than a majority: it does not open, and says which mirrors are missing', async () => {
  const { disks, contents } = await filled(5, 20, 3);
  for (const disk of disks.slice(0, 3)) disk.vanish();
  await assert.rejects(
    contentsOf(disks),
    (error) => error instanceof JournalUnavailable && /needs 3 of its mirrors.*drive0.*drive1.*drive2/.test(error.message),
  );
  disks[0]?.restore();
  assert.deepEqual(await contentsOf(disks), contents);
});

test('a new journal wants all of its mirrors once', async () => {
  const disks = [1, 2, 3].map((place) => memoryDisk(`drive${place}`, seededRandom(place)));
  disks[2]?.vanish();
  await assert.rejects(contentsOf(disks), JournalUnavailable);
  disks[2]?.restore();
  assert.deepEqual(await contentsOf(disks), []);
  disks[1]?.vanish();
  assert.deepEqual(await contentsOf(disks), []);
});

test('new drives do not vote: three of five replaced at once is a loss that is told', async () => {
  const { disks, contents } = await filled(5, 20, 4);
  const replaced = disks.map((disk, place) => (place < 3 ? memoryDisk(disk.name, seededRandom(place)) : disk));
  await assert.rejects(contentsOf(replaced), JournalUnavailable);
  const two = disks.map((disk, place) => (place < 2 ? memoryDisk(disk.name, seededRandom(place)) : disk));
  assert.deepEqual(await contentsOf(two), contents);
});

test('the only mirror that has the last record is enough among a majority', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { disks } = await filled(3, 5, seed);
    const [first, second, third] = disks as [MemoryDisk, MemoryDisk, MemoryDisk];
    const journal = await openEmbeddedJournal({ disks, headOf: () => emptyStream, segmentBytes });
    third.vanish();
    journal.mirrorLost(third.name);
    const { sequence } = await journal.append({ stream: 'bucket/late', expected: emptyStream, time: 1, payload: Buffer.from('late') });
    await journal.close();
    first.vanish();
    third.restore();
    assert.equal((await contentsOf([first, second, third])).length, sequence, `seed ${seed}`);
    first.restore();
    second.vanish();
    assert.equal((await contentsOf([first, second, third])).at(-1), 'late', `seed ${seed}`);
  }
});

/** One of three mirrors has a record that was settled as not stored; it went away, and `appends` records were stored without it. */
async function leftWithOldTail(seed: number, appends: number): Promise<Filled> {
  const { disks, contents } = await filled(3, 4, seed);
  const [first, second, third] = disks as [MemoryDisk, MemoryDisk, MemoryDisk];
  const journal = await openEmbeddedJournal({ disks, headOf: () => emptyStream, segmentBytes });
  // All three hold the epoch's beginning before two of them fail.
  const early = await journal.append({ stream: 'bucket/b', expected: emptyStream, time: 1, payload: Buffer.from('early') });
  while (journal.status().mirrors.some(({ backlogBytes }) => backlogBytes > 0)) await new Promise((resolve) => setImmediate(resolve));
  for (const disk of [second, third]) disk.fail((operation) => (operation === 'write' ? 'EIO' : undefined));
  const lost = { stream: 'bucket/b', expected: early.head, time: 2, payload: Buffer.alloc(500, 'lost') };
  await assert.rejects(journal.append(lost), JournalOutcomeUnknown);
  while (first.unsyncedBytes() > 0) await new Promise((resolve) => setImmediate(resolve));
  first.vanish();
  journal.mirrorLost(first.name);
  for (const disk of [second, third]) {
    disk.fail(undefined);
    journal.mirrorReturned(disk.name, disk);
  }
  while (journal.status().phase !== 'serving') await new Promise((resolve) => setImmediate(resolve));
  let expected = early.head;
  for (let index = 0; index < appends; index++) {
    expected = (await journal.append({ stream: 'bucket/b', expected, time: 3, payload: Buffer.from(`after ${index}`) })).head;
  }
  await journal.close();
  first.restore();
  return { disks, contents: [...contents, 'early', ...Array.from({ length: appends }, (_, index) => `after ${index}`)] };
}

test('a mirror that was away does not win with its old tail, and loses it', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    for (const appends of [0, 1, 5]) {
      const { disks, contents } = await leftWithOldTail(seed, appends);
      const [first, second, third] = disks as [MemoryDisk, MemoryDisk, MemoryDisk];
      const place = `seed ${seed}, ${appends} appends`;
      const old = Object.values(await segments(first)).join();
      if (seed % 2 === 0) third.vanish();
      assert.deepEqual(await contentsOf([first, second, third]), contents, place);
      third.restore();
      assert.deepEqual(await contentsOf([first, second, third]), contents, place);
      const journal = await openEmbeddedJournal({ disks, headOf: () => emptyStream, segmentBytes });
      await journal.close();
      assert.notEqual(Object.values(await segments(first)).join(), old, place);
      assert.deepEqual(
        await contentsOf([first, third, memoryDisk('drive1', seededRandom(seed))].sort(byName)),
        contents,
        `${place}: by the mended mirror`,
      );
    }
  }
});

function byName(left: MemoryDisk, right: MemoryDisk): number {
  return left.name < right.name ? -1 : 1;
}
