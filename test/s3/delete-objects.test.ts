/** DeleteObject and DeleteObjects, in buckets without and with versions. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type RawClient, refused, startRaw, xmlText, xmlTexts } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';

let server: RunningServer;
let client: S3Client;
let raw: RawClient;

before(async () => {
  server = await startServer();
  client = server.client();
  raw = startRaw(server);
  for (const Bucket of ['plain', 'versions']) await client.send(new CreateBucketCommand({ Bucket }));
  await client.send(new PutBucketVersioningCommand({ Bucket: 'versions', VersioningConfiguration: { Status: 'Enabled' } }));
});
after(async () => {
  raw?.close();
  await server?.stop();
});

const put = (bucket: string, key: string) => raw.must({ method: 'PUT', bucket, key, body: Buffer.from(key) });
const remove = (bucket: string, key: string, query = {}, headers = {}) => raw.call({ method: 'DELETE', bucket, key, query, headers });
const get = (bucket: string, key: string, query = {}) => raw.call({ method: 'GET', bucket, key, query });
const removeAll = (bucket: string, xml: string, headers: Record<string, string> = {}) =>
  raw.call({ method: 'POST', bucket, query: { delete: '' }, headers, body: Buffer.from(xml) });

test('DeleteObject: gone, and gone again', async () => {
  await put('plain', 'once');
  for (let time = 0; time < 2; time += 1) {
    const answer = await remove('plain', 'once');
    assert.equal(answer.status, 204);
    assert.equal(answer.headers['x-amz-version-id'], undefined);
    assert.equal(answer.headers['x-amz-delete-marker'], undefined);
  }
  refused(await get('plain', 'once'), 404, 'NoSuchKey');
  refused(await remove('no-such-bucket', 'k'), 404, 'NoSuchBucket');
  refused(await remove('plain', 'k', { versionId: '' }), 400, 'InvalidArgument');
});

test('conditional DeleteObject', async () => {
  const written = await put('plain', 'guarded');
  refused(await remove('plain', 'guarded', {}, { 'if-match': '"other"' }), 412, 'PreconditionFailed');
  refused(await remove('plain', 'guarded', {}, { 'x-amz-if-match-size': '1' }), 412, 'PreconditionFailed');
  refused(await remove('plain', 'guarded', {}, { 'x-amz-if-match-size': 'one' }), 400, 'InvalidArgument');
  assert.equal((await get('plain', 'guarded')).status, 200);
  assert.equal((await remove('plain', 'guarded', {}, { 'if-match': written.headers.etag ?? '' })).status, 204);
});

test('delete markers: GET of the latest 404, by id 405; removing the marker brings the object back', async () => {
  await put('versions', 'doc');
  const marked = await remove('versions', 'doc');
  assert.equal(marked.status, 204);
  assert.equal(marked.headers['x-amz-delete-marker'], 'true');
  const marker = marked.headers['x-amz-version-id'] ?? '';
  const latest = await get('versions', 'doc');
  refused(latest, 404, 'NoSuchKey', { Key: 'doc' });
  assert.equal(latest.headers['x-amz-delete-marker'], 'true');
  const byId = await get('versions', 'doc', { versionId: marker });
  refused(byId, 405, 'MethodNotAllowed');
  assert.equal(byId.headers['x-amz-delete-marker'], 'true');
  const removed = await remove('versions', 'doc', { versionId: marker });
  assert.equal(removed.headers['x-amz-delete-marker'], 'true');
  assert.equal(removed.headers['x-amz-version-id'], marker);
  assert.equal((await get('versions', 'doc')).body.toString(), 'doc');
  refused(await get('versions', 'doc', { versionId: 'nonsense' }), 400, 'InvalidArgument');
  refused(await get('versions', 'doc', { versionId: marker }), 404, 'NoSuchVersion');
});

test('DeleteObjects: a thousand keys with the SDK’s checksum, missing ones are successes', async () => {
  const keys = Array.from({ length: 1000 }, (_, at) => `many/${at}`);
  for (let at = 0; at < 200; at += 50) await Promise.all(keys.slice(at, at + 50).map((key) => put('plain', key)));
  const done = await client.send(new DeleteObjectsCommand({ Bucket: 'plain', Delete: { Objects: keys.map((Key) => ({ Key })) } }));
  assert.equal(done.Deleted?.length, 1000);
  assert.deepEqual(
    done.Deleted?.map((deleted) => deleted.Key),
    keys,
  );
  assert.equal(done.Errors?.length ?? 0, 0);
  refused(await get('plain', 'many/0'), 404, 'NoSuchKey');
});

test('DeleteObjects: Quiet shows errors alone', async () => {
  await put('plain', 'quiet');
  const xml = `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet><Object><Key>quiet</Key></Object><Object><Key>${'k'.repeat(1025)}</Key></Object><Object><Key></Key></Object></Delete>`;
  const answer = await removeAll('plain', xml, { 'content-md5': createHash('md5').update(xml).digest('base64') });
  assert.equal(answer.status, 200, answer.body.toString());
  assert.equal(xmlText(answer, 'Deleted'), undefined);
  assert.doesNotMatch(answer.body.toString(), /<Deleted>/);
  assert.deepEqual(xmlTexts(answer, 'Code'), ['KeyTooLongError', 'InvalidObjectName']);
  refused(await get('plain', 'quiet'), 404, 'NoSuchKey');
});

test('DeleteObjects: versions, markers, conditions of one key', async () => {
  const first = await put('versions', 'pair');
  await put('versions', 'pair');
  const version = first.headers['x-amz-version-id'] ?? '';
  const done = await client.send(
    new DeleteObjectsCommand({
      Bucket: 'versions',
      Delete: { Objects: [{ Key: 'pair', VersionId: version }, { Key: 'unseen' }, { Key: 'pair', VersionId: 'nonsense' }] },
    }),
  );
  const [byId, marked] = done.Deleted ?? [];
  assert.equal(byId?.VersionId, version);
  assert.equal(byId?.DeleteMarker, undefined);
  assert.equal(marked?.DeleteMarker, true);
  assert.match(marked?.DeleteMarkerVersionId ?? '', /./);
  assert.equal(done.Errors?.[0]?.Key, 'pair');
  assert.match(done.Errors?.[0]?.Message ?? '', /./);
  const undone = await client.send(
    new DeleteObjectsCommand({ Bucket: 'versions', Delete: { Objects: [{ Key: 'unseen', VersionId: marked?.DeleteMarkerVersionId }] } }),
  );
  assert.equal(undone.Deleted?.[0]?.DeleteMarker, true);
  const left = await client.send(new ListObjectVersionsCommand({ Bucket: 'versions', Prefix: 'unseen' }));
  assert.equal(left.DeleteMarkers?.length ?? 0, 0);
  await client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'kept', Body: 'kept' }));
  const guarded = await removeAll('plain', '<Delete><Object><Key>kept</Key><ETag>"other"</ETag></Object></Delete>');
  assert.deepEqual(xmlTexts(guarded, 'Code'), ['PreconditionFailed']);
});

test('DeleteObjects refuses documents that are none of its kind', async () => {
  const many = Array.from({ length: 1001 }, (_, at) => `<Object><Key>${at}</Key></Object>`).join('');
  for (const xml of [
    '',
    '<Delete>',
    '<Delete/>',
    '<Delete><Object/></Delete>',
    `<Delete>${many}</Delete>`,
    '<Remove><Object><Key>k</Key></Object></Remove>',
  ]) {
    refused(await removeAll('plain', xml), 400, 'MalformedXML');
  }
  const one = '<Delete><Object><Key>k</Key></Object></Delete>';
  refused(await removeAll('plain', one, { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }), 400, 'BadDigest');
  refused(await removeAll('no-such-bucket', one), 404, 'NoSuchBucket');
});

test('DeleteObjects: a version id that cannot be one is a version that is not there, for that key alone', async () => {
  const key = 'list';
  for (const bucket of ['plain', 'versions']) {
    await put(bucket, key);
    const bad = `<Object><Key>${key}</Key><VersionId>no-version</VersionId></Object>`;
    const answer = await removeAll(bucket, `<Delete>${bad}<Object><Key>absent</Key></Object></Delete>`);
    assert.equal(answer.status, 200);
    const told = { Key: key, VersionId: 'no-version', Code: 'NoSuchVersion', Message: 'The specified version does not exist.' };
    for (const [name, text] of Object.entries(told)) assert.equal(xmlText(answer, name), text);
    assert.match(answer.body.toString(), /<Deleted><Key>absent</);
    assert.equal((await get(bucket, key)).status, 200);
  }
  const Message = 'Invalid version id specified';
  refused(await remove('plain', key, { versionId: 'no-version' }), 400, 'InvalidArgument', { Message });
});
