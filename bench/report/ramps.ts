/** The lines of each ramp brought together: what each server made of more and more requests at once. */
import type { Figures, LineSummary } from './summary.ts';

export interface Ramp {
  readonly size: string;
  /** Ascending: requests at once. */
  readonly steps: readonly number[];
  /** In the order of the result's servers. */
  readonly servers: readonly RampServer[];
}

export interface RampServer {
  readonly server: string;
  /** One for each step; undefined where the server failed. */
  readonly figures: readonly (Figures | undefined)[];
  /** In `steps`; undefined where none is known, as of a ramp that was broken off. */
  readonly knee: number | undefined;
}

export function rampsOf(lines: readonly LineSummary[]): Ramp[] {
  const ramps = lines.filter(({ line }) => line.workload === 'ramp');
  const sizes = [...new Set(ramps.map(({ line }) => line.size))];
  return sizes.map((size) => {
    const steps = ramps.filter(({ line }) => line.size === size).sort((one, other) => one.line.concurrency - other.line.concurrency);
    const servers = (steps[0]?.servers ?? []).map(({ server }, index): RampServer => {
      const own = steps.map((step) => step.servers[index]);
      const knee = own.findIndex((one) => one?.knee);
      return { server, figures: own.map((one) => one?.figures), knee: knee < 0 ? undefined : knee };
    });
    return { size, steps: steps.map(({ line }) => line.concurrency), servers };
  });
}
