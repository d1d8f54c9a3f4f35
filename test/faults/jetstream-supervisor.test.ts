/** The nats-server of our own: found, restarted, stopped, and never two of them on one store. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { serversWithConfig } from '../../journal/jetstream/nats-process.ts';
import { superviseNatsServer } from '../../journal/jetstream/nats-server.ts';
import { JetStreamRefused } from '../../journal/jetstream/stream.ts';
import { emptyStream } from '../../journal/journal.ts';
import { temporaryDirectory } from '../support/files.ts';
import { journalOn, natsMissing, supervise, supervised, testClock } from '../support/nats.ts';

const skip = natsMissing;
const deaf = { password: 'secret', clock: testClock, log: () => undefined };

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A nats-server of the test's own making, first on the PATH it returns. */
function fakeServer(directory: string, script: string): string {
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'nats-server'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, 'nats-server'), 0o755);
  return bin;
}

test('no nats-server on PATH, an old one, or one that ends at once: one line that says so', async (t) => {
  const directory = temporaryDirectory('nats-path');
  t.after(() => directory.remove());
  const storeDirectory = join(directory.path, 'store');
  const refused = (path: string, message: RegExp): Promise<void> =>
    assert.rejects(superviseNatsServer({ ...deaf, storeDirectory, path }), (error: Error) => {
      assert.ok(error instanceof JetStreamRefused, String(error));
      assert.match(error.message, message);
      assert.ok(!error.message.includes('\n'));
      return true;
    });
  await refused(directory.path, /^nats-server is not on PATH: install version 2\.11 or later/);
  await refused('', /not on PATH/);
  const old = temporaryDirectory('nats-old');
  t.after(() => old.remove());
  await refused(fakeServer(old.path, 'echo "nats-server: v2.9.10"'), /is version 2\.9\.10: 2\.11 or later is needed/);
  const failing = fakeServer(
    directory.path,
    'test "$1" = --version && echo "nats-server: v2.14.5" && exit; echo "[1] [FTL] no room for it" >&2; exit 1',
  );
  await refused(failing, /ended while it started: .*no room for it/);
});

test('the configuration is for this user alone; a server that dies is started again on the same port', { skip }, async (t) => {
  const directory = temporaryDirectory('nats');
  const server = await supervise(directory.path);
  t.after(async () => {
    await server.stop();
    directory.remove();
  });
  const configPath = join(directory.path, 'nats-server.conf');
  assert.equal(statSync(configPath).mode & 0o777, 0o600);
  const config = readFileSync(configPath, 'utf8');
  assert.match(config, /sync_interval: always/);
  assert.match(config, /max_payload: 9MB/);
  assert.match(config, /listen: "127\.0\.0\.1:\d+"/);
  const { url, processId } = server;
  assert.ok(processId !== undefined);
  process.kill(processId, 'SIGKILL');
  await until(() => server.processId !== undefined && server.processId !== processId, 'it is started again');
  await until(async () => {
    try {
      await journalOn(t, { url, systemUrl: server.systemUrl });
      return true;
    } catch {
      return false;
    }
  }, 'it serves again where it was');
  assert.match(server.lines.all.join('\n'), /error: the nats-server died \(SIGKILL\), starting it again in 100 ms/);
  await server.stop();
  assert.deepEqual(await serversWithConfig(configPath), []);
});

test('a second supervisor of one store is refused, another store is another server', { skip }, async (t) => {
  const directory = temporaryDirectory('nats');
  const server = await supervise(directory.path);
  t.after(async () => {
    await server.stop();
    directory.remove();
  });
  await assert.rejects(supervise(directory.path), /another process supervises a nats-server on/);
  const other = await supervised(t);
  assert.notEqual(other.url.split('@')[1], server.url.split('@')[1]);
  await server.stop();
  const again = await supervise(directory.path);
  await again.stop();
});

test('a run that was killed with -9 leaves its server behind: the next stops it, and finds every record', { skip }, async (t) => {
  const directory = temporaryDirectory('nats');
  t.after(() => directory.remove());
  const configPath = join(directory.path, 'nats-server.conf');
  const nats = new URL('../support/nats.js', import.meta.url).href;
  const program = `
    const { supervise, testClock } = await import(${JSON.stringify(nats)});
    const { openJetStreamJournal } = await import(${JSON.stringify(new URL('../../journal/jetstream/jetstream-journal.js', import.meta.url).href)});
    const { url, systemUrl } = await supervise(${JSON.stringify(directory.path)});
    let head = { position: 0, hash: new Uint8Array(32) };
    const journal = await openJetStreamJournal({ url, systemUrl, deployment: 'test', headOf: () => head, clock: testClock, allowUnsafe: false, log() {} });
    for (let index = 0; index < 50; index++) {
      head = (await journal.append({ stream: 'bucket/a', expected: head, time: 1, payload: Buffer.from(String(index)) })).head;
    }
    console.log('written');
    setInterval(() => undefined, 1000);
  `;
  const run = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => run.kill('SIGKILL'));
  let said = '';
  run.stdout.on('data', (bytes) => void (said += bytes));
  await until(() => said.includes('written'), 'the first run writes');
  const [orphan, ...more] = await serversWithConfig(configPath);
  assert.ok(orphan !== undefined && more.length === 0);
  const gone = new Promise((resolve) => run.once('exit', resolve));
  run.kill('SIGKILL');
  await gone;
  assert.deepEqual(await serversWithConfig(configPath), [orphan], 'the server outlives the one who started it');
  const server = await supervise(directory.path);
  t.after(() => server.stop());
  assert.deepEqual(await serversWithConfig(configPath), [server.processId]);
  assert.notEqual(server.processId, orphan);
  assert.match(server.lines.all.join('\n'), new RegExp(`stopping nats-server ${orphan}, left behind`));
  const journal = await journalOn(t, server);
  const payloads: string[] = [];
  for await (const record of journal.read(0)) payloads.push(Buffer.from(record.payload).toString());
  assert.deepEqual(
    payloads,
    Array.from({ length: 50 }, (_, index) => String(index)),
  );
  assert.equal((await journal.append({ stream: 'bucket/b', expected: emptyStream, time: 1, payload: Buffer.alloc(1) })).sequence, 51);
  await server.stop();
});

test('a process that merely names the configuration file is not taken for a server', async () => {
  const bystander = execFile(process.execPath, ['-e', 'setTimeout(() => undefined, 20000)', '/nowhere/nats-server.conf']);
  try {
    await until(() => bystander.pid !== undefined, 'it runs');
    assert.deepEqual(await serversWithConfig('/nowhere/nats-server.conf'), []);
  } finally {
    bystander.kill('SIGKILL');
  }
});
