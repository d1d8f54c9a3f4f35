/** Damaged, missing and foreign bytes in the files of the embedded journal: it opens with all that was settled, or says what is damaged and changes nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import { openEmbeddedJournal } from '../../journal/embedded/embedded-journal.ts';
import { writeEpoch } from '../../journal/embedded/log.ts';
import { emptyStream, JournalUnavailable } from '../../journal/journal.ts';
import { type MemoryDisk, memoryDisk } from '../../journal/memory-disk.ts';
import { contentsOf, filled, segmentBytes, segments } from '../support/filled-journal.ts';
import { seededRandom } from '../support/seeded-random.ts';

const epochPath = 'journal/epoch';

async function bytesOf(disk: MemoryDisk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read');
  const bytes = Buffer.alloc(await file.size());
  await file.read(bytes, 0);
  return bytes;
}

async function put(disk: MemoryDisk, path: string, bytes: Buffer): Promise<void> {
  const file = await disk.open(path, 'create');
  await file.truncate(bytes.length);
  await file.write([bytes], 0);
  await file.sync();
}

async function segmentPaths(disk: MemoryDisk): Promise<string[]> {
  return Object.keys(await segments(disk)).map((name) => `journal/${name}`);
}

/** Everything a disk holds of its journal. */
async function held(disk: MemoryDisk): Promise<Record<string, string>> {
  const names = await disk.list('journal');
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await bytesOf(disk, `journal/${name}`)).toString('base64')])),
  );
}

async function openWith(disks: readonly MemoryDisk[], acknowledged: number) {
  const known = { sequence: acknowledged, because: `the state store has record ${acknowledged}` };
  return openEmbeddedJournal({ disks, headOf: () => emptyStream, segmentBytes, acknowledged: async () => known });
}

test('a majority of epoch files damaged: the logs still count, and the journal opens', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { disks, contents } = await filled(5, 30, seed);
    const random = seededRandom(seed);
    for (const disk of disks.slice(0, 2 + (seed % 4))) disk.rot(epochPath, Math.floor(random() * 9));
    assert.deepEqual(await contentsOf(disks), contents, `seed ${seed}`);
    for (const disk of disks.slice(2, 4)) disk.vanish();
    assert.deepEqual(await contentsOf(disks), contents, `seed ${seed}: two drives away afterwards`);
  }
});

test('a promise that cannot be read may have been any: the next epoch is above it', async () => {
  const { disks, contents } = await filled(5, 5, 1);
  for (const disk of disks.slice(0, 3)) await writeEpoch(disk, 1000, 0);
  for (const disk of disks.slice(0, 3)) disk.rot(epochPath, 1);
  disks[4]?.vanish();
  const journal = await openEmbeddedJournal({ disks, headOf: () => emptyStream, segmentBytes });
  assert.ok(journal.status().epoch > 1000, `epoch ${journal.status().epoch}`);
  await journal.close();
  disks[4]?.restore();
  assert.deepEqual(await contentsOf(disks), contents);
});

test('epoch files missing on a majority: the mirrors vote when all are there and all end alike, else nobody new does', async () => {
  const { disks, contents } = await filled(5, 30, 2);
  for (const disk of disks.slice(0, 3)) await disk.remove(epochPath);
  disks[4]?.vanish();
  await assert.rejects(contentsOf(disks), JournalUnavailable);
  disks[4]?.restore();
  assert.deepEqual(await contentsOf(disks), contents);
  for (const disk of disks.slice(0, 3)) await disk.remove(epochPath);
  const last = (await segmentPaths(disks[1] as MemoryDisk)).at(-1) as string;
  await (await (disks[1] as MemoryDisk).open(last, 'write')).truncate(44);
  await assert.rejects(contentsOf(disks), JournalUnavailable);
});

test('bytes behind the end of a closed segment, or missing from it, on as many mirrors as may fail', async () => {
  for (const change of ['appended', 'cut'] as const) {
    const { disks, contents } = await filled(5, 60, 3);
    for (const disk of disks.slice(0, 2)) {
      const [first, second] = (await segmentPaths(disk)) as [string, string];
      const bytes = await bytesOf(disk, first);
      const other = await bytesOf(disk, second);
      await put(disk, first, change === 'cut' ? bytes.subarray(0, -50) : Buffer.concat([bytes, other]));
    }
    assert.deepEqual(await contentsOf(disks), contents, change);
    const [one, ...others] = await Promise.all(disks.map(segments));
    for (const other of others) assert.deepEqual(other, one, `${change}: the mirrors differ`);
  }
});

test('segments that changed places, or lie under another name, are not believed', async () => {
  for (const [one, other] of [
    [0, 1],
    [1, -1],
    [0, -1],
    [-2, -1],
  ] as const) {
    const { disks, contents } = await filled(3, 60, 4);
    const disk = disks[1] as MemoryDisk;
    const paths = await segmentPaths(disk);
    const [left, right] = [paths.at(one) as string, paths.at(other) as string];
    const [leftBytes, rightBytes] = [await bytesOf(disk, left), await bytesOf(disk, right)];
    await put(disk, left, rightBytes);
    await put(disk, right, leftBytes);
    assert.deepEqual(await contentsOf(disks), contents, `${left} and ${right}`);
    const journal = await openEmbeddedJournal({ disks, headOf: () => emptyStream, segmentBytes });
    await journal.scrub();
    await journal.close();
    const [first, ...others] = await Promise.all(disks.map(segments));
    for (const each of others) assert.deepEqual(each, first, `${left} and ${right}: the mirrors differ`);
  }
});

test('a copy of a segment under a later name is no part of the log', async () => {
  for (const mirrors of [1, 3]) {
    const { disks, contents } = await filled(mirrors, 40, 5);
    const [disk] = disks as [MemoryDisk];
    const [first] = (await segmentPaths(disk)) as [string];
    await put(disk, 'journal/0000000000000999.log', await bytesOf(disk, first));
    assert.deepEqual(await contentsOf(disks), contents, `${mirrors} mirrors`);
  }
});

test('a damaged end of the only mirror: told with its place, nothing is written', async () => {
  const { disks, contents } = await filled(1, 40, 6);
  const [disk] = disks as [MemoryDisk];
  const last = (await segmentPaths(disk)).at(-1) as string;
  const bytes = await bytesOf(disk, last);
  // The last group with a record and all that follows.
  await put(disk, last, bytes.subarray(0, -70));
  const before = await held(disk);
  await assert.rejects(openWith(disks, contents.length), (error) => {
    assert.ok(error instanceof JournalUnavailable);
    assert.match(error.message, /ends with record \d+.*it was closed with record 40/);
    assert.ok(error.message.includes(last), error.message);
    return true;
  });
  assert.deepEqual(await held(disk), before);
  await put(disk, last, bytes);
  const journal = await openWith(disks, contents.length);
  assert.equal(journal.lastSequence, contents.length);
  await journal.close();
});

test('the end of a journal that was closed is missing, and nothing else knows of it: told', async () => {
  for (const mirrors of [1, 3]) {
    const { disks } = await filled(mirrors, 40, 8);
    for (const disk of disks) {
      const last = (await segmentPaths(disk)).at(-1) as string;
      await put(disk, last, (await bytesOf(disk, last)).subarray(0, -16));
    }
    const before = await Promise.all(disks.map(held));
    await assert.rejects(contentsOf(disks), (error) => error instanceof JournalUnavailable && /closed with record 40/.test(error.message));
    assert.deepEqual(await Promise.all(disks.map(held)), before);
  }
});

test('an epoch file without the end, as earlier versions wrote it, is a promise', async () => {
  const { disks, contents } = await filled(3, 5, 9);
  const crc = crc32c(Buffer.from('7')).toString(16).padStart(8, '0');
  for (const disk of disks) await put(disk, epochPath, Buffer.from(`7 ${crc}\n`));
  const journal = await openEmbeddedJournal({ disks, headOf: () => emptyStream, segmentBytes });
  assert.equal(journal.status().epoch, 8);
  await journal.close();
  assert.deepEqual(await contentsOf(disks), contents);
});

test('a log without one whole group is a damaged one, not a new one', async () => {
  for (const mirrors of [1, 3]) {
    const { disks, contents } = await filled(mirrors, 3, 7);
    const whole = await Promise.all(disks.map(held));
    for (const disk of disks) for (const path of await segmentPaths(disk)) await put(disk, path, Buffer.alloc(4096));
    const before = await Promise.all(disks.map(held));
    await assert.rejects(
      contentsOf(disks),
      (error) => error instanceof JournalUnavailable && /(no whole group|closed with)/.test(error.message),
    );
    assert.deepEqual(await Promise.all(disks.map(held)), before);
    for (const [place, disk] of disks.entries())
      for (const [name, bytes] of Object.entries(whole[place] ?? {})) await put(disk, `journal/${name}`, Buffer.from(bytes, 'base64'));
    assert.deepEqual(await contentsOf(disks), contents);
  }
});

test('no journal at all where records were acknowledged: refused, nothing is made', async () => {
  const disks = [1, 2, 3].map((place) => memoryDisk(`drive${place}`, seededRandom(place)));
  await assert.rejects(openWith(disks, 1), (error) => error instanceof JournalUnavailable && /no record/.test(error.message));
  for (const disk of disks) assert.deepEqual(await disk.list(''), []);
  const journal = await openWith(disks, 0);
  await journal.close();
});
