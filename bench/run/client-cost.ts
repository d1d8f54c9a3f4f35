/** What the client itself costs: it shares the machine with the server, and where it is the limit it is what is measured. */
import type { ProcessFiles } from './process-files.ts';

export interface ClientCost {
  /** User and system, all threads. */
  readonly cpuSeconds: number;
  /** Empty where there is no /proc. */
  readonly secondsByThread: ReadonlyMap<number, number>;
}

export function clientCost(files: ProcessFiles): ClientCost {
  const { user, system } = process.cpuUsage();
  const secondsByThread = new Map(files.threads().map((thread) => [thread, files.ofThread(thread)?.ownSeconds ?? 0]));
  return { cpuSeconds: (user + system) / 1e6, secondsByThread };
}

/** CPU share of the thread that was busiest between two looks, 0..1 (from /proc/self/task, in steps of 10 ms). Undefined where there is no /proc. */
export function busiestThread(before: ClientCost, after: ClientCost, seconds: number): number | undefined {
  const spent = [...after.secondsByThread].map(([thread, total]) => total - (before.secondsByThread.get(thread) ?? 0));
  return spent.length === 0 ? undefined : Math.min(1, Math.max(...spent) / seconds);
}
