/** `liteio bench put get ...`: the run, what is seen of it while it goes on, and what is left of it. */
import { writeFileSync } from 'node:fs';
import { withoutSecrets, writeResult } from '../report/json.ts';
import { liveLine } from '../report/live-line.ts';
import { renderPage } from '../report/page.ts';
import { type BenchResult, resultFormat } from '../report/result.ts';
import { renderTable } from '../report/table.ts';
import { checkThresholds, renderThresholds } from '../report/thresholds.ts';
import { exitCodeOf, Interrupt } from '../run/interrupt.ts';
import { describeMachine } from '../run/machine.ts';
import type { BenchPlan } from '../run/plan.ts';
import { linesOf, runBench } from '../run/run-bench.ts';
import { KeptSoFar } from './kept-so-far.ts';
import { Misuse } from './misuse.ts';
import type { RunOptions } from './run-options.ts';
import { secretsOf } from './servers.ts';

type Outputs = Pick<RunOptions, 'json' | 'html' | 'failUnder' | 'quiet'>;

/** Resolves to the exit code. @throws Misuse and ThresholdMistake, before anything is started */
export async function runCommand(plan: BenchPlan, outputs: Outputs): Promise<number> {
  const ratio = outputs.failUnder?.find((expression) => /\bratio\s*[<>=]/.test(expression));
  if (ratio !== undefined && plan.servers.length < 2) throw new Misuse(`${ratio}: a ratio needs a second server`);
  checkThresholds(skeletonOf(plan), outputs.failUnder ?? []);
  const interrupt = new Interrupt();
  const kept = new KeptSoFar(plan, outputs.quiet ? undefined : liveLine(process.stderr));
  try {
    const result = await runBench(plan, kept, interrupt.signal);
    return report(withoutSecrets(result, secretsOf(plan.servers)), outputs);
  } catch (error) {
    if (interrupt.name === undefined) throw error;
    const result = kept.result(interrupt.name);
    if (result !== undefined) report(withoutSecrets(result, secretsOf(plan.servers)), { ...outputs, failUnder: [] });
    else process.stdout.write(`ended by ${interrupt.name} before anything was measured\n`);
    return exitCodeOf(interrupt.name);
  } finally {
    interrupt.close();
  }
}

function report(result: BenchResult, { json, html, failUnder = [] }: Outputs): number {
  process.stdout.write(renderTable(result));
  const written = [
    json === undefined || isWritten(json, () => writeResult(json, result)),
    html === undefined || isWritten(html, () => writeFileSync(html, renderPage(result))),
  ];
  const thresholds = checkThresholds(result, failUnder);
  if (thresholds.length > 0) process.stdout.write(`\n${renderThresholds(thresholds)}\n`);
  const failed = result.lines.some((line) => line.servers.some((server) => server.failure !== undefined));
  return failed || written.includes(false) || thresholds.some(({ met }) => !met) ? 1 : 0;
}

/** What was measured is on the terminal by then: a full disk takes neither that nor the other file away. */
function isWritten(file: string, write: () => void): boolean {
  try {
    write();
    return true;
  } catch (error) {
    process.stderr.write(`liteio: cannot write ${file}: ${(error as Error).message}\n`);
    return false;
  }
}

/** A result with the run's lines and servers and no figures: what `--fail-under` may name is known before the run. */
function skeletonOf(plan: BenchPlan): BenchResult {
  const servers = plan.servers.map(({ name }) => ({ name, endpoint: '', banner: '' }));
  const empty = servers.map(({ name }) => ({ server: name, turns: [], operations: {}, samples: [] }));
  const lines = linesOf(plan).map(({ name, workload, size, concurrency }) => ({ name, workload, size, concurrency, servers: empty }));
  const { seed } = plan;
  return { format: resultFormat, startedAt: '', version: '', command: [], seed, machine: describeMachine(), servers, lines };
}
