/** Where programs of peers are looked for: PATH, then the harness' own directory. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

const answerMillisecondsMax = 20_000;

/** Where `--install-peers` puts what it builds. */
export function peerPrograms(environment: NodeJS.ProcessEnv): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'liteio-bench', 'bin');
}

/** Its path, or undefined when neither PATH nor the harness' own directory has it. */
export async function findProgram(name: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  return (await findOnPath(name, environment)) ?? (await findIn([peerPrograms(environment)], name));
}

/** For what a peer looks up itself. */
export async function findOnPath(name: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const directories = (environment.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  return findIn(directories, name);
}

async function findIn(directories: readonly string[], name: string): Promise<string | undefined> {
  for (const directory of directories) {
    const path = join(directory, name);
    if (await executable(path)) return path;
  }
  return undefined;
}

async function executable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
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
