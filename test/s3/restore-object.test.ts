/** Archived objects: not read before they are restored, and RestoreObject. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RawClient, refused, startRaw, xmlText } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const bucket = 'archive';
let server: RunningServer;
let raw: RawClient;

before(async () => {
  server = await startServer();
  raw = startRaw(server);
  await raw.must({ method: 'PUT', bucket });
});
after(async () => {
  raw?.close();
  await server?.stop();
});

const put = (key: string, storageClass: string) =>
  raw.must({ method: 'PUT', bucket, key, headers: { 'x-amz-storage-class': storageClass }, body: Buffer.from(key) });
const get = (key: string, query: Record<string, string> = {}) => raw.call({ method: 'GET', bucket, key, query });
const copy = (key: string, source: string, query: Record<string, string> = {}) =>
  raw.call({ method: 'PUT', bucket, key, query, headers: { 'x-amz-copy-source': `${bucket}/${source}` } });
const restore = (key: string, inside: string, query: Record<string, string> = {}) =>
  raw.call({
    method: 'POST',
    bucket,
    key,
    query: { restore: '', ...query },
    body: Buffer.from(`<RestoreRequest>${inside}</RestoreRequest>`),
  });
const oneDay = '<Days>1</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters>';

test('GLACIER and DEEP_ARCHIVE: no read and no copy before the object is restored', async () => {
  for (const StorageClass of ['GLACIER', 'DEEP_ARCHIVE']) {
    await put(StorageClass, StorageClass);
    const Message = "The operation is not valid for the object's storage class";
    refused(await get(StorageClass), 403, 'InvalidObjectState', { StorageClass, Message });
    refused(await get(StorageClass, { partNumber: '1' }), 403, 'InvalidObjectState');
    const source = { StorageClass, Message: "Operation is not valid for the source object's storage class" };
    refused(await copy('never', StorageClass), 403, 'InvalidObjectState', source);
    const started = await raw.must({ method: 'POST', bucket, key: 'never', query: { uploads: '' } });
    const part = { partNumber: '1', uploadId: xmlText(started, 'UploadId') ?? '' };
    refused(await copy('never', StorageClass, part), 403, 'InvalidObjectState', source);
    const head = await raw.must({ method: 'HEAD', bucket, key: StorageClass });
    assert.equal(head.headers['x-amz-storage-class'], StorageClass);
    assert.equal(head.headers['x-amz-restore'], undefined);

    assert.equal((await restore(StorageClass, oneDay)).status, 202);
    const read = await get(StorageClass);
    assert.equal(read.body.toString(), StorageClass);
    assert.match(read.headers['x-amz-restore'] ?? '', /^ongoing-request="false", expiry-date="\w{3}, \d\d \w{3} \d{4} 00:00:00 GMT"$/);
    assert.equal((await restore(StorageClass, '<Days>2</Days>')).status, 200, 'already restored: the days are changed');
    assert.equal((await copy('warm', StorageClass)).status, 200);
    const warm = await get('warm');
    assert.equal(warm.body.toString(), StorageClass);
    assert.equal(warm.headers['x-amz-restore'], undefined);
    assert.equal(warm.headers['x-amz-storage-class'], undefined);
  }
});

test('RestoreObject refuses what it can not restore', async () => {
  for (const storageClass of ['STANDARD', 'GLACIER_IR']) {
    await put('warm', storageClass);
    assert.equal((await get('warm')).status, 200);
    const facts = { StorageClass: storageClass, Message: "Restore is not allowed for the object's current storage class" };
    refused(await restore('warm', oneDay), 403, 'InvalidObjectState', facts);
  }
  await put('cold', 'GLACIER');
  for (const days of ['', '<Days>0</Days>', '<Days>-1</Days>', '<Days>x</Days>']) refused(await restore('cold', days), 400, 'MalformedXML');
  refused(await restore('cold', '<Type>SELECT</Type>'), 501, 'NotImplemented');
  refused(await restore('absent', oneDay), 404, 'NoSuchKey', { Key: 'absent' });
  refused(await restore('cold', oneDay, { versionId: 'x' }), 400, 'InvalidArgument');
  refused(await get('cold'), 403, 'InvalidObjectState');
});

test('one version is restored, the others are not', async () => {
  const enabled = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  await raw.must({ method: 'PUT', bucket, query: { versioning: '' }, body: Buffer.from(enabled) });
  const first = (await put('twice', 'GLACIER')).headers['x-amz-version-id'] ?? '';
  await put('twice', 'GLACIER');
  assert.equal((await restore('twice', oneDay, { versionId: first })).status, 202);
  assert.equal((await get('twice', { versionId: first })).status, 200);
  refused(await get('twice'), 403, 'InvalidObjectState');
  const marker = (await raw.must({ method: 'DELETE', bucket, key: 'twice' })).headers['x-amz-version-id'] ?? '';
  for (const query of [{}, { versionId: marker }] as Record<string, string>[]) {
    refused(await restore('twice', oneDay, query), 405, 'MethodNotAllowed', { Method: 'POST' });
  }
});
