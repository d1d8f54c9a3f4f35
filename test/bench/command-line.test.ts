/** `liteio bench` as a person types it: what is refused, what comes out, what is left behind. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Command, CommanderError } from 'commander';
import { benchCommand } from '../../bench/bench-command.ts';
import { CredentialMistake, findCredentials } from '../../bench/client/credentials.ts';
import { hideSecrets, planServers, secretsOf } from '../../bench/command/servers.ts';
import { splitCommand } from '../../bench/command/split-command.ts';
import { readResult } from '../../bench/report/json.ts';
import type { BenchResult } from '../../bench/report/result.ts';
import { temporaryDirectory } from '../support/files.ts';
import { cleanEnvironment, serverProgram, startServer } from '../support/server.ts';
import { benchProgram, type Ended } from './bench-program.ts';
import { sampleResult } from './sample-result.ts';

const work = temporaryDirectory('bench-command');
const homes = join(work.path, 'homes');
const serve = 'liteio server --drives {dir}/drive{1...4} --address 127.0.0.1:{port}';

before(() => mkdirSync(homes));
after(() => work.remove());

/** Whatever a run makes lies here. */
const environment = (more: Readonly<Record<string, string>> = {}) => cleanEnvironment({ TMPDIR: homes, HOME: homes, ...more });

async function bench(args: readonly string[], more?: Readonly<Record<string, string>>): Promise<Ended> {
  const ended = await benchProgram(args, environment(more));
  assert.deepEqual(readdirSync(homes), [], 'directories of servers are gone');
  return ended;
}

/** The one line it is refused with. */
async function refusal(args: readonly string[]): Promise<string> {
  let said = '';
  const command = new Command('liteio bench')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, outputError: (text) => (said += text) });
  try {
    await benchCommand(command, args);
  } catch (error) {
    assert.ok(error instanceof CommanderError, String(error));
    assert.notEqual(error.exitCode, 0);
    return said.trim();
  }
  throw new Error(`not refused: ${args.join(' ')}`);
}

test('wrong input is refused in one line before anything is started', async () => {
  const keys = ['--access-key', 'key', '--secret-key', 'hidden'];
  const wrong: [string[], RegExp][] = [
    [[], /missing required argument 'workload'/],
    [['pat'], /there is no workload 'pat'; there are put, get/],
    [['put', '--nonsense'], /unknown option '--nonsense'/],
    [['put', '--size', '4Kib'], /--size .*expected a size such as 4KiB/],
    [['put', '--size', '4KiB:0.5,1MiB:0.2'], /the shares make/],
    [['put', '--concurrency', '1,0'], /--concurrency .*whole number from 1/],
    [['put', '--duration', 'soon'], /--duration .*a time such as 10s/],
    [['put', '--operations', '1.5'], /--operations .*whole number/],
    [['put', '--turns', '0'], /--turns .*whole number/],
    [['put', '--keys', 'round'], /--keys .*Allowed choices are flat, prefixes, hex/],
    [['put', '--payload', 'sealed'], /--payload .*Allowed choices are signed/],
    [['put', '--checksum', 'md4'], /--checksum .*Allowed choices are none/],
    [['put', '--bucket', 'No_Bucket'], /--bucket: 'No_Bucket' cannot be/],
    [['put', '--bucket', 'a..b'], /--bucket: 'a\.\.b' cannot be/],
    [['put', '--bucket', '127.0.0.1'], /--bucket: '127\.0\.0\.1' cannot be/],
    [['versioned', '--bucket', 'b'.repeat(60)], /--bucket: 'b{60}-versions' cannot be/],
    [['put', '--duration', '0s'], /--duration .*longer than nothing/],
    [['put', '--json', ''], /cannot write '': no name is given/],
    [['put', '--json', join(work.path, 'same'), '--html', `${work.path}/./same`], /--json and --html are both /],
    [['put', '--fail-under', 'put.p99<=1ms'], /not of the form .*without a unit: latencies are in ms/],
    [['page', fileWith(JSON.stringify(sampleResult({ lines: [] })), 'right.json'), '--html', work.path], /cannot write .*: EISDIR/],
    [['put', '--json', join(work.path, 'no/such/place.json')], /cannot write/],
    [['put', '--html', work.path], /cannot write .* it is a directory/],
    [['put', '--endpoint', 'localhost:9000', ...keys], /--endpoint must be a URL/],
    [['put', '--endpoint', 'http://h/bucket', ...keys], /must end behind the host and port/],
    [['put', '--endpoint', 'http://only-a-key@h'], /the access key and the secret key in .* go together/],
    [['put', '--access-key', 'key'], /--access-key and --secret-key go together/],
    [['put', '--endpoint', 'http://h', '--endpoint', 'http://h', ...keys], /two servers are called h/],
    [['put', '--serve', 'liteio server'], /--serve must be name=command/],
    [['put', '--serve', 'x=server --dir {dir}'], /must say \{port\}/],
    [['put', '--serve', 'x=server {dir/drive{1...4} {port}'], /like \{dir\} or \{port\} that is neither: \{dir\/drive/],
    [['put', '--serve', 'x=server {port} {port2'], /like \{dir\} or \{port\} that is neither: \{port2$/],
    [['put', '--serve', 'x=server "{port}'], /a " is left open/],
    [['put', '--fail-under', 'fast'], /not of the form/],
    [['put', '--fail-under', 'put.speed>=1'], /no metric is called speed/],
    [['put', '--fail-under', 'get.p99<=1'], /nothing in the result is called get/],
    [['put', '--fail-under', 'put.ratio>=1'], /a ratio needs a second server/],
    [['compare', 'one.json'], /missing required argument 'after'/],
    [['compare', 'none.json', 'none.json'], /none\.json: ENOENT/],
    [['analyze', fileWith('{"format": "other"}')], /not a result of liteio bench/],
    [['page', fileWith('{}')], /required option '--html <file>' not specified/],
  ];
  for (const [args, message] of wrong) {
    const said = await refusal(args);
    assert.match(said, message, args.join(' '));
    assert.equal(said.split('\n').length, 1, said);
    assert.ok(!said.includes('hidden'), said);
  }
});

function fileWith(text: string, name = 'result.json'): string {
  const path = join(work.path, name);
  writeFileSync(path, text);
  return path;
}

test('a refusal ends the program with 2, and help with 0', () => {
  const run = (args: readonly string[]) =>
    spawnSync(process.execPath, [serverProgram, ...args], { encoding: 'utf8', env: environment(), timeout: 20_000 });
  const refused = run(['bench', 'put', '--endpoint', 'ftp://key:hidden@host']);
  assert.equal(refused.status, 2);
  assert.equal(refused.stderr, "liteio: --endpoint must be a URL with http or https, not 'ftp://***@host'\n");
  assert.equal(refused.stdout, '');
  const help = run(['bench', '--help']);
  assert.equal(help.status, 0);
  for (const word of ['--endpoint', '--serve', '--fail-under', 'MINIO_ROOT_USER', 'range-get', 'compare', 'analyze']) {
    assert.ok(help.stdout.includes(word), word);
  }
});

test('the words of a command', () => {
  assert.deepEqual(splitCommand(`  a "b c"  'd "e' f\\ g "h\\"i" '' {dir}/drive{1...6} x="y z"`), [
    'a',
    'b c',
    'd "e',
    'f g',
    'h"i',
    '',
    '{dir}/drive{1...6}',
    'x=y z',
  ]);
  assert.deepEqual(splitCommand(''), []);
});

test('servers in the order they were given, each with its keys; secrets are hidden', () => {
  const options = [
    'http://h:1',
    'two=https://k%2F1:s%40%2F2@h:2',
    "three='/my server' --port {port} --key {access-key} --secret {secret-key}",
  ];
  const kinds = ['endpoint', 'endpoint', 'serve'] as const;
  const given = options.map((text, place) => ({ kind: kinds[place] as 'endpoint' | 'serve', text, place }));
  const flags = { accessKey: 'flag-key', secretKey: 'flag-secret', region: 'eu-north-1' };
  const [one, two, three] = planServers(given.toReversed(), flags, {});
  const credentials = { accessKey: 'flag-key', secretKey: 'flag-secret', region: 'eu-north-1' };
  assert.deepEqual(one, { kind: 'endpoint', name: 'h:1', endpoint: 'http://h:1', credentials });
  const own = { accessKey: 'k/1', secretKey: 's@/2', region: 'eu-north-1' };
  assert.deepEqual(two, { kind: 'endpoint', name: 'two', endpoint: 'https://h:2', credentials: own });
  assert.ok(three?.kind === 'serve');
  assert.deepEqual(three.command, ['/my server', '--port', '{port}', '--key', 'flag-key', '--secret', 'flag-secret']);
  assert.equal(three.environment?.MINIO_ROOT_PASSWORD, 'flag-secret');
  assert.equal(three.environment?.AWS_ACCESS_KEY_ID, 'flag-key');
  const hidden = hideSecrets(
    ['--endpoint', options[1] as string, '--secret-key=flag-secret'],
    secretsOf([one, two, three].filter((server) => server !== undefined)),
  );
  assert.deepEqual(hidden, ['--endpoint', 'two=https://***@h:2', '--secret-key=***']);
});

test('a started server gets keys of its own, never those of the environment', () => {
  const [own] = planServers([], {}, { AWS_ACCESS_KEY_ID: 'real', AWS_SECRET_ACCESS_KEY: 'real-secret' });
  const [again] = planServers([], {}, {});
  assert.ok(own?.kind === 'serve' && again?.kind === 'serve');
  assert.equal(own.name, 'liteio');
  assert.deepEqual(own.command.slice(0, 3), [process.execPath, serverProgram, 'server']);
  assert.notEqual(own.credentials.secretKey, again.credentials.secretKey);
  assert.ok(!JSON.stringify(own).includes('real'));
});

test('credentials: flags, a named profile, the environment, the default profile', () => {
  const credentials = join(work.path, 'credentials');
  const config = join(work.path, 'config');
  writeFileSync(
    credentials,
    '[default]\naws_access_key_id = D\naws_secret_access_key = d/+==\n\n# a comment\n[my.work]\naws_access_key_id=W\naws_secret_access_key=w\naws_session_token=t\n[half]\naws_access_key_id=H\n',
  );
  writeFileSync(
    config,
    '[default]\nregion = eu-west-1\n[profile my.work]\nregion=ap-south-1\ns3 =\n  max_concurrent_requests = 20\n[profile role]\nrole_arn = arn:x\n',
  );
  const files = { AWS_SHARED_CREDENTIALS_FILE: credentials, AWS_CONFIG_FILE: config };
  const aws = { AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: 'a', AWS_SESSION_TOKEN: 'at', AWS_DEFAULT_REGION: 'us-west-2' };
  const flags = { accessKey: 'F', secretKey: 'f' };
  assert.deepEqual(findCredentials(flags, { ...files, ...aws }), { accessKey: 'F', secretKey: 'f', region: 'us-west-2' });
  const work2 = { accessKey: 'W', secretKey: 'w', sessionToken: 't' };
  assert.deepEqual(findCredentials({ profile: 'my.work' }, { ...files, ...aws }), { ...work2, region: 'us-west-2' });
  assert.deepEqual(findCredentials({}, { ...files, AWS_PROFILE: 'my.work' }), { ...work2, region: 'ap-south-1' });
  assert.deepEqual(findCredentials({}, { ...files, ...aws }), { accessKey: 'A', secretKey: 'a', sessionToken: 'at', region: 'us-west-2' });
  const liteio = { LITEIO_ACCESS_KEY: 'L', LITEIO_SECRET_KEY: 'l' };
  assert.deepEqual(findCredentials({ region: 'here' }, { ...files, ...aws, ...liteio }), {
    accessKey: 'L',
    secretKey: 'l',
    region: 'here',
  });
  assert.deepEqual(findCredentials({}, files), { accessKey: 'D', secretKey: 'd/+==', region: 'eu-west-1' });
  const refused: [Parameters<typeof findCredentials>[0], Record<string, string>, RegExp][] = [
    [{ profile: 'none' }, files, /there is no profile none/],
    [{ profile: 'half' }, files, /aws_access_key_id and aws_secret_access_key of the profile half go together/],
    [{ profile: 'role' }, files, /the profile role holds no keys/],
    [{}, { ...files, AWS_ACCESS_KEY_ID: 'A' }, /AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together/],
    [{}, { AWS_SHARED_CREDENTIALS_FILE: join(work.path, 'x'), AWS_CONFIG_FILE: join(work.path, 'y') }, /^no credentials: give/],
    [{}, { AWS_SHARED_CREDENTIALS_FILE: work.path, AWS_CONFIG_FILE: config }, /cannot read/],
  ];
  for (const [given, variables, message] of refused) {
    assert.throws(
      () => findCredentials(given, variables),
      (error: Error) => error instanceof CredentialMistake && message.test(error.message),
      String(message),
    );
  }
});

test('out of the box: put and get on a server of its own', async () => {
  const json = join(work.path, 'own.json');
  const run = await bench(['put', 'get', '--duration', '1s', '--turns', '1', '--warm-up', '0s', '--objects', '20', '--json', json]);
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /^put-4KiB-c16 +liteio/m);
  assert.match(run.stdout, /^get-4KiB-c16 +liteio/m);
  assert.match(run.stderr, /^put-4KiB-c16 +liteio +turn 1\/1 .* op\/s .* p99 /m, 'progress');
  const result = readResult(json);
  assert.deepEqual(result.command.slice(0, 6), ['liteio', 'bench', 'put', 'get', '--duration', '1s']);
  for (const line of result.lines) {
    const turn = line.servers[0]?.turns[0];
    assert.ok(turn !== undefined && turn.operations > 0 && turn.errors === 0, line.name);
    if (process.platform === 'linux') assert.ok((turn.server?.cpuSeconds ?? 0) > 0, 'what the server cost');
  }
});

test('two servers side by side: files, thresholds, comparison, analysis', async () => {
  const [json, html, page] = ['two.json', 'two.html', 'again.html'].map((name) => join(work.path, name)) as [string, string, string];
  const servers = ['--serve', `first=${serve}`, '--serve', `second=${serve} --secret-key {secret-key}`, '--secret-key', 'not-to-be-seen'];
  const short = ['--operations', '40', '--turns', '3', '--warm-up', '0s', '--objects', '20', '--access-key', 'visible', '--quiet'];
  const way = ['--payload', 'streaming', '--checksum', 'crc32c', '--size', '4KiB:0.5,20KiB:0.5', '--concurrency', '1,4', '--keys', 'hex'];
  const ends = ['--fail-under', 'errors<=0', '--fail-under', 'put.ratio>=0.001', '--fail-under', 'put.second.p99<=0.0001'];
  const run = await bench(['put', ...servers, ...short, ...way, ...ends, '--json', json, '--html', html]);
  assert.equal(run.status, 1, run.stdout + run.stderr);
  assert.match(run.stdout, /^met +errors<=0/m);
  assert.match(run.stdout, /^met +put\.ratio>=0\.001/m);
  assert.match(run.stdout, /^not met +put\.second\.p99<=0\.0001/m);
  assert.equal(run.stderr, '', 'quiet');
  const result: BenchResult = readResult(json);
  assert.deepEqual(
    result.lines.map(({ name, servers }) => [
      name,
      ...servers.map(({ server, turns }) => `${server} ${turns.map((turn) => turn.operations)}`),
    ]),
    [1, 4].map((requests) => [`put-4KiB:0.5,20KiB:0.5-c${requests}`, 'first 40,40,40', 'second 40,40,40']),
  );
  for (const text of [readFileSync(json, 'utf8'), readFileSync(html, 'utf8'), run.stdout]) assert.ok(!text.includes('not-to-be-seen'));
  assert.match(readFileSync(html, 'utf8'), /^<!doctype html>/i);
  const compared = await bench(['compare', json, json]);
  assert.equal(compared.status, 0, compared.stderr);
  assert.match(compared.stdout, /^put-4KiB:0\.5,20KiB:0\.5-c4 +second .* within noise$/m);
  const analyzed = await bench(['analyze', json]);
  assert.equal(analyzed.status, 0, analyzed.stderr);
  assert.match(analyzed.stdout, /^put-4KiB:0\.5,20KiB:0\.5-c1, first$/m);
  assert.equal((await bench(['page', json, '--html', page])).status, 0);
  assert.equal(readFileSync(page, 'utf8'), readFileSync(html, 'utf8'));
});

test('a server that runs already: keys in the URL or the environment; wrong ones fail the run', async () => {
  const server = await startServer({ directory: join(work.path, 'running'), drives: 1 });
  try {
    const short = ['--operations', '20', '--turns', '1', '--warm-up', '0s', '--objects', '5', '--concurrency', '2', '--quiet'];
    const inUrl = server.endpoint.replace('//', `//${server.accessKey}:${server.secretKey}@`);
    const one = await bench(['put', 'stat', 'delete', '--endpoint', `running=${inUrl}`, ...short]);
    assert.equal(one.status, 0, one.stdout + one.stderr);
    const keys = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey };
    const two = await bench(['list', '--endpoint', server.endpoint, ...short, '--no-keep-alive'], keys);
    assert.equal(two.status, 0, two.stdout + two.stderr);
    const wrong = await bench([
      'put',
      '--endpoint',
      `running=${server.endpoint}`,
      '--access-key',
      'liteioadmin',
      '--secret-key',
      'guessed-it',
      ...short,
    ]);
    assert.equal(wrong.status, 1, wrong.stdout);
    assert.match(wrong.stdout, /running failed: .*(403|SignatureDoesNotMatch)/);
    assert.doesNotMatch(wrong.stdout, /guessed-it/);
  } finally {
    await server.stop();
  }
});

test('SIGINT: what was measured is told, and the server is gone', { skip: process.platform === 'win32' }, async () => {
  const json = join(work.path, 'interrupted.json');
  const args = [
    'stat',
    '--size',
    '1KiB',
    '--size',
    '2KiB',
    '--size',
    '3KiB',
    '--duration',
    '400ms',
    '--turns',
    '4',
    '--warm-up',
    '0s',
    '--objects',
    '5',
    '--json',
    json,
  ];
  const child = spawn(process.execPath, [serverProgram, 'bench', ...args], {
    env: environment(),
  });
  let progress = '';
  let ended = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    progress += text;
    if (ended || !/^stat-2KiB-c16 +liteio +turn 2\/4/m.test(progress)) return;
    ended = true;
    child.kill('SIGINT'); // in the midst of the second line
  });
  const stdout = (await child.stdout.setEncoding('utf8').toArray()).join('');
  const status = child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve)));
  assert.equal(status, 130, stdout + progress);
  assert.match(stdout, /^stat-1KiB-c16 +liteio/m);
  assert.match(stdout, /^stat-2KiB-c16 was not finished: liteio had \d of 4 turns, [\d,]+ operations in /m);
  assert.match(stdout, /^ended by SIGINT before its time$/m);
  const { lines, interruption } = readResult(json);
  assert.deepEqual(
    lines.map(({ name }) => name),
    ['stat-1KiB-c16'],
  );
  assert.deepEqual([interruption?.by, interruption?.missing], ['SIGINT', ['stat-3KiB-c16']]);
  assert.deepEqual([interruption?.unfinished?.name, interruption?.unfinished?.turns], ['stat-2KiB-c16', 4]);
  const [half] = interruption?.unfinished?.servers ?? [];
  assert.ok(half?.server === 'liteio' && half.turns > 0 && half.turns < 4 && half.operations > 0 && half.seconds > 0, JSON.stringify(half));
  const analyzed = await bench(['analyze', json]);
  assert.match(analyzed.stdout, /^stat-1KiB-c16, liteio$/m);
  assert.match(analyzed.stdout, /^The run was ended by SIGINT before its time$/m);
  assert.deepEqual(readdirSync(homes), [], 'the directory of the server is gone');
  const { port } = new URL(readResult(json).servers[0]?.endpoint ?? '');
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`), 'nobody listens any more');
});

test('a reader that goes away ends the run, and the server with it', { skip: process.platform === 'win32' }, async () => {
  const args = ['bench', 'put', '--size', '1KiB', '--duration', '20s', '--turns', '1', '--warm-up', '0s'];
  const child = spawn(process.execPath, [serverProgram, ...args], { env: environment() });
  let progress = '';
  for await (const text of child.stderr.setEncoding('utf8')) {
    progress += text;
    if (/turn 1\/1 .*op\/s/.test(progress)) break; // which closes the pipe
  }
  const ended = child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve)));
  assert.equal(ended, 141, progress);
  assert.deepEqual(readdirSync(homes), [], 'the directory of the server is gone');
  const [, port] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(progress) ?? [];
  assert.ok(port !== undefined, progress);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`), 'nobody listens any more');
});
