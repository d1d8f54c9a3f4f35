/** The rules of a bucket, without an actor: given, when, then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findBucket, findHead, findOldNull, findVersion, newestOld } from '../../engine/bucket/queries.ts';
import { bucketSequenceFirst } from '../../engine/bucket/version.ts';
import { reject } from '../../engine/rejection.ts';
import type { Written } from '../../engine/vocabulary.ts';
import { alice, blobObject, bob, type GivenBucket, givenBucket, newObject, put, remove } from './given-bucket.ts';

const key = 'a/key';
const types = (events: readonly { type: string }[]): string[] => events.map((event) => event.type);
const idOf = (reply: unknown): string => (reply as Written).versionId!;
const head = (given: GivenBucket) => findHead(given.rows, 'photos', key);

test('CreateBucket', async () => {
  const given = await givenBucket();
  const bucket = findBucket(given.rows, 'photos');
  assert.deepEqual(bucket, {
    name: 'photos',
    account: 'alice',
    owner: alice.owner,
    created: alice.time,
    locationConstraint: '',
    versioning: 'unversioned',
    tags: [],
  });
  const create = { type: 'CreateBucket', locationConstraint: 'eu-west-1' } as const;
  await given.refused('photos', create, 'BucketAlreadyOwnedByYou', { BucketName: 'photos' });
  assert.deepEqual(await given.when('photos', create, bob), reject('BucketAlreadyExists', { BucketName: 'photos' }));
  for (const name of ['ab', 'Upper', 'nul\0byte', 'a'.repeat(64), '-a-', 'sla/sh']) await given.refused(name, create, 'InvalidBucketName');
  const { reply } = await given.accept('other', create, bob);
  assert.equal((reply as { locationConstraint: string }).locationConstraint, 'eu-west-1');
});

test('every command but CreateBucket needs its bucket', async () => {
  const given = await givenBucket();
  const upload = {
    bucket: 'gone',
    key,
    uploadId: 'u',
    initiated: 1,
    owner: alice.owner,
    metadata: newObject().metadata,
    tags: [],
    checksum: undefined,
  };
  const commands = [
    { type: 'DeleteBucket' },
    { type: 'PutBucketVersioning', versioning: 'enabled' },
    { type: 'PutBucketTagging', tags: [] },
    put(key),
    remove(key),
    remove(key, 'null'),
    { type: 'PutObjectTagging', key, versionId: undefined, tags: [] },
    { type: 'CreateMultipartUpload', upload },
    { type: 'CompleteMultipartUpload', key, uploadId: 'u', entropy: '0'.repeat(16), conditions: {}, object: newObject(), parts: [] },
    { type: 'AbortMultipartUpload', key, uploadId: 'u', parts: [] },
  ] as const;
  for (const command of commands) await given.refused('gone', command, 'NoSuchBucket', { BucketName: 'gone' });
});

test('DeleteBucket: versions and markers keep it, uploads hold it up', async () => {
  const given = await givenBucket('photos', 'enabled');
  await given.accept('photos', put(key));
  await given.refused('photos', { type: 'DeleteBucket' }, 'BucketNotEmpty', { BucketName: 'photos' });
  const { reply } = await given.accept('photos', remove(key));
  const marker = idOf(reply);
  await given.accept('photos', remove(key, marker));
  await given.accept('photos', remove(key));
  const names = await given.keysOf('versions');
  assert.equal(names.length, 2, 'a version and a marker');
  await given.refused('photos', { type: 'DeleteBucket' }, 'BucketNotEmpty');
});

test('DeleteBucket takes every row of the bucket', async () => {
  const given = await givenBucket('photos', 'enabled');
  await given.accept('photos', put(key));
  const written = await given.accept('photos', put(key, blobObject('f'.repeat(32))));
  const first = await findVersionIds(given);
  for (const id of first) await given.accept('photos', remove(key, id));
  assert.ok(first.includes(idOf(written.reply)));
  await given.accept('photos', { type: 'DeleteBucket' });
  for (const table of ['buckets', 'owned', 'sequences', 'heads', 'versions', 'nulls', 'bodies', 'manifests']) {
    assert.deepEqual(await given.keysOf(table), [], table);
  }
  assert.deepEqual((await given.keysOf('orphans')).length, 1, 'the blob waits for the reclaimer');
});

async function findVersionIds(given: GivenBucket): Promise<string[]> {
  const current = head(given);
  const ids: string[] = [];
  for (let seq = bucketSequenceFirst + 1; seq <= bucketSequenceFirst + 10; seq += 1) {
    if (current?.seq === seq) ids.push(seq.toString(16).padStart(16, '0') + current.entropy);
  }
  for (const old of await newestOld(given.rows, { bucket: 'photos', key }, 100)) {
    ids.push(old.entropy === '' ? 'null' : old.seq.toString(16).padStart(16, '0') + old.entropy);
  }
  return ids;
}

test('PutBucketVersioning and PutBucketTagging', async () => {
  const given = await givenBucket();
  await given.accept('photos', { type: 'PutBucketVersioning', versioning: 'enabled' });
  assert.equal(findBucket(given.rows, 'photos')?.versioning, 'enabled');
  const again = await given.accept('photos', { type: 'PutBucketVersioning', versioning: 'enabled' });
  assert.deepEqual(again.events, []);
  await given.accept('photos', { type: 'PutBucketTagging', tags: [['team', 'blue']] });
  assert.deepEqual(findBucket(given.rows, 'photos')?.tags, [['team', 'blue']]);
  await given.refused(
    'photos',
    { type: 'PutBucketTagging', tags: Array.from({ length: 51 }, (_, at) => [`${at}`, ''] as const) },
    'InvalidTag',
  );
  await given.refused(
    'photos',
    {
      type: 'PutBucketTagging',
      tags: [
        ['twice', '1'],
        ['twice', '2'],
      ],
    },
    'InvalidTag',
  );
});

test('PutObject in an unversioned bucket replaces the null version and frees what it held', async () => {
  const given = await givenBucket();
  const first = await given.accept('photos', put(key));
  assert.deepEqual([types(first.events), (first.reply as Written).versionId], [['ObjectPut'], undefined]);
  assert.equal((await given.keysOf('bodies')).length, 1);
  await given.accept('photos', put(key, blobObject('1'.repeat(32))));
  assert.deepEqual(await given.keysOf('bodies'), []);
  assert.equal((await given.keysOf('refs')).length, 1);
  assert.deepEqual(await given.keysOf('orphans'), []);
  await given.accept('photos', put(key, newObject({ size: 0, inline: undefined })));
  assert.deepEqual(
    (await given.keysOf('refs')).map((row) => row.length),
    [33],
    'nobody is left, and since when',
  );
  assert.equal((await given.keysOf('orphans')).length, 1);
  assert.deepEqual([await given.keysOf('versions'), await given.keysOf('nulls'), await given.keysOf('sequences')], [[], [], []]);
  assert.equal(head(given)?.content, 'none');
});

test('PutObject refuses by the look of it and by conditions', async () => {
  const given = await givenBucket();
  await given.refused('photos', put(''), 'InvalidObjectName');
  await given.refused('photos', put('k'.repeat(1025)), 'KeyTooLongError', { Size: 1025, MaxSizeAllowed: 1024 });
  const fat = newObject({ metadata: { headers: {}, user: { note: 'x'.repeat(2045) } } });
  await given.refused('photos', put(key, fat), 'MetadataTooLarge', { Size: 2049, MaxSizeAllowed: 2048 });
  await given.refused('photos', put(key, newObject(), { ifMatch: '*' }), 'NoSuchKey', { Key: key });
  await given.accept('photos', put(key, newObject(), { ifNoneMatch: '*' }));
  await given.refused('photos', put(key, newObject(), { ifNoneMatch: '*' }), 'PreconditionFailed', { Condition: 'If-None-Match' });
  await given.refused('photos', put(key, newObject(), { ifMatch: 'other' }), 'PreconditionFailed', { Condition: 'If-Match' });
  await given.accept('photos', put(key, newObject(), { ifMatch: 'e'.repeat(32) }));
  await given.accept('photos', put(key, newObject(), { ifMatch: '*' }));
});

test('versioning enabled keeps all, suspended replaces the null version alone', async () => {
  const given = await givenBucket();
  await given.accept('photos', put(key, newObject({ etag: 'null-1' })));
  await given.accept('photos', { type: 'PutBucketVersioning', versioning: 'enabled' });
  const second = idOf((await given.accept('photos', put(key, newObject({ etag: 'second' })))).reply);
  const third = idOf((await given.accept('photos', put(key, newObject({ etag: 'third' })))).reply);
  assert.notEqual(second, third);
  assert.equal(findOldNull(given.rows, 'photos', key)?.etag, 'null-1');
  assert.equal(findVersion(given.rows, 'photos', key, second)?.version.etag, 'second');
  await given.accept('photos', { type: 'PutBucketVersioning', versioning: 'suspended' });
  const fourth = await given.accept('photos', put(key, newObject({ etag: 'null-4' })));
  assert.equal(idOf(fourth.reply), 'null');
  assert.equal(findVersion(given.rows, 'photos', key, 'null')?.version.etag, 'null-4');
  assert.equal(findOldNull(given.rows, 'photos', key), undefined, 'null-1 has gone');
  assert.equal(findVersion(given.rows, 'photos', key, third)?.version.etag, 'third', 'the others stay');
  await given.accept('photos', put(key, newObject({ etag: 'null-5' })));
  assert.equal(head(given)?.etag, 'null-5');
  assert.equal((await given.keysOf('versions')).length, 2);
  assert.equal((await given.keysOf('bodies')).length, 3);
  const marker = await given.accept('photos', remove(key));
  assert.deepEqual(marker.reply, { versionId: 'null', deleteMarker: true, markerPlaced: true });
  assert.equal(head(given), undefined);
  assert.equal(findOldNull(given.rows, 'photos', key)?.deleteMarker, true);
  assert.equal(findVersion(given.rows, 'photos', key, 'null')?.version.deleteMarker, true);
  await given.accept('photos', put(key, newObject({ etag: 'null-6' })));
  assert.equal((await given.keysOf('versions')).length, 2, 'the null marker was replaced');
});

test('deleting the current version by id brings the next one up, unless that is a marker', async () => {
  const given = await givenBucket('photos', 'enabled');
  const first = idOf((await given.accept('photos', put(key, newObject({ etag: 'first' })))).reply);
  const marker = idOf((await given.accept('photos', remove(key))).reply);
  const second = idOf((await given.accept('photos', put(key, newObject({ etag: 'second' })))).reply);
  const third = idOf((await given.accept('photos', put(key, newObject({ etag: 'third' })))).reply);
  await given.accept('photos', remove(key, third));
  assert.equal(head(given)?.etag, 'second');
  const gone = await given.accept('photos', remove(key, second));
  assert.deepEqual(gone.reply, { versionId: second, deleteMarker: false, markerPlaced: false });
  assert.equal(head(given), undefined, 'the marker is on top');
  const unveiled = await given.accept('photos', remove(key, marker));
  assert.deepEqual(unveiled.reply, { versionId: marker, deleteMarker: true, markerPlaced: false });
  assert.equal(head(given)?.etag, 'first');
  const again = await given.accept('photos', remove(key, marker));
  assert.deepEqual([again.events, again.reply], [[], { versionId: marker, deleteMarker: false, markerPlaced: false }]);
  await given.accept('photos', remove(key, first));
  assert.deepEqual([await given.keysOf('heads'), await given.keysOf('versions'), await given.keysOf('bodies')], [[], [], []]);
});

test('an old version or a lower marker goes without a change on top', async () => {
  const given = await givenBucket('photos', 'enabled');
  const lowest = idOf((await given.accept('photos', put(key))).reply);
  const lower = idOf((await given.accept('photos', remove(key))).reply);
  const upper = idOf((await given.accept('photos', remove(key))).reply);
  const { events } = await given.accept('photos', remove(key, lower));
  assert.equal(events[0]?.type === 'VersionDeleted' && events[0].promoted, undefined);
  assert.equal(head(given), undefined);
  await given.accept('photos', remove(key, upper));
  assert.ok(head(given));
  await given.refused('photos', remove(key, 'no-id'), 'InvalidArgument', { ArgumentName: 'versionId', ArgumentValue: 'no-id' });
  await given.refused('photos', remove(key, 'null', { ifMatch: '*' }), 'NoSuchVersion', { Key: key, VersionId: 'null' });
  await given.accept('photos', remove(key, lowest, { ifMatch: 'e'.repeat(32) }));
});

test('DeleteObject under conditions', async () => {
  const given = await givenBucket();
  await given.refused('photos', remove(key, undefined, { ifMatch: '*' }), 'NoSuchKey', { Key: key });
  await given.accept('photos', remove(key, undefined, { ifMatchSize: 3 }));
  await given.accept('photos', put(key));
  const unmet = [
    [{ ifMatch: 'x' }, 'If-Match'],
    [{ ifMatchSize: 6 }, 'x-amz-if-match-size'],
    [{ ifMatchLastModified: alice.time + 1000 }, 'x-amz-if-match-last-modified-time'],
  ] as const;
  for (const [conditions, Condition] of unmet)
    await given.refused('photos', remove(key, undefined, conditions), 'PreconditionFailed', { Condition });
  await given.accept('photos', remove(key, undefined, { ifMatch: 'e'.repeat(32), ifMatchSize: 5, ifMatchLastModified: alice.time + 1 }));
  assert.equal(head(given), undefined);
});

test('PutObjectTagging', async () => {
  const given = await givenBucket('photos', 'enabled');
  const tag = (versionId: string | undefined, count = 1) => {
    const tags = Array.from({ length: count }, (_, at) => [`t${at}`, 'v'] as const);
    return { type: 'PutObjectTagging', key, versionId, tags } as const;
  };
  await given.refused('photos', tag(undefined), 'NoSuchKey');
  const first = idOf((await given.accept('photos', put(key))).reply);
  await given.accept('photos', put(key));
  await given.accept('photos', tag(first, 10));
  assert.equal(findVersion(given.rows, 'photos', key, first)?.version.tags.length, 10);
  assert.equal(head(given)?.tags.length, 0);
  await given.accept('photos', tag(undefined));
  assert.deepEqual(head(given)?.tags, [['t0', 'v']]);
  await given.refused('photos', tag(first, 11), 'InvalidTag');
  await given.refused('photos', tag('bad'), 'InvalidArgument');
  await given.refused('photos', tag('0'.repeat(32)), 'NoSuchVersion');
  const marker = idOf((await given.accept('photos', remove(key))).reply);
  await given.refused('photos', tag(marker), 'MethodNotAllowed');
});

test('uploads begin, end in an object, or are aborted', async () => {
  const given = await givenBucket();
  const upload = {
    bucket: 'photos',
    key,
    uploadId: 'u'.repeat(32),
    initiated: 1,
    owner: alice.owner,
    metadata: newObject().metadata,
    tags: [],
    checksum: { algorithm: 'SHA256', type: 'COMPOSITE' },
  } as const;
  await given.accept('photos', { type: 'CreateMultipartUpload', upload });
  await given.refused('photos', { type: 'CreateMultipartUpload', upload: { ...upload, key: '' } }, 'InvalidObjectName');
  await given.refused('photos', { type: 'DeleteBucket' }, 'OperationAborted');
  const { uploadId } = upload;
  const parts = [
    { partNumber: 1, blobs: ['1'.repeat(32)], taken: true },
    { partNumber: 2, blobs: ['2'.repeat(32), '3'.repeat(32)], taken: false },
  ];
  const manifest = {
    refs: [{ blob: '1'.repeat(32), offset: 0, length: 5 }],
    parts: [{ partNumber: 1, size: 5, etag: 'x', checksum: undefined }],
    uploadId,
  };
  const complete = {
    type: 'CompleteMultipartUpload',
    key,
    uploadId,
    entropy: '0'.repeat(16),
    conditions: {},
    object: newObject({ inline: undefined, manifest, refs: manifest.refs }),
    parts,
  } as const;
  await given.refused('photos', { ...complete, uploadId: 'other' }, 'NoSuchUpload', { UploadId: 'other' });
  await given.refused('photos', { ...complete, conditions: { ifMatch: 'x' } }, 'NoSuchKey');
  const { events } = await given.accept('photos', complete);
  assert.deepEqual(types(events), ['ObjectPut', 'UploadCompleted']);
  assert.deepEqual(await given.keysOf('uploads'), []);
  assert.deepEqual(
    (await given.keysOf('orphans')).map((row) => row.slice(8)),
    ['2'.repeat(32), '3'.repeat(32)],
  );
  assert.equal((await given.keysOf('completed')).length, 1);
  assert.equal(head(given)?.partCount, 1);
  await given.refused('photos', complete, 'NoSuchUpload');
  await given.accept('photos', remove(key));
  assert.deepEqual([await given.keysOf('manifests'), await given.keysOf('completed')], [[], []]);
  await given.accept('photos', { type: 'CreateMultipartUpload', upload });
  await given.accept('photos', { type: 'AbortMultipartUpload', key, uploadId, parts });
  await given.refused('photos', { type: 'AbortMultipartUpload', key, uploadId, parts }, 'NoSuchUpload');
  assert.deepEqual(await given.keysOf('uploads'), []);
});

test('version ids lead to their row and nowhere else', async () => {
  const given = await givenBucket('photos', 'enabled');
  const id = idOf((await given.accept('photos', put(key))).reply);
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.equal(findVersion(given.rows, 'photos', key, `${id.slice(0, 16)}${'f'.repeat(16)}`), undefined);
  assert.equal(findVersion(given.rows, 'photos', 'a', id), undefined);
  assert.equal(findVersion(given.rows, 'photos', key, 'null'), undefined);
});
