/** A journal that is whole on no mirror: everything that is whole somewhere becomes a journal again, and the rest is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mendJournal } from '../../journal/command/mend.ts';
import { interruptedMend } from '../../journal/command/mended-log.ts';
import type { Disk } from '../../journal/disk.ts';
import { openEmbeddedJournal } from '../../journal/embedded/embedded-journal.ts';
import { emptyStream, JournalCorrupt, JournalUnavailable, type StreamHead } from '../../journal/journal.ts';
import { type MemoryDisk, memoryDisk } from '../../journal/memory-disk.ts';
import { encodeRecord, frameHeaderBytes } from '../../journal/record.ts';
import { contentsOf, segmentBytes, segments } from '../support/filled-journal.ts';
import { seededRandom } from '../support/seeded-random.ts';

const streams = ['bucket/a', 'bucket/b', 'upload/c', 'upload/d'];

interface Written {
  readonly disks: MemoryDisk[];
  /** By the order of their sequences. */
  readonly contents: string[];
  readonly heads: Map<string, StreamHead>;
}

function disksOf(count: number, seed: number): MemoryDisk[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, index) => memoryDisk(`drive${index}`, random));
}

interface By {
  readonly what?: string;
  readonly only?: readonly string[];
}

/** Groups of four records, one of each stream. */
async function write(disks: readonly Disk[], { contents, heads }: Omit<Written, 'disks'>, rounds: number, by: By = {}): Promise<void> {
  const { what = 'record', only = streams } = by;
  const journal = await openEmbeddedJournal({ disks, headOf: (stream) => heads.get(stream) ?? emptyStream, segmentBytes });
  for (let round = 0; round < rounds; round++) {
    await Promise.all(
      only.map(async (stream) => {
        const text = `${what} ${contents.length} of ${stream} ${'.'.repeat(contents.length % 90)}`;
        contents.push(text);
        const { head } = await journal.append({
          stream,
          expected: heads.get(stream) ?? emptyStream,
          time: round,
          payload: Buffer.from(text),
        });
        heads.set(stream, head);
      }),
    );
  }
  await journal.close();
}

async function written(mirrors: number, rounds: number, seed: number): Promise<Written> {
  const all = { disks: disksOf(mirrors, seed), contents: [], heads: new Map() };
  await write(all.disks, all, rounds);
  return all;
}

interface Spot {
  readonly path: string;
  readonly at: number;
}

/** Where a text lies on a mirror. */
async function find(disk: Disk, text: string): Promise<Spot> {
  for (const name of await disk.list('journal')) {
    const bytes = await bytesOf(disk, `journal/${name}`);
    const at = bytes.indexOf(`${text} `);
    if (at >= 0) return { path: `journal/${name}`, at };
  }
  throw new Error(`${text} is not on ${disk.name}`);
}

async function bytesOf(disk: Disk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read');
  const bytes = Buffer.alloc(await file.size());
  await file.read(bytes, 0);
  await file.close();
  return bytes;
}

function logsOf(disk: Disk): Promise<Buffer[]> {
  return disk
    .list('journal')
    .then((names) => Promise.all(names.filter((name) => name.endsWith('.log')).map((name) => bytesOf(disk, `journal/${name}`))));
}

/** The frame that holds a text. */
async function frameOf(disk: Disk, text: string): Promise<Buffer> {
  const stream = / of (\S+) /.exec(text)![1]!;
  for (const bytes of await logsOf(disk)) {
    const from = bytes.indexOf(text) - stream.length - frameHeaderBytes;
    if (from > 0) return Buffer.from(bytes.subarray(from, from + bytes.readUInt32BE(from)));
  }
  throw new Error(`${text} is not on ${disk.name}`);
}

async function overwrite(disk: Disk, { path, at }: Spot, bytes: Buffer): Promise<void> {
  const file = await disk.open(path, 'write');
  await file.write([bytes], at);
  await file.sync();
  await file.close();
}

async function mend(disks: readonly Disk[], dryRun = false): Promise<{ lines: string[]; outcome: string; records: number }> {
  const lines: string[] = [];
  const { outcome, records } = await mendJournal({ disks, tell: (line) => void lines.push(line), dryRun });
  return { lines, outcome, records };
}

const cannotOpen = (error: unknown): boolean => error instanceof JournalCorrupt || error instanceof JournalUnavailable;

test('each mirror has another record of a group damaged: all are kept, the old logs lie aside, and the journal goes on', async () => {
  const all = await written(3, 30, 1);
  const before = await Promise.all(all.disks.map(segments));
  for (const [at, disk] of all.disks.entries()) await overwrite(disk, await find(disk, `record ${40 + at}`), Buffer.from('X'));
  await assert.rejects(contentsOf(all.disks), cannotOpen);
  const damaged = await Promise.all(all.disks.map(segments));
  const told = await mend(all.disks, true);
  assert.equal(told.outcome, 'told');
  assert.deepEqual(await Promise.all(all.disks.map(segments)), damaged, 'a dry run changes nothing');
  const { lines, outcome } = await mend(all.disks);
  assert.equal(outcome, 'mended');
  assert.deepEqual(lines.slice(0, told.lines.length), told.lines);
  assert.equal(lines.filter((line) => /^damaged: bytes \d+ to \d+ of drive\d\/journal\/\d+\.log are damaged$/.test(line)).length, 3);
  assert.ok(lines.includes('kept: record 41 is whole on drive1, drive2'), lines.join('\n'));
  assert.ok(lines.includes('120 records are kept, 0 of them linked anew; 0 are set aside'));
  assert.deepEqual(await contentsOf(all.disks), all.contents);
  for (const [at, disk] of all.disks.entries()) {
    for (const name of Object.keys(before[at]!)) {
      assert.equal((await bytesOf(disk, `journal.set-aside/1/${name}`)).toString('base64'), damaged[at]![name]);
    }
  }
  await write(all.disks, all, 3);
  assert.deepEqual(await contentsOf(all.disks), all.contents);
  assert.equal((await mend(all.disks)).outcome, 'whole');
});

test('a record that is whole nowhere is lost, and what follows it is kept', async () => {
  const all = await written(3, 30, 2);
  for (const disk of all.disks) await overwrite(disk, await find(disk, 'record 41'), Buffer.from('X'));
  await assert.rejects(contentsOf(all.disks), cannotOpen);
  const { lines } = await mend(all.disks);
  assert.ok(lines.includes('lost: record 42 is whole on no mirror'), lines.join('\n'));
  assert.ok(lines.includes('lost: bucket/b lacks position 11: what follows is linked anew'), lines.join('\n'));
  assert.ok(lines.includes('119 records are kept, 19 of them linked anew; 0 are set aside'));
  assert.deepEqual(
    await contentsOf(all.disks),
    all.contents.filter((text) => !text.startsWith('record 41 ')),
  );
});

test('the heads of groups and whole segments are damaged: frames are found all the same, if the chain leads to them', async () => {
  const all = await written(2, 30, 3);
  const { path, at } = await find(all.disks[0]!, 'record 40');
  const bytes = await bytesOf(all.disks[0]!, path);
  const head = bytes.lastIndexOf('Liog', at);
  for (const disk of all.disks) await overwrite(disk, { path, at: head + 8 }, Buffer.from('XXXX'));
  const names = (await all.disks[0]!.list('journal')).filter((name) => name.endsWith('.log'));
  await all.disks[0]!.remove(`journal/${names[0]}`);
  await all.disks[1]!.remove(`journal/${names.at(-1)}`);
  await assert.rejects(contentsOf(all.disks), cannotOpen);
  const { lines } = await mend(all.disks);
  assert.deepEqual(await contentsOf(all.disks), all.contents, lines.join('\n'));
});

test('a frame that a client stored is no record, wherever damage lets it come to light', async () => {
  const all = await written(1, 10, 4);
  const [disk] = all.disks as [MemoryDisk];
  const forged = encodeRecord({
    sequence: 42,
    stream: 'bucket/b',
    position: 11,
    previousHash: Buffer.alloc(32, 7),
    time: 1,
    payload: Buffer.from('forged'),
  }).frame;
  const journal = await openEmbeddedJournal({ disks: [disk], headOf: (stream) => all.heads.get(stream) ?? emptyStream, segmentBytes });
  const payload = Buffer.concat([Buffer.from('carrier '), forged, Buffer.from(' end')]);
  await journal.append({ stream: 'bucket/a', expected: all.heads.get('bucket/a')!, time: 1, payload });
  await journal.append({ stream: 'bucket/b', expected: all.heads.get('bucket/b')!, time: 1, payload: Buffer.from('after') });
  await journal.close();
  await overwrite(disk, await find(disk, 'carrier'), Buffer.from('X'));
  const spot = await find(disk, 'Xarrier');
  const bytes = await bytesOf(disk, spot.path);
  const head = bytes.lastIndexOf('Liog', spot.at);
  await overwrite(disk, { path: spot.path, at: head }, Buffer.from('XXXX'));
  await assert.rejects(contentsOf([disk]), cannotOpen);
  const { lines } = await mend([disk]);
  assert.ok(
    lines.some((line) => /^set aside: record 42, position 11 of bucket\/b, .*damaged bytes, and no chain leads to it$/.test(line)),
    lines.join('\n'),
  );
  assert.deepEqual(await contentsOf([disk]), [...all.contents, 'after']);
});

/** A second server, elected on a copy, whose groups then overwrite those of the first in the same files: what became of two without a lock. */
async function interleaved(mirrors: number, seed: number): Promise<{ disks: MemoryDisk[]; one: Written; two: Written; common: number }> {
  const one = await written(mirrors, 10, seed);
  const common = one.contents.length;
  const copies = disksOf(mirrors, seed + 1);
  for (const [at, disk] of one.disks.entries()) {
    await copies[at]!.makeDirectory('journal');
    for (const name of await disk.list('journal')) {
      const file = await copies[at]!.open(`journal/${name}`, 'create');
      await file.write([await bytesOf(disk, `journal/${name}`)], 0);
      await file.sync();
      await file.close();
    }
  }
  const two: Written = { disks: copies, contents: [...one.contents], heads: new Map(one.heads) };
  await write(one.disks, one, 12, { what: 'one', only: ['bucket/a', 'upload/c'] });
  await write(copies, two, 6, { what: 'two', only: ['bucket/a', 'bucket/b'] });
  await write(copies, two, 2, { what: 'two', only: ['bucket/b'] });
  for (const [at, disk] of one.disks.entries()) {
    for (const name of await copies[at]!.list('journal')) {
      const theirs = await bytesOf(copies[at]!, `journal/${name}`);
      const ours = (await disk.exists(`journal/${name}`)) ? await bytesOf(disk, `journal/${name}`) : Buffer.alloc(0);
      const same = theirs.findIndex((byte, place) => byte !== ours[place]);
      if (same < 0 || name.startsWith('epoch')) continue;
      // Each mirror has lost another piece to the other server.
      const from = same + ((theirs.length - same) * at) / mirrors;
      const file = await disk.open(`journal/${name}`, 'create');
      await file.write([theirs.subarray(Math.floor(from))], Math.floor(from));
      await file.sync();
      await file.close();
    }
  }
  return { disks: one.disks, one, two, common };
}

for (const mirrors of [1, 3]) {
  test(`two servers wrote into each other's log on ${mirrors} mirrors: the deployment can be opened again`, async () => {
    for (let seed = 10; seed < 20; seed++) {
      const { disks, one, two, common } = await interleaved(mirrors, seed);
      const { lines, records } = await mend(disks);
      const found = await contentsOf(disks);
      assert.equal(found.length, records);
      assert.deepEqual(found.slice(0, common), one.contents.slice(0, common), `seed ${seed}`);
      const known = new Set([...one.contents, ...two.contents]);
      assert.ok(found.every((text) => known.has(text)));
      assert.ok(found.length > common, lines.join('\n'));
      const aside = lines.filter((line) => line.startsWith('set aside: ')).length;
      assert.ok(aside > 0, lines.join('\n'));
    }
  });
}

test('cut short at any moment, a mend goes on when it is asked again, and no start takes half of it', async () => {
  let finished = false;
  let refused = 0;
  for (let step = 1; !finished; step += 7) {
    const all = await written(3, 12, 5);
    for (const [at, disk] of all.disks.entries()) await overwrite(disk, await find(disk, `record ${20 + at}`), Buffer.from('X'));
    let left = step;
    for (const disk of all.disks) disk.fail(() => (--left < 0 ? 'EIO' : undefined));
    finished = await mend(all.disks).then(
      () => true,
      () => false,
    );
    for (const disk of all.disks) disk.fail(undefined);
    if ((await interruptedMend(all.disks)) !== undefined) refused++;
    if (!finished) await mend(all.disks);
    assert.equal(await interruptedMend(all.disks), undefined);
    assert.deepEqual(await contentsOf(all.disks), all.contents, `cut at operation ${step}`);
  }
  assert.ok(refused > 0, 'some were cut between two mirrors');
});

test('whatever is damaged, what is whole somewhere is kept, and the journal opens', async () => {
  let broken = 0;
  for (let seed = 100; seed < 160; seed++) {
    const random = seededRandom(seed);
    const all = await written(3, 20, seed);
    const frames = await Promise.all(all.contents.map((text) => frameOf(all.disks[0]!, text)));
    for (const disk of all.disks) {
      const names = (await disk.list('journal')).filter((name) => name.endsWith('.log'));
      for (let spot = 0; spot < 6; spot++) {
        const path = `journal/${names[Math.floor(random() * names.length)]}`;
        const size = (await bytesOf(disk, path)).length;
        const at = Math.floor(random() * size);
        await overwrite(disk, { path, at }, Buffer.alloc(Math.min(size - at, 1 + Math.floor(random() * 40)), random() < 0.5 ? 0 : 0xa5));
      }
    }
    const opened = await contentsOf(all.disks).catch(() => undefined);
    if (opened !== undefined) continue;
    broken++;
    const held = await Promise.all(all.disks.map(async (disk) => Buffer.concat(await logsOf(disk))));
    const whole = all.contents.filter((_, at) => held.some((bytes) => bytes.includes(frames[at]!)));
    const { lines } = await mend(all.disks);
    const found = await contentsOf(all.disks);
    assert.ok(found.every((text) => whole.includes(text)));
    const aside = lines.filter((line) => line.startsWith('set aside: '));
    assert.equal(found.length + aside.length, whole.length, `seed ${seed}: ${lines.join('\n')}`);
    assert.ok(aside.length <= 2, aside.join('\n'));
  }
  assert.ok(broken > 10, `${broken} could not be opened`);
});

test('nothing is made of nothing, and a drive that is full is left as it is', async () => {
  await assert.rejects(mend(disksOf(3, 6)), /no record is whole on any mirror/);
  const all = await written(3, 12, 7);
  for (const [at, disk] of all.disks.entries()) await overwrite(disk, await find(disk, `record ${20 + at}`), Buffer.from('X'));
  const before = await Promise.all(all.disks.map(segments));
  all.disks[1]!.capacityBytes = 1000;
  await assert.rejects(
    mend(all.disks),
    /^JournalUnavailable: drive1 has \d+ bytes free, the new log beside the old one needs \d+: nothing was changed$/,
  );
  assert.deepEqual(await Promise.all(all.disks.map(segments)), before);
});
