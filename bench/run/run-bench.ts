/** A whole run: servers started, every line of the matrix over all of them in turn, what was made deleted, servers stopped. */
import type { BenchResult } from '../report/result.ts';
import type { BenchPlan } from './plan.ts';
import type { RunListener } from './run-listener.ts';

/**
 * Runs a plan. What a server does wrong is in the result (`LineServer.failure`), not thrown.
 * @throws the signal's reason when it is aborted, after everything was stopped and, where the plan says so, deleted.
 */
export async function runBench(_plan: BenchPlan, _listener: RunListener, _signal: AbortSignal): Promise<BenchResult> {
  throw new Error('bench/run is being built: no line can be run yet');
}
