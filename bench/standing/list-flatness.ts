/** Keys listed per second from small and large buckets: a page of a large one must cost what a page of a small one does. */
import type { BenchPlan, EndpointPlan, ServePlan } from '../run/plan.ts';
import { standingPlan } from './matrix-plan.ts';

export const listedKeys = [10_000, 100_000, 1_000_000] as const;

/** How long laying out the objects of a peer may take. */
const layOutSecondsMax = 90;

/** A run of the workload `list` alone, over buckets of that many keys of one byte. */
export function listingPlan(
  servers: readonly (ServePlan | EndpointPlan)[],
  keys: number,
  limit: { turns: number; seconds: number },
): BenchPlan {
  return {
    ...standingPlan,
    servers,
    workloads: ['list'],
    sizes: ['1B'],
    concurrencies: [1, 16],
    limit: { seconds: limit.seconds, operations: 1_000_000 },
    turns: limit.turns,
    objects: keys,
    warmUpSeconds: 0.5,
    keyLayout: 'flat',
  };
}

/** Whether a server that puts so many small objects a second lays out the keys in a bearable time. Unknown: it is not tried. */
export function laysOut(keys: number, putsPerSecond: number | undefined): boolean {
  return putsPerSecond !== undefined && keys / putsPerSecond <= layOutSecondsMax;
}
