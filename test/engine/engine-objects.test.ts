/** One object at a time through the door. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { accepted, putCommand, rejected, testEngine, uploadBody } from '../support/engine.ts';
import { seededBytes } from '../support/files.ts';
import { readAll } from '../support/memory-blob-store.ts';

const md5 = (bytes: Uint8Array | string): string => createHash('md5').update(bytes).digest('hex');

async function withBucket(name = 'photos') {
  const house = await testEngine();
  await accepted(house.engine.createBucket(house.caller(), { bucket: name, locationConstraint: '' }));
  return house;
}

test('an object comes back as it was put: empty, inline, on drives', async () => {
  const { engine, caller, blobs } = await withBucket();
  for (const [key, size] of [
    ['empty', 0],
    ['small', 1024],
    ['large', 200_000],
  ] as const) {
    const bytes = seededBytes(size, size + 1);
    const metadata = { headers: { 'content-type': 'image/png' }, user: { camera: 'größe' } };
    const tags = [['place', 'here']] as const;
    const written = await accepted(engine.putObject(caller(), putCommand('photos', key, bytes, { metadata, tags })));
    assert.deepEqual([written.etag, written.size, written.versionId], [md5(bytes), size, undefined]);
    assert.equal(written.checksum?.algorithm, 'CRC64NVME');
    const content = await accepted(engine.getObject(caller(), { bucket: 'photos', key, conditions: {} }));
    assert.deepEqual(await readAll(content.body), bytes);
    assert.deepEqual(content.slice, { offset: 0, length: size, partial: false });
    assert.deepEqual(content.object.metadata, metadata);
    assert.equal(content.object.tagCount, 1);
    assert.equal(content.object.lastModified, written.lastModified);
    const head = await accepted(engine.headObject(caller(), { bucket: 'photos', key, conditions: {} }));
    assert.deepEqual(head.object, content.object);
  }
  assert.equal(blobs.blobs.size, 1, 'only the large one is a blob');
  await engine.close();
});

test('put, list, delete, list', async () => {
  const { engine, caller } = await withBucket();
  for (const key of ['b', 'a/1', 'a/2', 'c']) await accepted(engine.putObject(caller(), putCommand('photos', key, key)));
  const list = (delimiter: string) =>
    accepted(engine.listObjects(caller(), { bucket: 'photos', prefix: '', delimiter, after: '', max: 1000 }));
  assert.deepEqual(
    (await list('')).objects.map((object) => object.key),
    ['a/1', 'a/2', 'b', 'c'],
  );
  const rolled = await list('/');
  assert.deepEqual([rolled.objects.map((object) => object.key), rolled.commonPrefixes, rolled.next], [['b', 'c'], ['a/'], undefined]);
  const gone = await accepted(engine.deleteObject(caller(), { bucket: 'photos', key: 'b', conditions: {} }));
  assert.deepEqual(gone, { versionId: undefined, deleteMarker: false, markerPlaced: false });
  await accepted(engine.deleteObject(caller(), { bucket: 'photos', key: 'b', conditions: {} }));
  assert.deepEqual(
    (await list('')).objects.map((object) => object.key),
    ['a/1', 'a/2', 'c'],
  );
  await rejected(engine.getObject(caller(), { bucket: 'photos', key: 'b', conditions: {} }), 'NoSuchKey', { Key: 'b' });
  await engine.close();
});

test('what the client said of its bytes is held against them before anything is committed', async () => {
  const { engine, caller } = await withBucket();
  const put = (body: ReturnType<typeof uploadBody>) => engine.putObject(caller(), putCommand('photos', 'key', '', { body }));
  const wrongMd5 = uploadBody('hello', { md5: Buffer.alloc(16) });
  await rejected(put(wrongMd5), 'BadDigest', { CalculatedDigest: Buffer.from(md5('hello'), 'hex').toString('base64') });
  assert.equal(wrongMd5.cancelled, true);
  await rejected(put(uploadBody('hello', { algorithm: 'CRC32', checksum: Buffer.alloc(4) })), 'BadDigest');
  await rejected(put(uploadBody('hello', { sha256: Buffer.alloc(32) })), 'XAmzContentSHA256Mismatch', {
    ClientComputedContentSHA256: '00'.repeat(32),
    S3ComputedContentSHA256: createHash('sha256').update('hello').digest('hex'),
  });
  await rejected(put(uploadBody('hello', { length: 6 })), 'IncompleteBody');
  await rejected(put(uploadBody('hello', { length: 4 })), 'IncompleteBody');
  const huge = uploadBody('hello', { length: 5 * 1024 ** 3 + 1 });
  await rejected(put(huge), 'EntityTooLarge', { ProposedSize: 5 * 1024 ** 3 + 1, MaxSizeAllowed: 5 * 1024 ** 3 });
  assert.equal(huge.bytesTaken, 0);
  await rejected(engine.headObject(caller(), { bucket: 'photos', key: 'key', conditions: {} }), 'NoSuchKey');
  const crc32 = Buffer.from('3610a686', 'hex');
  const sha256 = createHash('sha256').update('hello').digest();
  const right = uploadBody('hello', {
    algorithm: 'CRC32',
    checksum: crc32,
    sha256,
    md5: Buffer.from(md5('hello'), 'hex'),
    length: 'unknown',
  });
  const written = await accepted(put(right));
  assert.deepEqual(written.checksum, { algorithm: 'CRC32', value: crc32.toString('base64'), type: 'FULL_OBJECT' });
  await engine.close();
});

test('what cannot succeed is refused before a byte is read', async () => {
  const { engine, caller } = await withBucket();
  await accepted(engine.putObject(caller(), putCommand('photos', 'there', 'x')));
  const attempts = [
    [putCommand('nowhere', 'key', 'x'), 'NoSuchBucket'],
    [putCommand('photos', '', 'x'), 'InvalidObjectName'],
    [putCommand('photos', 'nul\0', 'x'), 'InvalidObjectName'],
    [putCommand('photos', 'lone \ud800', 'x'), 'InvalidObjectName'],
    [putCommand('photos', 'k'.repeat(1025), 'x'), 'KeyTooLongError'],
    [putCommand('photos', 'ü'.repeat(513), 'x'), 'KeyTooLongError'],
    [putCommand('photos', 'key', 'x', { metadata: { headers: {}, user: { a: 'v'.repeat(2048) } } }), 'MetadataTooLarge'],
    [putCommand('photos', 'key', 'x', { tags: Array.from({ length: 11 }, (_, at) => [`t${at}`, '']) }), 'InvalidTag'],
    [putCommand('photos', 'key', 'x', { conditions: { ifMatch: 'etag' } }), 'NoSuchKey'],
    [putCommand('photos', 'there', 'x', { conditions: { ifMatch: 'etag' } }), 'PreconditionFailed'],
    [putCommand('photos', 'there', 'x', { conditions: { ifNoneMatch: '*' } }), 'PreconditionFailed'],
  ] as const;
  for (const [command, code] of attempts) {
    const body = uploadBody('x');
    await rejected(engine.putObject(caller(), { ...command, body }), code);
    assert.deepEqual([body.bytesTaken, body.cancelled], [0, true], code);
  }
  for (const key of ['k'.repeat(1024), 'ü'.repeat(512), 'a/', 'a', 'a//b', '../..', ' ', '%2F', '\u0001<>&"', '\uffff', '\u{10ffff}']) {
    await accepted(engine.putObject(caller(), putCommand('photos', key, key)));
    const content = await accepted(engine.getObject(caller(), { bucket: 'photos', key, conditions: {} }));
    assert.equal((await readAll(content.body)).toString(), key);
  }
  await engine.close();
});

test('of many writers that want the key to be new exactly one wins', async () => {
  const { engine, caller } = await withBucket();
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const writers = Array.from({ length: 20 }, (_, at) => {
    const body = uploadBody(`writer ${at}`, { gate });
    return engine.putObject(caller(), putCommand('photos', 'one', '', { body, conditions: { ifNoneMatch: '*' } }));
  });
  open();
  const answers = await Promise.all(writers);
  const won = answers.flatMap((answer, at) => ('etag' in answer ? [at] : []));
  assert.equal(won.length, 1);
  for (const answer of answers) if ('rejected' in answer) assert.equal(answer.rejected, 'PreconditionFailed');
  const content = await accepted(engine.getObject(caller(), { bucket: 'photos', key: 'one', conditions: {} }));
  assert.equal((await readAll(content.body)).toString(), `writer ${won[0]}`);
  await engine.close();
});
