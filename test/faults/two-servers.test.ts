/** Two servers on one set of drives: two containers on one machine, and two hosts that share a drive. Needs the rights to make namespaces. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { projectRoot, temporaryDirectory } from '../support/files.ts';
import { cleanEnvironment, RunningServer, serverProgram, startServer } from '../support/server.ts';

const isolation = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child', '--uts', '--mount'];

/** Why this machine can't play two; undefined when it can. */
function missing(): string | undefined {
  try {
    execFileSync(isolation[0]!, [...isolation.slice(1), 'true'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `namespaces can't be made here: ${(error as Error).message.trim()}`;
  }
}

const reason = missing();
const skip = reason ?? false;
if (reason !== undefined) process.stderr.write(`two-servers: NOT RUN, ${reason}\n`);

interface Place {
  readonly directory: string;
  readonly drives: number;
}

function placeOf(t: TestContext, drives: number): Place {
  const { path, remove } = temporaryDirectory('two-servers');
  t.after(remove);
  return { directory: path, drives };
}

/** A command that runs the server as in another container; `before`, a line of shell, makes more of it another machine's. */
function elsewhere({ directory, drives }: Place, before: string, node: readonly string[] = []): ChildProcess {
  const server = [process.execPath, ...node, serverProgram, 'server', '--drives', join(directory, `drive{1...${drives}}`)];
  const command = [...server, '--address', '127.0.0.1:0'].map((word) => `'${word}'`).join(' ');
  const [program = '', ...flags] = isolation;
  return spawn(program, [...flags, 'sh', '-c', `${before}exec ${command}`], { stdio: ['ignore', 'pipe', 'pipe'], env: cleanEnvironment() });
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** What became of a start that must not come through: it is ended after 30 s. */
function endOf(child: ChildProcess): Promise<Ended> {
  let output = '';
  const lastResort = setTimeout(() => child.kill('SIGKILL'), 30_000);
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve) =>
    child.on('close', (code) => {
      clearTimeout(lastResort);
      resolve({ code, output });
    }),
  );
}

async function fill(client: S3Client, from: number, count: number): Promise<void> {
  for (let key = from; key < from + count; key++) {
    await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: `key${key}`, Body: `body ${key}` }));
  }
}

async function checkAll(client: S3Client, count: number): Promise<void> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: 'bucket' }));
  assert.equal(Contents.length, count);
  for (let key = 0; key < count; key++) {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: 'bucket', Key: `key${key}` }));
    assert.equal(await Body?.transformToString(), `body ${key}`);
  }
}

for (const drives of [1, 4, 6]) {
  test(`another container on the same ${drives === 1 ? 'drive' : `${drives} drives`} is refused, and harms nothing`, {
    skip,
  }, async (t) => {
    const place = placeOf(t, drives);
    const server = await startServer(place);
    t.after(() => server.kill());
    const client = server.client();
    await client.send(new CreateBucketCommand({ Bucket: 'bucket' }));
    await fill(client, 0, 20);
    const writing = fill(client, 20, 60);
    for (let tries = 0; tries < 2; tries++) {
      const { code, output } = await endOf(elsewhere(place, ''));
      assert.equal(code, 2, output);
      assert.match(output, /^liteio: \S+drive\d is in use by process \d+ of \S+$/m);
      assert.doesNotMatch(output, /endpoint/);
    }
    await writing;
    // Gone without a word, it is no obstacle: the kernel knows at once.
    await server.kill();
    const began = performance.now();
    const next = await startServer(place);
    t.after(() => next.kill());
    assert.ok(performance.now() - began < 9_000, 'the start did not wait for a beat');
    await checkAll(next.client(), 80);
    await next.stop();
    assert.equal(readFileSync(join(place.directory, 'drive1/.liteio/lock'), 'utf8'), '', 'given back');
  });
}

test('a holder that was killed in its container leaves nothing behind that is waited for', { skip }, async (t) => {
  const place = placeOf(t, 4);
  const first = new RunningServer(elsewhere(place, ''), place.directory, () => undefined);
  t.after(() => first.kill());
  await first.ready();
  const refused = await endOf(spawnHere(place));
  assert.equal(refused.code, 2, refused.output);
  await first.kill();
  const next = await startServer(place);
  await next.stop();
});

function spawnHere({ directory, drives }: Place): ChildProcess {
  const args = ['server', '--drives', join(directory, `drive{1...${drives}}`), '--address', '127.0.0.1:0'];
  return spawn(process.execPath, [serverProgram, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: cleanEnvironment() });
}

/**
 * Another machine: a boot id and a name of its own, and a kernel that knows nothing of the locks of this one. The last can't be had on one
 * machine, but by a host whose binary for locks doesn't load, and that has the state store, which LevelDB locks, in a copy: what it has to go
 * by is the beat alone, as with a file system that keeps locks to each host.
 */
function otherHost(place: Place): string {
  const bootId = join(place.directory, 'boot-id');
  const nothing = join(place.directory, 'nothing');
  writeFileSync(bootId, '11111111-2222-3333-4444-555555555555\n');
  mkdirSync(nothing, { recursive: true });
  const locks = join(projectRoot, 'node_modules/fs-native-extensions');
  const rows = Array.from({ length: place.drives }, (_, at) => {
    const state = join(place.directory, `drive${at + 1}/.liteio/state`);
    const copy = join(place.directory, `rows${at + 1}`);
    return `if [ -d '${state}' ]; then rm -rf '${copy}' && cp -r '${state}' '${copy}' && mount --bind '${copy}' '${state}'; fi && `;
  });
  const binds = `mount --bind '${bootId}' /proc/sys/kernel/random/boot_id && mount --bind '${nothing}' '${locks}' && `;
  return `${binds}${rows.join('')}hostname other-host && `;
}

for (const drives of [1, 4]) {
  test(`a host that shares ${drives === 1 ? 'a drive' : `${drives} drives`} is kept out by the beat, and takes over when it stands still`, {
    skip,
  }, async (t) => {
    const place = placeOf(t, drives);
    const server = await startServer(place);
    t.after(() => server.kill());
    const client = server.client();
    await client.send(new CreateBucketCommand({ Bucket: 'bucket' }));
    await fill(client, 0, 20);
    const refused = await endOf(elsewhere(place, otherHost(place)));
    assert.equal(refused.code, 2, refused.output);
    assert.match(refused.output, /is in use by process \d+ of /);
    await fill(client, 20, 20);
    // Stopped, it is as good as dead to the other host, and knows nothing of what happens meanwhile.
    process.kill(server.pid, 'SIGSTOP');
    const other = new RunningServer(elsewhere(place, otherHost(place)), place.directory, () => undefined);
    t.after(() => other.kill());
    await other.ready();
    assert.match(other.output, /the kernel keeps no other process from the drives/);
    const otherClient = other.client();
    await fill(otherClient, 40, 20);
    const writes = Promise.allSettled(
      Array.from({ length: 10 }, (_, at) => client.send(new PutObjectCommand({ Bucket: 'bucket', Key: `late${at}`, Body: 'late' }))),
    );
    process.kill(server.pid, 'SIGCONT');
    const outcomes = await writes;
    assert.deepEqual(
      outcomes.filter(({ status }) => status === 'fulfilled'),
      [],
      'who was overtaken acknowledges nothing',
    );
    await server.logged(/another server has the drives: nothing more is written or answered/, 10_000);
    await fill(otherClient, 60, 20);
    await checkAll(otherClient, 80);
    await other.kill();
    const next = await startServer(place);
    t.after(() => next.kill());
    await checkAll(next.client(), 80);
    await next.stop();
  });
}
