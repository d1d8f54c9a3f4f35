/** Where programs of peers are looked for: PATH, then the harness' own directory. */
import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { findOnPath } from '../../journal/jetstream/nats-process.ts';

const answerMillisecondsMax = 20_000;

/** Where `--install-peers` puts what it builds. */
export function peerPrograms(environment: NodeJS.ProcessEnv): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'liteio-bench', 'bin');
}

/** Its path, or undefined when neither PATH nor the harness' own directory has it. */
export function findProgram(name: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  return findOnPath(name, [environment.PATH ?? '', peerPrograms(environment)].join(delimiter));
}

/** The first group of `pattern` in what the program prints, or `unknown version`. */
export async function versionOf(program: string, args: readonly string[], pattern: RegExp): Promise<string> {
  const said = await new Promise<string>((resolve, reject) => {
    execFile(program, args, { timeout: answerMillisecondsMax }, (error, out, err) => {
      if (error !== null && out === '' && err === '') reject(error);
      else resolve(`${out}\n${err}`);
    });
  });
  return pattern.exec(said)?.[1] ?? 'unknown version';
}
