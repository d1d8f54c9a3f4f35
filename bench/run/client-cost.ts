/** What the client itself costs: it shares the machine with the server, and where it is the limit it is what is measured. */
import { numbersIn, processFilesThere, readStat } from './process-files.ts';

export interface ClientCost {
  /** User and system, all threads. */
  readonly cpuSeconds: number;
  readonly secondsByThread: ReadonlyMap<number, number>;
}

export function clientCost(): ClientCost {
  const { user, system } = process.cpuUsage();
  const threads = processFilesThere ? numbersIn('/proc/self/task') : [];
  const secondsByThread = new Map(threads.map((thread) => [thread, readStat(`/proc/self/task/${thread}/stat`)?.ownSeconds ?? 0]));
  return { cpuSeconds: (user + system) / 1e6, secondsByThread };
}

/**
 * CPU share of the thread that was busiest between two looks, 0..1 (from /proc/self/task, in steps of 10 ms). Where there is no /proc
 * it is the share of all threads together, 1 at most: the client is then called busier than it is.
 */
export function busiestThread(before: ClientCost, after: ClientCost, seconds: number): number {
  const spent = [...after.secondsByThread].map(([thread, total]) => total - (before.secondsByThread.get(thread) ?? 0));
  const most = spent.length === 0 ? after.cpuSeconds - before.cpuSeconds : Math.max(...spent);
  return Math.min(1, most / seconds);
}
