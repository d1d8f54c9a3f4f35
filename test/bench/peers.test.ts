/** Peers: their plans start a server that keeps what it is given, and one that isn't here is named with the way to get it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { S3Client } from '../../bench/client/s3-client.ts';
import { installPeers } from '../../bench/peers/install.ts';
import { peers, presentSettings } from '../../bench/peers/peers.ts';
import { findProgram } from '../../bench/peers/programs.ts';
import { Contender } from '../../bench/run/contender.ts';
import { ProcessFiles } from '../../bench/run/process-files.ts';

const scratch = mkdtempSync(join(tmpdir(), 'liteio-peers-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Nothing is on PATH, nothing was built. */
const bare = { PATH: join(scratch, 'none'), XDG_CACHE_HOME: join(scratch, 'cache') };

for (const name of ['liteio', 'liteio-1-drive', 's3rver']) {
  test(`${name} starts from its plan and gives back what was put`, async () => {
    const { present, missing } = await presentSettings([name], process.env);
    assert.deepEqual(missing, []);
    const [setting] = present;
    assert.ok(setting);
    assert.match(setting.found.version, /^\d+\.\d+\.\d+/);
    const contender = await Contender.start(setting.serve(setting.found.program), {
      insecure: false,
      signal: AbortSignal.timeout(15_000),
      files: new ProcessFiles(),
    });
    const client = new S3Client(contender.target, 1);
    try {
      const body = randomBytes(100_000);
      await client.must({ method: 'PUT', bucket: 'peers' });
      await client.must({ method: 'PUT', bucket: 'peers', key: 'a/b', body });
      const answer = await client.must({ method: 'GET', bucket: 'peers', key: 'a/b' });
      assert.ok(answer.body.equals(body));
    } finally {
      client.close();
      await contender.stop();
    }
  });
}

test('settings have names of their own, and every plan says where to listen and where to store', () => {
  const settings = peers.flatMap((peer) => peer.settings);
  assert.equal(new Set(settings.map((setting) => setting.name)).size, settings.length);
  for (const setting of settings) {
    const plan = setting.serve('/the/program');
    assert.equal(plan.name, setting.name);
    const text = plan.command.join(' ');
    assert.ok(text.includes('{port}') && text.includes('{dir}'), text);
    assert.ok(setting.durability.length > 0);
  }
});

test('a peer that is missing is named with the way to get it', async () => {
  const { present, missing } = await presentSettings(['minio', 'minio-1-drive', 'radosgw', 'liteio'], bare);
  assert.deepEqual(
    present.map((setting) => setting.name),
    ['liteio'],
  );
  assert.equal(missing.length, 2);
  assert.match(missing[0] ?? '', /^minio: .*--install-peers/);
  assert.match(missing[1] ?? '', /^radosgw: .*install/);
});

test('a name that no peer has is refused with those there are', async () => {
  await assert.rejects(presentSettings(['minioo'], bare), /no peer is called minioo; there are liteio, .*minio/);
});

test('a program is found in the directory of --install-peers too, and only if it can be run', async () => {
  const directory = join(scratch, 'other-cache', 'liteio-bench', 'bin');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'weed'), '#!/bin/sh\necho version 30GB 4.44 abc linux amd64\n', { mode: 0o644 });
  const environment = { PATH: '', XDG_CACHE_HOME: join(scratch, 'other-cache') };
  assert.equal(await findProgram('weed', environment), undefined);
  chmodSync(join(directory, 'weed'), 0o755);
  assert.equal(await findProgram('weed', environment), join(directory, 'weed'));
  const { present } = await presentSettings(['seaweedfs'], environment);
  assert.equal(present[0]?.found.version, '4.44');
});

test('without Go nothing is built, and that is said', async () => {
  const lines: string[] = [];
  assert.equal(await installPeers(bare, (line) => lines.push(line)), false);
  assert.ok(lines.includes('minio: not built: there is no `go` on PATH'), lines.join('\n'));
  assert.ok(lines.some((line) => line.startsWith('radosgw: install ')));
});
