/** Two servers on one set of drives, without any lock: whoever lost the last election acknowledges nothing, and harms nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Disk, DiskFile } from '../../journal/disk.ts';
import { type EmbeddedJournal, openEmbeddedJournal } from '../../journal/embedded/embedded-journal.ts';
import { emptyStream, JournalOutcomeUnknown, JournalUnavailable, type StreamHead } from '../../journal/journal.ts';
import { memoryDisk } from '../../journal/memory-disk.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** A server's writer: one stream of its own, as every actor has one. */
class Writer {
  readonly acknowledged: string[] = [];
  readonly told: string[] = [];
  journal!: EmbeddedJournal;
  #head: StreamHead = emptyStream;
  #count = 0;
  readonly #stream: string;

  constructor(stream: string) {
    this.#stream = stream;
  }

  async open(disks: readonly Disk[], displaced: boolean): Promise<this> {
    const overtaken = (sentence: string): void => void this.told.push(sentence);
    this.journal = await openEmbeddedJournal({ disks, headOf: () => emptyStream, segmentBytes: 2000, displaced, overtaken });
    return this;
  }

  async append(): Promise<void> {
    const text = `${this.#stream} ${++this.#count}`;
    const payload = Buffer.from(text.padEnd(100));
    const { head } = await this.journal.append({ stream: this.#stream, expected: this.#head, time: 1, payload });
    this.#head = head;
    this.acknowledged.push(text);
  }
}

async function contents(disks: readonly Disk[]): Promise<string[]> {
  const journal = await openEmbeddedJournal({ disks, headOf: () => emptyStream, segmentBytes: 2000 });
  const found: string[] = [];
  for await (const record of journal.read(0)) found.push(Buffer.from(record.payload).toString().trim());
  await journal.close();
  return found;
}

function disksOf(count: number, seed: number): Disk[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, index) => memoryDisk(`mirror${index}`, random));
}

const fails = (error: unknown): boolean => error instanceof JournalUnavailable || error instanceof JournalOutcomeUnknown;

for (const count of [1, 3, 4, 5]) {
  test(`${count} mirrors: the next append after another election is not acknowledged, nor is any later one`, async () => {
    const disks = disksOf(count, 7);
    const one = await new Writer('bucket/one').open(disks, false);
    for (let turn = 0; turn < 5; turn++) await one.append();
    const two = await new Writer('bucket/two').open(disks, true);
    for (let turn = 0; turn < 5; turn++) await two.append();
    await assert.rejects(one.append(), fails);
    for (let turn = 0; turn < 3; turn++) await assert.rejects(one.append(), JournalUnavailable);
    assert.equal(one.told.length, 1);
    assert.match(one.told[0]!, /^another server was elected on mirror\d, in epoch 2: this one's ended with 1, and it writes no more$/);
    for (let turn = 0; turn < 5; turn++) await two.append();
    await one.journal.close();
    await two.append();
    await two.journal.close();
    assert.deepEqual(two.told, []);
    assert.deepEqual(await contents(disks), [...one.acknowledged, ...two.acknowledged]);
  });
}

test('a server that was stopped within a write harms nothing when it goes on', async () => {
  const disks = disksOf(3, 8);
  let open: () => void = () => undefined;
  let gate: Promise<void> | undefined;
  const stoppable = disks.map(
    (disk): Disk => ({
      ...methodsOf(disk),
      open: async (path, mode) => {
        const file = await disk.open(path, mode);
        const write: DiskFile['write'] = async (chunks, position) => {
          await gate;
          await file.write(chunks, position);
        };
        return { ...fileMethodsOf(file), write };
      },
    }),
  );
  const one = await new Writer('bucket/one').open(stoppable, false);
  for (let turn = 0; turn < 5; turn++) await one.append();
  gate = new Promise((resolve) => (open = resolve));
  const late = assert.rejects(one.append(), fails);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const two = await new Writer('bucket/two').open(disks, true);
  for (let turn = 0; turn < 5; turn++) await two.append();
  open();
  await late;
  await two.append();
  await one.journal.close();
  await two.journal.close();
  assert.deepEqual(await contents(disks), [...one.acknowledged, ...two.acknowledged]);
});

test('whenever the election comes, what either acknowledged is there, once', async () => {
  let between = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed);
    const disks = disksOf([1, 3, 5][seed % 3]!, seed);
    const one = await new Writer('bucket/one').open(disks, false);
    const writing = (async () => {
      for (;;) await one.append();
    })();
    writing.catch(() => undefined);
    const turns = Math.floor(random() * 60);
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    const before = one.acknowledged.length;
    const two = await new Writer('bucket/two').open(disks, true);
    between += one.acknowledged.length - before;
    for (let turn = 0; turn < 8; turn++) await two.append();
    await assert.rejects(writing, fails, `seed ${seed}`);
    await one.journal.close();
    await two.journal.close();
    const found = await contents(disks);
    const missing = [...one.acknowledged, ...two.acknowledged].filter((text) => !found.includes(text));
    assert.deepEqual(missing, [], `seed ${seed}`);
    assert.equal(new Set(found).size, found.length);
    assert.ok(found.length <= one.acknowledged.length + 1 + two.acknowledged.length, 'at most what was under way came along');
  }
  assert.ok(between > 0, 'some were acknowledged while the other one began');
});

function methodsOf(disk: Disk): Omit<Disk, 'open'> {
  return {
    name: disk.name,
    list: (directory) => disk.list(directory),
    makeDirectory: (directory) => disk.makeDirectory(directory),
    exists: (path) => disk.exists(path),
    remove: (path) => disk.remove(path),
    removeTree: (directory) => disk.removeTree(directory),
    rename: (from, to) => disk.rename(from, to),
    syncDirectory: (directory) => disk.syncDirectory(directory),
    freeBytes: () => disk.freeBytes(),
    lock: (path) => disk.lock(path),
    pin: (path) => disk.pin(path),
  };
}

function fileMethodsOf(file: DiskFile): Omit<DiskFile, 'write'> {
  return {
    read: (target, position) => file.read(target, position),
    sync: () => file.sync(),
    size: () => file.size(),
    truncate: (bytes) => file.truncate(bytes),
    close: () => file.close(),
  };
}
