/** The journals that lie in this process answer to the contract. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedJournal } from '../../journal/embedded/embedded-journal.ts';
import { type MemoryLog, memoryJournal } from '../../journal/memory-journal.ts';
import { nodeDisk } from '../../journal/node-disk.ts';
import { temporaryDirectory } from '../support/files.ts';
import { testJournal } from '../support/journal-conformance.ts';

testJournal('memory journal', async () => {
  const log: MemoryLog = { frames: [] };
  return { open: async (headOf) => memoryJournal(headOf, log), dispose: async () => undefined };
});

for (const [mirrors, segmentBytes] of [
  [1, 64 * 1024 * 1024],
  [5, 2000],
] as const) {
  testJournal(`embedded journal on ${mirrors} mirrors`, async () => {
    const directory = temporaryDirectory('journal');
    const roots = Array.from({ length: mirrors }, (_, index) => join(directory.path, `drive${index}`));
    for (const root of roots) mkdirSync(root);
    return {
      open: (headOf) => openEmbeddedJournal({ disks: roots.map(nodeDisk), headOf, segmentBytes }),
      dispose: async () => directory.remove(),
    };
  });
}
