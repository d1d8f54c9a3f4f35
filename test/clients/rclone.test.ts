/** rclone as provider Other without quirk flags: copy, sync, check, md5sum, delete. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { seededBytes, temporaryDirectory, treeDigest, writeTree } from '../support/files.ts';
import { missingPeer, peer } from '../support/peer.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const skip = missingPeer('rclone', ['version']);
const work = temporaryDirectory('rclone');
let server: RunningServer;

before(async () => {
  if (!skip) server = await startServer();
});
after(async () => {
  await server?.stop();
  work.remove();
});

const rclone = (...args: string[]): Promise<string> =>
  peer('rclone', ['--config', join(work.path, 'none.conf'), ...args], {
    environment: {
      RCLONE_CONFIG_LITEIO_TYPE: 's3',
      RCLONE_CONFIG_LITEIO_PROVIDER: 'Other',
      RCLONE_CONFIG_LITEIO_ACCESS_KEY_ID: server.accessKey,
      RCLONE_CONFIG_LITEIO_SECRET_ACCESS_KEY: server.secretKey,
      RCLONE_CONFIG_LITEIO_ENDPOINT: server.endpoint,
    },
  });

test('rclone: copy, sync, check, md5sum, delete', { skip }, async () => {
  const from = join(work.path, 'from');
  const big = seededBytes(211_000_000, 5);
  writeTree(from, { 'a.txt': 'alpha', 'dir/b.bin': seededBytes(70_000, 6), 'dir/deep/ü?*.txt': 'x', 'big.bin': big, empty: '' });
  await rclone('mkdir', 'liteio:rclone');
  await rclone('copy', from, 'liteio:rclone/tree');
  await rclone('check', from, 'liteio:rclone/tree');
  assert.match(await rclone('md5sum', 'liteio:rclone/tree'), new RegExp(createHash('md5').update('alpha').digest('hex')));
  rmSync(join(from, 'a.txt'));
  writeTree(from, { 'new.txt': 'new' });
  await rclone('sync', from, 'liteio:rclone/tree');
  await rclone('check', from, 'liteio:rclone/tree');
  await rclone('copy', 'liteio:rclone/tree', join(work.path, 'to'));
  assert.deepEqual(treeDigest(join(work.path, 'to')), treeDigest(from));
  await rclone('copy', 'liteio:rclone/tree', 'liteio:rclone/second');
  await rclone('purge', 'liteio:rclone');
  assert.doesNotMatch(await rclone('lsd', 'liteio:'), /rclone/);
});
