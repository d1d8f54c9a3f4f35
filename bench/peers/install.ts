/** Builds the peers that come as Go modules into the harness' own directory and says how to get the rest. Asked for, never on its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findOnPath } from '../../journal/jetstream/nats-process.ts';
import type { GoProgram } from './peer.ts';
import { peers } from './peers.ts';
import { peerPrograms } from './programs.ts';

/** One line for each peer through `say`; the output of a build goes to stderr. False when a build failed or had no Go to build with. */
export async function installPeers(environment: NodeJS.ProcessEnv, say: (line: string) => void): Promise<boolean> {
  const directory = peerPrograms(environment);
  let whole = true;
  for (const peer of peers) {
    const found = await peer.find(environment);
    if (found !== undefined) {
      say(`${peer.name}: ${found.version}, ${found.program}`);
    } else if (peer.goProgram === undefined) {
      say(peer.install);
    } else {
      say(`${peer.name}: building; this takes minutes`);
      const trouble = await build(peer.goProgram, directory, environment);
      say(`${peer.name}: ${trouble ?? `built into ${directory}`}`);
      whole &&= trouble === undefined;
    }
  }
  return whole;
}

/**
 * What went wrong, or undefined. Built where the module lies, as its authors do: `go install` refuses a module that replaces others, and
 * SeaweedFS' does.
 */
async function build(wanted: GoProgram, directory: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const go = await findOnPath('go', environment.PATH ?? '');
  if (go === undefined) return 'not built: there is no `go` on PATH';
  try {
    await mkdir(directory, { recursive: true });
    const module = JSON.parse(await run(go, ['mod', 'download', '-json', `${wanted.module}@${wanted.version}`], environment));
    const output = ['-o', join(directory, wanted.program), '-ldflags', `-s -w ${wanted.linkerFlags}`];
    await run(go, ['build', '-C', module.Dir, ...output, wanted.package], environment);
    return undefined;
  } catch (error) {
    return `not built: ${(error as Error).message}`;
  }
}

/** What it prints; what it says on the side goes to stderr. @throws Error it did not end well */
async function run(program: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 2], env: environment });
  let printed = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (code !== 0) throw new Error(`go ${args[0]} ended with ${code ?? signal}: ${printed}`);
  return printed;
}
