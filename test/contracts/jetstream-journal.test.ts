/** The journal on JetStream: what every journal does, and which servers and streams it will not trust. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { connectNats, natsOptions } from '../../journal/jetstream/connection.ts';
import { openJetStreamJournal } from '../../journal/jetstream/jetstream-journal.ts';
import { isRecentEnough } from '../../journal/jetstream/safety.ts';
import { JetStreamRefused, journalPlace, streamOf, subjectOf } from '../../journal/jetstream/stream.ts';
import { emptyStream, type Journal, JournalCorrupt, JournalUnavailable, noHash } from '../../journal/journal.ts';
import { encodeRecord } from '../../journal/record.ts';
import { temporaryDirectory } from '../support/files.ts';
import { testJournal } from '../support/journal-conformance.ts';
import { journalOn, Lines, natsMissing, rawServer, supervise, supervised, testClock } from '../support/nats.ts';

const skip = natsMissing;

if (natsMissing === false) {
  testJournal('JetStream', async () => {
    const directory = temporaryDirectory('jetstream');
    const server = await supervise(directory.path);
    const { url, systemUrl } = server;
    return {
      open: (headOf) =>
        openJetStreamJournal({ url, systemUrl, deployment: 'suite', headOf, clock: testClock, allowUnsafe: false, log: () => undefined }),
      dispose: async () => {
        await server.stop();
        directory.remove();
      },
    };
  });
} else {
  test('JetStream: the suite of every journal', { skip }, () => undefined);
}

async function drain(journal: Journal): Promise<number> {
  let records = 0;
  for await (const record of journal.read(0)) records += record.position > 0 ? 1 : 0;
  return records;
}

const safe = (store: string): string => `max_payload: 9MB\njetstream { store_dir: ${store}, sync_interval: always }\n`;

test('a server that acknowledges before it syncs is refused, with the line to put in its configuration', { skip }, async (t) => {
  const server = await rawServer(t, (store) => `max_payload: 9MB\njetstream { store_dir: ${store} }\n`);
  await assert.rejects(journalOn(t, server, { monitoringUrls: [server.monitoringUrl] }), (error: Error) => {
    assert.ok(error instanceof JetStreamRefused);
    assert.match(
      error.message,
      /acknowledges before it syncs \(every 120 s\): put jetstream \{ sync_interval: always \} into its configuration/,
    );
    return true;
  });
  const lines = new Lines();
  const journal = await journalOn(t, server, { monitoringUrls: [server.monitoringUrl], allowUnsafe: true, log: lines.log });
  assert.match(lines.all.join('\n'), /^warn: serving without proof .*acknowledges before it syncs/);
  await journal.append({ stream: 'bucket/a', expected: emptyStream, time: 1, payload: Buffer.from('x') });
  assert.equal(await drain(journal), 1);
});

test('a server is trusted when its monitoring port or its system account says that it syncs, and not without a witness', {
  skip,
}, async (t) => {
  const server = await rawServer(t, safe);
  await assert.rejects(journalOn(t, server), /do not show whether .* name a system account's URL or its monitoring URL/);
  await assert.rejects(journalOn(t, server, { monitoringUrls: ['http://127.0.0.1:9'] }), JetStreamRefused);
  await assert.rejects(journalOn(t, server, { systemUrl: server.url }), /could not be seen|did not show/);
  const other = await rawServer(t, safe);
  await assert.rejects(
    journalOn(t, server, { monitoringUrls: [other.monitoringUrl] }),
    /could not be seen/,
    'another server proves nothing',
  );
  const journal = await journalOn(t, server, { monitoringUrls: [other.monitoringUrl, server.monitoringUrl] });
  assert.equal(journal.lastSequence, 0);
});

test('servers that cannot keep a journal are refused in one line', { skip }, async (t) => {
  const small = await rawServer(t, (store) => `jetstream { store_dir: ${store}, sync_interval: always }\n`);
  await assert.rejects(
    journalOn(t, small, { allowUnsafe: true }),
    /messages of 1048576 bytes.* put max_payload: 9MB into its configuration/,
  );
  const without = await rawServer(t, () => 'max_payload: 9MB\n');
  await assert.rejects(journalOn(t, without, { allowUnsafe: true }), /JetStream off: put jetstream \{ sync_interval: always \}/);
  await assert.rejects(journalOn(t, { url: 'nats://127.0.0.1:9' }), JournalUnavailable);
  await assert.rejects(journalOn(t, small, { deployment: 'no spaces' }), JetStreamRefused);
});

test('a stream that could lose records is refused, each fault by its name', { skip }, async (t) => {
  const server = await supervised(t);
  const admin = await connectNats({ url: server.url });
  t.after(() => admin.close());
  const manager = await jetstreamManager(admin);
  const faults: readonly (readonly [Partial<StreamConfig>, RegExp])[] = [
    [{ storage: 'memory' }, /storage: file/],
    [{ max_age: 3_600_000_000_000 }, /no max_msgs, max_bytes, max_age/],
    [{ max_msgs_per_subject: 1 }, /max_msgs_per_subject/],
    [{ deny_delete: false }, /deny_delete: true/],
    [{ deny_purge: false }, /deny_purge: true/],
    [{ discard: 'old' }, /discard: new/],
    [{ persist_mode: 'async' }, /persist_mode: default/],
    [{ no_ack: true, persist_mode: 'default' }, /no_ack: false/],
  ];
  await (await journalOn(t, server)).close();
  const { config } = await manager.streams.info('liteio-test');
  for (const [fault, message] of faults) {
    await manager.streams.delete('liteio-test');
    await manager.streams.add({ ...config, ...fault });
    await assert.rejects(journalOn(t, server, { allowUnsafe: true }), (error: Error) => {
      assert.ok(error instanceof JetStreamRefused, error.message);
      assert.match(error.message, message);
      return true;
    });
  }
});

test('what others wrote under our subjects is found by a read: no frame, a wrong name, a broken chain', { skip }, async (t) => {
  const server = await supervised(t);
  const intruder = await connectNats({ url: server.url });
  t.after(() => intruder.close());
  const frame = (stream: string, position: number): Uint8Array =>
    encodeRecord({ sequence: 0, stream, position, previousHash: noHash, time: 1, payload: Buffer.from('x') }).frame;
  const intrusions: readonly (readonly [string, Uint8Array])[] = [
    ['bucket.a', Buffer.from('no frame at all, but long enough to hold one, were it one: 0123456789')],
    ['bucket.a', Buffer.concat([frame('bucket/a', 2), Buffer.from('more')])],
    ['bucket.a', frame('bucket/a', 3)],
    ['bucket.a', frame('bucket/a', 2)],
    ['bucket.b', frame('bucket/c', 1)],
  ];
  for (const [index, [subject, message]] of intrusions.entries()) {
    const deployment = `intrusion-${index}`;
    const journal = await journalOn(t, server, { deployment });
    await journal.append({ stream: 'bucket/a', expected: emptyStream, time: 1, payload: Buffer.from('first') });
    assert.equal(await drain(journal), 1);
    await intruder.request(`liteio.${deployment}.${subject}`, message);
    await assert.rejects(drain(journal), JournalCorrupt, `intrusion ${index}`);
  }
});

test('sequences follow the order of the calls when the first of them has to ask for its head', { skip }, async (t) => {
  const server = await supervised(t);
  const before = await journalOn(t, server);
  const old = await before.append({ stream: 'bucket/old', expected: emptyStream, time: 1, payload: Buffer.from('x') });
  const journal = await journalOn(t, server);
  const entries = ['bucket/old', 'bucket/new', 'bucket/newer'].map((stream, index) => ({
    stream,
    expected: index === 0 ? old.head : emptyStream,
    time: 2,
    payload: Buffer.from(stream),
  }));
  const appended = await Promise.all(entries.map((entry) => journal.append(entry)));
  assert.deepEqual(
    appended.map(({ sequence }) => sequence),
    [2, 3, 4],
  );
});

test('stream names survive as subjects, and are safe ones', () => {
  const place = journalPlace('prod');
  const names = ['bucket/photos', 'bucket/a.b.c', 'upload/ü/..\0>*', 'plain', 'bucket/', 'bucket/=41', '/x', `bucket/${'𝕏'.repeat(270)}`];
  const subjects = names.map((name) => subjectOf(place, name));
  for (const [index, subject] of subjects.entries()) {
    assert.match(subject, /^liteio\.prod(\.[A-Za-z0-9_=-]+){1,2}$/);
    assert.equal(streamOf(place, subject), names[index]);
    assert.ok(subject.length < 3_900);
  }
  assert.equal(subjects[0], 'liteio.prod.bucket.photos');
  assert.equal(new Set(subjects).size, names.length);
  assert.throws(() => streamOf(place, 'liteio.other.bucket.photos'), JournalCorrupt);
});

test('addresses and versions are read as people write them', () => {
  const { servers, user, pass, tls } = natsOptions({ url: 'tls://us%40er:p%3Ass@one:4333,nats://two' });
  assert.deepEqual([servers, user, pass, tls], [['one:4333', 'two:4222'], 'us@er', 'p:ss', {}]);
  assert.equal(natsOptions({ url: 'nats://secret@host' }).token, 'secret');
  for (const url of ['', 'http://host', 'host:4222', 'nats://']) assert.throws(() => natsOptions({ url }), TypeError);
  for (const version of ['2.11.0', '2.14.5', '2.14.5-RC.1', '3.0.0']) assert.ok(isRecentEnough(version), version);
  for (const version of ['2.9.10', '2.10.29', '1.99.0', '', 'dev']) assert.ok(!isRecentEnough(version), version);
});
