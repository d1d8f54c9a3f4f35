/** A clock that stands still until it is told to go on. */
import type { Clock } from '../../engine/clock.ts';

export interface ManualClock extends Clock {
  /** Runs what falls due, in order, and lets promises settle between the tasks. */
  advance(milliseconds: number): Promise<void>;
}

export function manualClock(start = 1_700_000_000_000): ManualClock {
  let now = start;
  let tasks: { readonly due: number; readonly task: () => void }[] = [];
  return {
    now: () => now,
    after: (milliseconds, task) => {
      const entry = { due: now + milliseconds, task };
      tasks.push(entry);
      return () => {
        tasks = tasks.filter((each) => each !== entry);
      };
    },
    advance: async (milliseconds) => {
      const end = now + milliseconds;
      for (;;) {
        await settled();
        const next = tasks.filter(({ due }) => due <= end).sort((one, other) => one.due - other.due)[0];
        if (next === undefined) break;
        tasks = tasks.filter((each) => each !== next);
        now = next.due;
        next.task();
      }
      now = end;
      await settled();
    },
  };
}

/** Everything that only waits for promises has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
