/** The command line: what a start refuses, in one line and with exit code 2, before it touches anything; and how it stops. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { readServerConfig, StartRefused } from '../../http/config.ts';
import { temporaryDirectory } from '../support/files.ts';
import { startRaw } from '../support/raw-client.ts';
import { cleanEnvironment, serverProgram, startServer } from '../support/server.ts';

let work: { path: string; remove(): void };
let number = 0;
let directory = '';

before(() => {
  work = temporaryDirectory('command-line');
});
after(() => work.remove());
beforeEach(() => {
  directory = join(work.path, `run${(number += 1)}`);
  mkdirSync(directory);
});

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function liteio(args: readonly string[], environment: Record<string, string> = {}): Ended {
  return spawnSync(process.execPath, [serverProgram, ...args], {
    env: cleanEnvironment(environment),
    cwd: directory,
    encoding: 'utf8',
    timeout: 20_000,
  });
}

/** A start that must be refused for a reason: one line, code 2. */
function refuses(args: readonly string[], reason: RegExp, environment: Record<string, string> = {}): void {
  const { status, stdout, stderr } = liteio(args, environment);
  const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  assert.equal(status, 2, `${args.join(' ')}: ${status}\n${stdout}${stderr}`);
  assert.equal(lines.length, 1, stderr);
  assert.match(lines[0] ?? '', reason);
  assert.match(lines[0] ?? '', /^liteio: /);
  assert.doesNotMatch(stderr, /\n +at /, 'no stack');
}

const drives = () => join(directory, 'drive{1...4}');
const free = ['--address', '127.0.0.1:0'];

test('help and version', () => {
  const help = liteio(['--help']);
  assert.equal(help.status, 0);
  assert.match(help.stdout, /server/);
  const serverHelp = liteio(['server', '--help']);
  assert.equal(serverHelp.status, 0);
  for (const flag of ['--drives', '--parity', '--address', '--secret-key', '--journal', '--transport', '--config']) {
    assert.ok(serverHelp.stdout.includes(flag), flag);
  }
  assert.match(serverHelp.stdout, /LITEIO_MAX_REQUESTS/);
  const version = liteio(['version']);
  assert.equal(version.status, 0);
  assert.match(version.stdout, /^liteio \d+\.\d+\.\d+$/m);
  assert.match(version.stdout, /^node v\d+/m);
  assert.match(version.stdout, /^transport node/m);
  assert.match(liteio(['--version']).stdout, /^\d+\.\d+\.\d+$/m);
});

test('wrong flags and wrong values', () => {
  const given = ['server', '--drives', drives(), ...free];
  refuses(['server', '--no-such-flag'], /unknown option '--no-such-flag'/);
  refuses(['serve'], /unknown command 'serve'/);
  refuses(['server', 'extra', ...given.slice(1)], /too many arguments/);
  refuses(['server', ...free], /no drives/);
  refuses([...given, '--parity', '9'], /parity/);
  refuses([...given], /LITEIO_THREADS must be a whole number/, { LITEIO_THREADS: 'many' });
  const wrong: [string, string, RegExp][] = [
    ['parity', 'x', /^--parity must be a whole number/],
    ['transport', 'carrier-pigeon', /^--transport must be one of auto, uws, node, not 'carrier-pigeon'/],
    ['log-level', 'loud', /^--log-level must be one of/],
    ['max-requests', '0', /^--max-requests must be/],
    ['inline-limit', '-1', /^--inline-limit must be/],
    ['threads', '1.5', /^--threads must be/],
    ['region', 'Mars!', /^--region must be/],
    ['domain', 'a_b', /^--domain must be/],
    ['journal', 'paper', /^--journal must be/],
    ['journal-unsafe', 'maybe', /^--journal-unsafe must be/],
    ['access-key', 'ab', /^--access-key must be an access key of 3/],
    ['address', 'nowhere', /^--address must be host:port/],
    ['address', '127.0.0.1:70000', /^--address must be host:port/],
    ['drives', '/a{1..3}', /^--drives must be directories, with patterns like/],
    ['drives', '/a{3...1}', /^--drives must be a pattern of 1 to/],
    ['drives', '/a,/b,/a', /the drive \/a is named twice/],
    ['drives', ' , ', /^--drives must be 1 to/],
  ];
  for (const [name, value, message] of wrong) {
    assert.throws(
      () => readServerConfig({ drives: '/d', [name]: value }, {}),
      (error: Error) => error instanceof StartRefused && message.test(error.message),
      `${name} ${value}`,
    );
  }
  assert.deepEqual(readdirSync(directory), []);
});

test('a secret that is refused is not repeated', () => {
  for (const flags of [
    { 'secret-key': 'hidden' },
    { journal: 'natz://user:hidden@host' },
    { journal: 'nats://h', 'journal-system': 'user:hidden@' },
  ]) {
    assert.throws(
      () => readServerConfig({ drives: '/d', ...flags }, {}),
      (error: Error) => error instanceof StartRefused && !error.message.includes('hidden'),
    );
  }
});

test('the default credentials stay at home', () => {
  refuses(['server', '--drives', drives(), '--address', '0.0.0.0:0'], /default secret key is refused/);
  assert.throws(() => readServerConfig({ drives: '/d', address: ':9000' }, {}), StartRefused);
  assert.throws(() => readServerConfig({ drives: '/d', address: '192.0.2.1:9000', 'access-key': 'other' }, {}), StartRefused);
  assert.equal(readServerConfig({ drives: '/d', address: ':9000', 'secret-key': 'my-own-secret' }, {}).host, '0.0.0.0');
  assert.deepEqual(readdirSync(directory), []);
});

test('a busy port: no drive is touched', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const { port } = holder.address() as { port: number };
  for (const transport of ['auto', 'node']) {
    refuses(['server', '--drives', drives(), '--address', `127.0.0.1:${port}`, '--transport', transport], /cannot listen on 127\.0\.0\.1/);
  }
  await new Promise((resolve) => holder.close(resolve));
  assert.deepEqual(readdirSync(directory), []);
});

test('bad TLS files', () => {
  const given = ['server', '--drives', drives(), ...free];
  refuses([...given, '--tls-cert', 'cert.pem'], /both/);
  refuses([...given, '--tls-cert', 'cert.pem', '--tls-key', 'key.pem'], /cannot read the certificate/);
  writeFileSync(join(directory, 'cert.pem'), 'no certificate');
  writeFileSync(join(directory, 'key.pem'), 'no key');
  refuses([...given, '--tls-cert', 'cert.pem', '--tls-key', 'key.pem'], /don't make a pair/);
  assert.deepEqual(readdirSync(directory).sort(), ['cert.pem', 'key.pem']);
});

test('drives that are not ours to take', async () => {
  mkdirSync(join(directory, 'drive1'));
  writeFileSync(join(directory, 'drive1', 'thesis.tex'), 'years of work');
  refuses(['server', '--drives', drives(), ...free], /drive1 is not empty/);
  assert.deepEqual(readdirSync(directory), ['drive1']);
  assert.deepEqual(readdirSync(join(directory, 'drive1')), ['thesis.tex']);

  const one = await startServer({ directory: join(directory, 'one'), drives: 4 });
  refuses(['server', '--drives', join(directory, 'one', 'drive{1...4}'), ...free], /in use by process/);
  await one.stop();
  const other = await startServer({ directory: join(directory, 'other'), drives: 4 });
  await other.stop();
  const mixed = [1, 2, 3].map((drive) => join(directory, 'one', `drive${drive}`)).join(',');
  refuses(['server', '--drives', `${mixed},${join(directory, 'other', 'drive4')}`, ...free], /another deployment/);
  refuses(['server', '--drives', mixed, ...free], /3 drives are configured/);
  refuses(['server', '--drives', join(directory, 'one', 'drive{1...4}'), ...free, '--parity', '1'], /parity 1 is configured/);
  refuses(['server', '--drives', join(directory, 'one', 'drive{1...4}'), ...free, '--journal', 'nats'], /written with --journal embedded/);
  assert.ok(existsSync(join(directory, 'one', 'drive1', '.liteio', 'format.json')));
});

test('a drive that cannot be made', { skip: process.platform === 'win32' }, () => {
  writeFileSync(join(directory, 'file'), '');
  refuses(['server', '--drives', join(directory, 'file', 'drive'), ...free], /./);
  assert.equal(readFileSync(join(directory, 'file'), 'utf8'), '');
});

test('a journal that could not be had the first time binds nobody', async () => {
  refuses(['server', '--drives', drives(), ...free, '--journal', 'nats://127.0.0.1:1'], /connection refused/i);
  const server = await startServer({ directory, drives: 4 });
  await server.stop();
  refuses(['server', '--drives', drives(), ...free, '--journal', 'nats://127.0.0.1:1'], /written with --journal embedded/);
});

test('a missing directory of a known deployment is an offline drive, and what is stored can be read', async () => {
  const first = await startServer({ directory, drives: 4 });
  const before = startRaw(first);
  await before.must({ method: 'PUT', bucket: 'kept' });
  await before.must({ method: 'PUT', bucket: 'kept', key: 'small', body: Buffer.from('small') });
  await before.must({ method: 'PUT', bucket: 'kept', key: 'large', body: Buffer.alloc(2_000_000, 7) });
  before.close();
  await first.stop();
  renameSync(join(directory, 'drive1'), join(directory, 'away'));
  const second = await startServer({ directory, drives: 4 });
  assert.match(second.output, /1 offline/);
  assert.equal(existsSync(join(directory, 'drive1')), false, 'it is not made anew');
  const again = startRaw(second);
  assert.equal((await again.must({ method: 'GET', bucket: 'kept', key: 'small' })).body.toString(), 'small');
  assert.ok((await again.must({ method: 'GET', bucket: 'kept', key: 'large' })).body.equals(Buffer.alloc(2_000_000, 7)));
  again.close();
  await second.stop();
});

test('kill -9, and everything acknowledged is there', async () => {
  const first = await startServer({ directory, drives: 1 });
  const before = startRaw(first);
  await before.must({ method: 'PUT', bucket: 'kept' });
  await Promise.all(
    Array.from({ length: 50 }, (_, at) => before.must({ method: 'PUT', bucket: 'kept', key: `k${at}`, body: Buffer.alloc(at * 997, at) })),
  );
  await first.kill();
  before.close();
  const second = await startServer({ directory, drives: 1 });
  const after = startRaw(second);
  for (let at = 0; at < 50; at += 1) {
    assert.ok((await after.must({ method: 'GET', bucket: 'kept', key: `k${at}` })).body.equals(Buffer.alloc(at * 997, at)), `k${at}`);
  }
  after.close();
  await second.stop();
});

test('a server that was killed is gone, even when its parent never asks for it', { skip: process.platform !== 'linux' }, async () => {
  const command = [process.execPath, serverProgram, 'server', '--drives', join(directory, 'drive1'), ...free];
  // The shell becomes a program that knows of no children.
  const parent = spawn('sh', ['-c', '"$@" & echo "pid $!"; exec sleep 60', 'sh', ...command], { env: cleanEnvironment() });
  let pid = 0;
  try {
    let output = '';
    for await (const text of parent.stdout.setEncoding('utf8')) {
      output += text;
      if (/endpoint +http/.test(output)) break;
    }
    pid = Number(/pid (\d+)/.exec(output)?.[1]);
    refuses(['server', '--drives', join(directory, 'drive1'), ...free], new RegExp(`in use by process ${pid} of ${hostname()}$`));
    process.kill(pid, 'SIGKILL');
    const ended = () => readdirSync(`/proc/${pid}/task`).length <= 1 && /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    for (let wait = 0; wait < 250 && !ended(); wait += 1) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(ended(), 'it stays as an entry of the process table');
    pid = 0;
    await (await startServer({ directory, drives: 1 })).stop();
  } finally {
    if (pid > 0) process.kill(pid, 'SIGKILL');
    parent.kill();
  }
});

test('a stop lets the requests under way come to their end', async () => {
  for (const transport of ['auto', 'node']) {
    const at = join(directory, transport);
    const server = await startServer({ directory: at, drives: 1, args: ['--transport', transport] });
    const raw = startRaw(server);
    await raw.must({ method: 'PUT', bucket: 'draining' });
    const chunk = Buffer.alloc(100_000, 5);
    let stopped: Promise<void> | undefined;
    async function* slowly(): AsyncGenerator<Uint8Array> {
      for (let sent = 0; sent < 10; sent += 1) {
        if (sent === 3) stopped = server.stop();
        await new Promise((resolve) => setTimeout(resolve, 30));
        yield chunk;
      }
    }
    const put = await raw.call({ method: 'PUT', bucket: 'draining', key: 'k', stream: { length: 1_000_000, chunks: slowly() } });
    assert.equal(put.status, 200, `${transport}: ${put.body}`);
    raw.close();
    await stopped;
    const again = await startServer({ directory: at, drives: 1 });
    const reader = startRaw(again);
    assert.ok((await reader.must({ method: 'GET', bucket: 'draining', key: 'k' })).body.equals(Buffer.alloc(1_000_000, 5)), transport);
    reader.close();
    await again.stop();
  }
});

test('the banner says what a person needs, and warns of the default credentials', async () => {
  const server = await startServer({ directory, drives: 6 });
  assert.match(server.output, /drives +6, 4\+2: 2 may fail/);
  assert.match(server.output, /journal +embedded, on 5 drives/);
  assert.match(server.output, /transport +/);
  assert.match(server.output, /aws --endpoint-url http:\/\/127\.0\.0\.1:\d+ s3 ls/);
  assert.match(server.output, /warning +the default credentials/);
  await server.stop();
  const keys = { LITEIO_ACCESS_KEY: 'my-key', LITEIO_SECRET_KEY: 'my-secret-key' };
  const own = await startServer({ directory, drives: 6, environment: keys });
  assert.doesNotMatch(own.output, /warning/);
  assert.doesNotMatch(own.output, /my-secret-key/);
  await own.stop();
});

test('flag over variable over file over default', () => {
  const file = join(directory, 'liteio.json');
  writeFileSync(
    file,
    JSON.stringify({ drives: ['/a', '/b{1...2}'], parity: 1, region: 'eu-north-1', 'max-requests': 7, 'journal-unsafe': true }),
  );
  const config = readServerConfig({ config: file, region: 'ap-south-1' }, { LITEIO_MAX_REQUESTS: '8', LITEIO_REGION: 'us-west-2' });
  assert.deepEqual(config.drives, ['/a', '/b1', '/b2']);
  assert.equal(config.parity, 1);
  assert.equal(config.region, 'ap-south-1');
  assert.equal(config.requestsMax, 8);
  assert.equal(config.journalUnsafe, true);
  assert.equal(config.host, '127.0.0.1');
  assert.equal(config.port, 9000);
  assert.equal(config.defaultCredentials, true);
  assert.deepEqual(readServerConfig({ drives: ['/d{01...03}', '/e{1...2}/f{1...2}'] }, {}).drives, [
    '/d01',
    '/d02',
    '/d03',
    '/e1/f1',
    '/e1/f2',
    '/e2/f1',
    '/e2/f2',
  ]);
  assert.equal(readServerConfig({ drives: '/d', address: '[::1]:9100' }, {}).host, '::1');
  writeFileSync(file, '{"colour": "blue"}');
  assert.throws(() => readServerConfig({ config: file }, {}), new StartRefused(`${file}: unknown setting 'colour'`));
  writeFileSync(file, '{');
  assert.throws(() => readServerConfig({ config: file }, {}), StartRefused);
  assert.throws(() => readServerConfig({ config: join(directory, 'none.json') }, {}), StartRefused);
});

test('TLS', async () => {
  const made = spawnSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      '-keyout',
      'key.pem',
      '-out',
      'cert.pem',
    ],
    { cwd: directory },
  );
  assert.equal(made.status, 0, 'openssl makes a certificate');
  const files = ['--tls-cert', join(directory, 'cert.pem'), '--tls-key', join(directory, 'key.pem')];
  const server = await startServer({ directory, drives: 1, args: files });
  assert.match(server.endpoint, /^https:/);
  const { request } = await import('node:https');
  const status = await new Promise((resolve, reject) => {
    request(
      `${server.endpoint}/`,
      { ca: readFileSync(join(directory, 'cert.pem')), servername: 'localhost', checkServerIdentity: () => undefined },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      },
    )
      .on('error', reject)
      .end();
  });
  assert.equal(status, 403, 'nobody signed');
  await server.stop();
});
