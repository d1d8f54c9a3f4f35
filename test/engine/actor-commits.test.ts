/** What an actor answers, when, and what it leaves in journal and state store. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unpackPayload } from '../../engine/actor/record-payload.ts';
import { Fault } from '../../engine/fault.ts';
import { anyone } from '../support/ledger-kind.ts';
import { ledgerSystem } from '../support/ledger-system.ts';
import { settled } from '../support/manual-clock.ts';

const isFault = (kind: string) => (error: unknown) => error instanceof Fault && error.kind === kind;

test('a command becomes a record, its rows and its answer', async () => {
  const { deposit, balance, journal, store } = await ledgerSystem();
  assert.equal(await deposit('a', 'x', 5), 5);
  assert.equal(await deposit('a', 'x', 6), 11);
  assert.equal(balance('a', 'x'), 11);
  assert.equal(journal.lastSequence, 2);
  assert.equal(store.position, 2);
  const [entry] = unpackPayload(journal.appends[0]!.payload);
  assert.deepEqual(entry!.origin, {
    account: anyone.account,
    accessKey: anyone.accessKey,
    requestId: anyone.requestId,
    sourceAddress: anyone.sourceAddress,
    time: anyone.time,
  });
  assert.deepEqual(entry!.events, [[1, 'Deposited', 'a', 'x', 5]]);
});

test('what is decided during an append forms one record, and sees what was decided before it', async () => {
  const { deposit, tell, balance, journal } = await ledgerSystem();
  journal.hold();
  const replies = [deposit('a', 'x', 1)];
  for (let count = 0; count < 50; count++) replies.push(deposit('a', 'x', 1));
  replies.push(tell('a', { does: 'withdraw', account: 'x', amount: 51 }));
  await settled();
  assert.equal(journal.appends.length, 1);
  assert.equal(balance('a', 'x'), undefined, 'not durable: not visible');
  journal.letGo();
  assert.deepEqual(await Promise.all(replies), [...Array.from({ length: 51 }, (_, index) => index + 1), 0]);
  assert.equal(journal.lastSequence, 2);
  assert.equal(unpackPayload(journal.appends[1]!.payload).length, 51);
  assert.equal(balance('a', 'x'), 0);
});

test('an answer waits until its record is durable and its rows are visible', async () => {
  const { deposit, balance, journal } = await ledgerSystem();
  journal.hold();
  let answered = false;
  const reply = deposit('a', 'x', 5).then(() => {
    answered = true;
    assert.equal(balance('a', 'x'), 5);
  });
  await settled();
  assert.equal(answered, false);
  journal.letGo();
  await reply;
  assert.equal(answered, true);
});

test('a refusal that rests on undurable rows waits for them, another one does not', async () => {
  const { deposit, tell, journal } = await ledgerSystem();
  assert.deepEqual(await tell('a', { does: 'withdraw', account: 'x', amount: 1 }), { rejected: 'NoSuchKey', facts: { account: 'x' } });
  journal.hold();
  const deposited = deposit('a', 'x', 1);
  let refused = false;
  const refusal = tell('a', { does: 'withdraw', account: 'x', amount: 9 }).then((reply) => {
    refused = true;
    return reply;
  });
  await settled();
  assert.equal(refused, false);
  journal.letGo();
  await deposited;
  assert.deepEqual(await refusal, { rejected: 'PreconditionFailed', facts: { balance: 1 } });
});

test('a refusal that rested on a record that failed is a fault', async () => {
  const { deposit, tell, journal } = await ledgerSystem();
  journal.hold();
  journal.failNext(new Error('broken pipe'));
  const deposited = deposit('a', 'x', 1);
  const refusal = tell('a', { does: 'withdraw', account: 'x', amount: 9 });
  await settled();
  journal.letGo();
  await assert.rejects(deposited, isFault('internal'));
  await assert.rejects(refusal, Fault);
});

test('one actor does not see what another has not made durable', async () => {
  const { deposit, tell, journal } = await ledgerSystem();
  await deposit('a', 'x', 1);
  journal.hold();
  const held = deposit('a', 'y', 1);
  const other = deposit('b', 'x', 1);
  await settled();
  assert.equal(journal.held, 2, 'streams append side by side');
  journal.letGo();
  await Promise.all([held, other]);
  assert.equal(await tell('b', { does: 'payInterest', amount: 1 }), 1);
});

test('a slice that must be scanned for sees the undurable rows; commands stay in order behind it', async () => {
  const { deposit, tell, balance, journal } = await ledgerSystem();
  await deposit('a', 'gone', 7);
  await deposit('a', 'x', 1);
  journal.hold();
  const replies = [
    deposit('a', 'y', 10),
    tell('a', { does: 'closeAccount', account: 'gone' }),
    tell('a', { does: 'payInterest', amount: 100 }),
    tell('a', { does: 'withdraw', account: 'x', amount: 101 }),
  ];
  await settled();
  journal.letGo();
  assert.deepEqual(await Promise.all(replies), [10, 7, 2, 0]);
  assert.equal(balance('a', 'y'), 110);
  assert.equal(balance('a', 'gone'), undefined);
});

test('a record is bounded in events: the rest forms the ones after it', async () => {
  const { deposit, journal } = await ledgerSystem({ recordEventsMax: 10 });
  journal.hold();
  const replies = Array.from({ length: 36 }, () => deposit('a', 'x', 1));
  await settled();
  journal.letGo();
  assert.equal((await Promise.all(replies)).at(-1), 36);
  assert.deepEqual(
    journal.appends.map(({ payload }) => unpackPayload(payload).length),
    [1, 10, 10, 10, 5],
  );
});

test('a record is bounded in bytes', async () => {
  const { deposit, journal } = await ledgerSystem({ recordBytesMax: 1_000 });
  journal.hold();
  const replies = Array.from({ length: 40 }, (_, index) => deposit('a', `account-${index}-${'z'.repeat(200)}`, 1));
  await settled();
  journal.letGo();
  await Promise.all(replies);
  for (const { payload } of journal.appends) assert.ok(payload.length < 1_600, `${payload.length} bytes`);
  assert.ok(journal.appends.length >= 8);
});

test('a mailbox at its limit answers overloaded, and nothing else is lost', async () => {
  const { deposit, balance, journal } = await ledgerSystem({ mailboxMessagesMax: 5, recordEventsMax: 1 });
  journal.hold();
  const replies = Array.from({ length: 12 }, () => deposit('a', 'x', 1));
  const outcomes = Promise.allSettled(replies);
  await settled();
  journal.letGo();
  const all = await outcomes;
  assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 7, 'one appending, one formed, five in the mailbox');
  for (const outcome of all) if (outcome.status === 'rejected') assert.ok(isFault('overloaded')(outcome.reason));
  assert.equal(balance('a', 'x'), 7);
});

test('a defect in consult, decide or rowsOf fails its command alone and leaves no row', async () => {
  const { deposit, tell, balance, journal } = await ledgerSystem();
  await deposit('a', 'before', 1);
  journal.hold();
  const replies = [deposit('a', 'x', 1), deposit('a', 'before', 1)];
  const broken = (['consult', 'decide', 'rowsOf'] as const).map((where) =>
    assert.rejects(tell('a', { does: 'break', where }), isFault('internal')),
  );
  replies.push(deposit('a', 'before', 1));
  await settled();
  journal.letGo();
  assert.deepEqual(await Promise.all(replies), [1, 2, 3]);
  await Promise.all(broken);
  assert.equal(balance('a', 'before'), 3);
  assert.equal(balance('a', 'broken'), undefined);
});

test('a slow state store holds appends back', async () => {
  const { deposit, journal, store, balance } = await ledgerSystem({ applyRowsMax: 9, recordEventsMax: 2 });
  await deposit('a', 'x', 1);
  let resume = (): void => undefined;
  store.stalled = new Promise((resolve) => {
    resume = resolve;
  });
  const replies = Array.from({ length: 20 }, () => deposit('a', 'x', 1));
  await settled();
  // Two rows a deposit and one for the stream: records of 3 and 5 rows wait, a third one makes 13, and no fourth begins.
  assert.equal(journal.lastSequence, 4);
  resume();
  assert.equal((await Promise.all(replies)).at(-1), 21);
  assert.equal(balance('a', 'x'), 21);
});

test('without a state store commands fault and new actors do not start; when it is back all goes on', async () => {
  const { deposit, store, clock, balance, journal } = await ledgerSystem();
  await deposit('a', 'x', 1);
  store.away = true;
  await assert.rejects(deposit('a', 'x', 1), isFault('unavailable'));
  assert.deepEqual(await deposit('b', 'x', 1), { rejected: 'SlowDown', facts: {} });
  store.away = false;
  await clock.advance(50);
  assert.equal(await deposit('a', 'x', 1), 2);
  assert.equal(await deposit('b', 'x', 1), 1);
  assert.equal(balance('a', 'x'), 2);
  assert.equal(journal.lastSequence, 3);
});

test('close waits for what is under way and refuses what comes after', async () => {
  const { deposit, system, journal, balance, store } = await ledgerSystem();
  journal.hold();
  const reply = deposit('a', 'x', 1);
  let closed = false;
  const closing = system.close().then(() => {
    closed = true;
  });
  await assert.rejects(deposit('a', 'x', 1), isFault('unavailable'));
  await settled();
  assert.equal(closed, false);
  journal.letGo();
  assert.equal(await reply, 1);
  await closing;
  assert.equal(balance('a', 'x'), 1);
  assert.equal(store.position, 1);
});
