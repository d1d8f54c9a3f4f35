/** s3cmd: mb, put, get, sync, ls, info, cp, del, rb. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { seededBytes, temporaryDirectory, treeDigest, writeTree } from '../support/files.ts';
import { missingPeer, peer } from '../support/peer.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const skip = missingPeer('s3cmd');
const work = temporaryDirectory('s3cmd');
let server: RunningServer;

before(async () => {
  if (!skip) server = await startServer();
});
after(async () => {
  await server?.stop();
  work.remove();
});

const s3cmd = (...args: string[]): Promise<string> => {
  const host = new URL(server.endpoint).host;
  const keys = [`--access_key=${server.accessKey}`, `--secret_key=${server.secretKey}`];
  return peer('s3cmd', ['-c', '/dev/null', '--no-ssl', `--host=${host}`, `--host-bucket=${host}`, ...keys, ...args]);
};

test('s3cmd: put, get, sync, ls, info, cp, del', { skip }, async () => {
  writeTree(join(work.path, 'from'), {
    'a.txt': 'alpha',
    'sub/b c.txt': 'beta',
    'sub/é.bin': seededBytes(100_000, 3),
    'big.bin': seededBytes(17_000_000, 4),
  });
  await s3cmd('mb', 's3://s3cmd');
  await s3cmd('put', join(work.path, 'from/big.bin'), 's3://s3cmd/one.bin');
  await s3cmd('sync', `${join(work.path, 'from')}/`, 's3://s3cmd/tree/');
  assert.match(await s3cmd('ls', '-r', 's3://s3cmd/tree/'), /sub\/b c\.txt/);
  await s3cmd('sync', 's3://s3cmd/tree/', `${join(work.path, 'to')}/`);
  assert.deepEqual(treeDigest(join(work.path, 'to')), treeDigest(join(work.path, 'from')));
  await s3cmd('get', 's3://s3cmd/one.bin', join(work.path, 'one.bin'));
  await s3cmd('cp', 's3://s3cmd/tree/a.txt', 's3://s3cmd/copy.txt');
  assert.match(await s3cmd('ls', 's3://s3cmd'), /copy\.txt/);
  await s3cmd('del', '--recursive', '--force', 's3://s3cmd');
  await s3cmd('rb', 's3://s3cmd');
});
