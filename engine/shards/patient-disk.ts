/** A disk each call of which fails when the drive doesn't answer in time. For callers whose buffers nobody else ever uses: see `inTime`. */
import { type Ask, type Disk, type DiskFile, type DriveTimer, inTime, lockedThrough, pinnedThrough } from '../../journal/disk.ts';

/** Milliseconds that a start or a stop waits for one answer of a drive: longer than a sleeping disk takes to spin up. */
export const answerMilliseconds = 10_000;

export function patientDisk(disk: Disk, timer: DriveTimer, milliseconds = answerMilliseconds): Disk {
  const limit = { timer, milliseconds, name: disk.name };
  const closeLate = (file: DiskFile) => void file.close().catch(() => undefined);
  const ask: Ask = (call) => inTime(call(), limit);
  const patient = (file: DiskFile): DiskFile => ({
    read: (target, position) => inTime(file.read(target, position), limit),
    write: (chunks, position) => inTime(file.write(chunks, position), limit),
    sync: () => inTime(file.sync(), limit),
    size: () => inTime(file.size(), limit),
    truncate: (bytes) => inTime(file.truncate(bytes), limit),
    close: () => inTime(file.close(), limit),
  });
  return {
    name: disk.name,
    open: async (path, mode, writes) => patient(await inTime(disk.open(path, mode, writes), limit, closeLate)),
    pin: async (path) => {
      const file = await inTime(disk.pin(path), limit, closeLate);
      return pinnedThrough(file, patient(file), ask);
    },
    lock: async (path) => {
      const file = await inTime(disk.lock(path), limit, (late) => late && closeLate(late));
      return file && lockedThrough(file, patient(file), ask);
    },
    list: (directory) => inTime(disk.list(directory), limit),
    makeDirectory: (directory) => inTime(disk.makeDirectory(directory), limit),
    exists: (path) => inTime(disk.exists(path), limit),
    remove: (path) => inTime(disk.remove(path), limit),
    removeTree: (directory) => inTime(disk.removeTree(directory), limit),
    rename: (from, to) => inTime(disk.rename(from, to), limit),
    syncDirectory: (directory) => inTime(disk.syncDirectory(directory), limit),
    freeBytes: () => inTime(disk.freeBytes(), limit),
  };
}
