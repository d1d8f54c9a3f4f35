/** Buckets through the door. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accepted, putCommand, rejected, testEngine } from '../support/engine.ts';

test('buckets belong to accounts, are listed by name and by page', async () => {
  const { engine, caller } = await testEngine();
  for (const bucket of ['zoo', 'ant', 'bee-1', 'bee-2', 'bee.3'])
    await accepted(engine.createBucket(caller(), { bucket, locationConstraint: 'eu' }));
  await accepted(engine.createBucket(caller('other'), { bucket: 'bear', locationConstraint: '' }));
  await rejected(engine.createBucket(caller(), { bucket: 'bear', locationConstraint: '' }), 'BucketAlreadyExists', { BucketName: 'bear' });
  await rejected(engine.createBucket(caller(), { bucket: 'ant', locationConstraint: '' }), 'BucketAlreadyOwnedByYou');
  await rejected(engine.createBucket(caller(), { bucket: 'Ant', locationConstraint: '' }), 'InvalidBucketName');
  const names = async (query = {}) => {
    const page = await accepted(engine.listBuckets(caller(), { prefix: '', after: '', max: 1000, ...query }));
    return [page.buckets.map((bucket) => bucket.name), page.next];
  };
  assert.deepEqual(await names(), [['ant', 'bee-1', 'bee-2', 'bee.3', 'zoo'], undefined]);
  assert.deepEqual(await names({ max: 2 }), [['ant', 'bee-1'], 'bee-1']);
  assert.deepEqual(await names({ max: 3, after: 'bee-1' }), [['bee-2', 'bee.3', 'zoo'], undefined]);
  assert.deepEqual(await names({ prefix: 'bee', max: 2 }), [['bee-1', 'bee-2'], 'bee-2']);
  assert.deepEqual(await names({ prefix: 'bee', after: 'bee-2' }), [['bee.3'], undefined]);
  assert.deepEqual(await names({ prefix: 'bee', after: 'cat' }), [[], undefined]);
  const info = await accepted(engine.headBucket(caller(), 'ant'));
  assert.deepEqual([info.locationConstraint, info.account, info.versioning], ['eu', 'owner', 'unversioned']);
  await rejected(engine.headBucket(caller(), 'gone'), 'NoSuchBucket', { BucketName: 'gone' });
  await engine.close();
});

test('the limit of buckets holds under concurrent creation', async () => {
  const { engine, caller } = await testEngine({ options: { bucketsPerAccountMax: 3 } });
  const create = (bucket: string, account?: string) => engine.createBucket(caller(account), { bucket, locationConstraint: '' });
  await accepted(create('bucket-0'));
  const answers = await Promise.all([1, 2, 3, 4].map((at) => create(`bucket-${at}`)));
  assert.equal(answers.filter((answer) => 'name' in answer).length, 2);
  await rejected(create('one-more'), 'TooManyBuckets');
  await rejected(create('bucket-0'), 'BucketAlreadyOwnedByYou');
  await accepted(create('another', 'other'));
  assert.equal(await engine.deleteBucket(caller(), 'bucket-0'), null);
  await accepted(create('one-more'));
  await engine.close();
});

test('far from the limit nobody counts rows, near it the count is exact', async () => {
  const { engine, caller, store } = await testEngine({ options: { bucketsPerAccountMax: 300 } });
  let counted = 0;
  const { range } = store;
  store.range = (table, wanted) => {
    if (table === 'owned') counted += 1;
    return range.call(store, table, wanted);
  };
  const create = (at: number) => engine.createBucket(caller(), { bucket: `bucket-${at}`, locationConstraint: '' });
  for (let at = 0; at < 40; at += 1) await accepted(create(at));
  assert.equal(counted, 1, 'before the first');
  const rest = await Promise.all(Array.from({ length: 270 }, (_, at) => create(at + 40)));
  assert.equal(rest.filter((answer) => 'name' in answer).length, 260);
  for (const at of [5, 6]) assert.equal(await engine.deleteBucket(caller(), `bucket-${at}`), null);
  assert.deepEqual(
    (await Promise.all([5, 6, 7000].map(create))).map((answer) => 'name' in answer),
    [true, true, false],
  );
  await engine.close();
});

test('versioning, tags and the end of a bucket', async () => {
  const { engine, caller } = await testEngine();
  await accepted(engine.createBucket(caller(), { bucket: 'photos', locationConstraint: '' }));
  await accepted(engine.putBucketTagging(caller(), 'photos', [['team', 'blue']]));
  await accepted(engine.putBucketVersioning(caller(), 'photos', 'enabled'));
  const info = await accepted(engine.headBucket(caller(), 'photos'));
  assert.deepEqual([info.tags, info.versioning], [[['team', 'blue']], 'enabled']);
  await accepted(engine.putBucketTagging(caller(), 'photos', []));
  assert.deepEqual((await accepted(engine.headBucket(caller(), 'photos'))).tags, []);
  const marker = await accepted(engine.deleteObject(caller(), { bucket: 'photos', key: 'k', conditions: {} }));
  await rejected(engine.deleteBucket(caller(), 'photos'), 'BucketNotEmpty', { BucketName: 'photos' });
  await accepted(engine.deleteObject(caller(), { bucket: 'photos', key: 'k', versionId: marker.versionId!, conditions: {} }));
  assert.equal(await engine.deleteBucket(caller(), 'photos'), null);
  await rejected(engine.deleteBucket(caller(), 'photos'), 'NoSuchBucket');
  await rejected(engine.putObject(caller(), putCommand('photos', 'k', 'x')), 'NoSuchBucket');
  await rejected(engine.putBucketVersioning(caller(), 'photos', 'enabled'), 'NoSuchBucket');
  const again = await accepted(engine.createBucket(caller('other'), { bucket: 'photos', locationConstraint: '' }));
  assert.deepEqual([again.account, again.versioning], ['other', 'unversioned']);
  await engine.close();
});
