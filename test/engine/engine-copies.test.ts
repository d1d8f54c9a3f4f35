/** CopyObject through the door. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestsOf } from '../../engine/shards/digester.ts';
import type { CopyObject, UploadChecksum } from '../../engine/vocabulary.ts';
import { accepted, putCommand, rejected, testEngine } from '../support/engine.ts';
import { seededBytes } from '../support/files.ts';
import { readAll } from '../support/memory-blob-store.ts';

const metadata = {
  headers: { 'content-type': 'text/plain', 'x-amz-website-redirect-location': '/', 'x-amz-storage-class': 'STANDARD_IA' },
  user: { a: 'b' },
};

async function house() {
  const opened = await testEngine();
  const { engine, caller } = opened;
  for (const bucket of ['one', 'two']) await accepted(engine.createBucket(caller(), { bucket, locationConstraint: '' }));
  const copy = (more: Partial<CopyObject> & { from?: string; versionId?: string } = {}) => {
    const { from = 'large', versionId, ...rest } = more;
    const source = { bucket: 'one', key: from, conditions: {}, ...(versionId !== undefined && { versionId }) };
    const plain = {
      bucket: 'two',
      key: 'copy',
      source,
      metadata: undefined,
      placement: undefined,
      tags: undefined,
      conditions: {},
      algorithm: undefined,
    };
    return engine.copyObject(caller(), { ...plain, ...rest });
  };
  return { ...opened, copy };
}

test('a copy refers to the same blob, outlives its source and has its own inline bytes', async () => {
  const { engine, caller, blobs, copy } = await house();
  const large = seededBytes(9000, 1);
  const source = await accepted(engine.putObject(caller(), putCommand('one', 'large', large, { metadata, tags: [['t', 'v']] })));
  await accepted(engine.putObject(caller(), putCommand('one', 'small', 'inline')));
  const copied = await accepted(copy());
  assert.deepEqual([copied.etag, copied.checksum, copied.sourceVersionId], [source.etag, source.checksum, undefined]);
  await accepted(copy({ from: 'small', key: 'small', bucket: 'one', metadata, tags: [] }));
  await accepted(copy({ from: 'small', key: 'small copy' }));
  assert.deepEqual([blobs.blobs.size, blobs.bytesRead], [1, 0]);
  for (const key of ['large', 'small']) await accepted(engine.deleteObject(caller(), { bucket: 'one', key, conditions: {} }));
  const content = await accepted(engine.getObject(caller(), { bucket: 'two', key: 'copy', conditions: {} }));
  assert.deepEqual(await readAll(content.body), large);
  assert.deepEqual(content.object.metadata, { headers: { 'content-type': 'text/plain' }, user: { a: 'b' } });
  const tags = await accepted(engine.getObjectTagging(caller(), { bucket: 'two', key: 'copy' }));
  assert.deepEqual(tags, { tags: [['t', 'v']], versionId: undefined });
  const small = await accepted(engine.getObject(caller(), { bucket: 'two', key: 'small copy', conditions: {} }));
  assert.equal((await readAll(small.body)).toString(), 'inline');
  await engine.close();
});

test('another checksum is computed from the bytes, nothing else is read', async () => {
  const { engine, caller, blobs, copy } = await house();
  const large = seededBytes(700_000, 1);
  await accepted(engine.putObject(caller(), putCommand('one', 'large', large)));
  assert.equal((await accepted(copy({ algorithm: 'CRC64NVME' }))).checksum?.algorithm, 'CRC64NVME');
  assert.equal(blobs.bytesRead, 0);
  for (const algorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const) {
    const { checksum } = await accepted(copy({ algorithm }));
    assert.deepEqual(checksum, { algorithm, value: digestsOf([algorithm], large)[algorithm]!.toString('base64'), type: 'FULL_OBJECT' });
  }
  assert.equal(blobs.bytesRead, 4 * large.length);
  await engine.close();
});

test('what is no source, and what is no destination', async () => {
  const { engine, caller, copy } = await house();
  await accepted(engine.putObject(caller(), putCommand('one', 'large', seededBytes(2000, 1))));
  await rejected(copy({ from: 'nothing' }), 'NoSuchKey', { Key: 'nothing' });
  await rejected(copy({ bucket: 'nowhere' }), 'NoSuchBucket', { BucketName: 'nowhere' });
  await rejected(copy({ source: { bucket: 'nowhere', key: 'k', conditions: {} } }), 'NoSuchBucket');
  await rejected(copy({ key: '' }), 'InvalidObjectName');
  await rejected(copy({ versionId: '0'.repeat(32) }), 'NoSuchVersion');
  await rejected(copy({ source: { bucket: 'one', key: 'large', conditions: { ifNoneMatch: ['*'] } } }), 'PreconditionFailed', {
    Condition: 'x-amz-copy-source-If-None-Match',
  });
  await rejected(copy({ source: { bucket: 'one', key: 'large', conditions: { ifMatch: ['x'] } } }), 'PreconditionFailed');
  await rejected(copy({ conditions: { ifMatch: '*' } }), 'NoSuchKey', { Key: 'copy' });
  await accepted(copy({ conditions: { ifNoneMatch: '*' } }));
  await rejected(copy({ conditions: { ifNoneMatch: '*' } }), 'PreconditionFailed');
  await engine.close();
});

test('onto itself: with a change, or to bring an old version back', async () => {
  const { engine, caller, copy } = await house();
  const self = { bucket: 'one', key: 'large' };
  await accepted(engine.putObject(caller(), putCommand('one', 'large', 'first')));
  await rejected(copy(self), 'InvalidRequest');
  await rejected(copy({ ...self, tags: [] }), 'InvalidRequest');
  await rejected(copy({ ...self, algorithm: 'CRC64NVME' }), 'InvalidRequest');
  await accepted(copy({ ...self, metadata }));
  await accepted(copy({ ...self, algorithm: 'SHA256' }));
  await accepted(engine.putBucketVersioning(caller(), 'one', 'enabled'));
  const second = await accepted(engine.putObject(caller(), putCommand('one', 'large', 'second')));
  const restored = await accepted(copy({ ...self, versionId: 'null' }));
  assert.deepEqual([restored.sourceVersionId, restored.versionId === second.versionId], ['null', false]);
  const content = await accepted(engine.getObject(caller(), { ...self, conditions: {} }));
  assert.equal((await readAll(content.body)).toString(), 'first');
  const marker = await accepted(engine.deleteObject(caller(), { ...self, conditions: {} }));
  await rejected(copy(), 'NoSuchKey', { 'header:x-amz-delete-marker': 'true' });
  await rejected(copy({ versionId: marker.versionId! }), 'InvalidRequest');
  await engine.close();
});

test('a copy of a multipart object is one object: a plain MD5, a checksum of all bytes, no parts', async () => {
  const { engine, caller, copy, blobs } = await house();
  const place = { bucket: 'one', key: 'large' };
  const upload = async (pieces: readonly Buffer[], checksum: UploadChecksum | undefined) => {
    const { uploadId } = await accepted(engine.createMultipartUpload(caller(), { ...place, metadata, tags: [], checksum }));
    const parts = [];
    for (const [at, bytes] of pieces.entries()) {
      const { body } = putCommand('one', 'large', bytes);
      const { etag, checksum } = await accepted(engine.uploadPart(caller(), { ...place, uploadId, partNumber: at + 1, body }));
      parts.push({ partNumber: at + 1, etag, checksum });
    }
    const finish = { ...place, uploadId, parts, conditions: {}, objectSize: undefined, checksum: undefined, checksumType: undefined };
    return accepted(engine.completeMultipartUpload(caller(), finish));
  };
  const uploads: readonly (readonly [UploadChecksum | undefined, pieces: number])[] = [
    [undefined, 2],
    [{ algorithm: 'CRC32', type: 'FULL_OBJECT' }, 4],
    [{ algorithm: 'SHA256', type: 'COMPOSITE' }, 5],
    [{ algorithm: 'MD5', type: 'COMPOSITE' }, 1],
  ];
  for (const [checksum, count] of uploads) {
    const pieces = Array.from({ length: count }, (_, at) => seededBytes(3000, at));
    const whole = Buffer.concat(pieces);
    const made = await upload(pieces, checksum);
    assert.match(made.etag, new RegExp(`-${count}$`));
    blobs.bytesRead = 0;
    const copied = await accepted(copy());
    assert.equal(blobs.bytesRead, whole.length, 'read once, for both');
    const algorithm = checksum?.algorithm ?? 'CRC64NVME';
    const sums = digestsOf(['MD5', algorithm], whole);
    assert.equal(copied.etag, sums.MD5!.toString('hex'));
    assert.deepEqual(copied.checksum, { algorithm, value: sums[algorithm]!.toString('base64'), type: 'FULL_OBJECT' });
    await accepted(engine.deleteObject(caller(), { ...place, conditions: {} }));
    const there = { bucket: 'two', key: 'copy', conditions: {} };
    const content = await accepted(engine.getObject(caller(), there));
    assert.deepEqual(await readAll(content.body), whole);
    assert.equal(content.object.partCount, 0);
    await rejected(engine.headObject(caller(), { ...there, partNumber: 2 }), 'InvalidPartNumber');
    blobs.bytesRead = 0;
    await accepted(copy({ source: { ...there }, key: 'again' }));
    assert.equal(blobs.bytesRead, 0, 'a copy of the copy needs none of its bytes');
    await accepted(engine.deleteObject(caller(), there));
    const again = await accepted(engine.getObject(caller(), { ...there, key: 'again' }));
    assert.deepEqual(await readAll(again.body), whole);
  }
  await engine.close();
});
