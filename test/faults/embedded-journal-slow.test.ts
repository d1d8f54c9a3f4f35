/** A mirror whose drive is slow or hangs holds nobody up, takes no memory beyond its bound, and comes back whole. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Disk } from '../../journal/disk.ts';
import { type EmbeddedJournal, openEmbeddedJournal } from '../../journal/embedded/embedded-journal.ts';
import { mirrorBacklogBytesMax } from '../../journal/embedded/mirror.ts';
import type { Timer } from '../../journal/embedded/mirror-set.ts';
import { emptyStream, type StreamHead } from '../../journal/journal.ts';
import { nodeDisk } from '../../journal/node-disk.ts';
import { temporaryDirectory, treeDigest } from '../support/files.ts';

interface Valve {
  readonly disk: Disk;
  readonly writes: number;
  shut(): void;
  open(): void;
}

/** A disk whose writes wait while the valve is shut. */
function valved(root: string): Valve {
  let gate: Promise<void> = Promise.resolve();
  let release = (): void => undefined;
  let writes = 0;
  const real = nodeDisk(root);
  const disk: Disk = {
    ...real,
    open: async (path, mode) => {
      const file = await real.open(path, mode);
      return {
        read: (target, position) => file.read(target, position),
        write: async (chunks, position) => {
          await gate;
          writes++;
          await file.write(chunks, position);
        },
        sync: () => file.sync(),
        size: () => file.size(),
        truncate: (bytes) => file.truncate(bytes),
        close: () => file.close(),
      };
    },
  };
  return {
    disk,
    get writes() {
      return writes;
    },
    shut: () => {
      gate = new Promise((resolve) => (release = resolve));
    },
    open: () => release(),
  };
}

interface Place {
  readonly journal: EmbeddedJournal;
  readonly valve: Valve;
  readonly roots: readonly string[];
  append(count: number): Promise<void>;
}

async function place(context: TestContext): Promise<Place> {
  const directory = temporaryDirectory('slow-mirror');
  const roots = [0, 1, 2].map((index) => join(directory.path, `drive${index}`));
  for (const root of roots) mkdirSync(root);
  const valve = valved(roots[2] as string);
  const disks = [nodeDisk(roots[0] as string), nodeDisk(roots[1] as string), valve.disk];
  const journal = await openEmbeddedJournal({ disks, headOf: () => emptyStream, segmentBytes: 16 * 1024 * 1024 });
  context.after(async () => {
    valve.open();
    await journal.close();
    directory.remove();
  });
  let expected: StreamHead = emptyStream;
  const append = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      expected = (await journal.append({ stream: 'bucket/a', expected, time: index, payload: Buffer.alloc(1024 * 1024, index) })).head;
    }
  };
  return { journal, valve, roots, append };
}

/** Waits until all mirrors are attached and have written all, at most ten seconds. */
async function whole(journal: EmbeddedJournal): Promise<void> {
  const until = performance.now() + 10_000;
  while (journal.status().mirrors.some(({ state, backlogBytes }) => state !== 'attached' || backlogBytes > 0)) {
    assert.ok(performance.now() < until, JSON.stringify(journal.status()));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function logsOf(root: string): Record<string, string> {
  return Object.fromEntries(Object.entries(treeDigest(root)).filter(([path]) => path.endsWith('.log')));
}

test('a mirror that falls back beyond the bound is let go, and repaired when it moves again', async (context) => {
  const { journal, valve, roots, append } = await place(context);
  await append(2);
  await whole(journal);
  valve.shut();
  for (let done = 0; done < mirrorBacklogBytesMax / (1024 * 1024) + 8; done += 4) {
    await append(4);
    for (const { backlogBytes } of journal.status().mirrors) assert.ok(backlogBytes <= mirrorBacklogBytesMax);
  }
  assert.equal(journal.status().mirrors[2]?.state, 'detached');
  valve.open();
  await whole(journal);
  await append(2);
  await whole(journal);
  assert.deepEqual(logsOf(roots[2] as string), logsOf(roots[0] as string));
});

test('a drive that hangs and is declared lost holds nobody up, not even the close', async (context) => {
  const { journal, valve, append } = await place(context);
  await append(1);
  valve.shut();
  await append(3);
  journal.mirrorLost(valve.disk.name);
  await append(3);
  assert.deepEqual(
    journal.status().mirrors.map(({ state }) => state),
    ['attached', 'attached', 'lost'],
  );
  await journal.close();
  assert.equal(journal.lastSequence, 7);
});

test('a drive that hung comes back under the same name', async (context) => {
  const { journal, valve, roots, append } = await place(context);
  await append(1);
  valve.shut();
  await append(3);
  journal.mirrorLost(valve.disk.name);
  journal.mirrorReturned(valve.disk.name, nodeDisk(roots[2] as string));
  await append(2);
  assert.equal(journal.status().mirrors[2]?.state, 'lost', 'what still hangs must land before the repair begins');
  valve.open();
  await whole(journal);
  assert.deepEqual(logsOf(roots[2] as string), logsOf(roots[0] as string));
});

const timer: Timer = {
  after(milliseconds, task) {
    const timeout = setTimeout(task, milliseconds);
    return () => clearTimeout(timeout);
  },
};

/** Five mirrors of which two trail, each behind a valve. */
async function trailing(
  context: TestContext,
): Promise<{ journal: EmbeddedJournal; valves: Valve[]; roots: string[]; append(): Promise<void> }> {
  const directory = temporaryDirectory('trailing-mirrors');
  const roots = [0, 1, 2, 3, 4].map((index) => join(directory.path, `drive${index}`));
  for (const root of roots) mkdirSync(root);
  const valves = roots.map(valved);
  const journal = await openEmbeddedJournal({ disks: valves.map(({ disk }) => disk), headOf: () => emptyStream, timer });
  context.after(async () => {
    for (const valve of valves) valve.open();
    await journal.close();
    directory.remove();
  });
  let expected: StreamHead = emptyStream;
  const append = async (): Promise<void> => {
    expected = (await journal.append({ stream: 'bucket/a', expected, time: 1, payload: Buffer.alloc(500, 1) })).head;
  };
  return { journal, valves, roots, append };
}

test('mirrors beyond the majority write several groups at once, and have them all soon after the last and at the close', async (context) => {
  const { journal, valves, roots, append } = await trailing(context);
  const count = (): number => valves.reduce((sum, { writes }) => sum + writes, 0);
  const before = count();
  for (let group = 0; group < 200; group++) await append();
  assert.ok(count() - before < 200 * 4, `${count() - before} writes for 200 groups: three mirrors are waited for, two trail`);
  await whole(journal);
  for (const root of roots) assert.deepEqual(logsOf(root), logsOf(roots[0] as string), 'soon after the last group');
  await append();
  await journal.close();
  for (const root of roots) assert.deepEqual(logsOf(root), logsOf(roots[0] as string), 'at the close');
});

test('a mirror that is waited for and hangs is waited for no more', async (context) => {
  const { journal, valves, append } = await trailing(context);
  for (const hung of valves) {
    await append();
    hung.shut();
    const begun = performance.now();
    for (let group = 0; group < 40; group++) await append();
    const took = performance.now() - begun;
    // Forty times the trailing mirrors' delay would be two seconds.
    assert.ok(took < 1500, `40 groups took ${took.toFixed(0)} ms with ${hung.disk.name} hanging`);
    hung.open();
    await whole(journal);
  }
});
