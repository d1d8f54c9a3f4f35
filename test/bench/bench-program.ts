import { spawn } from 'node:child_process';
import { serverProgram } from '../support/server.ts';

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `liteio bench` to its end without standing in the way of a server in this process. */
export async function benchProgram(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<Ended> {
  const child = spawn(process.execPath, [serverProgram, 'bench', ...args], { env: environment });
  const [stdout, stderr] = await Promise.all([child.stdout.setEncoding('utf8').toArray(), child.stderr.setEncoding('utf8').toArray()]);
  const status = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once('exit', resolve)));
  return { status, stdout: stdout.join(''), stderr: stderr.join('') };
}
