/** What goes wrong about a run is said in words that tell what to do, and never ends in a stack. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readResult } from '../../bench/report/json.ts';
import { temporaryDirectory } from '../support/files.ts';
import { cleanEnvironment, type RunningServer, serverProgram, startServer } from '../support/server.ts';
import { benchProgram, type Ended } from './bench-program.ts';
import { tlsFlags } from './tls-flags.ts';

const work = temporaryDirectory('bench-trouble');
const environment = cleanEnvironment({ TMPDIR: work.path, HOME: work.path });
let plain: RunningServer;
let secure: RunningServer;

before(async () => {
  const tls = tlsFlags(work.path);
  [plain, secure] = await Promise.all([startServer({ drives: 1 }), startServer({ drives: 1, args: tls })]);
});
after(async () => {
  await Promise.all([plain.stop(), secure.stop()]);
  work.remove();
});

/** A put of a moment on an endpoint, as whoever is named. */
function put(endpoint: string, ...more: readonly string[]): Promise<Ended> {
  const short = ['--operations', '5', '--turns', '1', '--warm-up', '0s', '--quiet'];
  const keys = ['--access-key', plain.accessKey, '--secret-key', plain.secretKey];
  return benchProgram(['put', '--endpoint', `there=${endpoint}`, ...short, ...keys, ...more], environment);
}

const swapped = (endpoint: string): string =>
  endpoint.startsWith('https:') ? endpoint.replace('https:', 'http:') : endpoint.replace('http:', 'https:');

test('an endpoint that is asked the wrong way says which one is right', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [secure.endpoint, /there failed: its certificate cannot be verified: self.signed certificate \(--insecure accepts it\)\n/],
    [swapped(secure.endpoint), /there failed: it speaks TLS: the endpoint is https:\/\/127\.0\.0\.1:\d+ \(.+\)\n/],
    [swapped(plain.endpoint), /there failed: it does not speak TLS: the endpoint is http:\/\/127\.0\.0\.1:\d+ \(.+\)\n/],
    ['http://127.0.0.1:1', /there failed: connect ECONNREFUSED 127\.0\.0\.1:1\n/],
  ];
  for (const [endpoint, said] of cases) {
    const { status, stdout, stderr } = await put(endpoint);
    assert.deepEqual([status, stderr], [1, ''], endpoint);
    assert.match(stdout, said, endpoint);
  }
});

test('a refusal says why: HEAD alone has no words', async () => {
  const wrong = await put(plain.endpoint, '--secret-key', 'not-this-one');
  assert.match(wrong.stdout, /there failed: the bucket liteio-bench: status 403 SignatureDoesNotMatch: /);
  const elsewhere = await put(plain.endpoint, '--region', 'eu-north-1');
  assert.match(elsewhere.stdout, /there failed: the bucket liteio-bench: status 400 AuthorizationHeaderMalformed: .*expecting 'us-east-1'/);
  assert.equal((await put(plain.endpoint, '--region', '')).status, 0, 'no region is no name of one');
});

test('a file that takes no byte costs neither the figures nor the other file', { skip: !existsSync('/dev/full') }, async () => {
  const json = join(work.path, 'left.json');
  const { status, stdout, stderr } = await put(plain.endpoint, '--html', '/dev/full', '--json', json, '--fail-under', 'errors<=0');
  assert.equal(status, 1);
  assert.match(stdout, /^put-4KiB-c16 +there /m);
  assert.match(stdout, /^met +errors<=0/m);
  assert.match(stderr, /^liteio: cannot write \/dev\/full: ENOSPC: [^\n]*\n$/);
  assert.equal(readResult(json).lines.length, 1);
});

test('a program that is not there leaves a head that says so', async () => {
  const short = ['--operations', '5', '--turns', '1', '--warm-up', '0s', '--quiet'];
  const { status, stdout } = await benchProgram(['put', '--serve', 'x=/nonexistent/server {port}', ...short], environment);
  assert.equal(status, 1);
  assert.match(stdout, /^x: did not come up$/m);
  assert.match(stdout, /^put-4KiB-c16, x failed: x could not be started: .*ENOENT/m);
});

test('Ctrl-C ends a run at once that waits for an endpoint without an answer', {
  skip: process.platform === 'win32',
  timeout: 30_000,
}, async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket.on('error', () => undefined))).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const { port } = silent.address() as { port: number };
  const args = ['bench', 'put', '--endpoint', `http://key:secretkey@127.0.0.1:${port}`];
  const child = spawn(process.execPath, [serverProgram, ...args], { env: environment, stdio: ['ignore', 'pipe', 'ignore'] });
  const tooLong = setTimeout(() => child.kill('SIGKILL'), 20_000);
  try {
    const stdout = child.stdout.setEncoding('utf8').toArray();
    await new Promise((resolve) => silent.once('connection', resolve));
    const begun = performance.now();
    child.kill('SIGINT');
    const status = await new Promise((resolve) => child.once('exit', resolve));
    assert.equal(status, 130);
    assert.ok(performance.now() - begun < 10_000, `${performance.now() - begun} ms`);
    assert.equal((await stdout).join(''), 'ended by SIGINT before anything was measured\n');
  } finally {
    clearTimeout(tooLong);
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});
