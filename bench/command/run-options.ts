/** The options of a run: their words, their defaults, and the plan that comes of them. */
import { accessSync, constants, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { checksumAlgorithms } from '../../engine/body.ts';
import { type BenchPlan, versionsSuffix, type WorkloadName, workloads } from '../run/plan.ts';
import { parseSize } from '../workload/sizes.ts';
import { Misuse } from './misuse.ts';
import { hideSecrets, planServers, type ServerOption, secretsOf } from './servers.ts';

/** What commander makes of the command line. */
export interface RunOptions {
  readonly endpoint?: readonly ServerOption[];
  readonly serve?: readonly ServerOption[];
  readonly accessKey?: string;
  readonly secretKey?: string;
  readonly region?: string;
  readonly profile?: string;
  readonly size?: readonly string[];
  readonly concurrency: readonly number[];
  /** Seconds. */
  readonly duration?: number;
  readonly operations?: number;
  readonly turns: number;
  readonly objects: number;
  readonly keys: BenchPlan['keyLayout'];
  readonly payload: BenchPlan['payload'];
  readonly checksum: BenchPlan['checksum'];
  readonly keepAlive: boolean;
  readonly insecure?: boolean;
  /** Seconds. */
  readonly warmUp: number;
  readonly seed: number;
  readonly cleanUp: boolean;
  readonly bucket: string;
  readonly threads: number;
  readonly json?: string;
  readonly html?: string;
  readonly failUnder?: readonly string[];
  readonly quiet?: boolean;
}

const secondsByDefault = 10;
/** Of a turn that only a number of operations ends. */
const secondsMax = 24 * 3600;
const concurrencyMax = 4096;
const threadsMax = 64;
const turnsMax = 1000;
const sizeByDefault = '4KiB';
/** Half of the processors at most: the others are the server's. */
const threadsByDefault = Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)));

export function addRunOptions(command: Command): void {
  let place = 0;
  const server = (kind: ServerOption['kind']) => (text: string, earlier: readonly ServerOption[] | undefined) => [
    ...(earlier ?? []),
    { kind, text, place: place++ },
  ];
  const options: readonly Option[] = [
    new Option('--endpoint <[name=]url>', 'a server that runs; again for each server').argParser(server('endpoint')),
    new Option('--serve <name=command>', 'a server to start on an empty directory {dir} and port {port}, and to measure').argParser(
      server('serve'),
    ),
    new Option('--access-key <key>', 'for servers whose URL holds no keys'),
    new Option('--secret-key <key>', 'goes with it'),
    new Option('--region <name>', 'that signatures name'),
    new Option('--profile <name>', 'of ~/.aws/credentials and ~/.aws/config'),
    new Option(
      '--size <size>',
      `of objects; again for each line: 4KiB, uniform:1KiB-1MiB, lognormal:64KiB,1.5 or 4KiB:0.7,1MiB:0.3 (default: ${sizeByDefault})`,
    ).argParser(sizes),
    new Option('--concurrency <list>', 'requests at once').argParser(concurrencies).default([16], '16'),
    new Option('--duration <time>', `of a turn: 10s, 500ms, 2m (default: ${secondsByDefault}s)`).argParser(someSeconds),
    new Option('--operations <number>', 'in a turn, in place of a duration, or whichever comes first').argParser(
      whole(1, Number.MAX_SAFE_INTEGER),
    ),
    new Option('--turns <number>', 'of each server in each line, in turn: A B, B A, A B').argParser(whole(1, turnsMax)).default(3),
    new Option('--objects <number>', 'laid out for reads').argParser(whole(1, 100_000_000)).default(1000),
    new Option('--keys <layout>', 'of the keys').choices(['flat', 'prefixes', 'hex']).default('flat'),
    new Option('--payload <mode>', 'of what is put: in the signature, not in it, or in signed chunks')
      .choices(['signed', 'unsigned', 'streaming'])
      .default('unsigned'),
    new Option('--checksum <algorithm>', 'sent with what is put')
      .choices(['none', ...checksumAlgorithms.map((name) => name.toLowerCase())])
      .default('none'),
    new Option('--no-keep-alive', 'a connection of its own for each request'),
    new Option('--insecure', 'accept certificates that cannot be verified'),
    new Option('--warm-up <time>', 'of each server before each line, not counted').argParser(seconds).default(2, '2s'),
    new Option('--seed <number>', 'of keys, sizes and bytes').argParser(whole(0, 0xffffffff)).default(1),
    new Option('--no-clean-up', 'leave what was made'),
    new Option('--bucket <name>', 'is made where it is missing').default('liteio-bench'),
    new Option('--threads <number>', 'of the client').argParser(whole(1, threadsMax)).default(threadsByDefault),
    new Option('--json <file>', 'write the result, for machines and for compare, analyze and page'),
    new Option('--html <file>', 'write the result as a page'),
    new Option(
      '--fail-under <expression>',
      'exit with 1 unless it holds: put.ratio>=1.0, put-4KiB-c16.minio.ratio>=4, get.p99<=20, rss<=400; again for each',
    ).argParser(gather),
    new Option('--quiet', 'no progress'),
  ];
  for (const option of options) command.addOption(option);
}

/** @throws Misuse, CredentialMistake */
export function planRun(names: readonly string[], options: RunOptions, args: readonly string[]): BenchPlan {
  const servers = planServers([...(options.endpoint ?? []), ...(options.serve ?? [])], options, process.env);
  const sizesAsked = options.size ?? [sizeByDefault];
  const { json, html } = options;
  for (const file of [json, html]) if (file !== undefined) mustBeWritable(file);
  if (json !== undefined && html !== undefined && resolve(json) === resolve(html)) throw new Misuse(`--json and --html are both ${json}`);
  const asked = [...new Set(names.map(workloadOf))];
  mustBeBucket(options.bucket, asked);
  return {
    workloads: asked,
    servers,
    sizes: [...new Set(sizesAsked)],
    concurrencies: options.concurrency,
    limit: {
      seconds: options.duration ?? (options.operations === undefined ? secondsByDefault : secondsMax),
      operations: options.operations ?? Number.POSITIVE_INFINITY,
    },
    turns: options.turns,
    objects: options.objects,
    keyLayout: options.keys,
    payload: options.payload,
    checksum: options.checksum,
    keepAlive: options.keepAlive,
    insecure: options.insecure === true,
    warmUpSeconds: options.warmUp,
    seed: options.seed,
    cleanUp: options.cleanUp,
    bucket: options.bucket,
    threads: options.threads,
    command: hideSecrets(['liteio', 'bench', ...args], secretsOf(servers)),
  };
}

function workloadOf(name: string): WorkloadName {
  const found = workloads.find((one) => one === name);
  if (found === undefined) throw new Misuse(`there is no workload '${name}'; there are ${workloads.join(', ')}`);
  return found;
}

/** Versions have a bucket of their own, with a longer name. */
function mustBeBucket(name: string, asked: readonly WorkloadName[]): void {
  const longest = asked.includes('versioned') ? `${name}${versionsSuffix}` : name;
  const isName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(longest) && !name.includes('..') && isIP(name) === 0;
  if (!isName) throw new Misuse(`--bucket: '${longest}' cannot be the name of a bucket`);
}

/** Told before the run, not after it. */
function mustBeWritable(file: string): void {
  try {
    if (file === '') throw new Error('no name is given');
    const there = statSync(file, { throwIfNoEntry: false });
    if (there?.isDirectory()) throw new Error('it is a directory');
    accessSync(there === undefined ? dirname(file) : file, constants.W_OK);
  } catch (error) {
    throw new Misuse(`cannot write '${file}': ${(error as Error).message}`);
  }
}

function gather(text: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), text];
}

function sizes(text: string, earlier: readonly string[] | undefined): string[] {
  try {
    parseSize(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  return gather(text, earlier);
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    return value;
  };
}

function concurrencies(text: string): number[] {
  const number = whole(1, concurrencyMax);
  return [...new Set(text.split(',').map((part) => number(part.trim())))];
}

function someSeconds(text: string): number {
  const value = seconds(text);
  if (value === 0) throw new InvalidArgumentError('It must be longer than nothing.');
  return value;
}

const unitSeconds: Readonly<Record<string, number>> = { ms: 0.001, s: 1, '': 1, m: 60, h: 3600 };

function seconds(text: string): number {
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(text) ?? [];
  const value = Number(amount) * (unitSeconds[unit] ?? 0);
  if (amount === '' || value > secondsMax) throw new InvalidArgumentError('It must be a time such as 10s, 500ms or 2m, at most 24h.');
  return value;
}
