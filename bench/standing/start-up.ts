/** Cold starts: from the start of the process to the first S3 request that is answered 200, each after the last was killed. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { S3Client, type S3Target } from '../client/s3-client.ts';
import type { ServePlan } from '../run/plan.ts';
import { ProcessFiles } from '../run/process-files.ts';
import type { StartUpFigure } from './standing-result.ts';

const startMillisecondsMax = 120_000;
/** Between two attempts to get an answer: what a start takes is known to that. */
const pollMilliseconds = 5;
/** Of what a server says on its standard error. */
const lastWordsCharactersMax = 4096;

export interface RunningStore {
  readonly target: S3Target;
  /** From the start of the process to its first 200. */
  readonly seconds: number;
  /** Undefined where the system does not tell. */
  residentBytes(): number | undefined;
  kill(): Promise<void>;
}

/** Starts a server on what lies in `directory` and asks it until it lists its buckets. @throws Error it ended or took too long. */
export async function startStore(plan: ServePlan, directory: string): Promise<RunningStore> {
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const [program = '', ...args] = plan.command.map((text) => text.replaceAll('{dir}', directory).replaceAll('{port}', String(port)));
  const begun = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...plan.environment } });
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  const gone = once(child, 'exit').finally(() => process.off('exit', kill));
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-lastWordsCharactersMax);
  });
  const target = { endpoint: `http://127.0.0.1:${port}`, ...plan.credentials };
  await firstAnswer(child, target, () => said);
  const seconds = (performance.now() - begun) / 1000;
  return {
    target,
    seconds,
    residentBytes: () => new ProcessFiles().statusBytes(child.pid ?? 0, 'VmRSS'),
    kill: async () => {
      kill();
      await gone;
    },
  };
}

async function firstAnswer(child: ChildProcess, target: S3Target, said: () => string): Promise<void> {
  const client = new S3Client(target, 1);
  const late = performance.now() + startMillisecondsMax;
  try {
    for (;;) {
      const answer = await client.call({ method: 'GET', bucket: '' }).catch(() => undefined);
      if (answer?.status === 200) return;
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server ended before it answered:\n${said()}`);
      if (performance.now() > late) throw new Error(`no answer within ${startMillisecondsMax} ms:\n${said()}`);
      await pause(pollMilliseconds);
    }
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    client.close();
  }
}

export interface StoreToStart {
  readonly objects: number;
  readonly plan: ServePlan;
  /** Where it lies, for each start: the same, or a new place each time. */
  directory(start: number): string;
}

/** Starts a store several times, killing it in between: first from the disk where the page cache can be dropped, then as it comes. */
export async function measureStarts(store: StoreToStart, starts: number, signal: AbortSignal): Promise<StartUpFigure[]> {
  const figures: StartUpFigure[] = [];
  for (const pageCache of ['dropped', 'warm'] as const) {
    if (pageCache === 'dropped' && !dropPageCache()) continue;
    const seconds: number[] = [];
    let residentBytes: number | undefined;
    for (let start = 0; start < starts; start += 1) {
      signal.throwIfAborted();
      if (pageCache === 'dropped') dropPageCache();
      const running = await startStore(store.plan, store.directory(figures.length * starts + start));
      seconds.push(running.seconds);
      residentBytes = running.residentBytes();
      await running.kill();
    }
    figures.push({ objects: store.objects, seconds, pageCache, ...(residentBytes !== undefined && { residentBytes }) });
  }
  return figures;
}

/** False where that is not allowed (it takes root). What was not written back yet would stay in memory, so it is written first. */
function dropPageCache(): boolean {
  try {
    execFileSync('sync');
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a listening server has no port');
  return address.port;
}
