/** Reads through the door: markers, conditions, readers that are overtaken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryStore } from '../../snapshots/memory-store.ts';
import type { StateStore } from '../../snapshots/state-store.ts';
import { accepted, putCommand, rejected, testEngine } from '../support/engine.ts';
import { seededBytes } from '../support/files.ts';
import { readAll } from '../support/memory-blob-store.ts';

const place = { bucket: 'photos', key: 'a/key' };

async function house(store: StateStore = memoryStore()) {
  const opened = await testEngine({ store });
  await accepted(opened.engine.createBucket(opened.caller(), { bucket: 'photos', locationConstraint: '' }));
  return opened;
}

test('delete markers: the latest is 404, by id it is 405', async () => {
  const { engine, caller, clock } = await house();
  await accepted(engine.putBucketVersioning(caller(), 'photos', 'enabled'));
  const first = await accepted(engine.putObject(caller(), putCommand('photos', place.key, 'first')));
  await clock.advance(1000);
  const marker = await accepted(engine.deleteObject(caller(), { ...place, conditions: {} }));
  const versionId = marker.versionId!;
  const facts = { 'header:x-amz-delete-marker': 'true', 'header:x-amz-version-id': versionId };
  await rejected(engine.getObject(caller(), { ...place, conditions: {} }), 'NoSuchKey', { Key: place.key, ...facts });
  await rejected(engine.headObject(caller(), { ...place, conditions: {} }), 'NoSuchKey', facts);
  const byId = { ...facts, Method: 'HEAD', ResourceType: 'DeleteMarker', 'header:Allow': 'DELETE' };
  await rejected(engine.headObject(caller(), { ...place, versionId, conditions: {} }), 'MethodNotAllowed', byId);
  await rejected(engine.getObjectTagging(caller(), { ...place, versionId }), 'MethodNotAllowed', { Method: 'GET' });
  const attributes = { ...place, versionId, partNumberMarker: 0, maxParts: 1000 };
  await rejected(engine.getObjectAttributes(caller(), attributes), 'MethodNotAllowed');
  const old = await accepted(engine.headObject(caller(), { ...place, versionId: first.versionId!, conditions: {} }));
  assert.deepEqual([old.object.isLatest, old.object.versionId], [false, first.versionId]);
  await rejected(engine.headObject(caller(), { ...place, versionId: 'x', conditions: {} }), 'InvalidArgument', {
    ArgumentName: 'versionId',
  });
  await rejected(engine.headObject(caller(), { ...place, versionId: 'null', conditions: {} }), 'NoSuchVersion', { VersionId: 'null' });
  await rejected(engine.headObject(caller(), { ...place, key: 'none', conditions: {} }), 'NoSuchKey', { Key: 'none' });
  await rejected(engine.headObject(caller(), { bucket: 'none', key: 'k', conditions: {} }), 'NoSuchBucket', { BucketName: 'none' });
  await engine.close();
});

test('conditions and ranges, with the headers of a 304 and a 416', async () => {
  const { engine, caller } = await house();
  const { etag } = await accepted(engine.putObject(caller(), putCommand('photos', place.key, '0123456789')));
  await rejected(engine.getObject(caller(), { ...place, conditions: { ifNoneMatch: [etag] } }), 'NotModified', {
    'header:ETag': `"${etag}"`,
  });
  await rejected(engine.getObject(caller(), { ...place, conditions: { ifMatch: ['x'] } }), 'PreconditionFailed', { Condition: 'If-Match' });
  const range = { kind: 'suffix', length: 3, raw: 'bytes=-3' } as const;
  const tail = await accepted(engine.getObject(caller(), { ...place, conditions: {}, range }));
  assert.deepEqual([(await readAll(tail.body)).toString(), tail.slice], ['789', { offset: 7, length: 3, partial: true }]);
  const beyond = { kind: 'from', first: 10, raw: 'bytes=10-' } as const;
  const facts = { ActualObjectSize: 10, RangeRequested: 'bytes=10-', 'header:Content-Range': 'bytes */10' };
  await rejected(engine.headObject(caller(), { ...place, conditions: {}, range: beyond }), 'InvalidRange', facts);
  await rejected(engine.headObject(caller(), { ...place, conditions: {}, partNumber: 2 }), 'InvalidPartNumber');
  await engine.close();
});

test('a reader keeps what it began to read', async () => {
  const { engine, caller } = await house();
  const first = seededBytes(5000, 1);
  await accepted(engine.putObject(caller(), putCommand('photos', place.key, first)));
  const reading = await accepted(engine.getObject(caller(), { ...place, conditions: {} }));
  const half = Buffer.from((await reading.body.read())!);
  await accepted(engine.putObject(caller(), putCommand('photos', place.key, seededBytes(5000, 2))));
  await accepted(engine.deleteObject(caller(), { ...place, conditions: {} }));
  assert.deepEqual(Buffer.concat([half, await readAll(reading.body)]), first);
  await engine.close();
});

test('rows that change between two point reads: the read begins again and never mixes two versions', async () => {
  const inner = memoryStore();
  let overtake: (() => void) | undefined;
  const store: StateStore = {
    get position() {
      return inner.position;
    },
    get(table, key) {
      if (table === 'bodies') {
        const now = overtake;
        overtake = undefined;
        now?.();
      }
      return inner.get(table, key);
    },
    range: (table, range) => inner.range(table, range),
    texts: (table, range) => inner.texts(table, range),
    view: (read) => inner.view(read),
    write: (changes, position) => inner.write(changes, position),
    close: () => inner.close(),
  };
  const { engine, caller, clock } = await house(store);
  await accepted(engine.putObject(caller(), putCommand('photos', place.key, 'first')));
  const before = await rowsOfKey(inner);
  await clock.advance(1);
  await accepted(engine.putObject(caller(), putCommand('photos', place.key, 'second')));
  const after = await rowsOfKey(inner);
  // The store as it was before the second put, which arrives while the reader is between the head and the body.
  await inner.write([...after.map(gone), ...before], inner.position);
  overtake = () => void inner.write([...before.map(gone), ...after], inner.position);
  const content = await accepted(engine.getObject(caller(), { ...place, conditions: {} }));
  assert.deepEqual([(await readAll(content.body)).toString(), content.object.size], ['second', 6]);
  await engine.close();
});

interface KeyRow {
  readonly table: string;
  readonly key: Buffer;
  readonly value: Buffer;
}

const gone = ({ table, key }: KeyRow) => ({ table, key, value: null });

async function rowsOfKey(store: StateStore): Promise<KeyRow[]> {
  const tables = await Promise.all(
    ['heads', 'bodies'].map(async (table) => (await store.range(table, { limit: 10 })).map((row) => ({ table, ...row }))),
  );
  return tables.flat();
}

test('what was restored is over after its days', async () => {
  const { engine, caller, clock } = await house();
  const metadata = { headers: { 'x-amz-storage-class': 'GLACIER' }, user: {} };
  await accepted(engine.putObject(caller(), putCommand('photos', place.key, 'cold', { metadata })));
  await rejected(engine.getObject(caller(), { ...place, conditions: {} }), 'InvalidObjectState', { StorageClass: 'GLACIER' });
  assert.equal((await accepted(engine.restoreObject(caller(), { ...place, days: 2 }))).already, false);
  await clock.advance(2 * 86_400_000);
  const read = await accepted(engine.getObject(caller(), { ...place, conditions: {} }));
  assert.equal((await readAll(read.body)).toString(), 'cold');
  await clock.advance(86_400_000);
  await rejected(engine.getObject(caller(), { ...place, conditions: {} }), 'InvalidObjectState');
  assert.equal((await accepted(engine.restoreObject(caller(), { ...place, days: 1 }))).already, false);
});
