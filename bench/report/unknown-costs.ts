/** What could not be found out on the machine of a run: said in words, since a figure that is missing may be taken for none at all. */
import type { BenchResult } from './result.ts';

/** Undefined when all is known of servers that the harness started and of itself. */
export function unknownCosts(result: BenchResult): string | undefined {
  const turns = result.lines.flatMap(({ servers }) => servers.flatMap((server) => server.turns));
  const ofServers = result.lines.flatMap(({ servers }) =>
    servers.flatMap(({ turns: own }, index) => (result.servers[index]?.process === undefined ? [] : own)),
  );
  const unknown = [
    ...(ofServers.some(({ server }) => server === undefined) ? ['CPU time and memory of the servers'] : []),
    ...(ofServers.some(({ server }) => server?.writtenBytes === undefined) ? ['the bytes that they wrote'] : []),
    ...(ofServers.some(({ server }) => server?.deviceFlushes === undefined) ? ['flushes of the disks'] : []),
    ...(turns.some(({ busiestClientThread }) => busiestClientThread === undefined) ? ["the client's busiest thread"] : []),
  ];
  return unknown.length === 0 ? undefined : `Not known, since the system does not tell: ${unknown.join(', ')}.`;
}
