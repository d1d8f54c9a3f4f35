/** A server under measurement: a child process on loopback with what /proc tells about its costs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { S3Target } from './client/s3-client.ts';

export interface ContenderPlan {
  readonly name: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Finds the port in a line the server prints; without it `port` is where it listens. */
  readonly ready: RegExp;
  readonly port?: number;
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface Contender extends S3Target {
  readonly name: string;
  /** What it printed when it was ready. */
  readonly banner: string;
  /** CPU seconds (user and system) of the process so far. */
  cpuSeconds(): number;
  /** Peak resident bytes so far. */
  peakBytes(): number;
  stop(): Promise<void>;
}

const startMillisecondsMax = 30_000;
const clockTicksPerSecond = 100;

export async function startContender(plan: ContenderPlan): Promise<Contender> {
  const [program = '', ...args] = plan.command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...plan.environment } });
  const found = await readiness(plan, child);
  const port = plan.port ?? Number(found[1]);
  return {
    name: plan.name,
    banner: found.input.trim(),
    endpoint: `http://127.0.0.1:${port}`,
    accessKey: plan.accessKey,
    secretKey: plan.secretKey,
    region: 'us-east-1',
    cpuSeconds: () => {
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) / clockTicksPerSecond;
    },
    peakBytes: () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

function readiness(plan: ContenderPlan, child: ChildProcess): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let said = '';
    const late = setTimeout(() => reject(new Error(`${plan.name} was not ready in time:\n${said}`)), startMillisecondsMax);
    const listen = (bytes: Buffer): void => {
      said += bytes.toString();
      const found = plan.ready.exec(said);
      if (found === null) return;
      clearTimeout(late);
      resolve(found);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('exit', (code) => reject(new Error(`${plan.name} ended with ${code} before it was ready:\n${said}`)));
    child.once('error', reject);
  });
}
