/** Debian's AWS CLI, plain commands: cp, sync, mv, ls, presign, rm --recursive, large files by multipart. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { seededBytes, temporaryDirectory, treeDigest, writeTree } from '../support/files.ts';
import { missingPeer, peer, peerFails } from '../support/peer.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const skip = missingPeer('aws');
const work = temporaryDirectory('awscli');
let server: RunningServer;

before(async () => {
  if (!skip) server = await startServer();
});
after(async () => {
  await server?.stop();
  work.remove();
});

const environment = (): Record<string, string> => ({
  AWS_ACCESS_KEY_ID: server.accessKey,
  AWS_SECRET_ACCESS_KEY: server.secretKey,
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_CONFIG_FILE: join(work.path, 'no-config'),
  AWS_SHARED_CREDENTIALS_FILE: join(work.path, 'no-credentials'),
  AWS_EC2_METADATA_DISABLED: 'true',
});
const aws = (...args: string[]): Promise<string> =>
  peer('aws', ['--endpoint-url', server.endpoint, ...args], { environment: environment() });

test('awscli: mb, cp, ls, sync, mv, presign, rm --recursive, rb', { skip }, async () => {
  const files = {
    'a.txt': 'alpha',
    'dir/b c+d.txt': 'beta',
    'dir/ünï/ç.bin': seededBytes(300_000, 1),
    'big.bin': seededBytes(20_000_003, 2),
    empty: '',
  };
  writeTree(join(work.path, 'from'), files);
  await aws('s3', 'mb', 's3://cli');
  await aws('s3', 'cp', join(work.path, 'from/big.bin'), 's3://cli/copied/big.bin');
  await aws('s3', 'sync', join(work.path, 'from'), 's3://cli/tree');
  assert.match(await aws('s3', 'ls', 's3://cli/tree/'), /a\.txt/);
  assert.equal((await aws('s3', 'sync', join(work.path, 'from'), 's3://cli/tree')).trim(), '', 'a second sync has nothing to do');
  await aws('s3', 'sync', 's3://cli/tree', join(work.path, 'to'));
  assert.deepEqual(treeDigest(join(work.path, 'to')), treeDigest(join(work.path, 'from')));
  await aws('s3', 'mv', 's3://cli/tree/a.txt', 's3://cli/moved/a.txt');
  assert.doesNotMatch(await aws('s3', 'ls', 's3://cli/tree/'), /a\.txt/);
  await aws('s3', 'cp', 's3://cli/copied/big.bin', 's3://cli/copied/again.bin');
  const url = (await aws('s3', 'presign', 's3://cli/moved/a.txt')).trim();
  const presigned = await fetch(url);
  assert.equal(presigned.status, 200);
  assert.equal(await presigned.text(), 'alpha');
  assert.match(
    await peerFails('aws', ['--endpoint-url', server.endpoint, 's3', 'rb', 's3://cli'], { environment: environment() }),
    /BucketNotEmpty/,
  );
  await aws('s3', 'rm', '--recursive', 's3://cli');
  await aws('s3', 'rb', 's3://cli');
  assert.equal((await aws('s3', 'ls')).trim(), '');
});

test('awscli: s3api versions, tags, attributes and conditional put', { skip }, async () => {
  writeTree(work.path, { 'v.txt': 'one' });
  await aws('s3api', 'create-bucket', '--bucket', 'cli-api');
  await aws('s3api', 'put-bucket-versioning', '--bucket', 'cli-api', '--versioning-configuration', 'Status=Enabled');
  const first = JSON.parse(
    await aws('s3api', 'put-object', '--bucket', 'cli-api', '--key', 'k', '--body', join(work.path, 'v.txt'), '--tagging', 'a=1&b=2'),
  );
  await aws('s3api', 'delete-object', '--bucket', 'cli-api', '--key', 'k');
  const versions = JSON.parse(await aws('s3api', 'list-object-versions', '--bucket', 'cli-api'));
  assert.equal(versions.Versions.length, 1);
  assert.equal(versions.DeleteMarkers.length, 1);
  const tags = JSON.parse(await aws('s3api', 'get-object-tagging', '--bucket', 'cli-api', '--key', 'k', '--version-id', first.VersionId));
  assert.deepEqual(tags.TagSet, [
    { Key: 'a', Value: '1' },
    { Key: 'b', Value: '2' },
  ]);
  const out = join(work.path, 'v.out');
  await aws('s3api', 'get-object', '--bucket', 'cli-api', '--key', 'k', '--version-id', first.VersionId, out);
  assert.equal(
    JSON.parse(await aws('s3api', 'head-object', '--bucket', 'cli-api', '--key', 'k', '--version-id', first.VersionId)).ContentLength,
    3,
  );
});

test('awscli: another region in the environment finds its way', { skip }, async () => {
  const lost = { environment: { ...environment(), AWS_DEFAULT_REGION: 'eu-west-1' } };
  const elsewhere = (...args: string[]): Promise<string> => peer('aws', ['--endpoint-url', server.endpoint, ...args], lost);
  writeTree(join(work.path, 'lost'), { 'a.txt': 'alpha' });
  await aws('s3', 'mb', 's3://lost');
  await elsewhere('s3', 'cp', join(work.path, 'lost/a.txt'), 's3://lost/a.txt');
  await elsewhere('s3', 'cp', 's3://lost/a.txt', join(work.path, 'found/a.txt'));
  assert.deepEqual(treeDigest(join(work.path, 'found')), treeDigest(join(work.path, 'lost')));
  await aws('s3', 'rb', '--force', 's3://lost');
});
