/** Real file systems in files, on loop devices, whose power can be cut: what was not written back to the device is gone. Linux, as root. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryDirectory } from './files.ts';

export type FileSystem = 'ext4' | 'xfs';

/** mkfs.xfs makes none that is smaller. */
const deviceBytes = 320 * 1024 * 1024;
/**
 * For some time writes back ranges near the end of files that grow, while whoever writes them goes on: what it syncs of other files commits
 * their new sizes, with later pages and without earlier ones. Then that process is stopped, for power takes all at once: XFS lets a sync that
 * meets its shutdown succeed, and nobody may be told of it. Then the ioctl _IOR('X', 125, __u32), the same for ext4 and XFS; 2: the log is
 * not flushed.
 */
const cutProgram = `
import ctypes, fcntl, os, random, signal, struct, sys, time
seed, seconds, process, mounts = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
pick = random.Random(seed)
libc = ctypes.CDLL(None, use_errno=True)
begun = time.monotonic()
while time.monotonic() - begun < seconds:
    files = []
    for directory, _, names in os.walk(pick.choice(mounts)):
        files += [os.path.join(directory, name) for name in names]
    pick.shuffle(files)
    # Nobody syncs those of the state store: they have the most that is not written back.
    files = [path for path in files if '/state/' in path][:3] + files[:3]
    for path in files:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        pages = os.fstat(descriptor).st_size // 4096 + 1
        begin = max(0, pages - 1 - pick.randrange(24)) * 4096
        # Wait before, write, wait after.
        libc.sync_file_range(descriptor, ctypes.c_int64(begin), ctypes.c_int64((1 + pick.randrange(4)) * 4096), 7)
        os.close(descriptor)
    time.sleep(pick.random() * 0.03)
def state(task):
    try:
        return open('/proc/%d/task/%s/stat' % (process, task)).read().rsplit(') ', 1)[1][0]
    except OSError:
        return 'T'
if process:
    os.kill(process, signal.SIGSTOP)
    # D: in a call that goes on in the kernel, and stops before it returns.
    while any(state(task) not in 'TDtZX' for task in os.listdir('/proc/%d/task' % process)):
        time.sleep(0.0005)
pick.shuffle(mounts)
for mount in mounts:
    descriptor = os.open(mount, os.O_RDONLY)
    fcntl.ioctl(descriptor, 0x8004587d, struct.pack('I', 2))
    os.close(descriptor)
`;

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

export class LoopDevice {
  readonly mountPoint: string;
  readonly #image: string;
  #device: string;
  readonly #fileSystem: FileSystem;
  #mounted = false;

  /** Makes the file system in `directory` and mounts it there. */
  constructor(directory: string, name: string, fileSystem: FileSystem) {
    const image = join(directory, `${name}.img`);
    this.#image = image;
    this.mountPoint = join(directory, name);
    this.#fileSystem = fileSystem;
    mkdirSync(this.mountPoint);
    closeSync(openSync(image, 'w'));
    truncateSync(image, deviceBytes);
    this.#device = run('losetup', '--find', '--show', image);
    run(`mkfs.${fileSystem}`, '-q', image);
    this.#mount();
  }

  /** With what the device has. It is another one than before: a process in a mount namespace of its own may still hold the file system that was cut. */
  mountAgain(): void {
    this.remove();
    this.#device = run('losetup', '--find', '--show', this.#image);
    this.#mount();
  }

  /** Unmounts and gives the device back. */
  remove(): void {
    if (this.#mounted) run('umount', this.mountPoint);
    this.#mounted = false;
    run('losetup', '--detach', this.#device);
  }

  #mount(): void {
    const options = this.#fileSystem === 'xfs' ? ['-o', 'nouuid'] : [];
    run('mount', '-t', this.#fileSystem, ...options, this.#device, this.mountPoint);
    this.#mounted = true;
  }
}

export interface PowerCut {
  readonly seed: number;
  /** For so long ranges are written back before. */
  readonly seconds: number;
  /** Who writes to them: stopped first; 0 for nobody. */
  readonly pid: number;
}

/** Cuts the power of all these file systems; the process has to be killed and they to be mounted again next. */
export async function cutPower(devices: readonly LoopDevice[], { seed, seconds, pid }: PowerCut): Promise<void> {
  await promisify(execFile)('python3', [
    '-c',
    cutProgram,
    String(seed),
    String(seconds),
    String(pid),
    ...devices.map(({ mountPoint }) => mountPoint),
  ]);
}

/** `skip` for a test that needs it: false when this machine can do it. Where CI_PEERS=required the run fails instead. */
export async function missingLoopDevices(fileSystem: FileSystem): Promise<string | false> {
  const work = temporaryDirectory('loop');
  let device: LoopDevice | undefined;
  try {
    device = new LoopDevice(work.path, 'probe', fileSystem);
    await cutPower([device], { seed: 1, seconds: 0, pid: 0 });
    return false;
  } catch (error) {
    const reason = String((error as { stderr?: string }).stderr || (error as Error).message).trim();
    const message = `MISSING PEER: no power can be cut on ${fileSystem} here, which takes root, loop devices, mkfs.${fileSystem} and python3 (${reason}); the trials that need it did not run`;
    console.error(message);
    assert.notEqual(process.env.CI_PEERS, 'required', message);
    return message;
  } finally {
    try {
      device?.remove();
    } finally {
      work.remove();
    }
  }
}
