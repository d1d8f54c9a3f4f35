/** A drive on a file system that stops answering when it is told to: a directory served by bindfs over FUSE, whose daemon is frozen. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';

const mountMillisecondsMax = 10_000;

/** Why no such drive can be had here; undefined: it can. */
export function fuseMissing(): string | undefined {
  if (!existsSync('/dev/fuse')) return 'there is no /dev/fuse';
  if (process.getuid?.() !== 0) return 'only root mounts';
  if (spawnSync('bindfs', ['--version']).status !== 0) return 'bindfs is not installed';
  return undefined;
}

export class FuseDrive {
  readonly path: string;
  readonly #daemon: ChildProcess;

  private constructor(path: string, daemon: ChildProcess) {
    this.path = path;
    this.#daemon = daemon;
  }

  /** Serves `backing` at `path`; both are made. */
  static async mount(path: string, backing: string): Promise<FuseDrive> {
    for (const directory of [path, backing]) mkdirSync(directory, { recursive: true });
    const daemon = spawn('bindfs', ['-f', backing, path], { stdio: 'ignore' });
    const drive = new FuseDrive(path, daemon);
    for (let waited = 0; !drive.mounted; waited += 20) {
      if (waited > mountMillisecondsMax || daemon.exitCode !== null) throw new Error(`bindfs did not mount ${path}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return drive;
  }

  get mounted(): boolean {
    return readFileSync('/proc/self/mounts', 'utf8').includes(` ${this.path} fuse`);
  }

  /** From here on every call into it hangs in the kernel. */
  freeze(): void {
    this.#daemon.kill('SIGSTOP');
  }

  thaw(): void {
    this.#daemon.kill('SIGCONT');
  }

  /** As an administrator would: fails while a file in it is open. */
  unmount(): void {
    execFileSync('umount', [this.path], { stdio: 'pipe' });
  }

  /** Its kernel side stays mounted and answers everybody with an error. */
  async crash(): Promise<void> {
    const gone = this.#daemon.exitCode === null && this.#daemon.signalCode === null ? once(this.#daemon, 'exit') : undefined;
    this.#daemon.kill('SIGKILL');
    await gone;
  }

  /** Whatever state it is in. */
  async end(): Promise<void> {
    await this.crash();
    if (this.mounted) spawnSync('umount', ['--lazy', this.path]);
  }
}

/** Threads of a process that wait in the kernel for a FUSE daemon. */
export function threadsInFuse(pid: number): number {
  return tasksOf(pid).filter((task) => /fuse_|request_wait_answer/.test(readOr(`/proc/${pid}/task/${task}/stack`))).length;
}

/** Open files of a process below a directory. */
export function filesOpenBelow(pid: number, directory: string): string[] {
  const listing = spawnSync('find', [`/proc/${pid}/fd`, '-lname', `${directory}/*`, '-printf', '%l\n']).stdout.toString();
  return listing.split('\n').filter((line) => line !== '');
}

function tasksOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`);
}

/** A thread may end while it is looked at. */
function readOr(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
