import { createRequire } from 'node:module';

/** What the kernel said of a lock on an open file. `taken`: somebody else has it. Without `kernel` there is none: `why` says it. */
export type KernelLockAnswer = 'taken' | { readonly kernel: boolean; readonly why: string };

interface FileLocks {
  /** False: another open file has it, of this process or any other. */
  tryLock(descriptor: number, offset: number, length: number): boolean;
}

/** Behind all that is written: where locks are binding (Windows) the bytes before it stay readable to others. */
const lockOffset = 2 ** 30;
/** Of file systems that have no locks. */
const unsupportedCodes = new Set(['ENOLCK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL']);

/**
 * Locks an open file: on Linux a lock of the open file (OFD), which the kernel keeps for all of its processes and containers and drops when the
 * descriptor is closed or the process ends. The binary comes ready-made with the package; where none fits this machine there is no lock.
 */
export function tryKernelLock(descriptor: number): KernelLockAnswer {
  let locks: FileLocks;
  try {
    // At the first lock: most threads never take one.
    locks = createRequire(import.meta.url)('fs-native-extensions');
  } catch (error) {
    return { kernel: false, why: `fs-native-extensions does not load: ${(error as Error).message.split('\n')[0]}` };
  }
  try {
    return locks.tryLock(descriptor, lockOffset, 1) ? { kernel: true, why: '' } : 'taken';
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // As some systems spell that another one has it.
    if (code === 'EACCES' || code === 'EWOULDBLOCK' || code === 'EBUSY') return 'taken';
    if (!unsupportedCodes.has(code ?? '')) throw error;
    return { kernel: false, why: `the file system has no locks: ${message}` };
  }
}
