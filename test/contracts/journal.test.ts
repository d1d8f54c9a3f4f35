import { type MemoryLog, memoryJournal } from '../../journal/memory-journal.ts';
import { testJournal } from '../support/journal-conformance.ts';

testJournal('memory journal', async () => {
  const log: MemoryLog = { frames: [] };
  return { open: async (headOf) => memoryJournal(headOf, log), dispose: async () => undefined };
});
