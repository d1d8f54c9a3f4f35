/** Where servers and journals keep their files during a run. */
import { readFileSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';

/** Type of the file system of the temporary directory: `ext4`. `unknown file system` where /proc does not tell. */
export function fileSystemOf(directory = tmpdir()): string {
  const type = mountType(resolve(directory));
  return type === 'tmpfs' || type === 'ramfs' ? `${type} (in memory: a sync costs nothing here, TMPDIR names another place)` : type;
}

function mountType(directory: string): string {
  let best = { path: '', type: 'unknown file system' };
  try {
    for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
      const [, path = '', type = ''] = line.split(' ');
      const holds = path === '/' || directory === path || directory.startsWith(`${path}/`);
      if (path !== '' && holds && path.length >= best.path.length) best = { path, type };
    }
  } catch {
    // No /proc: what there is to say is said.
  }
  return best.type;
}

export function freeBytes(directory = tmpdir()): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
