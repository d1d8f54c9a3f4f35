/** Runs the matrix of one group of servers: block after block on freshly started servers, joined to one result. */
import { tmpdir } from 'node:os';
import { bytes } from '../report/format.ts';
import { liveLine } from '../report/live-line.ts';
import type { BenchResult, ServerProcess, ServerRecord } from '../report/result.ts';
import type { BenchPlan } from '../run/plan.ts';
import { runBench } from '../run/run-bench.ts';
import { freeBytes } from './file-system.ts';
import { diskBytesOf, freeBytesLeft } from './matrix-plan.ts';

export interface PlansGround {
  /** Bytes on drives for a byte of a body. */
  readonly redundancy: number;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  /** Told of a plan that broke off: the others are run all the same. */
  readonly trouble: (what: string, error: unknown) => void;
}

/** undefined: no plan could be run. What could not is said on `say`. */
export async function runPlans(plans: readonly BenchPlan[], ground: PlansGround): Promise<BenchResult | undefined> {
  const { redundancy, signal, say, trouble } = ground;
  const results: BenchResult[] = [];
  for (const plan of plans) {
    const free = freeBytes();
    const needed = diskBytesOf(plan, redundancy);
    const what = `${plan.workloads.join(', ')} at ${plan.sizes.join(', ')}, ${plan.concurrencies.map((count) => `c${count}`).join(' ')}`;
    if (needed + freeBytesLeft > free) {
      say(`NOT RUN: ${what}: takes up to ${bytes(needed)} in ${tmpdir()}, free are ${bytes(free)} (TMPDIR names another place)`);
      continue;
    }
    say(what);
    try {
      results.push(await runBench(plan, liveLine(process.stderr), signal));
    } catch (error) {
      signal.throwIfAborted();
      trouble(what, error);
    }
  }
  return results.length === 0 ? undefined : joined(results);
}

/** The lines of all, the servers with the most memory that each took in any. */
export function joined(results: readonly BenchResult[]): BenchResult {
  const [first] = results;
  if (first === undefined) throw new Error('nothing to join');
  const servers = first.servers.map((server) => {
    const same = results.flatMap((result) => result.servers.filter((other) => other.name === server.name));
    return same.reduce(withMore);
  });
  return { ...first, servers, lines: results.flatMap((result) => result.lines) };
}

function withMore(one: ServerRecord, other: ServerRecord): ServerRecord {
  if (one.process === undefined || other.process === undefined) return one.process === undefined ? other : one;
  const [first, second] = [one.process, other.process];
  const most = (of: 'idleResidentBytes' | 'peakResidentBytes'): Partial<ServerProcess> => {
    const known = [first[of], second[of]].filter((bytes) => bytes !== undefined);
    return known.length === 0 ? {} : { [of]: Math.max(...known) };
  };
  const startSeconds = Math.max(first.startSeconds, second.startSeconds);
  const process = { ...first, startSeconds, ...most('idleResidentBytes'), ...most('peakResidentBytes') };
  return { ...one, process };
}
