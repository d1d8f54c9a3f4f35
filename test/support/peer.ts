/** Programs that a test talks to and that npm does not bring: found on PATH, or said to be missing, loudly. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** `skip` for a test whose peer is missing: false when it is there. Where CI_PEERS=required a missing peer fails the run. */
export function missingPeer(program: string, probe: readonly string[] = ['--version']): string | false {
  const found = spawnSync(program, [...probe], { encoding: 'utf8' });
  if (found.error === undefined && found.status === 0) return false;
  const message = `MISSING PEER: ${program} (${probe.join(' ')}) does not run here; the tests that need it did not run`;
  console.error(message);
  assert.notEqual(process.env.CI_PEERS, 'required', message);
  return message;
}

export interface PeerRun {
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Seconds; 120 unless told. */
  readonly timeoutSeconds?: number;
}

/** What a peer is told of this machine: settings for clouds stay out of its run. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AWS_|RCLONE_|RESTIC_|LITEIO_)/.test(name)));
}

/** Runs a program to its end; a non-zero exit fails with both its outputs. */
export async function peer(program: string, args: readonly string[], options: PeerRun = {}): Promise<string> {
  try {
    const { stdout } = await run(program, [...args], {
      env: { ...ownEnvironment(), ...options.environment },
      cwd: options.cwd,
      timeout: (options.timeoutSeconds ?? 120) * 1000,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    const failed = error as Error & { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(' ')}: ${failed.message}\n${failed.stdout ?? ''}\n${failed.stderr ?? ''}`);
  }
}

/** Runs a program that is expected to fail; resolves to what it said. */
export async function peerFails(program: string, args: readonly string[], options: PeerRun = {}): Promise<string> {
  const said = await peer(program, args, options).then(
    () => undefined,
    (error: Error) => error.message,
  );
  assert.ok(said !== undefined, `${program} ${args.join(' ')} succeeded and should not have`);
  return said;
}
