/** Mirrors that were given up come back by themselves, whatever took them away; one whose drive hangs holds up neither opening nor reading. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EmbeddedJournal, openEmbeddedJournal } from '../../journal/embedded/embedded-journal.ts';
import { emptyStream } from '../../journal/journal.ts';
import { type MemoryDisk, memoryDisk } from '../../journal/memory-disk.ts';
import { type HangingDisk, hangingDisk } from '../support/hanging-disk.ts';
import { manualClock, settled } from '../support/manual-clock.ts';
import { seededRandom } from '../support/seeded-random.ts';

interface Place {
  readonly clock: ReturnType<typeof manualClock>;
  readonly memory: readonly MemoryDisk[];
  readonly disks: readonly HangingDisk[];
  open(began?: (journal: EmbeddedJournal) => void): Promise<EmbeddedJournal>;
  append(journal: EmbeddedJournal): Promise<void>;
}

function place(seed = 3): Place {
  const random = seededRandom(seed);
  const clock = manualClock();
  const memory = ['one', 'two', 'three'].map((name) => memoryDisk(name, random));
  const disks = memory.map((disk) => hangingDisk(disk));
  let head = emptyStream;
  const headOf = () => head;
  return {
    clock,
    memory,
    disks,
    open: (began = () => undefined) => openEmbeddedJournal({ disks, headOf, timer: clock, began }),
    async append(journal) {
      const appending = journal.append({ stream: 'bucket/a', expected: head, time: 1, payload: Buffer.alloc(100, 7) });
      appending.catch(() => undefined);
      await clock.advance(200);
      head = (await appending).head;
    },
  };
}

const states = (journal: EmbeddedJournal): string[] => journal.status().mirrors.map(({ state }) => state);

/** Repairs that have begun end without the clock going on: how many turns of the event loop they take is up to the disks. */
async function repaired(journal: EmbeddedJournal): Promise<string[]> {
  for (let turns = 0; turns < 100 && states(journal).includes('joining'); turns += 1) await settled();
  return states(journal);
}

for (const code of ['EIO', 'EMFILE', 'ENOSPC', 'EROFS']) {
  test(`a mirror whose write failed with ${code} once is attached again soon, without any news of its drive`, async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const { clock, memory, open, append } = place(seed);
      const journal = await open();
      await append(journal);
      let left = 1;
      memory[2]!.fail((operation) => (operation === 'write' && left-- > 0 ? code : undefined));
      await append(journal);
      await clock.advance(100);
      assert.equal(states(journal)[2], 'detached');
      await clock.advance(1_000);
      assert.deepEqual(await repaired(journal), ['attached', 'attached', 'attached'], `seed ${seed}`);
      await append(journal);
      await journal.close();
    }
  });
}

test('what lasts is tried again ever more rarely, and in the end succeeds', async () => {
  const { clock, memory, open, append } = place();
  const journal = await open();
  await append(journal);
  let tries = 0;
  memory[2]!.fail((operation, path) => {
    if (operation === 'exists' && path === '') tries += 1;
    return ['write', 'open'].includes(operation) ? 'EIO' : undefined;
  });
  await append(journal);
  await clock.advance(10 * 60_000);
  assert.ok(tries >= 10 && tries <= 16, `${tries} tries in ten minutes`);
  memory[2]!.fail(undefined);
  await clock.advance(60_000);
  assert.deepEqual(await repaired(journal), ['attached', 'attached', 'attached']);
  await journal.close();
});

test('a majority that was lost is looked for on the timer: nobody has to append', async () => {
  const { clock, memory, open, append } = place();
  const journal = await open();
  await append(journal);
  for (const disk of memory.slice(1)) disk.fail('EIO');
  await assert.rejects(append(journal));
  assert.equal(journal.status().phase, 'unsettled');
  for (const disk of memory) disk.fail(undefined);
  for (let turn = 0; turn < 50 && states(journal).includes('detached'); turn += 1) await clock.advance(100);
  assert.equal(journal.status().phase, 'serving');
  assert.deepEqual(await repaired(journal), ['attached', 'attached', 'attached']);
  await journal.close();
});

test('a mirror that hangs while the journal is opened is gone without as soon as its drive is known to be lost, and its file is closed', async () => {
  const { clock, disks, open, append } = place();
  const first = await open();
  await append(first);
  await first.close();
  disks[1]!.hangs = true;
  let opening: EmbeddedJournal | undefined;
  const opened = open((journal) => {
    opening = journal;
  });
  await clock.advance(1_000);
  opening!.mirrorLost('two');
  await clock.advance(1_000);
  const journal = await opened;
  await append(journal);
  assert.deepEqual(states(journal), ['attached', 'lost', 'attached']);
  disks[1]!.answer();
  await settled();
  assert.equal(disks[1]!.openFiles, 0);
  journal.mirrorReturned('two', disks[1]!);
  await clock.advance(1_000);
  assert.deepEqual(await repaired(journal), ['attached', 'attached', 'attached']);
  await journal.close();
});

test('a record is read from another mirror when the one that was asked hangs', async () => {
  const { clock, disks, open, append } = place();
  const journal = await open();
  for (let count = 0; count < 5; count += 1) await append(journal);
  for (const hung of disks.slice(0, 2)) {
    hung.hangs = true;
    const sequences: number[] = [];
    const reading = (async () => {
      for await (const { sequence } of journal.read(0)) sequences.push(sequence);
    })();
    await clock.advance(15_000);
    await reading;
    assert.deepEqual(sequences, [1, 2, 3, 4, 5]);
    hung.answer();
    await settled();
  }
  await journal.close();
});
