/** Builds the peers that come as Go modules into the harness' own directory and says how to get the rest. Asked for, never on its own. */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { findOnPath } from '../../journal/jetstream/nats-process.ts';
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
    } else if (peer.goInstall === undefined) {
      say(peer.install);
    } else {
      say(`${peer.name}: building; this takes minutes`);
      const trouble = await goInstall(peer.goInstall, directory, environment);
      say(`${peer.name}: ${trouble ?? `built into ${directory}`}`);
      whole &&= trouble === undefined;
    }
  }
  return whole;
}

/** What went wrong, or undefined. */
async function goInstall(args: readonly string[], directory: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const go = await findOnPath('go', environment.PATH ?? '');
  if (go === undefined) return 'not built: there is no `go` on PATH';
  await mkdir(directory, { recursive: true });
  return new Promise((resolve) => {
    const child = spawn(go, ['install', ...args], { stdio: ['ignore', 2, 2], env: { ...environment, GOBIN: directory } });
    child.once('error', (error) => resolve(`not built: ${error.message}`));
    child.once('exit', (code, signal) => resolve(code === 0 ? undefined : `not built: go install ended with ${code ?? signal}`));
  });
}
