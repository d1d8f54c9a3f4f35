/** restic: init, backup, check with all data read, restore, forget with prune. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { seededBytes, temporaryDirectory, treeDigest, writeTree } from '../support/files.ts';
import { missingPeer, peer } from '../support/peer.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const skip = missingPeer('restic', ['version']);
const work = temporaryDirectory('restic');
let server: RunningServer;

before(async () => {
  if (!skip) server = await startServer();
});
after(async () => {
  await server?.stop();
  work.remove();
});

const restic = (...args: string[]): Promise<string> =>
  peer('restic', args, {
    environment: {
      AWS_ACCESS_KEY_ID: server.accessKey,
      AWS_SECRET_ACCESS_KEY: server.secretKey,
      RESTIC_REPOSITORY: `s3:${server.endpoint}/restic/repository`,
      RESTIC_PASSWORD: 'correct horse',
      RESTIC_CACHE_DIR: join(work.path, 'cache'),
    },
  });

test('restic: init, backup, check, restore, forget', { skip }, async () => {
  const from = join(work.path, 'from');
  writeTree(from, { 'a.txt': 'alpha', 'dir/b.bin': seededBytes(30_000_000, 7), 'dir/c.bin': seededBytes(1_000_000, 8) });
  await restic('init');
  await restic('backup', from);
  writeTree(from, { 'a.txt': 'alpha changed', 'd.bin': seededBytes(2_000_000, 9) });
  await restic('backup', from);
  assert.match(await restic('check', '--read-data'), /no errors were found/);
  await restic('restore', 'latest', '--target', join(work.path, 'to'));
  assert.deepEqual(treeDigest(join(work.path, 'to', from)), treeDigest(from));
  await restic('forget', '--keep-last', '1', '--prune');
  assert.match(await restic('check'), /no errors were found/);
});
