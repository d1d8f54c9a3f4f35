/** A result as a file: written without secrets, read with every part checked, since files are edited, cut short and mistaken for others. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type BenchResult, resultFormat } from './result.ts';
import { decodeHistogram } from './summary.ts';

/** The file isn't a result; the message is one line that names the file and what is wrong. */
export class ResultMistake extends Error {}

/** Throws what the file system throws. */
export function writeResult(path: string, result: BenchResult): void {
  writeFileSync(path, `${JSON.stringify(result, undefined, 1)}\n`);
}

/** Throws ResultMistake, also when the file can't be read. */
export function readResult(path: string): BenchResult {
  try {
    return parseResult(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ResultMistake(`${path}: ${(error as Error).message.split('\n')[0]}`);
  }
}

/** Throws ResultMistake. */
export function parseResult(text: string): BenchResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ResultMistake(`not JSON: ${(error as Error).message.split('\n')[0]}`);
  }
  const format = isRecord(value) ? value.format : undefined;
  if (format !== resultFormat)
    throw new ResultMistake(`not a result of liteio bench: format is ${show(format)} instead of "${resultFormat}"`);
  const wrong = resultShape(value, '');
  if (wrong !== undefined) throw new ResultMistake(wrong);
  const result = value as BenchResult;
  const order = result.lines.find((line) => line.servers.some((server, index) => server.server !== result.servers[index]?.name));
  if (order !== undefined) throw new ResultMistake(`line ${order.name} does not have the servers of the result in their order`);
  return result;
}

/**
 * The result with every secret replaced by `***` wherever text came from outside: command lines, banners, reasons of failures, addresses.
 * What isn't text from outside (numbers, histograms, names of lines) can't hold one.
 */
export function withoutSecrets(result: BenchResult, secrets: readonly string[]): BenchResult {
  const { interruption } = result;
  const known = secrets.filter((secret) => secret !== '').sort((a, b) => b.length - a.length);
  const hide = (text: string): string => known.reduce((hidden, secret) => hidden.replaceAll(secret, '***'), text);
  return {
    ...result,
    command: result.command.map(hide),
    servers: result.servers.map((server) => ({
      ...server,
      endpoint: hide(server.endpoint),
      banner: hide(server.banner),
      ...(server.process && { process: { ...server.process, command: hide(server.process.command) } }),
    })),
    lines: result.lines.map((line) => ({
      ...line,
      servers: hideFailures(line.servers, hide),
    })),
    ...(interruption && {
      interruption: {
        ...interruption,
        ...(interruption.unfinished && {
          unfinished: { ...interruption.unfinished, servers: hideFailures(interruption.unfinished.servers, hide) },
        }),
      },
    }),
  };
}

function hideFailures<T extends { readonly failure?: string }>(servers: readonly T[], hide: (text: string) => string): T[] {
  return servers.map((server) => ({ ...server, ...(server.failure !== undefined && { failure: hide(server.failure) }) }));
}

/** What is wrong with a value that stands at `path`; undefined when nothing is. */
type Shape = (value: unknown, path: string) => string | undefined;

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const text: Shape = (value, path) => (typeof value === 'string' ? undefined : `${path} is ${show(value)} instead of text`);
const amount: Shape = (value, path) =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? undefined : `${path} is ${show(value)} instead of a number from 0 on`;
const histogram: Shape = (value, path) => {
  if (typeof value !== 'string') return text(value, path);
  try {
    decodeHistogram(value);
    return undefined;
  } catch {
    return `${path} is not an HDR histogram`;
  }
};

function optional(shape: Shape): Shape {
  return (value, path) => (value === undefined ? undefined : shape(value, path));
}

function listOf(shape: Shape): Shape {
  return (value, path) => {
    if (!Array.isArray(value)) return `${path} is ${show(value)} instead of a list`;
    return firstWrong(value.map((entry, index) => () => shape(entry, `${path}[${index}]`)));
  };
}

function recordOf(shape: Shape): Shape {
  return (value, path) => {
    if (!isRecord(value)) return `${path} is ${show(value)} instead of an object`;
    return firstWrong(
      Object.entries(value).map(
        ([key, entry]) =>
          () =>
            shape(entry, `${path}.${key}`),
      ),
    );
  };
}

/** Fields that aren't named may be there: a later version's. */
function object(fields: Readonly<Record<string, Shape>>): Shape {
  return (value, path) => {
    if (!isRecord(value)) return `${path} is ${show(value)} instead of an object`;
    return firstWrong(
      Object.entries(fields).map(
        ([key, shape]) =>
          () =>
            shape(value[key], path === '' ? key : `${path}.${key}`),
      ),
    );
  };
}

function firstWrong(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const wrong = check();
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

const turnShape = object({
  begunAt: amount,
  seconds: amount,
  operations: amount,
  bytes: amount,
  keys: amount,
  errors: amount,
  clientCpuSeconds: amount,
  busiestClientThread: optional(amount),
  server: optional(object({ cpuSeconds: amount, residentBytes: amount, writtenBytes: optional(amount), deviceFlushes: optional(amount) })),
});

const lineShape = object({
  name: text,
  workload: text,
  size: text,
  concurrency: amount,
  servers: listOf(
    object({
      server: text,
      failure: optional(text),
      knee: optional((value, path) => (value === true ? undefined : `${path} is ${show(value)} instead of true`)),
      turns: listOf(turnShape),
      operations: recordOf(object({ operations: amount, errors: amount, bytes: amount, histogram })),
      samples: listOf(
        object({ at: amount, seconds: optional(amount), operations: amount, bytes: amount, errors: amount, p50: amount, p99: amount }),
      ),
    }),
  ),
});

const interruptionShape = object({
  by: text,
  unfinished: optional(
    object({
      name: text,
      turns: amount,
      servers: listOf(
        object({ server: text, failure: optional(text), turns: amount, seconds: amount, operations: amount, errors: amount }),
      ),
    }),
  ),
  missing: listOf(text),
});

const resultShape = object({
  startedAt: text,
  version: text,
  command: listOf(text),
  seed: amount,
  machine: object({ cpu: text, cores: amount, memoryBytes: amount, system: text, node: text, loadAverage: amount }),
  servers: listOf(
    object({
      name: text,
      endpoint: text,
      banner: text,
      process: optional(
        object({ command: text, startSeconds: amount, idleResidentBytes: optional(amount), peakResidentBytes: optional(amount) }),
      ),
    }),
  ),
  lines: listOf(lineShape),
  interruption: optional(interruptionShape),
});
