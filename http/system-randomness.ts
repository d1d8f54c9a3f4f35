import { randomFillSync } from 'node:crypto';
import type { Randomness } from '../engine/clock.ts';

/** Small requests share a pool: asking the system for a few bytes at a time costs microseconds. */
const poolBytes = 4096;
const pool = Buffer.alloc(poolBytes);
let used = poolBytes;

/** The unpredictability of this machine: where it enters. */
export const systemRandomness: Randomness = {
  bytes(count) {
    if (count > poolBytes) return randomFillSync(Buffer.alloc(count));
    if (used + count > poolBytes) {
      randomFillSync(pool);
      used = 0;
    }
    const bytes = Buffer.from(pool.subarray(used, used + count));
    pool.fill(0, used, used + count);
    used += count;
    return bytes;
  },
};
