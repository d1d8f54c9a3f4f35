/** The samples of one server of a line as rates, turn by turn: what charts, trends and stalls are made of. */
import type { LineServer, Sample } from './result.ts';

export interface Second {
  /** Seconds of load before it ended, over all turns: as if the server had run alone. */
  readonly load: number;
  /** What it covers: 1, less for what is left at the end of a turn. */
  readonly seconds: number;
  readonly sample: Sample;
}

/** Less than this of a second at the end of a turn says little as a rate: it is left out. */
export const shortestSeconds = 0.25;

/** One list a turn, in order. A sample belongs to the last turn that had begun before it was taken. */
export function secondsByTurn({ turns, samples }: LineServer): Second[][] {
  let load = 0;
  return turns.map((turn, index) => {
    const nextBegins = turns[index + 1]?.begunAt ?? Number.POSITIVE_INFINITY;
    const seconds = samples
      .filter(({ at }) => at > turn.begunAt && at <= nextBegins)
      .map((sample): Second => {
        const covered = sample.seconds ?? 1;
        load += covered;
        return { load, seconds: covered, sample };
      });
    return seconds.filter((second) => second.seconds >= shortestSeconds);
  });
}
