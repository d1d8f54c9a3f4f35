/** Failures, recovery, passivation: the life of an actor. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../engine/fault.ts';
import { JournalConflict, JournalOutcomeUnknown, JournalUnavailable } from '../../journal/journal.ts';
import { ledgerSystem } from '../support/ledger-system.ts';
import { settled } from '../support/manual-clock.ts';

const isFault = (kind: string) => (error: unknown) => error instanceof Fault && error.kind === kind;
const slowDown = { rejected: 'SlowDown', facts: {} };

test('a failed append discards what was decided on top of it; the actor pauses, recovers and goes on', async () => {
  const { deposit, balance, journal, clock } = await ledgerSystem();
  await deposit('a', 'x', 1);
  journal.hold();
  journal.failNext(new JournalUnavailable('too few mirrors'));
  const failed = deposit('a', 'x', 10);
  const behind = [deposit('a', 'x', 100), deposit('a', 'y', 1)];
  await settled();
  journal.letGo();
  await assert.rejects(failed, isFault('unavailable'));
  for (const reply of behind) await assert.rejects(reply, isFault('unavailable'));
  assert.deepEqual(await deposit('a', 'x', 1), slowDown, 'backing off');
  await clock.advance(50);
  assert.equal(await deposit('a', 'x', 1), 2, 'the failed deposits never were');
  assert.equal(balance('a', 'y'), undefined);
  assert.equal(journal.lastSequence, 2);
});

test('a failed append of one actor does not touch another', async () => {
  const { deposit, journal } = await ledgerSystem();
  journal.hold();
  journal.failNext(new JournalUnavailable('too few mirrors'));
  const failed = deposit('a', 'x', 1);
  const fine = deposit('b', 'x', 1);
  await settled();
  journal.letGo();
  await assert.rejects(failed, isFault('unavailable'));
  assert.equal(await fine, 1);
});

test('pauses double while appends keep failing, and start anew after one that worked', async () => {
  const { deposit, journal, clock } = await ledgerSystem({ backOffFirstMilliseconds: 100, backOffMaxMilliseconds: 400 });
  for (const pause of [100, 200, 400, 400]) {
    journal.failNext(new JournalUnavailable('away'));
    await assert.rejects(deposit('a', 'x', 1), isFault('unavailable'));
    await clock.advance(pause - 1);
    assert.deepEqual(await deposit('a', 'x', 1), slowDown);
    await clock.advance(1);
  }
  assert.equal(await deposit('a', 'x', 1), 1);
  journal.failNext(new JournalUnavailable('away'));
  await assert.rejects(deposit('a', 'x', 1), isFault('unavailable'));
  await clock.advance(100);
  assert.equal(await deposit('a', 'x', 1), 2);
});

test('outcome unknown, and it was stored: never a success, and the next command builds on it', async () => {
  const { deposit, balance, journal, clock, store } = await ledgerSystem();
  await deposit('a', 'x', 1);
  journal.loseNextAnswer();
  await assert.rejects(deposit('a', 'x', 10), (error: Error) => isFault('internal')(error) && error.message.includes('outcome unknown'));
  await clock.advance(50);
  assert.equal(balance('a', 'x'), 11, 'read back from the journal');
  assert.equal(await deposit('a', 'x', 1), 12);
  assert.equal(store.position, 3);
});

test('outcome unknown, and it was not stored: the next command does not build on it', async () => {
  const { deposit, journal, clock } = await ledgerSystem();
  await deposit('a', 'x', 1);
  journal.failNext(new JournalOutcomeUnknown('no answer'));
  await assert.rejects(deposit('a', 'x', 10), isFault('internal'));
  await clock.advance(50);
  assert.equal(await deposit('a', 'x', 1), 2);
});

test('outcome unknown, and another stream goes on: the gap is filled from the journal, in order', async () => {
  const { deposit, balance, journal, store } = await ledgerSystem();
  journal.hold();
  journal.loseNextAnswer();
  const lost = deposit('a', 'x', 10);
  const others = [deposit('b', 'x', 1), deposit('c', 'x', 1)];
  await settled();
  journal.letGo();
  await assert.rejects(lost, isFault('internal'));
  assert.deepEqual(await Promise.all(others), [1, 1]);
  assert.equal(balance('a', 'x'), 10);
  assert.equal(store.position, 3);
});

test('outcome unknown, stored after the actor recovered: its next append conflicts, a new actor builds on both', async () => {
  const { deposit, balance, journal, clock } = await ledgerSystem({ backOffMaxMilliseconds: 1_000 });
  await deposit('a', 'x', 1);
  const arrive = journal.storeNextLate();
  await assert.rejects(deposit('a', 'x', 10), isFault('internal'));
  await clock.advance(50);
  await arrive();
  await assert.rejects(deposit('a', 'x', 100), isFault('unavailable'));
  assert.deepEqual(await deposit('a', 'x', 100), slowDown, 'the loser of a conflict stops');
  await clock.advance(1_000);
  assert.equal(await deposit('a', 'x', 100), 111);
  assert.equal(balance('a', 'x'), 111);
  assert.equal(journal.lastSequence, 3);
});

test('a conflict stops the actor: all that waits faults, and so it stays until the pause is over', async () => {
  const { deposit, journal, clock } = await ledgerSystem({ backOffMaxMilliseconds: 1_000, recordEventsMax: 1 });
  journal.hold();
  journal.failNext(new JournalConflict('position 7'));
  const failed = deposit('a', 'x', 1);
  const formed = deposit('a', 'x', 1);
  const waiting = deposit('a', 'x', 1);
  await settled();
  journal.letGo();
  await assert.rejects(failed, isFault('unavailable'));
  await assert.rejects(formed, isFault('unavailable'));
  assert.deepEqual(await waiting, slowDown);
  assert.deepEqual(await deposit('a', 'x', 1), slowDown);
  await clock.advance(999);
  assert.deepEqual(await deposit('a', 'x', 1), slowDown);
  await clock.advance(1);
  assert.equal(await deposit('a', 'x', 1), 1);
});

test('a store that goes away after the append: the wait ends in a fault, the rows come when it is back', async () => {
  const { deposit, tell, balance, journal, store, clock } = await ledgerSystem();
  await deposit('a', 'x', 1);
  journal.hold();
  const stored = deposit('a', 'x', 1);
  await settled();
  store.away = true;
  journal.letGo();
  await assert.rejects(stored, (error: Error) => isFault('unavailable')(error) && error.message.startsWith('stored, but not visible yet'));
  await assert.rejects(tell('a', { does: 'withdraw', account: 'other', amount: 1 }), isFault('unavailable'));
  store.away = false;
  await clock.advance(500);
  assert.equal(balance('a', 'x'), 2);
  assert.equal(await deposit('a', 'x', 1), 3);
});

test('an idle actor leaves memory, tells the journal, and comes back with its state', async () => {
  const { deposit, journal, clock } = await ledgerSystem({ actorIdleMilliseconds: 1_000 });
  await deposit('a', 'x', 1);
  await clock.advance(900);
  await deposit('b', 'x', 1);
  assert.deepEqual(journal.released, []);
  await clock.advance(700);
  assert.deepEqual(journal.released, ['ledger/a']);
  await clock.advance(2_000);
  assert.deepEqual(journal.released, ['ledger/a', 'ledger/b']);
  assert.equal(await deposit('a', 'x', 1), 2);
});

test('an actor leaves while the state store is away, and comes back with it', async () => {
  const { deposit, store, clock, journal } = await ledgerSystem({ actorIdleMilliseconds: 1_000 });
  await deposit('a', 'x', 1);
  store.away = true;
  await clock.advance(3_000);
  assert.deepEqual(journal.released, ['ledger/a']);
  store.away = false;
  assert.equal(await deposit('a', 'x', 1), 2);
});

test('an actor with work under way does not leave', async () => {
  const { deposit, journal, clock } = await ledgerSystem({ actorIdleMilliseconds: 1_000 });
  journal.hold();
  const reply = deposit('a', 'x', 1);
  await clock.advance(10_000);
  assert.deepEqual(journal.released, []);
  journal.letGo();
  assert.equal(await reply, 1);
});

test('live actors are bounded: an idle one makes room, and when none is idle the answer is overloaded', async () => {
  const { deposit, journal } = await ledgerSystem({ liveActorsMax: 2 });
  await deposit('a', 'x', 1);
  await deposit('b', 'x', 1);
  await deposit('c', 'x', 1);
  assert.deepEqual(journal.released, ['ledger/a']);
  journal.hold();
  const busy = [deposit('b', 'x', 1), deposit('c', 'x', 1)];
  await assert.rejects(deposit('d', 'x', 1), isFault('overloaded'));
  journal.letGo();
  assert.deepEqual(await Promise.all(busy), [2, 2]);
  assert.equal(await deposit('d', 'x', 1), 1);
});
