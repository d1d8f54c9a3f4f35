/** Real file systems of a few MiB for tests that fill them, or take their writing away: ext4 images behind loop devices. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './files.ts';

/** `skip` for a test: false where file systems can be made and mounted. Where CI_PEERS=required that fails the run. */
export function missingMounts(): string | false {
  const trial = temporaryDirectory('mount');
  try {
    mountImage(join(trial.path, 'image'), join(trial.path, 'mounted'), 8);
    unmount(join(trial.path, 'mounted'));
    return false;
  } catch (error) {
    const message = `MISSING MOUNTS: no file system can be mounted here (${(error as Error).message.split('\n')[0]}); the tests that need it did not run`;
    console.error(message);
    assert.notEqual(process.env.CI_PEERS, 'required', message);
    return message;
  } finally {
    trial.remove();
  }
}

function mountImage(image: string, at: string, mebibytes: number): void {
  closeSync(openSync(image, 'w'));
  truncateSync(image, mebibytes * 1024 * 1024);
  mkdirSync(at);
  run('mkfs.ext4', ['-q', '-F', '-m', '0', '-O', '^has_journal', image]);
  run('mount', ['-o', 'loop', image, at]);
}

function run(program: string, args: readonly string[]): void {
  execFileSync(program, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

function unmount(at: string): void {
  for (const args of [[at], ['-l', at]]) if (spawnSync('umount', args).status === 0) return;
}

/** `drive1`, `drive2`... in `directory`, each in a file system of its own, or all in one. */
export class SmallDrives {
  readonly directory: string;
  readonly #mounted: readonly string[];
  readonly #remove: () => void;
  readonly #covered = new Set<string>();
  #fillers = 0;

  constructor(drives: number, mebibytes: number, kind: 'each its own' | 'all in one') {
    const { path, remove } = temporaryDirectory('small');
    this.#remove = remove;
    this.directory = kind === 'all in one' ? join(path, 'mounted') : path;
    this.#mounted = kind === 'all in one' ? [this.directory] : Array.from({ length: drives }, (_, at) => join(path, `drive${at + 1}`));
    for (const [at, mounted] of this.#mounted.entries()) mountImage(join(path, `image${at + 1}`), mounted, mebibytes);
    for (const mounted of this.#mounted) rmSync(join(mounted, 'lost+found'), { recursive: true, force: true });
  }

  /** Bytes free, on each file system. */
  get freeBytes(): number[] {
    return this.#mounted.map((mounted) => {
      const { bavail, bsize } = statfsSync(mounted);
      return bavail * bsize;
    });
  }

  /** Somebody else fills them, but for so many bytes. */
  fill(leftBytes = 0): void {
    this.#fillers += 1;
    const chunk = Buffer.alloc(256 * 1024, 'filler ');
    for (const mounted of this.#mounted) {
      const file = openSync(join(mounted, `lost+found.${this.#fillers}`), 'w');
      try {
        for (;;) {
          const { bavail, bsize } = statfsSync(mounted);
          const bytes = Math.min(chunk.length, bavail * bsize - leftBytes);
          if (bytes <= 0) break;
          writeSync(file, chunk, 0, bytes);
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        closeSync(file);
      }
    }
  }

  /** What `fill` wrote is gone. */
  empty(): void {
    for (const mounted of this.#mounted)
      for (let filler = 1; filler <= this.#fillers; filler += 1) rmSync(join(mounted, `lost+found.${filler}`), { force: true });
  }

  /**
   * The drives with these numbers, from 1, take no writes by path: a read-only mount lies over each. The kernel refuses to make a file
   * system read-only while files are open for writing, and those stay as they are.
   */
  makeReadOnly(numbers: readonly number[]): void {
    for (const number of numbers) {
      const drive = join(this.directory, `drive${number}`);
      // Elsewhere first: over the drive somebody would open a file for writing in between.
      const view = join(this.directory, `.view${number}`);
      mkdirSync(view, { recursive: true });
      run('mount', ['--bind', drive, view]);
      run('mount', ['-o', 'remount,bind,ro', view]);
      run('mount', ['--bind', view, drive]);
      unmount(view);
      this.#covered.add(drive);
    }
  }

  makeWritable(): void {
    for (const drive of this.#covered) unmount(drive);
    this.#covered.clear();
  }

  remove(): void {
    this.makeWritable();
    for (const mounted of this.#mounted) unmount(mounted);
    this.#remove();
  }
}
