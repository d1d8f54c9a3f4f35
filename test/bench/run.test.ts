/** Runs against real servers: every workload, servers in turn, wrong answers, servers that die, and what is left afterwards. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { BenchResult, LineServer } from '../../bench/report/result.ts';
import { type BenchPlan, type EndpointPlan, type ServePlan, workloads } from '../../bench/run/plan.ts';
import { runBench } from '../../bench/run/run-bench.ts';
import type { RunListener } from '../../bench/run/run-listener.ts';
import { type RunningServer, serverProgram, startServer } from '../support/server.ts';
import { type Flaw, type FlawedProxy, startFlawedProxy } from './flawed-proxy.ts';
import { endpointPlan, servePlan, shortPlan } from './short-plan.ts';

const processFilesThere = existsSync('/proc/self/status');

let servers: readonly RunningServer[] = [];
let proxies: readonly FlawedProxy[] = [];

before(async () => {
  servers = await Promise.all([startServer({ drives: 1 }), startServer({ drives: 1 })]);
  proxies = await Promise.all(servers.map(({ endpoint }) => startFlawedProxy(endpoint)));
});
after(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await Promise.all(servers.map((server) => server.stop()));
});

function endpoint(name: string, place: number): EndpointPlan {
  return endpointPlan(name, proxies[place]?.endpoint ?? '');
}

/** What was told, as `what server ...`. */
function listening(told: string[] = []): RunListener {
  return {
    runBegun: ({ lines }) => void told.push(`run ${lines.join(' ')}`),
    preparing: ({ server, what }) => void told.push(`preparing ${server} ${what}`),
    serverReady: ({ name }) => void told.push(`ready ${name}`),
    turnBegun: ({ line, server, turn }) => void told.push(`turn ${line} ${server} ${turn}`),
    sampled: ({ line, server }, { seconds }) => {
      assert.ok(seconds !== undefined && seconds > 0);
      told.push(`sample ${line} ${server}`);
    },
    turnFinished: ({ line, server, turn }) => void told.push(`finished ${line} ${server} ${turn}`),
    lineFinished: ({ name }) => void told.push(`line ${name}`),
    serverFailed: ({ server, line, reason }) => void told.push(`failed ${server} ${line ?? ''}: ${reason}`),
  };
}

const never = new AbortController().signal;

function of(result: BenchResult, line: string, server: string): LineServer {
  const found = result.lines.find(({ name }) => name === line)?.servers.find((one) => one.server === server);
  assert.ok(found, `${line} of ${server}`);
  return found;
}

function plausible(line: string, { failure, turns, operations, samples }: LineServer): void {
  assert.equal(failure, undefined, line);
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  const total = sum(turns.map((turn) => turn.operations));
  const records = Object.values(operations);
  assert.ok(total > 0, line);
  assert.equal(sum(records.map((record) => record.operations)), total, line);
  assert.equal(sum(samples.map((sample) => sample.operations)), total, line);
  assert.equal(sum(records.map((record) => record.bytes)), sum(turns.map((turn) => turn.bytes)), line);
  assert.equal(sum(turns.map((turn) => turn.errors)), 0, line);
  for (const record of records) {
    const histogram = decodeFromCompressedBase64(record.histogram) as Histogram;
    assert.equal(histogram.totalCount, record.operations, line);
    const [p50, most] = [histogram.getValueAtPercentile(50), histogram.maxValue];
    assert.ok(p50 > 20 && p50 <= most && most < 60e6, `${line}: p50 ${p50} us, most ${most} us`);
  }
  for (const turn of turns) {
    assert.ok(turn.seconds > 0.001 && turn.seconds < 60, line);
    assert.ok(turn.clientCpuSeconds > 0 && turn.clientCpuSeconds < turn.seconds * 8, line);
    if (processFilesThere) assert.ok(turn.busiestClientThread !== undefined && turn.busiestClientThread <= 1, line);
  }
}

test('every workload runs on a server that the harness starts, measures and stops', async () => {
  const told: string[] = [];
  const sizes = ['2KiB:0.5,20KiB:0.5'];
  const result = await runBench(shortPlan({ workloads, servers: [servePlan('ours')], sizes, concurrencies: [3] }), listening(told), never);
  const names = [...workloads.filter((name) => name !== 'ramp').map((name) => `${name}-${sizes[0]}-c3`)];
  names.push(...[1, 2, 3].map((step) => `ramp-${sizes[0]}-c${step}`));
  assert.deepEqual(
    result.lines.map(({ name }) => name),
    names,
  );
  for (const { name, servers } of result.lines) plausible(name, servers[0] as LineServer);
  const operations = (workload: string): string[] => Object.keys(of(result, `${workload}-${sizes[0]}-c3`, 'ours').operations).sort();
  assert.deepEqual(operations('range-get'), ['range-get']);
  assert.deepEqual(operations('multipart'), ['complete-upload', 'create-upload', 'upload-part']);
  assert.ok(operations('versioned').includes('get-version') && operations('versioned').includes('put'));
  assert.ok(operations('conditional').includes('put-if-absent-refused') && operations('conditional').includes('get-not-modified'));
  const [list] = of(result, `list-${sizes[0]}-c3`, 'ours').turns;
  assert.equal(list?.keys, (list?.operations ?? 0) * 40, 'one page holds all');
  assert.equal(result.lines.flatMap(({ servers }) => servers).filter(({ knee }) => knee).length, 1, 'one knee');
  const [server] = result.servers;
  assert.ok(server?.process && server.process.startSeconds > 0.05 && server.banner !== '');
  assert.ok(!server.process.command.includes('liteioadmin'));
  if (processFilesThere) {
    const { idleResidentBytes = 0, peakResidentBytes = 0 } = server.process;
    assert.ok(idleResidentBytes > 20e6 && peakResidentBytes >= idleResidentBytes);
    const [put] = of(result, `put-${sizes[0]}-c3`, 'ours').turns;
    assert.ok(put?.server && put.server.cpuSeconds > 0 && put.server.residentBytes > 20e6);
    // Where the temporary directory lies in memory nothing is written to a device.
    assert.ok((put.server.writtenBytes ?? -1) >= 0 && (put.server.deviceFlushes ?? -1) >= 0);
  }
  assert.equal(told.filter((words) => words.startsWith('preparing ours laying out')).length, 1, 'objects to read are laid out once');
  assert.deepEqual(
    told.filter((words) => words.startsWith('failed')),
    [],
  );
});

test('servers take turns, A B B A, with the same keys and bytes; nothing is left on them', async () => {
  const told: string[] = [];
  const limit = { seconds: 20, operations: 30 };
  const both = [endpoint('a', 0), endpoint('b', 1)];
  const firsts = proxies.map(({ seen }) => seen.length);
  const wanted = shortPlan({
    servers: both,
    limit,
    turns: 3,
    concurrencies: [6],
    threads: 2,
    keyLayout: 'hex',
    sizes: ['uniform:1KiB-9KiB'],
  });
  const result = await runBench(wanted, listening(told), never);
  const turns = told.filter((words) => words.startsWith('turn put')).map((words) => words.split(' ').slice(2).join(''));
  assert.deepEqual(turns, ['a0', 'b0', 'b1', 'a1', 'a2', 'b2']);
  for (const { name, servers } of result.lines) {
    for (const server of servers) {
      plausible(name, server);
      assert.deepEqual(
        server.turns.map(({ operations }) => operations),
        [30, 30, 30],
      );
    }
  }
  const puts = proxies.map(({ seen }, index) => seen.slice(firsts[index]).filter((words) => /^PUT \/bench\/./.test(words)));
  assert.equal(puts[0]?.length, 3 * 30 + 40);
  assert.equal(new Set(puts[0]).size, 3 * 30 + 40);
  assert.deepEqual(puts[0]?.toSorted(), puts[1]?.toSorted(), 'the same keys and the same bytes');
  for (const server of servers) {
    const { Buckets } = await server.client().send(new ListBucketsCommand({}));
    assert.deepEqual(Buckets ?? [], [], 'the bucket was made by the run, and is gone');
  }
});

const spoilt: Readonly<
  Record<string, { readonly workload: BenchPlan['workloads'][number]; readonly flaw: Flaw; readonly reason: RegExp }>
> = {
  'a flipped byte': {
    workload: 'get',
    reason: /^GET .*: wrong bytes from \d+ on, of 4096$/,
    flaw: (answer, { method, target }) => {
      if (method !== 'GET' || !target.includes('laid-out') || answer.body.length !== 4096) return answer;
      const body = Buffer.from(answer.body);
      body[4000] = (body[4000] ?? 0) ^ 1;
      return { ...answer, body };
    },
  },
  'a short body': {
    workload: 'get',
    reason: /4095 bytes instead of 4096/,
    flaw: (answer, { method }) => (method === 'GET' && answer.body.length === 4096 ? { ...answer, body: answer.body.subarray(1) } : answer),
  },
  'an ETag of other bytes': {
    workload: 'put',
    reason: /^PUT .*: ETag 0{32} instead of [0-9a-f]{32}$/,
    flaw: (answer, { method, target }) =>
      method === 'PUT' && target.includes('/put-') ? { ...answer, headers: { ...answer.headers, etag: `"${'0'.repeat(32)}"` } } : answer,
  },
  'a list that lacks a key': {
    workload: 'list',
    reason: /39 keys instead of 40/,
    flaw: (answer, { target }) =>
      target.includes('list-type') && target.includes('laid-out')
        ? { ...answer, body: Buffer.from(answer.body.toString().replace(/<Contents>.*?<\/Contents>/s, '')) }
        : answer,
  },
  'a range from elsewhere': {
    workload: 'range-get',
    reason: /content-range bytes 0-0\/1 instead of/,
    flaw: (answer) => (answer.status === 206 ? { ...answer, headers: { ...answer.headers, 'content-range': 'bytes 0-0/1' } } : answer),
  },
  'a condition that is not heeded': {
    workload: 'conditional',
    reason: /status 200 instead of 412/,
    flaw: (answer) => (answer.status === 412 ? { ...answer, status: 200, body: Buffer.alloc(0) } : answer),
  },
  'an error that is not asked for patience with': {
    workload: 'stat',
    reason: /^HEAD .*: status 500 instead of 200/,
    flaw: (answer, { method, target }) => (method === 'HEAD' && target.includes('laid-out') ? { ...answer, status: 500 } : answer),
  },
};

for (const [what, { workload, flaw, reason }] of Object.entries(spoilt)) {
  test(`${what} fails the line of that server, and of no other`, async () => {
    const [proxy] = proxies;
    assert.ok(proxy);
    proxy.flaw = flaw;
    try {
      const told: string[] = [];
      const both = [endpoint('wrong', 0), endpoint('right', 1)];
      const limit = { seconds: 5, operations: 12 };
      const result = await runBench(shortPlan({ servers: both, workloads: [workload], turns: 2, limit }), listening(told), never);
      const wrong = of(result, `${workload}-4KiB-c2`, 'wrong');
      assert.match(wrong.failure ?? '', reason);
      assert.deepEqual([wrong.turns, wrong.operations, wrong.samples], [[], {}, []], 'no figures of a wrong server');
      plausible(what, of(result, `${workload}-4KiB-c2`, 'right'));
      assert.equal(told.filter((words) => words.startsWith('failed wrong')).length, 1);
    } finally {
      proxy.flaw = (answer) => answer;
    }
  });
}

test('a delete that deletes nothing is found out', async () => {
  const [proxy] = proxies;
  assert.ok(proxy);
  proxy.instead = ({ method, target }) =>
    method === 'DELETE' && target.includes('/delete-') ? { status: 204, headers: {}, body: Buffer.alloc(0) } : undefined;
  try {
    const limit = { seconds: 5, operations: 10 };
    const result = await runBench(
      shortPlan({ servers: [endpoint('liar', 0)], workloads: ['delete'], turns: 2, limit }),
      listening(),
      never,
    );
    assert.match(of(result, 'delete-4KiB-c2', 'liar').failure ?? '', /HEAD .*: status 200 instead of 404/);
  } finally {
    proxy.instead = () => undefined;
  }
});

test('503 and broken connections are errors, and the load goes on', async () => {
  const [proxy] = proxies;
  assert.ok(proxy);
  let puts = 0;
  let gets = 0;
  proxy.instead = ({ method, target }) =>
    method === 'PUT' && target.includes('/put-') && ++puts % 5 === 0
      ? { status: 503, headers: { 'retry-after': '0' }, body: Buffer.from('<Error><Code>SlowDown</Code></Error>') }
      : undefined;
  proxy.flaw = (answer, { method, target }) => (method === 'GET' && target.includes('laid-out') && ++gets % 5 === 0 ? 'cut' : answer);
  try {
    const limit = { seconds: 10, operations: 20 };
    const result = await runBench(shortPlan({ servers: [endpoint('moody', 0)], limit }), listening(), never);
    const put = of(result, 'put-4KiB-c2', 'moody');
    assert.deepEqual([put.failure, put.operations.put?.operations, put.operations.put?.errors], [undefined, 20, puts - 20]);
    assert.ok(puts > 20);
    const get = of(result, 'get-4KiB-c2', 'moody');
    assert.deepEqual([get.failure, get.operations.get?.operations, get.operations.get?.errors], [undefined, 16, 4]);
  } finally {
    proxy.instead = () => undefined;
    proxy.flaw = (answer) => answer;
  }
});

test('a server that dies fails its lines with its last words, the others go on; one that does not start has none', async () => {
  // The server is a child of what the harness starts: both must be gone, and both are counted. That it ended is known later than
  // that nobody listens any more.
  const script = `
    const child = require('node:child_process').spawn(process.execPath, process.argv.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] });
    const end = () => { console.error('out of luck'); process.exit(3); };
    setTimeout(() => { child.kill('SIGKILL'); setTimeout(end, 1000); }, 1800);`;
  const mortal: ServePlan = { ...servePlan('mortal'), command: [process.execPath, '-e', script, ...servePlan('mortal').command.slice(1)] };
  const stillborn: ServePlan = { ...servePlan('stillborn'), command: ['/nonexistent/server', '{port}'] };
  const told: string[] = [];
  const limit = { seconds: 0.6, operations: Number.POSITIVE_INFINITY };
  const wanted = shortPlan({ servers: [endpoint('steady', 1), mortal, stillborn], turns: 2, limit, workloads: ['put', 'stat'] });
  const result = await runBench(wanted, listening(told), never);
  for (const line of ['put-4KiB-c2', 'stat-4KiB-c2']) {
    plausible(line, of(result, line, 'steady'));
    assert.match(of(result, line, 'stillborn').failure ?? '', /could not be started.*ENOENT/);
  }
  const { failure } = of(result, 'stat-4KiB-c2', 'mortal');
  assert.match(failure ?? '', /ended with exit code 3; it said: .*out of luck/);
  assert.ok(told.some((words) => words.startsWith('failed mortal ') && words.includes('out of luck')));
});

test('a server that dies as its bucket is made fails with its last words', async () => {
  const script = `
    const end = () => { console.error('out of luck'); process.exit(3); };
    require('node:http').createServer((request, answer) => {
      if (request.method === 'GET') return void answer.end('<ListAllMyBucketsResult/>');
      request.socket.destroy();
      setTimeout(end, 1000);
    }).listen(Number(process.argv[1]), '127.0.0.1');`;
  const frail: ServePlan = { ...servePlan('frail'), command: [process.execPath, '-e', script, '{port}'] };
  const told: string[] = [];
  const result = await runBench(shortPlan({ servers: [frail], workloads: ['put'] }), listening(told), never);
  const lastWords = /^frail ended with exit code 3; it said: out of luck$/;
  assert.match(of(result, 'put-4KiB-c2', 'frail').failure ?? '', lastWords);
  assert.match(told.find((words) => words.startsWith('failed frail : '))?.slice('failed frail : '.length) ?? '', lastWords);
});

test('an aborted run leaves nothing running and nothing behind', async () => {
  const tag = `drive-${process.pid}-${Date.now()}`;
  const tagged = (): string[] => readdirSync(tmpdir()).filter((name) => existsSync(join(tmpdir(), name, tag)));
  const flags = ['--drives', `{dir}/${tag}`, '--address', '127.0.0.1:{port}'];
  const ours: ServePlan = { ...servePlan('ours'), command: [process.execPath, serverProgram, 'server', ...flags] };
  const abort = new AbortController();
  let place = '';
  let during: string[] = [];
  const listener = listening();
  const limit = { seconds: 30, operations: Number.POSITIVE_INFINITY };
  const run = runBench(
    shortPlan({ servers: [ours, endpoint('there', 1)], limit }),
    {
      ...listener,
      serverReady: (server) => {
        if (server.name === 'ours') place = server.endpoint;
      },
      sampled: () => {
        during = tagged();
        abort.abort(new Error('enough'));
      },
    },
    abort.signal,
  );
  await assert.rejects(run, /^Error: enough$/);
  assert.equal(during.length, 1, 'its directory was there');
  assert.deepEqual(tagged(), [], 'its directory is gone');
  assert.match(await connectionTo(place), /ECONNREFUSED/);
  const { Buckets } = await (servers[1] as RunningServer).client().send(new ListBucketsCommand({}));
  assert.deepEqual(Buckets ?? [], []);
});

function connectionTo(endpoint: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(endpoint).port), '127.0.0.1', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.on('error', (error) => resolve(String(error)));
  });
}

test('a plan that makes no sense is refused before anything is started', async () => {
  await assert.rejects(
    runBench(shortPlan({ servers: [servePlan('ours')], sizes: ['4KiBs'] }), listening(), never),
    /size 4KiBs: expected a size/,
  );
});
