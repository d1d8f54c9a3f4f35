/** What the journal on JetStream does when the server, the network or another writer gets in the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connectNats } from '../../journal/jetstream/connection.ts';
import {
  type Appended,
  emptyStream,
  type Journal,
  JournalConflict,
  type JournalEntry,
  JournalOutcomeUnknown,
  type JournalRecord,
  JournalUnavailable,
  type StreamHead,
} from '../../journal/journal.ts';
import { journalOn, Lines, linkTo, natsMissing, supervised, testClock } from '../support/nats.ts';

const skip = natsMissing;

function entry(stream: string, expected: StreamHead, payload: string): JournalEntry {
  return { stream, expected, time: 1_700_000_000_000, payload: Buffer.from(payload) };
}

async function all(journal: Journal): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const record of journal.read(0)) records.push(record);
  return records;
}

/** Calls until it works: for what has to come back by itself. */
async function eventually<T>(work: () => Promise<T>, milliseconds = 10_000): Promise<T> {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** A clock on which time passes `times` as fast. */
function fastClock(times: number): typeof testClock {
  return { now: () => testClock.now() * times, after: (milliseconds, task) => testClock.after(milliseconds / times, task) };
}

test('kill -9 of the server during appends: every acknowledged record is there once, in its chain, and the journal serves again', {
  skip,
}, async (t) => {
  const server = await supervised(t);
  const journal = await journalOn(t, server);
  const acknowledged = new Map<string, Appended>();
  let stop = false;
  let killed = 0;
  let acknowledgedAfterKills = 0;
  const writers = Array.from({ length: 24 }, async (_, writer) => {
    const stream = `bucket/b${writer}`;
    let head: StreamHead = emptyStream;
    for (let round = 0; !stop; round++) {
      const payload = `${writer}:${round}:`.padEnd(600, 'x');
      try {
        const appended = await journal.append(entry(stream, head, payload));
        acknowledged.set(payload, appended);
        if (killed === 3) acknowledgedAfterKills++;
        head = appended.head;
      } catch (error) {
        assert.ok(error instanceof JournalUnavailable, String(error));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  });
  for (let kill = 0; kill < 3; kill++) {
    const processId = await eventually(async () => {
      assert.ok(server.processId !== undefined);
      return server.processId;
    });
    await new Promise((resolve) => setTimeout(resolve, 700));
    process.kill(processId, 'SIGKILL');
    await eventually(async () => assert.ok(server.processId !== undefined && server.processId !== processId));
    await eventually(() => journal.append(entry(`probe/${kill}`, emptyStream, `probe ${kill}`)));
    killed++;
  }
  await eventually(async () => assert.ok(acknowledgedAfterKills > 50));
  stop = true;
  await Promise.all(writers);
  const found = new Map((await all(journal)).map((record) => [Buffer.from(record.payload).toString(), record]));
  assert.ok(acknowledged.size > 200, `${acknowledged.size} appends are too few to say anything`);
  for (const [payload, { sequence, head }] of acknowledged) {
    const record = found.get(payload);
    assert.ok(record !== undefined, `record ${sequence} was acknowledged and is gone`);
    assert.equal(record.sequence, sequence);
    assert.equal(record.position, head.position);
    assert.deepEqual(record.hash, head.hash);
  }
  assert.equal(found.size, journal.lastSequence, 'every record once');
});

test('an acknowledgement that was lost is found again: one record, the sequence it has, in order with the others', { skip }, async (t) => {
  const server = await supervised(t);
  const link = await linkTo(t, server.url);
  const journal = await journalOn(t, { url: link.url, systemUrl: server.systemUrl });
  const first = await journal.append(entry('bucket/a', emptyStream, 'first'));
  link.deafen();
  const answers: number[] = [];
  const lost = ['bucket/a', 'bucket/b', 'bucket/c'].map((stream, index) =>
    journal.append(entry(stream, index === 0 ? first.head : emptyStream, `lost ${index}`)).then((appended) => {
      answers.push(appended.sequence);
      return appended;
    }),
  );
  const witness = await journalOn(t, server);
  await eventually(async () => assert.equal((await all(witness)).length, 4));
  assert.deepEqual(answers, [], 'nothing is answered before the acknowledgement');
  link.cut();
  link.mend();
  assert.deepEqual(
    (await Promise.all(lost)).map(({ sequence }) => sequence),
    [2, 3, 4],
  );
  assert.deepEqual(answers, [2, 3, 4]);
  assert.equal((await all(witness)).length, 4, 'sent twice, stored once');
  const next = await journal.append(entry('bucket/a', (await lost[0]!).head, 'next'));
  assert.deepEqual([next.sequence, next.head.position], [5, 3]);
});

test('without an answer the outcome is unknown, and recovery finds what happened', { skip }, async (t) => {
  const server = await supervised(t);
  const link = await linkTo(t, server.url);
  const lines = new Lines();
  const journal = await journalOn(t, { url: link.url, systemUrl: server.systemUrl }, { clock: fastClock(20), log: lines.log });
  const first = await journal.append(entry('bucket/a', emptyStream, 'first'));
  link.deafen();
  await assert.rejects(journal.append(entry('bucket/a', first.head, 'second')), JournalOutcomeUnknown);
  link.cut();
  await eventually(async () => assert.ok(lines.all.some((line) => line.includes('is down'))));
  link.mend();
  const records = await eventually(() => all(journal));
  assert.deepEqual(
    records.map(({ payload }) => Buffer.from(payload).toString()),
    ['first', 'second'],
  );
  const { position, hash } = records[1]!;
  const third = await eventually(() => journal.append(entry('bucket/a', { position, hash }, 'third')));
  assert.equal(third.sequence, 3);
});

test('while the server is away appends are refused at once, certainly not stored', { skip }, async (t) => {
  const server = await supervised(t);
  const link = await linkTo(t, server.url);
  const lines = new Lines();
  const journal = await journalOn(t, { url: link.url, systemUrl: server.systemUrl }, { log: lines.log });
  const first = await journal.append(entry('bucket/a', emptyStream, 'first'));
  link.cut();
  await eventually(async () => assert.ok(lines.all.some((line) => line.includes('is down'))));
  const begun = Date.now();
  await assert.rejects(journal.append(entry('bucket/a', first.head, 'refused')), JournalUnavailable);
  assert.ok(Date.now() - begun < 1_000, 'a refusal takes no time-out');
  link.mend();
  const second = await eventually(() => journal.append(entry('bucket/a', first.head, 'second')));
  assert.equal(second.sequence, 2);
  assert.deepEqual(
    (await all(journal)).map(({ payload }) => Buffer.from(payload).toString()),
    ['first', 'second'],
  );
});

test('of two journals on one stream the slower one loses, and nothing of it is stored', { skip }, async (t) => {
  const server = await supervised(t);
  const [left, right] = [await journalOn(t, server), await journalOn(t, server)];
  const first = await left.append(entry('bucket/a', emptyStream, 'first'));
  await assert.rejects(right.append(entry('bucket/a', emptyStream, 'too late')), JournalConflict);
  const second = await right.append(entry('bucket/a', first.head, 'second'));
  await assert.rejects(left.append(entry('bucket/a', first.head, 'behind')), JournalConflict);
  const race = await Promise.allSettled(
    [left, right].map((journal, index) => journal.append(entry('bucket/a', second.head, `race ${index}`))),
  );
  assert.deepEqual(race.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  for (const outcome of race) if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof JournalConflict);
  assert.equal((await all(left)).length, 3);
  assert.equal((await all(right)).length, 3);
});

test('a server that comes back without the journal is not written to', { skip }, async (t) => {
  const server = await supervised(t);
  const link = await linkTo(t, server.url);
  const lines = new Lines();
  const journal = await journalOn(t, { url: link.url, systemUrl: server.systemUrl }, { log: lines.log });
  const first = await journal.append(entry('bucket/a', emptyStream, 'first'));
  link.cut();
  const admin = await connectNats({ url: server.url });
  t.after(() => admin.close());
  const manager = await jetstreamManager(admin);
  const { config } = await manager.streams.info('liteio-test');
  await manager.streams.delete('liteio-test');
  await manager.streams.add(config);
  link.mend();
  await eventually(async () =>
    assert.ok(
      lines.all.some((line) => /the journal not: .*(made anew|are gone)/.test(line)),
      lines.all.join('\n'),
    ),
  );
  await assert.rejects(journal.append(entry('bucket/a', first.head, 'second')), JournalUnavailable);
  await assert.rejects(journal.append(entry('bucket/b', emptyStream, 'other')), JournalUnavailable);
  assert.equal((await manager.streams.info('liteio-test')).state.messages, 0);
});
