/** A run that is ended before its time: what is kept of it, and that no view takes its broken line for a finished one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeptSoFar } from '../../bench/command/kept-so-far.ts';
import { analyzeResult } from '../../bench/report/analyze.ts';
import { compareResults, renderComparison } from '../../bench/report/compare.ts';
import { parseResult, ResultMistake, withoutSecrets } from '../../bench/report/json.ts';
import { renderPage } from '../../bench/report/page.ts';
import type { BenchResult, LineResult } from '../../bench/report/result.ts';
import { renderTable } from '../../bench/report/table.ts';
import type { BenchPlan } from '../../bench/run/plan.ts';
import { sampleResult } from './sample-result.ts';
import { endpointPlan, shortPlan } from './short-plan.ts';

function planOf(more: Partial<BenchPlan>): BenchPlan {
  const servers = ['liteio', 'minio'].map((name) => endpointPlan(name, `http://${name}`));
  return shortPlan({ servers, workloads: ['put'], concurrencies: [1, 2, 4], turns: 3, ...more });
}

const whole = sampleResult({
  turns: 3,
  lines: [1, 2, 4].map((concurrency) => ({
    name: `put-4KiB-c${concurrency}`,
    workload: 'put',
    concurrency,
    servers: [
      { name: 'liteio', rate: 2000, noise: 0 },
      { name: 'minio', rate: 1000, noise: 0 },
    ],
  })),
});
const { machine } = whole;

/** Told of a run of `plan` up to the midst of its second line, in which liteio had one turn and a half and minio gave a wrong answer. */
function brokenOff(plan: BenchPlan, lines: readonly LineResult[]): KeptSoFar {
  const kept = new KeptSoFar(plan, undefined);
  const [first, second] = lines as [LineResult, LineResult];
  kept.runBegun({ startedAt: whole.startedAt, machine, servers: ['liteio', 'minio'], lines: lines.map(({ name }) => name) });
  for (const server of whole.servers) kept.serverReady(server);
  kept.lineFinished(first);
  const place = { line: second.name, server: 'liteio', turn: 0, turns: 3 };
  const sample = { at: 9, operations: 100, bytes: 1, errors: 0, p50: 1, p99: 2 };
  kept.sampled({ ...place, turn: -1 }, { ...sample, operations: 7777 });
  kept.sampled(place, sample);
  kept.turnFinished(place, second.servers[0]!.turns[0]!);
  kept.sampled({ ...place, turn: 1 }, { ...sample, seconds: 0.5, operations: 50, errors: 2 });
  kept.serverFailed({ server: 'minio', line: second.name, reason: 'wrong bytes, says secret' });
  return kept;
}

function kept(): BenchResult {
  const result = brokenOff(planOf({}), whole.lines).result('SIGINT');
  assert.ok(result !== undefined);
  return result;
}

test('what a broken line had is kept beside the lines, through a file, without secrets', () => {
  const result = parseResult(JSON.stringify(withoutSecrets(kept(), ['secret'])));
  assert.deepEqual(
    result.lines.map(({ name }) => name),
    ['put-4KiB-c1'],
  );
  const none = { turns: 0, seconds: 0, operations: 0, errors: 0 };
  assert.deepEqual(result.interruption, {
    by: 'SIGINT',
    unfinished: {
      name: 'put-4KiB-c2',
      turns: 3,
      servers: [
        { server: 'liteio', turns: 1, seconds: 1.5, operations: 150, errors: 2 },
        { server: 'minio', failure: 'wrong bytes, says ***', ...none },
      ],
    },
    missing: ['put-4KiB-c4'],
  });
  const odd = { ...result, interruption: { by: 'SIGINT', missing: 'all' } };
  assert.throws(() => parseResult(JSON.stringify(odd)), ResultMistake);
});

test('of a run that was ended in its first line the line is kept; of one ended before that, nothing', () => {
  const early = new KeptSoFar(planOf({}), undefined);
  early.runBegun({ startedAt: '', machine, servers: ['liteio', 'minio'], lines: [] });
  assert.equal(early.result('SIGTERM'), undefined);
  early.sampled(
    { line: 'put-4KiB-c1', server: 'liteio', turn: 0, turns: 3 },
    { at: 1, operations: 5, bytes: 0, errors: 0, p50: 1, p99: 1 },
  );
  const result = early.result('SIGTERM');
  assert.deepEqual([result?.lines, result?.interruption?.unfinished?.name], [[], 'put-4KiB-c1']);
  assert.match(renderTable(result!), /put-4KiB-c1 was not finished: liteio had 0 of 3 turns, 5 operations in 1\.0 s, 5\.00 op\/s$/m);
});

test('every view says what the run lacks, and has no row of the broken line', () => {
  const result = kept();
  const said = [
    'ended by SIGINT before its time',
    'put-4KiB-c2 was not finished: liteio had 1 of 3 turns, 150 operations in 1.5 s, 100 op/s, 2 errors',
    'put-4KiB-c2 was not finished: minio failed: wrong bytes, says secret',
    'Nothing was measured of put-4KiB-c4',
  ];
  const comparison = compareResults(whole, result);
  assert.deepEqual([...new Set(comparison.rows.map(({ line }) => line))], ['put-4KiB-c1']);
  assert.ok(comparison.unpaired.includes('put-4KiB-c2, liteio') && comparison.unpaired.includes('put-4KiB-c4, minio'));
  const views = [renderTable(result), analyzeResult(result), renderPage(result), renderComparison(comparison)];
  for (const [index, view] of views.entries()) for (const line of said) assert.ok(view.includes(line), `view ${index}: ${line}`);
  assert.doesNotMatch(renderTable(result), /^put-4KiB-c2 +liteio/m);
  assert.doesNotMatch(analyzeResult(result), /^put-4KiB-c2, liteio$/m);
  assert.doesNotMatch(renderPage(result), /"name":"put-4KiB-c2"/);
  assert.match(renderComparison(comparison), /A run without all its lines:\n {2}the one after: ended by SIGINT/);
  for (const view of [renderTable(whole), analyzeResult(whole), renderPage(whole), renderComparison(compareResults(whole, whole))]) {
    assert.doesNotMatch(view, /before its time/);
  }
});

test('a broken ramp has no knee, a whole one before it has', () => {
  const ramp = (size: string): LineResult[] =>
    whole.lines.map((line) => ({ ...line, workload: 'ramp', size, name: `ramp-${size}-c${line.concurrency}` }));
  const plan = planOf({ workloads: ['ramp'], sizes: ['4KiB', '8KiB'], concurrencies: [4] });
  const lines = [...ramp('4KiB'), ...ramp('8KiB')];
  const listener = new KeptSoFar(plan, undefined);
  listener.runBegun({ startedAt: '', machine, servers: [], lines: lines.map(({ name }) => name) });
  for (const line of lines.slice(0, -1)) listener.lineFinished(line);
  const result = listener.result('SIGINT');
  const knees = result?.lines.filter(({ servers }) => servers.some(({ knee }) => knee)).map(({ name }) => name);
  assert.deepEqual(knees, ['ramp-4KiB-c1']);
  assert.deepEqual(result?.interruption, { by: 'SIGINT', missing: ['ramp-8KiB-c4'] });
});
