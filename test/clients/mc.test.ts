/** MinIO's mc: a stream of unknown length, every checksum it offers, mirrors. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { seededBytes, temporaryDirectory, treeDigest, writeTree } from '../support/files.ts';
import { missingPeer, peer } from '../support/peer.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const work = temporaryDirectory('mc');
const ownConfig = ['--config-dir', join(work.path, 'config')];
/** Another program of that name takes no such options. */
const skip = missingPeer('mc', [...ownConfig, '--json', 'alias', 'list']);
let server: RunningServer;

before(async () => {
  if (!skip) server = await startServer();
});
after(async () => {
  await server?.stop();
  work.remove();
});

function environment(): Record<string, string> {
  const { host } = new URL(server.endpoint);
  return { MC_HOST_liteio: `http://${server.accessKey}:${server.secretKey}@${host}` };
}
const mc = (...args: string[]) => peer('mc', [...ownConfig, '--quiet', ...args], { environment: environment() });
/** From a pipe: mc can't know how much will come. */
const pipe = (file: string, ...args: string[]) =>
  peer('sh', ['-c', 'file=$1; shift; cat "$file" | mc "$@"', 'sh', file, ...ownConfig, '--quiet', 'pipe', ...args], {
    environment: environment(),
  });

test('mc: pipe, cp --checksum of 20 MB, mirror, rm', { skip }, async () => {
  const from = join(work.path, 'from');
  writeTree(from, { 'large.bin': seededBytes(20_000_000, 41), 'dir/ü +%.txt': 'small', empty: '' });
  const large = join(from, 'large.bin');
  await mc('mb', 'liteio/mc-bucket');
  await pipe(large, 'liteio/mc-bucket/pipe/large.bin');
  for (const algorithm of ['CRC64NVME', 'CRC32', 'CRC32C', 'SHA1', 'SHA256']) {
    await mc('cp', '--checksum', algorithm, large, `liteio/mc-bucket/cp/${algorithm}`);
    await pipe(large, '--checksum', algorithm, `liteio/mc-bucket/pipe/${algorithm}`);
    for (const way of ['cp', 'pipe']) {
      const back = join(work.path, `back-${way}`);
      await mc('cp', `liteio/mc-bucket/${way}/${algorithm}`, join(back, 'large.bin'));
      assert.deepEqual(treeDigest(back), { 'large.bin': treeDigest(from)['large.bin'] }, `${way} ${algorithm}`);
    }
  }
  await mc('mirror', from, 'liteio/mc-bucket/tree');
  assert.equal((await mc('diff', from, 'liteio/mc-bucket/tree')).trim(), '');
  await mc('mirror', 'liteio/mc-bucket/tree', join(work.path, 'to'));
  assert.deepEqual(treeDigest(join(work.path, 'to')), treeDigest(from));
  await mc('rb', '--force', 'liteio/mc-bucket');
  assert.doesNotMatch(await mc('ls', 'liteio'), /mc-bucket/);
});
