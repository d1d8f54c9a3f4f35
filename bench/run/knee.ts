/** Where more requests at once stop bringing more: found from the lines of a ramp. */
import type { LineResult, LineServer } from '../report/result.ts';

const gainMin = 1.1;

/** The same lines; of each ramp and server, one step is marked: the last that brought 10 % more operations per second than the one marked before it. */
export function withKnees(lines: readonly LineResult[]): LineResult[] {
  const best = new Map<string, { rate: number; line: LineResult }>();
  for (const line of lines.filter(({ workload }) => workload === 'ramp')) {
    for (const server of line.servers) {
      const rate = rateOf(server);
      const name = rampOf(line, server);
      const before = best.get(name);
      if (rate > 0 && (before === undefined || rate >= before.rate * gainMin)) best.set(name, { rate, line });
    }
  }
  return lines.map((line) => {
    const servers = line.servers.map(
      (server): LineServer => (best.get(rampOf(line, server))?.line === line ? { ...server, knee: true } : server),
    );
    return { ...line, servers };
  });
}

const rampOf = (line: LineResult, server: LineServer): string => `${line.size} ${server.server}`;

function rateOf({ turns }: LineServer): number {
  const sum = (of: (turn: LineServer['turns'][number]) => number): number => turns.reduce((total, turn) => total + of(turn), 0);
  return sum((turn) => turn.operations) / sum((turn) => turn.seconds) || 0;
}
