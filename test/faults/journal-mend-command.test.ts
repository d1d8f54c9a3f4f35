/** `liteio journal mend` on the drives of a real server that no start can open any more. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { temporaryDirectory, treeDigest } from '../support/files.ts';
import { cleanEnvironment, serverProgram, startServer } from '../support/server.ts';

function mend(directory: string, ...flags: string[]): { code: number | null; said: string } {
  const args = [serverProgram, 'journal', 'mend', '--drives', join(directory, 'drive{1...4}'), ...flags];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env: cleanEnvironment(), timeout: 60_000 });
  return { code: status, said: stdout + stderr };
}

/** Overwrites a text wherever the journal has it. */
function damage(directory: string, text: string): number {
  let spots = 0;
  for (const drive of [1, 2, 3, 4]) {
    const journal = join(directory, `drive${drive}/journal`);
    for (const name of readdirSync(journal).filter((entry) => entry.endsWith('.log'))) {
      const bytes = readFileSync(join(journal, name));
      const at = bytes.indexOf(text);
      if (at < 0) continue;
      bytes.fill('X', at, at + text.length);
      writeFileSync(join(journal, name), bytes);
      spots++;
    }
  }
  return spots;
}

test('a journal that is whole on no mirror is mended: the server starts again with all that is whole', async (t) => {
  const place = temporaryDirectory('mend-command');
  t.after(() => place.remove());
  const options = { directory: place.path, drives: 4 };
  const server = await startServer(options);
  t.after(() => server.kill());
  const client = server.client();
  await client.send(new CreateBucketCommand({ Bucket: 'bucket' }));
  for (let key = 0; key < 40; key++) {
    await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: `key${key}`, Body: `body-of-${key}-${'x'.repeat(key)}` }));
  }
  const meanwhile = mend(place.path);
  assert.equal(meanwhile.code, 2);
  assert.match(meanwhile.said, /^liteio: \S+drive\d is in use by process \d+ of \S+: a journal is mended while no server runs\n$/);
  await server.stop();
  assert.equal(damage(place.path, 'body-of-20-'), 4);

  await assert.rejects(startServer(options), /liteio: .*`liteio journal mend`/);
  const before = treeDigest(place.path);
  const told = mend(place.path, '--dry-run');
  assert.equal(told.code, 0, told.said);
  const { [join('drive1', '.liteio', 'lock')]: _, ...kept } = treeDigest(place.path);
  for (const [path, digest] of Object.entries(kept)) assert.equal(digest, before[path], `${path} as it was`);
  assert.match(told.said, /^lost: record 22 is whole on no mirror$/m);
  assert.match(told.said, /^lost: bucket\/bucket lacks position \d+: what follows is linked anew$/m);

  const done = mend(place.path);
  assert.equal(done.code, 0, done.said);
  assert.match(done.said, /^the journal before is in \S+drive1\/journal\.set-aside\/1$/m);
  assert.match(done.said, /^the rows before are in \S+\.liteio\/state\.set-aside\/1: the next start makes them anew$/m);
  const next = await startServer(options);
  t.after(() => next.kill());
  const again = next.client();
  const { Contents = [] } = await again.send(new ListObjectsV2Command({ Bucket: 'bucket' }));
  assert.equal(Contents.length, 39);
  for (let key = 0; key < 40; key++) {
    if (key === 20) continue;
    const { Body } = await again.send(new GetObjectCommand({ Bucket: 'bucket', Key: `key${key}` }));
    assert.equal(await Body?.transformToString(), `body-of-${key}-${'x'.repeat(key)}`);
  }
  await again.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'key20', Body: 'again' }));
  await next.stop();
  const last = await startServer(options);
  t.after(() => last.kill());
  const { Body } = await last.client().send(new GetObjectCommand({ Bucket: 'bucket', Key: 'key20' }));
  assert.equal(await Body?.transformToString(), 'again');
  await last.stop();
  assert.match(mend(place.path).said, /^the journal is whole on every mirror, with \d+ records: there is nothing to mend$/m);
});
