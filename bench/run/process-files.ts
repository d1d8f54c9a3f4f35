/** What /proc tells of processes and threads (proc(5)). Nothing, where there is no /proc. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** USER_HZ: what /proc/PID/stat counts in, on every architecture that Node runs on. */
const ticksPerSecond = 100;

export const processFilesThere = existsSync('/proc/self/stat');

export interface ProcessStat {
  readonly parent: number;
  readonly session: number;
  /** User and system, all threads. */
  readonly ownSeconds: number;
  /** Of children that have ended and were waited for. */
  readonly childSeconds: number;
}

/** Undefined when it is gone. */
export function readStat(path: string): ProcessStat | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  // The second field is the program's name in parentheses, and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const seconds = (field: number): number => Number(fields[field]) / ticksPerSecond;
  return {
    parent: Number(fields[1]),
    session: Number(fields[3]),
    ownSeconds: seconds(11) + seconds(12),
    childSeconds: seconds(13) + seconds(14),
  };
}

export function numbersIn(directory: string): number[] {
  try {
    return readdirSync(directory)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** `VmRSS`, `VmHWM` and the like of /proc/PID/status, in bytes; 0 when it is gone. */
export function readStatusBytes(pid: number, field: string): number {
  const text = readText(`/proc/${pid}/status`) ?? '';
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
}

/** Bytes that it, and children of it that were waited for, caused to be sent to the storage layer; 0 when that may not be read. */
export function readWrittenBytes(pid: number): number {
  return Number(/^write_bytes: (\d+)/m.exec(readText(`/proc/${pid}/io`) ?? '')?.[1] ?? 0);
}

/** Flush requests that the machine's disks have completed. Devices that stand on others (dm, md, loop) would count them twice. */
export function readDeviceFlushes(): number {
  let flushes = 0;
  for (const line of (readText('/proc/diskstats') ?? '').split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (!/^(dm-|md|loop|ram|zram|sr)/.test(fields[2] ?? '')) flushes += Number(fields[18] ?? 0);
  }
  return flushes;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
