/** A whole run: servers started, every line of the matrix over all of them in turn, what was made deleted, servers stopped. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchResult, type LineResult, resultFormat } from '../report/result.ts';
import { parseSize } from '../workload/sizes.ts';
import { BenchLine, type LinePlan, type RunGround } from './bench-line.ts';
import { BenchServer } from './bench-server.ts';
import { withKnees } from './knee.ts';
import { LoadThreads } from './load-threads.ts';
import { describeMachine, harnessVersion } from './machine.ts';
import type { BenchPlan } from './plan.ts';
import { ProcessFiles } from './process-files.ts';
import type { RunListener } from './run-listener.ts';

/** Of a run that was aborted: what can't be deleted by then stays. */
const abortedCleanUpMilliseconds = 30_000;

/**
 * Runs a plan. What a server does wrong is in the result (`LineServer.failure`), not thrown.
 * @throws the signal's reason when it is aborted, after everything was stopped and, where the plan says so, deleted.
 */
export async function runBench(
  plan: BenchPlan,
  listener: RunListener,
  signal: AbortSignal,
  files = new ProcessFiles(),
): Promise<BenchResult> {
  const lines = linesOf(plan);
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const servers = plan.servers.map((server) => new BenchServer(server, plan, files));
  // Runs that share a bucket don't meet.
  const prefix = `liteio-bench-${startedAt.replaceAll(/[-:.]/g, '')}-${randomBytes(3).toString('hex')}/`;
  const threads = LoadThreads.open({ plan: threadPlan(plan), prefix });
  const abort = (): void => {
    void threads.close();
    for (const server of servers) server.breakOff();
  };
  signal.addEventListener('abort', abort);
  const ground: RunGround = { plan, prefix, threads, listener, signal, files, begunAt: performance.now() };
  const results: LineResult[] = [];
  try {
    signal.throwIfAborted();
    listener.runBegun({ startedAt, machine, servers: servers.map(({ name }) => name), lines: lines.map(({ name }) => name) });
    for (const server of servers) await start(server, ground);
    for (const line of lines) {
      const result = await new BenchLine(line, servers, ground).run();
      results.push(result);
      listener.lineFinished(result);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    await threads.close();
    await end(servers, ground);
  }
  const command = plan.command ?? [];
  const records = servers.map((server) => server.record());
  return {
    format: resultFormat,
    startedAt,
    version: harnessVersion(),
    command,
    seed: plan.seed,
    machine,
    servers: records,
    lines: withKnees(results),
  };
}

/** @throws Error when a size can't be read */
export function linesOf(plan: BenchPlan): LinePlan[] {
  const lines: LinePlan[] = [];
  for (const workload of plan.workloads) {
    for (const size of plan.sizes) {
      parseSize(size);
      const steps = workload === 'ramp' ? rampSteps(Math.max(...plan.concurrencies)) : plan.concurrencies;
      for (const concurrency of steps) {
        lines.push({ index: lines.length, name: `${workload}-${size}-c${concurrency}`, workload, size, concurrency });
      }
    }
  }
  return lines;
}

/** 1, 2, 4, 8 ... and the highest that was asked for. */
function rampSteps(highest: number): number[] {
  const steps: number[] = [];
  for (let step = 1; step < highest; step *= 2) steps.push(step);
  return [...steps, highest];
}

function threadPlan({ keyLayout, payload, checksum, keepAlive, insecure, seed, threads }: BenchPlan) {
  return { keyLayout, payload, checksum, keepAlive, insecure, seed, threads };
}

async function start(server: BenchServer, { listener, signal }: RunGround): Promise<void> {
  const { plan, name } = server;
  listener.preparing({ server: name, what: plan.kind === 'serve' ? 'starting' : `looking for ${plan.endpoint}` });
  await server.start(signal);
  if (server.failure === undefined) listener.serverReady(server.record());
  else listener.serverFailed({ server: name, reason: server.failure });
}

/** Nothing stays: neither objects, where the plan says so, nor processes. */
async function end(servers: readonly BenchServer[], { plan, prefix, listener, signal }: RunGround): Promise<void> {
  for (const server of servers) {
    if (!plan.cleanUp || server.plan.kind === 'serve' || server.failure !== undefined) continue;
    listener.preparing({ server: server.name, what: 'deleting what the run left' });
    const cleaned = server.cleanUp(prefix).catch((error: Error) => {
      listener.serverFailed({ server: server.name, reason: `what the run left under ${prefix} stays: ${error.message}` });
    });
    await (signal.aborted ? Promise.race([cleaned, sleep(abortedCleanUpMilliseconds, undefined, { ref: false })]) : cleaned);
  }
  await Promise.all(servers.map((server) => server.stop()));
}
