/** Ten minutes of mixed load in turns of a minute: the first and the last are compared, and what is resident at their ends. */
import type { BenchPlan, ServePlan } from '../run/plan.ts';
import { standingPlan } from './matrix-plan.ts';

export const endurancePlan = (server: ServePlan, secondsPerMinute = 60): BenchPlan => ({
  ...standingPlan,
  servers: [server],
  workloads: ['mixed'],
  sizes: ['4KiB:0.7,128KiB:0.25,1MiB:0.05'],
  concurrencies: [16],
  limit: { seconds: secondsPerMinute, operations: 100_000_000 },
  turns: 10,
  objects: 2000,
  warmUpSeconds: Math.min(10, secondsPerMinute),
});
