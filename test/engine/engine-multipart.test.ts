/** Multipart uploads through the door. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { digestsOf } from '../../engine/shards/digester.ts';
import type { CompletedPart, CreateMultipartUpload, UploadTarget } from '../../engine/vocabulary.ts';
import { rangeRowsMax } from '../../snapshots/state-store.ts';
import { accepted, putCommand, rejected, type TestEngine, testEngine, uploadBody } from '../support/engine.ts';
import { seededBytes } from '../support/files.ts';
import { readAll } from '../support/memory-blob-store.ts';

const bucket = 'films';
const key = 'a film';
const md5 = (bytes: Uint8Array): Buffer => createHash('md5').update(bytes).digest();

async function house(): Promise<TestEngine> {
  const opened = await testEngine();
  await accepted(opened.engine.createBucket(opened.caller(), { bucket, locationConstraint: '' }));
  return opened;
}

async function begin({ engine, caller }: TestEngine, more: Partial<CreateMultipartUpload> = {}): Promise<UploadTarget> {
  const create = { bucket, key, metadata: { headers: { 'content-type': 'video/mp4' }, user: {} }, tags: [], checksum: undefined, ...more };
  const { uploadId } = await accepted(engine.createMultipartUpload(caller(), create));
  return { bucket, key: create.key, uploadId };
}

async function upload({ engine, caller }: TestEngine, target: UploadTarget, partNumber: number, bytes: Uint8Array): Promise<CompletedPart> {
  const { etag } = await accepted(engine.uploadPart(caller(), { ...target, partNumber, body: uploadBody(bytes) }));
  return { partNumber, etag, checksum: undefined };
}

const finish = (target: UploadTarget, parts: readonly CompletedPart[], more = {}) => {
  return { ...target, parts, conditions: {}, objectSize: undefined, checksum: undefined, checksumType: undefined, ...more };
};

async function rowsOf(opened: TestEngine, table: string): Promise<number> {
  return (await opened.store.range(table, { limit: rangeRowsMax })).length;
}

test('parts become one object: bytes, ETag, parts, ranges across them', async () => {
  const opened = await house();
  const { engine, caller } = opened;
  const target = await begin(opened, { tags: [['genre', 'noir']] });
  const pieces = [seededBytes(2000, 1), seededBytes(1500, 2), seededBytes(10, 3)];
  const parts: CompletedPart[] = [];
  for (const [at, bytes] of pieces.entries()) parts.push(await upload(opened, target, (at + 1) * 3, bytes));
  await rejected(engine.headObject(caller(), { bucket, key, conditions: {} }), 'NoSuchKey');
  const written = await accepted(engine.completeMultipartUpload(caller(), finish(target, parts)));
  assert.equal(written.etag, `${md5(Buffer.concat(pieces.map(md5))).toString('hex')}-3`);
  const whole = Buffer.concat(pieces);
  const value = digestsOf(['CRC64NVME'], whole).CRC64NVME!.toString('base64');
  assert.deepEqual(written.checksum, { algorithm: 'CRC64NVME', value, type: 'FULL_OBJECT' });
  const content = await accepted(engine.getObject(caller(), { bucket, key, conditions: {} }));
  assert.deepEqual(await readAll(content.body), whole);
  assert.deepEqual(
    [content.object.partCount, content.object.tagCount, content.object.metadata.headers['content-type']],
    [3, 1, 'video/mp4'],
  );
  const range = { kind: 'from', first: 1990, last: 3505, raw: '' } as const;
  const ranged = await accepted(engine.getObject(caller(), { bucket, key, conditions: {}, range }));
  assert.deepEqual(await readAll(ranged.body), whole.subarray(1990, 3506));
  const second = await accepted(engine.getObject(caller(), { bucket, key, conditions: {}, partNumber: 2 }));
  assert.deepEqual(await readAll(second.body), pieces[1]);
  assert.deepEqual(second.slice, { offset: 2000, length: 1500, partial: true });
  await rejected(engine.headObject(caller(), { bucket, key, conditions: {}, partNumber: 4 }), 'InvalidPartNumber');
  const page = await accepted(engine.getObjectAttributes(caller(), { bucket, key, partNumberMarker: 3, maxParts: 1 }));
  assert.deepEqual([page.parts.map((part) => [part.partNumber, part.size]), page.partsTruncated], [[[6, 1500]], true]);
  for (const table of ['uploads', 'parts']) assert.equal(await rowsOf(opened, table), 0);
  await engine.close();
});

test('the same Complete again gets the same answer, another list does not', async () => {
  const opened = await house();
  const { engine, caller, clock } = opened;
  const target = await begin(opened);
  const parts = [await upload(opened, target, 1, seededBytes(1000, 1)), await upload(opened, target, 2, seededBytes(1, 2))];
  const both = await Promise.all([1, 2].map(() => accepted(engine.completeMultipartUpload(caller(), finish(target, parts)))));
  assert.deepEqual(both[0], both[1]);
  await clock.advance(5000);
  assert.deepEqual(await accepted(engine.completeMultipartUpload(caller(), finish(target, parts))), both[0]);
  await rejected(engine.completeMultipartUpload(caller(), finish(target, parts.slice(0, 1))), 'NoSuchUpload', {
    UploadId: target.uploadId,
  });
  await rejected(engine.completeMultipartUpload(caller(), finish({ ...target, key: 'other' }, parts)), 'NoSuchUpload');
  await rejected(engine.completeMultipartUpload(caller(), finish({ ...target, bucket: 'nowhere' }, parts)), 'NoSuchBucket');
  await rejected(engine.uploadPart(caller(), { ...target, partNumber: 3, body: uploadBody('x') }), 'NoSuchUpload');
  await rejected(engine.abortMultipartUpload(caller(), target), 'NoSuchUpload');
  await accepted(engine.deleteObject(caller(), { bucket, key, conditions: {} }));
  await rejected(engine.completeMultipartUpload(caller(), finish(target, parts)), 'NoSuchUpload');
  assert.equal(await rowsOf(opened, 'completed'), 0);
  await engine.close();
});

test('a refused Complete leaves the upload open', async () => {
  const opened = await house();
  const { engine, caller } = opened;
  const target = await begin(opened);
  const part = await upload(opened, target, 1, seededBytes(10, 1));
  await accepted(engine.putObject(caller(), putCommand(bucket, key, 'in the way')));
  await rejected(
    engine.completeMultipartUpload(caller(), finish(target, [part], { conditions: { ifNoneMatch: '*' } })),
    'PreconditionFailed',
  );
  await rejected(engine.completeMultipartUpload(caller(), finish(target, [{ ...part, etag: 'x' }])), 'InvalidPart');
  const checksum = { algorithm: 'CRC64NVME', value: 'AAAAAAAAAAA=' } as const;
  await rejected(engine.completeMultipartUpload(caller(), finish(target, [part], { checksum })), 'BadDigest');
  const replaced = await upload(opened, target, 1, seededBytes(20, 2));
  await rejected(engine.completeMultipartUpload(caller(), finish(target, [part])), 'InvalidPart');
  const overtaken = finish(target, [replaced], { conditions: { ifMatch: '*' } });
  await rejected(engine.completeMultipartUpload(caller(), overtaken), 'ConditionalRequestConflict', { Condition: 'If-Match', Key: key });
  const written = await accepted(engine.completeMultipartUpload(caller(), finish(target, [replaced])));
  assert.equal(written.size, 20);
  await engine.close();
});

test('composite checksums', async () => {
  const opened = await house();
  const { engine, caller } = opened;
  const target = await begin(opened, { checksum: { algorithm: 'SHA1', type: 'COMPOSITE' } });
  const pieces = [seededBytes(1000, 1), seededBytes(5, 2)];
  const parts = [];
  const sha1 = (bytes: Uint8Array): Buffer => createHash('sha1').update(bytes).digest();
  for (const [at, bytes] of pieces.entries()) {
    const checksum = { algorithm: 'SHA1', value: sha1(bytes).toString('base64') } as const;
    parts.push({ ...(await upload(opened, target, at + 1, bytes)), checksum });
  }
  const wrong = uploadBody('x', { algorithm: 'CRC32', checksum: Buffer.alloc(4) });
  await rejected(engine.uploadPart(caller(), { ...target, partNumber: 3, body: wrong }), 'InvalidRequest');
  assert.equal(wrong.bytesTaken, 0);
  const listed = await accepted(engine.listParts(caller(), { ...target, after: 0, max: 1 }));
  assert.deepEqual([listed.parts.map((part) => part.checksum?.algorithm), listed.next], [['SHA1'], 1]);
  const value = `${sha1(Buffer.concat(pieces.map(sha1))).toString('base64')}-2`;
  const checksum = { algorithm: 'SHA1', value } as const;
  const written = await accepted(engine.completeMultipartUpload(caller(), finish(target, parts, { checksum, checksumType: 'COMPOSITE' })));
  assert.deepEqual(written.checksum, { ...checksum, type: 'COMPOSITE' });
  const create = { bucket, key, metadata: { headers: {}, user: {} }, tags: [] };
  for (const [algorithm, type] of [
    ['SHA256', 'FULL_OBJECT'],
    ['CRC64NVME', 'COMPOSITE'],
  ] as const) {
    await rejected(engine.createMultipartUpload(caller(), { ...create, checksum: { algorithm, type } }), 'InvalidRequest');
  }
  await engine.close();
});

test('abort while parts arrive: nothing of the upload is left', async () => {
  const opened = await house();
  const { engine, caller } = opened;
  const target = await begin(opened);
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const slow = engine.uploadPart(caller(), { ...target, partNumber: 1, body: uploadBody(seededBytes(3000, 1), { gate }) });
  const quick = Array.from({ length: 10 }, (_, at) =>
    engine.uploadPart(caller(), { ...target, partNumber: at + 2, body: uploadBody('part') }),
  );
  await quick[0];
  const aborted = engine.abortMultipartUpload(caller(), target);
  open();
  assert.equal(await aborted, null);
  const answers = await Promise.all([slow, ...quick]);
  for (const answer of answers) if ('rejected' in answer) assert.equal(answer.rejected, 'NoSuchUpload');
  for (const table of ['uploads', 'parts']) assert.equal(await rowsOf(opened, table), 0, table);
  const held = (await opened.store.range('refs', { limit: 100 })).filter((row) => row.value.length === 0);
  assert.equal(held.length, 0, 'no blob is held');
  await engine.close();
});

test('Complete and Abort at once: one of them wins', async () => {
  const opened = await house();
  const { engine, caller } = opened;
  for (let round = 0; round < 10; round += 1) {
    const target = await begin(opened);
    const part = await upload(opened, target, 1, seededBytes(10, round));
    const complete = () => engine.completeMultipartUpload(caller(), finish(target, [part]));
    const abort = () => engine.abortMultipartUpload(caller(), target);
    const answers = await Promise.all(round % 2 === 0 ? [complete(), abort()] : [abort(), complete()]);
    const refused = answers.filter((answer) => answer !== null && 'rejected' in answer);
    assert.deepEqual(
      refused.map((answer) => 'rejected' in answer! && answer.rejected),
      ['NoSuchUpload'],
    );
    const head = await engine.headObject(caller(), { bucket, key, conditions: {} });
    assert.equal(
      'rejected' in head,
      answers.some((answer) => answer === null),
      'the object is there unless the abort won',
    );
    await engine.deleteObject(caller(), { bucket, key, conditions: {} });
  }
  await engine.close();
});

test('ten thousand parts', async () => {
  const opened = await testEngine({ options: { partBytesMin: 1 } });
  const { engine, caller } = opened;
  await accepted(engine.createBucket(caller(), { bucket, locationConstraint: '' }));
  const target = await begin(opened);
  const parts: CompletedPart[] = [];
  for (let first = 1; first <= 10_000; first += 500) {
    const batch = Array.from({ length: 500 }, (_, at) => upload(opened, target, first + at, Buffer.from(`${first + at},`)));
    parts.push(...(await Promise.all(batch)));
  }
  const written = await accepted(engine.completeMultipartUpload(caller(), finish(target, parts)));
  assert.match(written.etag, /-10000$/);
  const content = await accepted(engine.getObject(caller(), { bucket, key, conditions: {}, partNumber: 10_000 }));
  assert.equal((await readAll(content.body)).toString(), '10000,');
  const again = await testEngine({ log: opened.log, blobs: opened.blobs, clock: opened.clock });
  const whole = await accepted(again.engine.getObject(again.caller(), { bucket, key, conditions: {} }));
  assert.equal((await readAll(whole.body)).toString().split(',').length, 10_001);
  await again.engine.close();
  await engine.close();
});

test('uploads are listed by key and by age, and go with their bucket', async () => {
  const opened = await house();
  const { engine, caller, clock } = opened;
  const ids: string[] = [];
  for (const name of ['b', 'a/1', 'a/2', 'b']) {
    ids.push((await begin(opened, { key: name })).uploadId);
    await clock.advance(1);
  }
  const query = { bucket, prefix: '', delimiter: '', keyMarker: '', uploadIdMarker: undefined, max: 1000 };
  const all = await accepted(engine.listMultipartUploads(caller(), query));
  assert.deepEqual(
    all.uploads.map((each) => [each.key, each.uploadId]),
    [
      ['a/1', ids[1]],
      ['a/2', ids[2]],
      ['b', ids[0]],
      ['b', ids[3]],
    ],
  );
  const rolled = await accepted(engine.listMultipartUploads(caller(), { ...query, delimiter: '/', max: 2 }));
  assert.deepEqual(
    [rolled.commonPrefixes, rolled.uploads.map((each) => each.uploadId), rolled.next],
    [['a/'], [ids[0]], { key: 'b', uploadId: ids[0] }],
  );
  const rest = await accepted(engine.listMultipartUploads(caller(), { ...query, delimiter: '/', keyMarker: 'b', uploadIdMarker: ids[0] }));
  assert.deepEqual(
    rest.uploads.map((each) => each.uploadId),
    [ids[3]],
  );
  const behindA = await accepted(engine.listMultipartUploads(caller(), { ...query, delimiter: '/', keyMarker: 'a/' }));
  assert.deepEqual([behindA.commonPrefixes, behindA.uploads.length], [[], 2]);
  const behindB = await accepted(engine.listMultipartUploads(caller(), { ...query, keyMarker: 'b' }));
  assert.equal(behindB.uploads.length, 0);
  await upload(opened, { bucket, key: 'b', uploadId: ids[0]! }, 1, seededBytes(10, 1));
  assert.equal(await engine.deleteBucket(caller(), bucket), null);
  for (const table of ['uploads', 'parts', 'buckets', 'owned']) assert.equal(await rowsOf(opened, table), 0, table);
  await engine.close();
});

test('UploadPartCopy: references, and inline bytes become a blob', async () => {
  const opened = await house();
  const { engine, caller, blobs } = opened;
  const large = seededBytes(5000, 1);
  await accepted(engine.putObject(caller(), putCommand(bucket, 'large', large)));
  await accepted(engine.putObject(caller(), putCommand(bucket, 'small', 'inline bytes')));
  const target = await begin(opened);
  const copy = (partNumber: number, from: string, range?: { first: number; last: number }) =>
    engine.uploadPartCopy(caller(), { ...target, partNumber, source: { bucket, key: from, conditions: {} }, range });
  const before = blobs.bytesRead;
  const parts = [await accepted(copy(1, 'large'))];
  assert.equal(blobs.bytesRead, before, 'a whole object brings its digests along');
  parts.push(await accepted(copy(2, 'large', { first: 1000, last: 2999 })), await accepted(copy(3, 'small', { first: 0, last: 5 })));
  assert.equal(parts[1]!.etag, md5(large.subarray(1000, 3000)).toString('hex'));
  assert.equal(blobs.blobs.size, 2, 'only the inline bytes were written');
  await rejected(copy(4, 'small', { first: 0, last: 12 }), 'InvalidArgument');
  await rejected(copy(4, 'nothing'), 'NoSuchKey');
  await accepted(engine.deleteObject(caller(), { bucket, key: 'large', conditions: {} }));
  const list = parts.map(({ partNumber, etag }) => ({ partNumber, etag, checksum: undefined }));
  await accepted(engine.completeMultipartUpload(caller(), finish(target, list)));
  const content = await accepted(engine.getObject(caller(), { bucket, key, conditions: {} }));
  assert.deepEqual(await readAll(content.body), Buffer.concat([large, large.subarray(1000, 3000), Buffer.from('inline')]));
  await engine.close();
});

test('UploadPartCopy of what lies in many pieces writes it anew, so that records stay small', async () => {
  const opened = await house();
  const { engine, caller, blobs } = opened;
  const source = await begin(opened, { key: 'in pieces' });
  const pieces = Array.from({ length: 6 }, (_, at) => seededBytes(1000, at + 1));
  const parts: CompletedPart[] = [];
  for (const [at, bytes] of pieces.entries()) parts.push(await upload(opened, source, at + 1, bytes));
  await accepted(engine.completeMultipartUpload(caller(), finish(source, parts)));
  const target = await begin(opened);
  const copy = (partNumber: number, range?: { first: number; last: number }) =>
    engine.uploadPartCopy(caller(), { ...target, partNumber, source: { bucket, key: 'in pieces', conditions: {} }, range });
  const few = await accepted(copy(1, { first: 500, last: 4499 }));
  assert.equal(blobs.blobs.size, 7, 'five pieces are too many');
  const fewer = await accepted(copy(2, { first: 500, last: 3999 }));
  const all = await accepted(copy(3));
  assert.equal(blobs.blobs.size, 8);
  const list = [few, fewer, all].map(({ partNumber, etag }) => ({ partNumber, etag, checksum: undefined }));
  await accepted(engine.completeMultipartUpload(caller(), finish(target, list)));
  const whole = Buffer.concat(pieces);
  const content = await accepted(engine.getObject(caller(), { bucket, key, conditions: {} }));
  assert.deepEqual(await readAll(content.body), Buffer.concat([whole.subarray(500, 4500), whole.subarray(500, 4000), whole]));
  await engine.close();
});
