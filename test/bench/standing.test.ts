/** The standing set: parts of the document are replaced exactly, goals follow from results, and what it runs runs. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BenchResult } from '../../bench/report/result.ts';
import { linesOf } from '../../bench/run/run-bench.ts';
import { MarksBroken, partOf, withPart } from '../../bench/standing/document.ts';
import { goals } from '../../bench/standing/goals.ts';
import { renderGoals } from '../../bench/standing/goals-table.ts';
import { joined } from '../../bench/standing/matrix.ts';
import { diskBytesOf, estimatedSeconds, matrixPlans } from '../../bench/standing/matrix-plan.ts';
import { readOptions } from '../../bench/standing/options.ts';
import { runMicros } from '../../bench/standing/run-micros.ts';
import { groupNames, type StandingResult } from '../../bench/standing/standing-result.ts';
import { withResults } from '../../bench/standing/write-benchmarks.ts';
import { projectRoot, temporaryDirectory } from '../support/files.ts';
import { sampleResult } from './sample-result.ts';

const document = readFileSync(join(projectRoot, 'BENCHMARKS.md'), 'utf8');
const program = join(projectRoot, 'dist/bench/standing/main.js');

test('a part is replaced exactly, and the same content again changes nothing', () => {
  const text = 'by hand\n\n<!-- one: begin -->\nold\n<!-- one: end -->\n\nmore\n<!-- two: begin --><!-- two: end -->\nend\n';
  const once = withPart(text, 'one', 'new\n\n| a | b |\n');
  assert.equal(
    once,
    'by hand\n\n<!-- one: begin -->\n\nnew\n\n| a | b |\n\n<!-- one: end -->\n\nmore\n<!-- two: begin --><!-- two: end -->\nend\n',
  );
  assert.equal(withPart(once, 'one', partOf(once, 'one')), once);
  assert.equal(partOf(once, 'one'), 'new\n\n| a | b |');
  // What looks like a pattern of String.replace stands as it is.
  assert.equal(partOf(withPart(text, 'two', "$& $1 $'"), 'two'), "$& $1 $'");
});

test('broken marks are refused', () => {
  const cases = {
    'is missing': '<!-- one: begin -->\n',
    'is there twice': '<!-- one: begin --><!-- one: begin --><!-- one: end -->',
    'ends before it begins': '<!-- one: end --><!-- one: begin -->',
    'stands within': '<!-- one: begin --><!-- two: begin --><!-- one: end --><!-- two: end -->',
  };
  for (const [why, text] of Object.entries(cases)) {
    assert.throws(
      () => withPart(text, 'one', 'x'),
      (error) => error instanceof MarksBroken && error.message.includes(why),
      why,
    );
  }
});

/** liteio over MinIO, by line: the rate of MinIO is 1000. */
function matrixOf(ratios: Readonly<Record<string, number>>): BenchResult {
  const lines = Object.entries(ratios).map(([name, ratio]) => {
    const [workload = '', size = '', concurrency = ''] = name.split('-');
    const servers = [
      { name: 'liteio', rate: 1000 * ratio, noise: 0 },
      { name: 'minio', rate: 1000, noise: 0 },
    ];
    return { name, workload, size, concurrency: Number(concurrency.slice(1)), servers };
  });
  return sampleResult({ lines, turns: 3, secondsPerTurn: 2 });
}

function resultOf(more: Partial<StandingResult>): StandingResult {
  const { machine } = sampleResult({ lines: [] });
  const command = ['npm', 'run', 'bench'];
  const place = { version: '0.1.0', command, machine, fileSystem: 'ext4', whole: true };
  return { startedAt: '2026-03-14T15:09:26.535Z', ...place, matrix: {}, listing: [], ...more };
}

function described(result: BenchResult) {
  return { servers: result.servers.map(({ name }) => ({ name, version: '1', durability: 'everything' })), result };
}

const measured = (results: StandingResult, name: string) => {
  const goal = goals.find((one) => one.name.startsWith(name));
  assert.ok(goal !== undefined, name);
  return goal.measure(results);
};

test('goals follow from the results: reached by the worst line, not measured without the peer', () => {
  const result = matrixOf({ 'put-4KiB-c16': 4.5, 'put-4KiB-c64': 4.1, 'get-8MiB-c1': 1.2, 'get-8MiB-c16': 1.1, 'get-8MiB-c64': 0.7 });
  const results = resultOf({ matrix: { 'six-drives': described(result) } });
  assert.deepEqual(measured(results, 'PUT 4 KiB at c16 and c64: 4 times MinIO'), { value: 'c16: 4.50, c64: 4.10', reached: true });
  assert.deepEqual(measured(results, 'GET 8 MiB'), { value: 'c1: 1.20, c16: 1.10, c64: 0.70', reached: false });
  assert.equal(measured(results, 'PUT 4 KiB at c16 and c64: as fast as SeaweedFS'), undefined, 'SeaweedFS was not there');
  assert.equal(measured(results, 'STAT 4 KiB'), undefined, 'no such lines');
  assert.deepEqual(measured(results, 'Resident under load'), { value: 'six drives: 210', reached: true });
  assert.deepEqual(measured(results, 'The client under half'), { value: 'all 5 lines', reached: true });
  for (const { measure } of goals) assert.equal(measure(resultOf({ whole: false })), undefined);
});

test('a peer that fails a line does not make a goal reached', () => {
  const servers = (failure?: string) => [
    { name: 'liteio', rate: 5000, noise: 0 },
    { name: 'minio', rate: 1000, noise: 0, ...(failure !== undefined && { failure }) },
  ];
  const lines = [16, 64].map((concurrency) => ({
    name: `put-4KiB-c${concurrency}`,
    workload: 'put',
    concurrency,
    servers: servers(concurrency === 64 ? '503' : undefined),
  }));
  const results = resultOf({ matrix: { 'six-drives': described(sampleResult({ lines, turns: 3 })) } });
  assert.deepEqual(measured(results, 'PUT 4 KiB at c16 and c64: 4 times MinIO'), { value: 'c16: 5.00, c64: peer failed', reached: false });
});

test('goals of listings, of the ten minutes and of cold starts', () => {
  const listing = (keys: number, rate: number) => {
    const lines = [1, 16].map((concurrency) => ({
      name: `list-1B-c${concurrency}`,
      workload: 'list',
      concurrency,
      servers: [
        { name: 'liteio', rate, noise: 0 },
        { name: 'minio', rate: 5, noise: 0 },
      ],
    }));
    return { keys, result: sampleResult({ lines, turns: 3 }) };
  };
  const endurance = sampleResult({
    lines: [
      {
        name: 'mixed-4KiB-c16',
        workload: 'mixed',
        servers: [{ name: 'liteio', rate: 1000, noise: 0, pace: (second) => (second < 540 ? 1 : 0.8), resident: (turn) => 200 + turn }],
      },
    ],
    turns: 10,
    secondsPerTurn: 60,
  });
  const starts = { objects: 0, residentBytes: 1, seconds: [0.7, 1.3, 0.8] };
  const startUp = [
    { ...starts, pageCache: 'dropped' },
    { ...starts, seconds: [0.4], pageCache: 'warm' },
  ] as const;
  const results = resultOf({ listing: [listing(10_000, 60), listing(1_000_000, 54)], endurance, startUp });
  assert.deepEqual(measured(results, 'LIST of 10,000'), { value: 'c1: 12.0, c16: 12.0', reached: true });
  assert.deepEqual(measured(results, 'LIST flat'), { value: 'c1: 0.90, c16: 0.90', reached: true });
  assert.deepEqual(measured(results, 'Ten minutes of mixed load: last'), { value: '0.80 of the first minute', reached: false });
  assert.deepEqual(measured(results, 'Ten minutes of mixed load: resident'), { value: '200 MiB, then 209 MiB', reached: true });
  const cold = { value: 'median 0.80 s, worst 1.30 s, page cache dropped', reached: false };
  assert.deepEqual(measured(results, 'Cold start with an empty'), cold);
  assert.equal(measured(results, 'Cold start with 1,000,000'), undefined);
});

test('a run leaves the goals that it did not measure as they were', () => {
  const before = renderGoals('', resultOf({ startUp: [{ objects: 0, residentBytes: 1, seconds: [0.5], pageCache: 'warm' }] }));
  const row =
    '| Cold start with an empty store to the first 200: under 1 s | median 0.50 s, worst 0.50 s, page cache warm | yes | 2026-03-14 |';
  assert.ok(before.includes(row), before);
  assert.match(before, /\| STAT 4 KiB: 2 times MinIO \| not measured \| {2}\| {2}\|/);
  const after = renderGoals(before, resultOf({ startedAt: '2027-01-01T00:00:00.000Z' }));
  assert.equal(after, before);
});

test('the document in the repository has every part, each is written, and a second time to the same text', () => {
  const result = matrixOf({ 'put-4KiB-c16': 4.5, 'list-4KiB-c1': 2 });
  const matrix = Object.fromEntries(groupNames.map((group) => [group, described(result)]));
  const figure = { microseconds: 2.5, fifthPercentile: 2, ninetyFifthPercentile: 3, samples: 100 };
  const micros = [{ group: 'codec', name: 'event to payload', ...figure, bytesPerSecond: 2 ** 30 }] as const;
  const startUp = [{ objects: 1_000_000, residentBytes: 2 ** 27, seconds: [0.5], pageCache: 'warm' }] as const;
  const listing = [{ keys: 10_000, result: matrixOf({ 'list-1B-c1': 2 }) }];
  const written = withResults(document, resultOf({ matrix, micros, startUp, listing, endurance: result }));
  for (const cell of ['| codec: event to payload | 2.50 us | 2.00 us – 3.00 us | 1,024 |', 'put-4KiB-c16', '| 10,000 | c1 | minio |']) {
    assert.ok(written.includes(cell), cell);
  }
  assert.doesNotMatch(written, /Not run yet/);
  const hand = (text: string): string => text.replaceAll(/<!-- ([a-z-]+): begin -->.*?<!-- \1: end -->/gs, '');
  assert.equal(hand(written), hand(document));
  assert.equal(withResults(written, resultOf({ matrix, micros, startUp, listing, endurance: result })), written);
});

test('runs of one group are joined: all lines, the most memory of each server', () => {
  const [one, other] = [matrixOf({ 'put-4KiB-c1': 1 }), matrixOf({ 'get-4KiB-c1': 1 })];
  const [first] = other.servers;
  assert.ok(first?.process !== undefined);
  const hungry = { ...first, process: { ...first.process, peakResidentBytes: 2 ** 30 } };
  const whole = joined([one, { ...other, servers: [hungry, ...other.servers.slice(1)] }]);
  assert.deepEqual(
    whole.lines.map(({ name }) => name),
    ['put-4KiB-c1', 'get-4KiB-c1'],
  );
  assert.equal(whole.servers[0]?.process?.peakResidentBytes, 2 ** 30);
  assert.equal(whole.servers[1]?.process?.peakResidentBytes, one.servers[1]?.process?.peakResidentBytes);
});

test('the matrix: every workload at every size, one line when it is named, bounded time and bytes', () => {
  const credentials = { accessKey: 'a', secretKey: 'b', region: 'us-east-1' };
  const servers = Array.from({ length: 8 }, (_, index) => ({ kind: 'serve', name: `s${index}`, command: ['x'], credentials }) as const);
  const plans = matrixPlans('six-drives', servers, { turns: 3, seconds: 1, only: [] });
  const lines = plans.flatMap(({ workloads, sizes, concurrencies }) =>
    workloads.flatMap((workload) => sizes.flatMap((size) => concurrencies.map((concurrency) => `${workload}-${size}-c${concurrency}`))),
  );
  assert.equal(new Set(lines).size, lines.length);
  assert.equal(lines.length, 5 * 4 * 3 - 1, 'all but the deletes of 64 MiB at c64');
  const seconds = plans.reduce((sum, plan) => sum + estimatedSeconds(plan), 0);
  assert.ok(seconds < 27 * 60, `${seconds} s for eight servers`);
  for (const plan of plans) {
    const gibibytes = diskBytesOf(plan, 1) / 2 ** 30;
    assert.ok(gibibytes < 40, `${plan.workloads} at ${plan.sizes} for eight servers: ${gibibytes} GiB`);
  }
  const one = matrixPlans('six-drives', servers, { turns: 3, seconds: 1, only: ['put-4KiB-c1'] });
  assert.deepEqual(
    one.map(({ workloads, sizes, concurrencies }) => [workloads, sizes, concurrencies]),
    [[['put'], ['4KiB'], [1]]],
  );
  assert.deepEqual(matrixPlans('one-drive', servers, { turns: 3, seconds: 1, only: ['put-4'] }), []);
  const journals = matrixPlans('journals', servers, { turns: 3, seconds: 1, only: [] });
  assert.deepEqual([...new Set(journals.flatMap(({ workloads }) => workloads))].sort(), ['delete', 'put']);
});

test('several lines are named by comma: each of them is run, and no other', () => {
  const credentials = { accessKey: 'a', secretKey: 'b', region: 'us-east-1' };
  const servers = [{ kind: 'serve', name: 's', command: ['x'], credentials } as const];
  const linesOfPlans = (text: string): string[] => {
    const { only } = readOptions(['--only', text]);
    return matrixPlans('six-drives', servers, { turns: 1, seconds: 1, only }).flatMap((plan) => linesOf(plan).map(({ name }) => name));
  };
  // Of one run they would be four: each workload at each concurrency.
  assert.deepEqual(linesOfPlans('put-4KiB-c1,get-4KiB-c16'), ['put-4KiB-c1', 'get-4KiB-c16']);
  assert.deepEqual(linesOfPlans('get-4KiB-c16, put-4KiB-c16,,'), ['put-4KiB-c16', 'get-4KiB-c16']);
  assert.deepEqual(linesOfPlans('put-64MiB,stat-8MiB-c64'), ['stat-8MiB-c64', 'put-64MiB-c64', 'put-64MiB-c16', 'put-64MiB-c1']);
  assert.deepEqual(linesOfPlans('put-4KiB,put-4KiB-c1'), ['put-4KiB-c1', 'put-4KiB-c16', 'put-4KiB-c64']);
  assert.deepEqual(
    matrixPlans('journals', servers, { turns: 1, seconds: 1, only: ['get', 'delete-4KiB-c1'] }).flatMap((plan) => plan.workloads),
    ['delete'],
  );
  const { stages, writes } = readOptions(['--only', 'put,get']);
  assert.deepEqual([stages, writes], [['macro'], false]);
  assert.throws(() => readOptions(['--only', 'put-4KiB,put-4']), /--only: no line of the matrix is called put-4 /);
  assert.deepEqual(readOptions(['--only', '']).only, []);
});

test('every micro benchmark runs', async () => {
  const figures = await runMicros({ milliseconds: 2, samplesMin: 4 });
  assert.deepEqual([...new Set(figures.map(({ group }) => group))], ['codec', 'decide', 'journal', 'erasure', 'hashing', 'signature']);
  assert.equal(new Set(figures.map(({ group, name }) => `${group} ${name}`)).size, figures.length);
  for (const figure of figures) {
    const { name, microseconds, fifthPercentile, ninetyFifthPercentile, samples } = figure;
    assert.ok(microseconds > 0.01 && microseconds < 1e6, `${name}: ${microseconds} us`);
    assert.ok(fifthPercentile <= microseconds && microseconds <= ninetyFifthPercentile && samples > 0, JSON.stringify(figure));
  }
});

test('two lines of the matrix are run and written', { timeout: 60_000 }, async () => {
  const work = temporaryDirectory('standing');
  try {
    const file = join(work.path, 'BENCHMARKS.md');
    copyFileSync(join(projectRoot, 'BENCHMARKS.md'), file);
    const line = ['--only', 'put-4KiB-c1,stat-4KiB-c1', '--seconds', '0.2', '--turns', '1', '--peers', 's3rver', '--group', 'one-drive'];
    const child = spawn(process.execPath, [program, ...line, '--file', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const [code] = await once(child, 'exit');
    assert.equal(code, 0, said);
    const written = readFileSync(file, 'utf8');
    const part = partOf(written, 'matrix-one-drive');
    assert.match(
      part,
      /\n {4}npm run bench -- --only put-4KiB-c1,stat-4KiB-c1 --seconds 0\.2 --turns 1 --peers s3rver --group one-drive\n/,
    );
    for (const name of ['put-4KiB-c1', 'stat-4KiB-c1']) assert.match(part, new RegExp(`\\| ${name}( \\\\?\\*)? \\| [\\d.,]+ \\|`));
    assert.doesNotMatch(part, /failed/);
    assert.equal(partOf(written, 'matrix-six-drives'), partOf(document, 'matrix-six-drives'));
    const raw = JSON.parse(readFileSync(join(work.path, 'bench-results/matrix-one-drive.json'), 'utf8')) as BenchResult;
    assert.deepEqual(
      raw.servers.map(({ name }) => name),
      ['liteio-1-drive', 's3rver'],
    );
    for (const server of raw.lines.flatMap((one) => one.servers)) assert.ok((server.turns[0]?.operations ?? 0) > 0, server.server);
  } finally {
    work.remove();
  }
});
