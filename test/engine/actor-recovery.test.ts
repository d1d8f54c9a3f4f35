/** State is a function of the journal: live rows, replayed rows and rebuilt rows are the same bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openActorSystem } from '../../engine/actor/actor-system.ts';
import { replay } from '../../engine/actor/recovery.ts';
import { headOf } from '../../engine/actor/stream-heads.ts';
import { JournalCorrupt, JournalUnavailable } from '../../journal/journal.ts';
import { type MemoryLog, memoryJournal } from '../../journal/memory-journal.ts';
import { memoryStore } from '../../snapshots/memory-store.ts';
import { type StateStore, StateStoreCorrupt } from '../../snapshots/state-store.ts';
import { type LedgerCommand, ledgerKind } from '../support/ledger-kind.ts';
import { allRows, ledgerSystem } from '../support/ledger-system.ts';
import { manualClock } from '../support/manual-clock.ts';

async function rebuilt(log: MemoryLog, rowsPerBatch: number, store: StateStore = memoryStore()): Promise<StateStore> {
  const journal = memoryJournal((stream) => headOf(store, stream), log);
  await replay({ journal, store, kinds: [ledgerKind], limits: { replayBatchRowsMax: rowsPerBatch } });
  return store;
}

const account = fc.constantFrom('x', 'y', 'z');
const command: fc.Arbitrary<LedgerCommand> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('deposit' as const), account, amount: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('withdraw' as const), account, amount: fc.nat(9) }) },
  fc.record({ does: fc.constant('closeAccount' as const), account }),
  fc.record({ does: fc.constant('payInterest' as const), amount: fc.nat(3) }),
);
const step = fc.record({
  ledger: fc.constantFrom('a', 'b', 'c', 'd'),
  command,
  trouble: fc.constantFrom('go on', 'go on', 'go on', 'wait', 'fail', 'lose the answer', 'let one append go'),
});

test('whatever happened, replay leaves the rows that live work left', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 40 }), async (steps, rowsPerBatch) => {
      const { tell, journal, store, clock, system, log } = await ledgerSystem({ recordEventsMax: 7, applyBatchRowsMax: 5 });
      const replies: Promise<unknown>[] = [];
      journal.hold();
      for (const { ledger, command: next, trouble } of steps) {
        if (trouble === 'fail') journal.failNext(new JournalUnavailable('away'));
        if (trouble === 'lose the answer') journal.loseNextAnswer();
        replies.push(tell(ledger, next).catch(() => undefined));
        if (trouble === 'let one append go') journal.letGo(1);
        if (trouble === 'wait') {
          journal.letGo();
          await clock.advance(200);
          journal.hold();
        }
      }
      journal.letGo();
      await Promise.all(replies);
      await clock.advance(30_000);
      await system.close();
      assert.equal(store.position, journal.lastSequence);
      assert.deepEqual(
        store.writes,
        [...store.writes].sort((one, other) => one - other),
        'in the order of the journal',
      );
      assert.deepEqual(await allRows(await rebuilt(log, rowsPerBatch)), await allRows(store));
    }),
    { numRuns: 60 },
  );
});

test('a start replays the tail that the state store lacks', async () => {
  const { deposit, log, system } = await ledgerSystem();
  for (let count = 0; count < 30; count++) await deposit(`ledger-${count % 3}`, 'x', 1);
  await system.close();
  const store = memoryStore();
  await rebuilt({ frames: log.frames.slice(0, 11) }, 4, store);
  assert.equal(store.position, 11);
  const journal = memoryJournal((stream) => headOf(store, stream), log);
  const progress: unknown[] = [];
  const again = await openActorSystem({
    journal,
    store,
    kinds: [ledgerKind],
    clock: manualClock(),
    log: (_level, _message, facts) => progress.push(facts),
  });
  assert.equal(store.position, 30);
  assert.deepEqual(progress, [{ position: 30, replayed: 19, milliseconds: 0 }]);
  assert.deepEqual(await allRows(store), await allRows(await rebuilt(log, 1_000)));
  await again.close();
});

test('a state store ahead of the journal is refused, with what to do', async () => {
  const { deposit, log, system } = await ledgerSystem();
  for (let count = 0; count < 3; count++) await deposit('a', 'x', 1);
  await system.close();
  const store = await rebuilt(log, 10);
  await assert.rejects(
    rebuilt({ frames: log.frames.slice(0, 2) }, 10, store),
    /state store is at 3, the journal ends at 2: delete the state store/,
  );
});

test('a state store of another journal is found out by the chain', async () => {
  const one = await ledgerSystem();
  const other = await ledgerSystem();
  for (let count = 0; count < 4; count++) {
    await one.deposit('a', 'x', 1);
    await other.deposit('a', 'x', 2);
  }
  const store = await rebuilt({ frames: one.log.frames.slice(0, 2) }, 10);
  await assert.rejects(rebuilt(other.log, 10, store), StateStoreCorrupt, 'the journal is whole');
});

test('records of a kind nobody knows stop the start', async () => {
  const { deposit, log } = await ledgerSystem();
  await deposit('a', 'x', 1);
  const store = memoryStore();
  const journal = memoryJournal((stream) => headOf(store, stream), log);
  await assert.rejects(replay({ journal, store, kinds: [{ ...ledgerKind, name: 'other' }] }), JournalCorrupt);
  assert.equal(store.position, 0);
});

test('a payload of an unknown format stops the start', async () => {
  const store = memoryStore();
  const journal = memoryJournal((stream) => headOf(store, stream));
  const expected = headOf(store, 'ledger/a');
  await journal.append({ stream: 'ledger/a', expected, time: 0, payload: Buffer.from([0x92, 9, 0x90]) });
  await assert.rejects(replay({ journal, store, kinds: [ledgerKind] }), /unknown format/);
});
