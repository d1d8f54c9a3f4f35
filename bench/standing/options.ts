/** The command line of `npm run bench`. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isInMatrix } from './matrix-plan.ts';
import { type GroupName, groupNames } from './standing-result.ts';

export const stages = ['micro', 'macro', 'listing', 'start-up', 'endurance'] as const;
export type Stage = (typeof stages)[number];

export interface StandingOptions {
  readonly stages: readonly Stage[];
  readonly groups: readonly GroupName[];
  /** Names of peers or their settings; undefined: all. */
  readonly peers: readonly string[] | undefined;
  /** Lines of the matrix or beginnings of their names; none: all. */
  readonly only: readonly string[];
  readonly turns: number;
  readonly seconds: number;
  /** Of the large store, for listings and starts. */
  readonly keys: number;
  /** Seconds that a minute of the endurance run lasts. */
  readonly minuteSeconds: number;
  readonly file: string;
  /** False: parts would be incomplete and are printed instead. */
  readonly writes: boolean;
  readonly installPeers: boolean;
  readonly help: boolean;
}

export const usage = `npm run bench -- [options]
  measures liteio and what it is compared with, and writes the marked parts of BENCHMARKS.md

  --micro --macro --listing --start-up --endurance   these stages only (default: all)
  --group <names>        of the matrix: ${groupNames.join(', ')} (default: all)
  --peers <names>        peers or their settings, by comma (default: all that are on this machine)
  --only <lines>         lines of the matrix or the beginnings of their names, by comma: put, put-4KiB, put-4KiB-c16,get-4KiB-c16
  --turns <count>        of each line, one server after the other (default: 3)
  --seconds <seconds>    of a turn (default: 1)
  --keys <count>         objects in the large store of listings and starts (default: 1000000)
  --minute <seconds>     length of each of the ten minutes of the endurance run, for trials (default: 60)
  --file <path>          another document with the same marks. With --only or --peers nothing is written unless it is given:
                         the parts would lack what was left out, and are printed instead
  --install-peers        builds the peers that can be built, says how to get the others, and ends`;

/** @throws Error an unknown option or an impossible value */
export function readOptions(args: readonly string[]): StandingOptions {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const chosen = Object.fromEntries(stages.map((stage) => [stage, flag]));
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...(chosen as Record<Stage, typeof flag>),
      group: text,
      peers: text,
      only: text,
      turns: { ...text, default: '3' },
      seconds: { ...text, default: '1' },
      keys: { ...text, default: '1000000' },
      minute: { ...text, default: '60' },
      file: text,
      'install-peers': flag,
      help: flag,
    },
  });
  const some = stages.filter((stage) => values[stage]);
  // A line or a group is one of the matrix.
  const only = namesOf(values.only) ?? [];
  const unknown = only.find((name) => !isInMatrix(name));
  if (unknown !== undefined) throw new Error(`--only: no line of the matrix is called ${unknown} or begins with it up to a dash`);
  const named = only.length > 0 || values.group !== undefined ? (['macro'] as const) : stages;
  return {
    stages: some.length > 0 ? some : named,
    groups: values.group === undefined ? groupNames : values.group.split(',').map(groupOf),
    peers: namesOf(values.peers),
    only,
    turns: positive('--turns', values.turns, Number.isInteger),
    seconds: positive('--seconds', values.seconds),
    keys: positive('--keys', values.keys, Number.isInteger),
    minuteSeconds: positive('--minute', values.minute),
    file: values.file === undefined ? fileURLToPath(new URL('../../../BENCHMARKS.md', import.meta.url)) : resolve(values.file),
    writes: values.file !== undefined || (only.length === 0 && values.peers === undefined),
    installPeers: values['install-peers'],
    help: values.help,
  };
}

function namesOf(text: string | undefined): string[] | undefined {
  return text
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function groupOf(name: string): GroupName {
  const group = groupNames.find((one) => one === name);
  if (group === undefined) throw new Error(`--group: ${name} is none of ${groupNames.join(', ')}`);
  return group;
}

function positive(option: string, text: string, check: (value: number) => boolean = Number.isFinite): number {
  const value = Number(text);
  if (!(value > 0) || !check(value))
    throw new Error(`${option}: ${text} is not a ${check === Number.isInteger ? 'whole ' : ''}number above 0`);
  return value;
}
