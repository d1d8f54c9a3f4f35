/** Trouble below the door is thrown as a Fault, and what failed has not happened. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../engine/fault.ts';
import { BodyRejected, reject } from '../../engine/rejection.ts';
import { JournalUnavailable } from '../../journal/journal.ts';
import { accepted, putCommand, rejected, testEngine, uploadBody } from '../support/engine.ts';
import { failingJournal } from '../support/failing-journal.ts';
import { seededBytes } from '../support/files.ts';
import { readAll } from '../support/memory-blob-store.ts';

const isFault = (kind: string) => (error: unknown) => error instanceof Fault && error.kind === kind;
const place = { bucket: 'photos', key: 'key' };

async function house(options = {}) {
  let journal: ReturnType<typeof failingJournal> | undefined;
  const over = (inner: Parameters<typeof failingJournal>[0]) => (journal = failingJournal(inner));
  const opened = await testEngine({ over, options });
  await accepted(opened.engine.createBucket(opened.caller(), { bucket: 'photos', locationConstraint: '' }));
  return { ...opened, failing: journal! };
}

test('a journal that is away: SlowDown, and the object is as it was', async () => {
  const { engine, caller, failing, clock } = await house();
  await accepted(engine.putObject(caller(), putCommand('photos', 'key', 'before')));
  failing.failNext(new JournalUnavailable('away'));
  const body = uploadBody('after');
  await assert.rejects(engine.putObject(caller(), putCommand('photos', 'key', '', { body })), isFault('unavailable'));
  assert.equal(body.cancelled, true);
  const content = await accepted(engine.getObject(caller(), { ...place, conditions: {} }));
  assert.equal((await readAll(content.body)).toString(), 'before');
  await clock.advance(60_000);
  await accepted(engine.putObject(caller(), putCommand('photos', 'key', 'after')));
  await engine.close();
});

test('an outcome that is unknown is never a success, and is found out before the next answer', async () => {
  const { engine, caller, failing, clock } = await house();
  failing.loseNextAnswer();
  await assert.rejects(engine.putObject(caller(), putCommand('photos', 'key', 'stored')), Fault);
  await clock.advance(60_000);
  await rejected(engine.putObject(caller(), putCommand('photos', 'key', 'x', { conditions: { ifNoneMatch: '*' } })), 'PreconditionFailed');
  await engine.close();
});

test('drives that are away', async () => {
  const { engine, caller, blobs } = await house();
  await accepted(engine.putObject(caller(), putCommand('photos', 'key', seededBytes(5000, 1))));
  blobs.away = true;
  await assert.rejects(engine.putObject(caller(), putCommand('photos', 'key', 'x'.repeat(5000))), isFault('unavailable'));
  await assert.rejects(engine.getObject(caller(), { ...place, conditions: {} }), isFault('unavailable'));
  assert.equal((await accepted(engine.headObject(caller(), { ...place, conditions: {} }))).object.size, 5000);
  await engine.close();
});

test('commands beyond the limit are overload, and their bodies are not read', async () => {
  const { engine, caller } = await house({ commandsInFlightMax: 2 });
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const slow = [1, 2].map((at) => engine.putObject(caller(), putCommand('photos', `${at}`, '', { body: uploadBody('x', { gate }) })));
  const body = uploadBody('x');
  await assert.rejects(engine.putObject(caller(), putCommand('photos', '3', '', { body })), isFault('overloaded'));
  assert.deepEqual([body.bytesTaken, body.cancelled], [0, true]);
  await accepted(engine.listObjects(caller(), { bucket: 'photos', prefix: '', delimiter: '', after: '', max: 10 }));
  open();
  await Promise.all(slow.map((outcome) => accepted(outcome)));
  await accepted(engine.putObject(caller(), putCommand('photos', '3', 'x')));
  await engine.close();
});

test('a body that is refused or breaks off in its middle', async () => {
  const { engine, caller } = await house();
  const broken = (error: Error) => ({ ...uploadBody('x'), read: () => Promise.reject(error), expected: () => ({}) });
  const refusedBody = broken(new BodyRejected(reject('SignatureDoesNotMatch')));
  await rejected(engine.putObject(caller(), putCommand('photos', 'key', '', { body: refusedBody })), 'SignatureDoesNotMatch');
  const cut = broken(new Fault('clientGone', 'the connection broke'));
  await assert.rejects(engine.putObject(caller(), putCommand('photos', 'key', '', { body: cut })), isFault('clientGone'));
  await rejected(engine.headObject(caller(), { ...place, conditions: {} }), 'NoSuchKey');
  await engine.close();
});

test('close waits for what is under way and lets nobody in', async () => {
  const { engine, caller } = await house();
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const slow = engine.putObject(caller(), putCommand('photos', 'key', '', { body: uploadBody('x', { gate }) }));
  const closing = engine.close();
  await assert.rejects(engine.putObject(caller(), putCommand('photos', 'other', 'x')), isFault('unavailable'));
  open();
  await accepted(slow);
  await closing;
});
