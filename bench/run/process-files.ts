/** What /proc tells of processes and threads (proc(5)). Undefined is what it does not tell: where there is none, that is all. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** USER_HZ: what /proc/PID/stat counts in, on every architecture that Node runs on. */
const ticksPerSecond = 100;
/** Of a line of /proc/diskstats: flush requests completed. Kernels before 5.5 don't count them. */
const flushField = 18;

export interface ProcessStat {
  readonly parent: number;
  readonly session: number;
  /** User and system, all threads. */
  readonly ownSeconds: number;
  /** Of children that have ended and were waited for. */
  readonly childSeconds: number;
}

export class ProcessFiles {
  readonly #root: string;
  /** Whether this system has them. */
  readonly there: boolean;

  constructor(root = '/proc') {
    this.#root = root;
    this.there = existsSync(`${root}/self/stat`);
  }

  processes(): number[] {
    return this.#numbersIn('');
  }

  /** Of this process. */
  threads(): number[] {
    return this.#numbersIn('self/task');
  }

  /** Undefined when it is gone. */
  ofProcess(pid: number): ProcessStat | undefined {
    return this.#stat(`${pid}/stat`);
  }

  ofThread(thread: number): ProcessStat | undefined {
    return this.#stat(`self/task/${thread}/stat`);
  }

  /** `VmRSS`, `VmHWM` and the like, in bytes; undefined when it is gone. */
  statusBytes(pid: number, field: string): number | undefined {
    const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(this.#text(`${pid}/status`) ?? '')?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  }

  /** Bytes that it, and children of it that were waited for, caused to be sent to the storage layer; undefined when that may not be read. */
  writtenBytes(pid: number): number | undefined {
    const bytes = /^write_bytes: (\d+)/m.exec(this.#text(`${pid}/io`) ?? '')?.[1];
    return bytes === undefined ? undefined : Number(bytes);
  }

  /** Flush requests that the machine's disks have completed. Devices that stand on others (dm, md, loop) would count them twice. */
  deviceFlushes(): number | undefined {
    const lines = (this.#text('diskstats') ?? '').split('\n').map((line) => line.trim().split(/\s+/));
    const disks = lines.filter((fields) => fields[flushField] !== undefined && !/^(dm-|md|loop|ram|zram|sr)/.test(fields[2] ?? ''));
    return disks.length === 0 ? undefined : disks.reduce((sum, fields) => sum + Number(fields[flushField]), 0);
  }

  #stat(place: string): ProcessStat | undefined {
    const text = this.#text(place);
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

  #numbersIn(place: string): number[] {
    try {
      return readdirSync(`${this.#root}/${place}`)
        .filter((name) => /^\d+$/.test(name))
        .map(Number);
    } catch {
      return [];
    }
  }

  #text(place: string): string | undefined {
    try {
      return readFileSync(`${this.#root}/${place}`, 'utf8');
    } catch {
      return undefined;
    }
  }
}
