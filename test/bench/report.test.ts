/** Tables, files, thresholds, comparisons, analyses and progress of results made by code; the page has a file of its own. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { analyzeResult } from '../../bench/report/analyze.ts';
import { compareResults, renderComparison } from '../../bench/report/compare.ts';
import { bytes, duration, number } from '../../bench/report/format.ts';
import { parseResult, ResultMistake, readResult, withoutSecrets, writeResult } from '../../bench/report/json.ts';
import { liveLine } from '../../bench/report/live-line.ts';
import { renderMarkdown } from '../../bench/report/markdown.ts';
import type { BenchResult } from '../../bench/report/result.ts';
import { renderTable } from '../../bench/report/table.ts';
import { checkThresholds, renderThresholds, ThresholdMistake } from '../../bench/report/thresholds.ts';
import { temporaryDirectory } from '../support/files.ts';
import { type SampleServer, sampleResult } from './sample-result.ts';

const work = temporaryDirectory('bench-report');
after(() => work.remove());

function pair(first: number, other: number, extra: Partial<SampleServer> = {}): SampleServer[] {
  return [
    { name: 'liteio', rate: first, noise: 0, ...extra },
    { name: 'minio', rate: other, noise: 0 },
  ];
}

const result = sampleResult({
  lines: [
    { name: 'put-4KiB-c16', workload: 'put', servers: pair(2000, 500) },
    { name: 'put-1.5MiB-c1', workload: 'put', size: '1.5MiB', concurrency: 1, servers: pair(90, 100) },
    { name: 'get-4KiB-c16', workload: 'get', servers: pair(9000, 3000, { clientCpuShare: 0.62 }) },
    { name: 'list-c1', workload: 'list', servers: pair(40, 2) },
    { name: 'delete-4KiB-c16', workload: 'delete', servers: [pair(900, 1)[0]!, { name: 'minio', rate: 1, failure: '500 InternalError' }] },
    { name: 'mixed-4KiB-c16', workload: 'mixed', operations: ['get', 'put'], servers: pair(1000, 500, { errors: 2 }) },
  ],
});

test('numbers have the digits they are worth', () => {
  assert.deepEqual([0, 0.01234, 0.5, 1.005, 9.96, 12.34, 99.6, 1234.5, 1e6, Number.NaN, Number.POSITIVE_INFINITY].map(number), [
    '0',
    '0.012',
    '0.50',
    '1.00',
    '10.0',
    '12.3',
    '100',
    '1,235',
    '1,000,000',
    '–',
    '∞',
  ]);
  assert.deepEqual([512, 4096, 1.5 * 1024 ** 2].map(bytes), ['512 B', '4.00 KiB', '1.50 MiB']);
  assert.deepEqual([12, 200, 3840].map(duration), ['12 s', '3 min 20 s', '1 h 04 min']);
});

test('the table has a row a server, ratios with their spread, and words for failures and for a client at its limit', () => {
  const table = renderTable(result);
  const rows = table.split('\n');
  const put = rows.findIndex((row) => row.startsWith('put-4KiB-c16'));
  assert.match(rows[put]!, /^put-4KiB-c16 +liteio +2,000 +7\.81 /);
  assert.match(rows[put + 1]!, /^ +minio +500 .* 4\.00 \(4\.00–4\.00\) /);
  assert.match(table, /list-c1 +liteio +40\.0 +40,000 /);
  assert.match(table, /minio failed\n/);
  assert.match(table, /delete-4KiB-c16, minio failed: 500 InternalError/);
  assert.match(table, /the client was the limit here.*\n {2}get-4KiB-c16, liteio: the client used 62 % of all cores/);
  const head = rows.find((row) => row.startsWith('line'))!;
  assert.equal(
    rows[put]!.indexOf('2,000') + '2,000'.length,
    head.indexOf('op/s') + 'op/s'.length,
    'figures end under the end of their head',
  );
  assert.ok(rows.every((row) => row === row.trimEnd()));
});

test('a column that nobody has a figure for is left out', () => {
  const foreign = sampleResult({ lines: [{ name: 'get-4KiB-c1', workload: 'get', servers: [{ name: 'far', rate: 10, foreign: true }] }] });
  const table = renderTable(foreign);
  assert.doesNotMatch(table, /CPU us\/op|RSS|keys\/s|ratio/);
  assert.match(table, /get-4KiB-c1 +far +10\.0/);
  assert.match(renderTable({ ...foreign, lines: [] }), /0 s of load/);
});

test('the table of Markdown has a row a line, ratios by peer and marks', () => {
  const rows = renderMarkdown(result).split('\n');
  assert.equal(rows[0], '| line | op/s | MiB/s | p50 ms | p99 ms | liteio CPU us/op | over minio | client CPU |');
  assert.match(rows[2]!, /^\| put-4KiB-c16 \| 2,000 \| 7\.81 \| .* \| 350 \| 4\.00 \(4\.00–4\.00\) \| 20 % \|$/);
  assert.match(rows.find((row) => row.startsWith('| get'))!, /^\| get-4KiB-c16 \* \|.* 62 % \|$/);
  assert.match(rows.find((row) => row.startsWith('| delete'))!, /\| failed \| 20 % \|$/);
  assert.match(rows.find((row) => row.startsWith('| list'))!, /\| 40\.0 \(40,000 keys\/s\) \|/);
  assert.ok(rows.includes('- delete-4KiB-c16, minio failed: 500 InternalError'));
  const odd = sampleResult({ lines: [{ name: 'put', workload: 'put', servers: [{ name: 'a|b', rate: 1 }] }] });
  assert.match(renderMarkdown(odd), /a\\\|b CPU us\/op/);
});

test('a result survives its file', () => {
  const path = join(work.path, 'result.json');
  writeResult(path, result);
  assert.deepEqual(readResult(path), JSON.parse(JSON.stringify(result)));
});

test('what is not a result is refused in one line that says what is wrong', () => {
  const text = JSON.stringify(result);
  /** The file with the value at that place replaced, or left out. */
  const broken = (place: readonly string[], value?: unknown): string => {
    const whole = JSON.parse(text) as Record<string, unknown>;
    const holder = place.slice(0, -1).reduce((tree, step) => tree[step] as Record<string, unknown>, whole);
    holder[place.at(-1)!] = value;
    return JSON.stringify(whole);
  };
  const server = ['lines', '0', 'servers', '0'];
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /^not JSON: /],
    [text.slice(0, 1000), /^not JSON: /],
    ['[]', /^not a result of liteio bench: format is missing/],
    ['{"format":"liteio-bench/9"}', /format is "liteio-bench\/9" instead of "liteio-bench\/1"$/],
    [broken(['machine']), /^machine is missing instead of an object$/],
    [
      broken(['lines', '1', 'servers', '0', 'turns', '2', 'seconds'], 'x'),
      /^lines\[1\]\.servers\[0\]\.turns\[2\]\.seconds is "x" instead of a number/,
    ],
    [broken([...server, 'turns', '0', 'operations'], -1), /operations is -1 instead of a number from 0 on$/],
    [broken([...server, 'operations', 'put', 'histogram'], 'AAAA'), /operations\.put\.histogram is not an HDR histogram$/],
    [broken(['lines', '0', 'servers'], {}), /^lines\[0\]\.servers is .* instead of a list$/],
    [broken(['servers'], [...result.servers].reverse()), /^line put-4KiB-c16 does not have the servers of the result in their order$/],
  ];
  for (const [broke, message] of cases) {
    assert.throws(
      () => parseResult(broke),
      (error: Error) => error instanceof ResultMistake && message.test(error.message) && !error.message.includes('\n'),
    );
  }
  const path = join(work.path, 'broken.json');
  writeFileSync(path, 'no');
  assert.throws(() => readResult(path), { message: /broken\.json: not JSON: / });
  assert.throws(() => readResult(join(work.path, 'missing.json')), { message: /missing\.json: ENOENT/ });
});

test('secrets are replaced wherever text comes from outside', () => {
  const secret = 'wJalrXUtnFEMI/K7MDENG';
  const [first, ...others] = result.servers;
  const leaky: BenchResult = {
    ...result,
    command: ['liteio', 'bench', '--secret-key', secret, `--serve=x=env S=${secret} y`],
    servers: [
      { ...first!, banner: `key ${secret}`, endpoint: `http://u:${secret}@h`, process: { ...first!.process!, command: `run ${secret}` } },
      ...others,
    ],
    lines: result.lines.map((line) => ({ ...line, servers: line.servers.map((server) => ({ ...server, failure: `refused ${secret}` })) })),
  };
  const text = JSON.stringify(withoutSecrets(leaky, [secret, '']));
  assert.ok(!text.includes(secret));
  assert.equal(text.split('***').length - 1, 5 + 2 * result.lines.length);
  assert.deepEqual(withoutSecrets(result, [secret]), result);
});

test('thresholds are met or not by every value they name', () => {
  const met = (expression: string): boolean => checkThresholds(result, [expression])[0]!.met;
  assert.equal(met('put-4KiB-c16.ratio>=4'), true);
  assert.equal(met('put-4KiB-c16.minio.ratio>4'), false);
  assert.equal(met('put.ratio>=1.0'), false, 'one of the two lines is slower');
  assert.equal(met('put-1.5MiB-c1.ratio>=0.9'), true, 'a name with a dot');
  assert.equal(met('put-1.5MiB-c1.minio.ops==100'), true);
  assert.equal(met('list.ratio>=20'), true, 'of keys per second');
  assert.equal(met('list.keys>=40000'), true);
  assert.equal(met('get.p99<=20'), true);
  assert.equal(met('get.p99 <= 0.001'), false);
  assert.equal(met('mixed.errors==0'), false);
  assert.equal(met('mixed.minio.errors==0'), true);
  assert.equal(met('rss<=210'), true, 'the highest of the run');
  assert.equal(met('rss<210'), false);
  assert.equal(met('get.rss<=200'), true, 'that of the line');
  assert.equal(met('put.cpu<=400'), false);
  assert.equal(met('put-4KiB-c16.cpu<=351'), true);
  assert.equal(met('client<=0.5'), false);
  assert.equal(met('put.client<=0.5'), true);
  assert.equal(met('delete.ratio>=0'), false, 'no figures meet nothing');
  assert.equal(met('delete.minio.ops>=0'), false);
  const outcomes = checkThresholds(result, ['put.ratio>=1', 'rss<=400']);
  assert.equal(
    renderThresholds(outcomes),
    'not met  put.ratio>=1\n           put-1.5MiB-c1, liteio over minio: 0.9\nmet      rss<=400  (210)',
  );
});

test('a threshold that names nothing or cannot be read is a mistake, never a pass', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['pu.ratio>=1', /^pu\.ratio>=1: nothing in the result is called pu$/],
    ['put.ceph.ratio>=1', /called put\.ceph$/],
    ['put.liteio.ratio>=1', /called put\.liteio$/],
    ['put.speed>=1', /no metric is called speed; there are ratio, ops/],
    ['p99<=20', /p99 needs a workload or a line before it/],
    ['put.ratio>=', /not of the form name\.metric>=number$/],
    ['put.ratio>=1x', /not of the form/],
    ['put.ratio=>1', /not of the form/],
    ['put.ratio', /not of the form/],
    ['', /not of the form/],
  ];
  for (const [expression, message] of cases) {
    assert.throws(
      () => checkThresholds(result, ['get.ratio>=1', expression]),
      (error) => error instanceof ThresholdMistake && message.test(error.message),
      expression,
    );
  }
  const single = sampleResult({ lines: [{ name: 'put-4KiB-c1', workload: 'put', servers: [{ name: 'one', rate: 1 }] }] });
  assert.throws(() => checkThresholds(single, ['put.ratio>=0']), ThresholdMistake);
  assert.throws(() => checkThresholds(single, ['ratio>=0']), ThresholdMistake);
  assert.throws(() => checkThresholds({ ...single, servers: [], lines: [] }, ['rss<=400']), ThresholdMistake);
  assert.deepEqual(checkThresholds(result, []), []);
});

function run(seed: number, rate: number, noise: number): BenchResult {
  return sampleResult({ seed, turns: 6, lines: [{ name: 'put-4KiB-c16', workload: 'put', servers: [{ name: 'liteio', rate, noise }] }] });
}

test('a comparison finds a fifth in little noise, and leaves two per cent in ten per cent of noise to noise', () => {
  const faster = compareResults(run(1, 1000, 0.01), run(2, 1200, 0.01)).rows;
  assert.deepEqual(
    faster.map(({ metric, verdict }) => [metric, verdict]),
    [
      ['op/s', 'faster'],
      ['p99 ms', 'faster'],
    ],
  );
  assert.ok(Math.abs(faster[0]!.ratio - 1.2) < 0.03 && faster[1]!.ratio < 0.9, JSON.stringify(faster));
  assert.deepEqual(
    compareResults(run(2, 1200, 0.01), run(1, 1000, 0.01)).rows.map(({ verdict }) => verdict),
    ['slower', 'slower'],
  );
  assert.equal(compareResults(run(3, 1000, 0.1), run(4, 1020, 0.1)).rows[0]!.verdict, 'within noise');
  const short = sampleResult({ turns: 2, lines: [{ name: 'put-4KiB-c16', workload: 'put', servers: [{ name: 'liteio', rate: 9 }] }] });
  assert.equal(compareResults(short, run(1, 1000, 0.01)).rows[0]!.verdict, 'too few turns');
});

test('a comparison pairs by name, tells what is left over, and what else differs', () => {
  const before = result;
  const later = { ...result, machine: { ...result.machine, node: '24.1.0', loadAverage: 3 }, lines: result.lines.slice(1) };
  const comparison = compareResults(before, later);
  const failed = 'delete-4KiB-c16, minio: failed in the one before and the one after';
  assert.deepEqual(comparison.unpaired, ['put-4KiB-c16, liteio', 'put-4KiB-c16, minio', failed]);
  assert.deepEqual(comparison.cautions, ['Node: 20.20.2 before, 24.1.0 after', 'load average when it began: 0.40 before, 3.00 after']);
  const text = renderComparison(comparison);
  assert.match(text, /^line +server +metric +before +after +after\/before +95 % interval +verdict\n/);
  assert.match(text, /list-c1 +minio +keys\/s +2,000 +2,000 +1\.000 +1\.000–1\.000 +within noise\n/);
  assert.match(text, /Without figures in one of the two:\n {2}put-4KiB-c16, liteio\n/);
  assert.match(renderComparison(compareResults(before, { ...before, lines: [] })), /no line and server in common/);
});

test('an analysis tells of drift, stalls, the worst second, errors and a client at its limit', () => {
  const servers: SampleServer[] = [
    {
      name: 'liteio',
      rate: 1000,
      noise: 0,
      errors: 4,
      clientCpuShare: 0.7,
      pace: (second) => (second === 40 ? 0.1 : 1 - second / 600),
      resident: (turn) => 200 + turn * 50,
    },
    { name: 'minio', rate: 500, noise: 0 },
    { name: 's3rver', rate: 1, failure: 'gone' },
  ];
  const text = analyzeResult(
    sampleResult({
      turns: 3,
      secondsPerTurn: 50,
      lines: [{ name: 'mixed-4KiB-c16', workload: 'mixed', operations: ['get', 'put'], servers }],
    }),
  );
  const [first = '', second = '', third = ''] = text.split('\n\n');
  assert.match(first, /^mixed-4KiB-c16, liteio\n {2}latency ms +p50 .*\n {2}get .*\n {2}put .*\n {2}all /);
  assert.match(first, /first, last {2}937 op\/s in the first 60 s, 801 in the last: −15 %/);
  assert.match(first, /trend {8}−29 % over the load \(95 %: .*\): falling/);
  assert.match(first, /worst second 100 op\/s at 41\.0 s of load/);
  assert.match(first, /stalls {7}1 of 150 seconds under 50 % of the median, at 41\.0 s of load/);
  assert.match(first, /resident {5}200 MiB after the first turn, 300 after the last: \+50 %/);
  assert.match(first, /errors {7}4 \(get 4, put 4\)/);
  assert.match(first, /client {7}70 % of all cores.*the client was the limit/);
  assert.match(second, /first, last {2}500 op\/s in the first 60 s, 500 in the last: \+0\.0 %/);
  assert.match(second, /trend .*none beyond noise/);
  assert.match(second, /stalls {7}none/);
  assert.equal(third.trim(), 'mixed-4KiB-c16, s3rver\n  failed: gone');
});

function listen(isTTY: boolean): { text: () => string; listener: ReturnType<typeof liveLine> } {
  const written: string[] = [];
  let now = 0;
  const output = { isTTY, columns: 60, write: (text: string) => written.push(text) };
  return { text: () => written.join(''), listener: liveLine(output, () => (now += 5)) };
}

test('progress is a line a second, in place on a terminal', () => {
  const place = { line: 'put-4KiB-c16', server: 'liteio', turn: 1, turns: 3 };
  const sample = { at: 4.5, seconds: 0.5, operations: 1000, bytes: 4_096_000, errors: 1, p50: 1.5, p99: 12 };
  for (const isTTY of [false, true]) {
    const { text, listener } = listen(isTTY);
    listener.runBegun({ startedAt: '', machine: result.machine, servers: ['liteio', 'minio'], lines: ['put-4KiB-c16', 'get-4KiB-c16'] });
    listener.serverReady(result.servers[0]!);
    listener.preparing({ server: 'liteio', what: 'laying out 1000 objects of 4KiB' });
    listener.turnBegun(place);
    listener.sampled(place, sample);
    listener.sampled(place, { ...sample, seconds: 0.01, operations: 77_777 });
    listener.turnFinished(place, result.lines[0]!.servers[0]!.turns[0]!);
    listener.lineFinished(result.lines[0]!);
    listener.sampled({ ...place, line: 'get-4KiB-c16' }, { ...sample, seconds: 1 });
    listener.serverFailed({ server: 'minio', line: 'get-4KiB-c16', reason: 'wrong bytes\nat 7' });
    const plain = text().replaceAll('\r\u001b[2K', '\n');
    assert.match(plain, /2 lines over liteio, minio/);
    assert.match(plain, /liteio: serves http:\/\/127\.0\.0\.1:9000, up in 0\.41 s/);
    assert.match(plain, /put-4KiB-c16 {2}liteio {2}turn 2\/3 {2}2,000 op\/s {2}8\.19 MB\/s/);
    assert.match(plain, /put-4KiB-c16: liteio 2,000 op\/s, minio 500 op\/s\n/);
    assert.doesNotMatch(plain, /7,777,700/, 'the little that is left of a second is no rate');
    assert.match(plain, /minio failed at get-4KiB-c16: wrong bytes\n/);
    if (isTTY) {
      const passing = text()
        .split('\r\u001b[2K')
        .filter((part) => part.includes('turn 2/3'));
      assert.ok(passing.length > 0 && passing.every((part) => part.length <= 60 && !part.includes('\n')), JSON.stringify(passing));
    } else {
      assert.match(plain, /1,000 op\/s {2}4\.10 MB\/s {2}p50 1\.50 ms {2}p99 12\.0 ms {2}1 error {2}about \d+ s left\n/);
      assert.ok(!text().includes('\u001b'));
    }
  }
});
