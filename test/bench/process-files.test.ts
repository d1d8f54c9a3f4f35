/** What a server and the client cost: read from /proc, and not known where there is none or where it does not tell. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { analyzeResult } from '../../bench/report/analyze.ts';
import { parseResult } from '../../bench/report/json.ts';
import { renderMarkdown } from '../../bench/report/markdown.ts';
import { renderPage } from '../../bench/report/page.ts';
import { renderTable } from '../../bench/report/table.ts';
import { checkThresholds } from '../../bench/report/thresholds.ts';
import { busiestThread, clientCost } from '../../bench/run/client-cost.ts';
import { ProcessFiles } from '../../bench/run/process-files.ts';
import { ProcessTree } from '../../bench/run/process-tree.ts';
import { runBench } from '../../bench/run/run-bench.ts';
import { temporaryDirectory } from '../support/files.ts';
import { servePlan, shortPlan } from './short-plan.ts';
import { silentListener } from './silent-listener.ts';

const work = temporaryDirectory('bench-process-files');
after(() => work.remove());

/** A /proc with these files. */
function processFiles(name: string, files: Readonly<Record<string, string>>): ProcessFiles {
  const root = join(work.path, name);
  for (const [path, text] of Object.entries({ 'self/stat': '', ...files })) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return new ProcessFiles(root);
}

/** Its times in ticks: of itself, then of children that ended. */
function stat(parent: number, session: number, [user, system, childUser, childSystem]: readonly number[]): string {
  return `1 (a ) (name) R ${parent} 0 ${session} 0 0 0 0 0 0 0 ${user} ${system} ${childUser} ${childSystem} 20 0 1`;
}

const status = (kibibytes: number): string => `Name:\tx\nVmHWM:\t   ${kibibytes + 5} kB\nVmRSS:\t   ${kibibytes} kB\n`;
const flushing =
  '   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 30 31\n 253       0 dm-0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 99 31\n';
const tree = {
  '10/stat': stat(1, 10, [100, 50, 20, 30]),
  '10/status': status(1000),
  '10/io': 'read_bytes: 1\nwrite_bytes: 4096\n',
  '11/stat': stat(10, 10, [200, 0, 0, 0]),
  '11/status': status(500),
  '11/io': 'write_bytes: 1000\n',
  '12/stat': stat(1, 12, [9000, 0, 0, 0]),
  '12/status': status(9000),
  '12/io': 'write_bytes: 9000\n',
  diskstats: flushing,
};

test('the cost of a tree is that of its processes, and of no other', () => {
  const files = processFiles('whole', tree);
  const found = new ProcessTree(10, files);
  assert.deepEqual(found.cost(), { cpuSeconds: 4, residentBytes: 1500 * 1024, writtenBytes: 5096, deviceFlushes: 30 });
  assert.equal(found.peakBytes(), 1500 * 1024);
  assert.deepEqual(found.stragglers(), [11]);
  found.close();
});

test('bytes of a process that keeps them to itself, and flushes that an old kernel does not count, are unknown and not 0', () => {
  const { '11/io': _, ...rest } = tree;
  const old = '   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n';
  const shy = new ProcessTree(10, processFiles('shy', { ...rest, diskstats: old }));
  assert.deepEqual(shy.cost(), { cpuSeconds: 4, residentBytes: 1500 * 1024 });
  shy.close();
});

test('without /proc nothing is known, and nothing breaks', () => {
  const files = new ProcessFiles(join(work.path, 'none'));
  assert.equal(files.there, false);
  assert.deepEqual([files.processes(), files.threads()], [[], []]);
  assert.deepEqual(
    [files.ofProcess(1), files.statusBytes(1, 'VmRSS'), files.writtenBytes(1), files.deviceFlushes()],
    Array(4).fill(undefined),
  );
  const found = new ProcessTree(process.pid, files);
  assert.deepEqual([found.cost(), found.peakBytes(), found.stragglers()], [undefined, undefined, []]);
  found.close();
  assert.equal(busiestThread(clientCost(files), clientCost(files), 1), undefined);
  assert.ok(clientCost(files).cpuSeconds > 0, 'what Node itself knows is known');
});

test('a whole run without /proc: figures are there, costs are said to be unknown', { timeout: 30_000 }, async () => {
  const told: string[] = [];
  const listener = silentListener({
    serverReady: ({ name }) => void told.push(`ready ${name}`),
    serverFailed: ({ reason }) => void told.push(reason),
  });
  const plan = shortPlan({ servers: [servePlan('ours')], workloads: ['put'], turns: 2, concurrencies: [6], threads: 2 });
  const result = await runBench(plan, listener, new AbortController().signal, new ProcessFiles(join(work.path, 'none')));
  assert.deepEqual(told, ['ready ours']);
  const [server] = result.servers;
  assert.deepEqual(Object.keys(server?.process ?? {}), ['command', 'startSeconds']);
  const turns = result.lines[0]?.servers[0]?.turns ?? [];
  assert.equal(turns.length, 2);
  for (const turn of turns) {
    assert.ok(turn.operations > 0 && turn.clientCpuSeconds > 0);
    assert.ok(!('server' in turn) && !('busiestClientThread' in turn), JSON.stringify(turn));
  }
  const read = parseResult(JSON.stringify(result));
  const unknown = 'Not known, since the system does not tell: CPU time and memory of the servers, the bytes that they wrote,';
  for (const view of [renderTable(read), renderMarkdown(read), analyzeResult(read), renderPage(read)]) {
    assert.ok(view.includes(unknown), view.slice(0, 2000));
    const words = view.replaceAll(/<script[^>]*>[\s\S]*?<\/script>/g, '');
    assert.doesNotMatch(words, /NaN|undefined|RSS 0|\b0 MiB/);
  }
  assert.doesNotMatch(renderTable(read), /RSS|CPU us\/op|written\/op/);
  assert.equal(checkThresholds(read, ['rss<=100000'])[0]?.met, false, 'what is not known meets nothing');
});
