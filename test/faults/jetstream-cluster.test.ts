/** The journal on a cluster of three: three replicas, every one of them has to be safe, and the loss of one is survived. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connectNats } from '../../journal/jetstream/connection.ts';
import { emptyStream, type Journal, JournalOutcomeUnknown, JournalUnavailable, type StreamHead } from '../../journal/journal.ts';
import { journalOn, natsMissing, type RawServer, rawCluster } from '../support/nats.ts';

const skip = natsMissing;

/** A cluster needs a moment to elect who answers. */
async function openWhenReady(open: () => Promise<Journal>): Promise<Journal> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof JournalUnavailable) || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

function both(servers: readonly RawServer[]): { url: string; monitoringUrls: string[] } {
  return { url: servers.map(({ url }) => url).join(','), monitoringUrls: servers.map(({ monitoringUrl }) => monitoringUrl) };
}

test('three replicas; when the leader is killed acknowledged records stay, and the others go on', { skip, timeout: 60_000 }, async (t) => {
  const servers = await rawCluster(t, ['sync_interval: always', 'sync_interval: always', 'sync_interval: always']);
  const { url, monitoringUrls } = both(servers);
  const journal = await openWhenReady(() => journalOn(t, { url }, { monitoringUrls }));
  const acknowledged = new Map<string, number>();
  let stop = false;
  let killedAt = Number.POSITIVE_INFINITY;
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    const stream = `bucket/${writer}`;
    let head: StreamHead = emptyStream;
    for (let round = 0; !stop; round++) {
      const payload = `${writer}:${round}`;
      try {
        const appended = await journal.append({ stream, expected: head, time: 1, payload: Buffer.from(payload) });
        acknowledged.set(payload, appended.sequence);
        head = appended.head;
      } catch (error) {
        // What an unknown outcome came to is the recovery's business: here the writer just ends.
        if (error instanceof JournalOutcomeUnknown) return;
        assert.ok(error instanceof JournalUnavailable, String(error));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  });
  const admin = await connectNats({ url });
  t.after(() => admin.close());
  const manager = await jetstreamManager(admin);
  const before = await manager.streams.info('liteio-test');
  assert.equal(before.config.num_replicas, 3);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const leader = servers.find(({ name }) => name === before.cluster?.leader);
  assert.ok(leader !== undefined);
  leader.process.kill('SIGKILL');
  killedAt = acknowledged.size;
  const deadline = Date.now() + 30_000;
  while (acknowledged.size < killedAt + 50) {
    assert.ok(Date.now() < deadline, `${acknowledged.size - killedAt} appends since the leader died`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  stop = true;
  await Promise.all(writers);
  const found = new Map<string, number>();
  for await (const record of journal.read(0)) found.set(Buffer.from(record.payload).toString(), record.sequence);
  for (const [payload, sequence] of acknowledged) assert.equal(found.get(payload), sequence, `${payload} was acknowledged`);
  assert.equal(found.size, journal.lastSequence);
});

test('one server of the cluster that syncs late is enough to be refused', { skip, timeout: 60_000 }, async (t) => {
  const servers = await rawCluster(t, ['sync_interval: always', 'sync_interval: "10s"', 'sync_interval: always']);
  const { url, monitoringUrls } = both(servers);
  await assert.rejects(
    openWhenReady(() => journalOn(t, { url }, { monitoringUrls })),
    new RegExp(`nats-server ${servers[1]?.name} acknowledges before it syncs \\(every 10 s\\)`),
  );
  await assert.rejects(journalOn(t, { url }, { monitoringUrls: monitoringUrls.slice(0, 1) }), /could not be seen/);
});
