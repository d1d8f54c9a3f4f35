/** What the views say of a run that was ended before its time. */
import { count, number } from './format.ts';
import type { Interruption, UnfinishedLine, UnfinishedServer } from './result.ts';

const namesShown = 8;

export function interruptionLines({ by, unfinished, missing }: Interruption): string[] {
  const shown = missing.slice(0, namesShown).join(', ');
  const more = missing.length > namesShown ? ` and ${missing.length - namesShown} more` : '';
  return [
    `ended by ${by} before its time`,
    ...(unfinished === undefined ? [] : unfinished.servers.map((server) => serverText(unfinished, server))),
    ...(missing.length === 0 ? [] : [`Nothing was measured of ${shown}${more}`]),
  ];
}

function serverText(line: UnfinishedLine, { server, failure, turns, seconds, operations, errors }: UnfinishedServer): string {
  const head = `${line.name} was not finished: ${server}`;
  if (failure !== undefined) return `${head} failed: ${failure.replaceAll('\n', ' ')}`;
  const rate = seconds === 0 ? '' : `, ${number(operations / seconds)} op/s`;
  const wrong = errors === 0 ? '' : `, ${count(errors)} ${errors === 1 ? 'error' : 'errors'}`;
  return `${head} had ${turns} of ${line.turns} turns, ${count(operations)} operations in ${seconds.toFixed(1)} s${rate}${wrong}`;
}
