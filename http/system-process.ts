import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process as a lock names it. Process ids come again: `mark` tells this one from the next with the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly mark: string;
  /** What people call the machine or container. */
  readonly host: string;
  /** The run of the kernel, the same in all containers; empty elsewhere than on Linux. */
  readonly boot: string;
  /** Which processes see each other: each container counts pids of its own. */
  readonly space: string;
}

/** What this process may have open at once; undefined where the system doesn't tell. Node.js raises it to the hard limit while it starts. */
export function descriptorsMax(): number | undefined {
  try {
    const soft = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === 'unlimited' ? undefined : Number(soft);
  } catch {
    const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft: number | 'unlimited' } } };
    const soft = userLimits?.open_files?.soft;
    return typeof soft === 'number' ? soft : undefined;
  }
}

/** This process. */
export function thisProcess(): ProcessIdentity {
  const { pid } = process;
  return { pid, mark: markOf(pid) ?? '', host: hostname(), boot: orEmpty(bootOf), space: orEmpty(() => readlinkSync('/proc/self/ns/pid')) };
}

/** That very process still runs. Sees the processes of this machine, or of this container, alone. */
export function isProcessAlive({ pid, mark }: Pick<ProcessIdentity, 'pid' | 'mark'>): boolean {
  if (mark === '') return answersSignals(pid);
  return markOf(pid) === mark;
}

function bootOf(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function orEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

/** Boot and start time as Linux tells them; undefined when there is no such process, and elsewhere than on Linux. */
function markOf(pid: number): string | undefined {
  try {
    // The name of the program, in parentheses, may hold anything; these are the fields behind it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    // Ended, all threads of it, and its parent has not asked how: in a container such entries may stay for good.
    const [state, threads, startTime] = [fields[0], Number(fields[17]), fields[19]];
    return state === 'Z' && threads <= 1 ? undefined : `${bootOf()}/${startTime}`;
  } catch {
    return undefined;
  }
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is there all the same.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Milliseconds that calls into the file system get to come back before the process ends without them. */
const callsMilliseconds = 1_000;

/**
 * Ends this process. Node.js first waits for all threads of its pool, and a call that a drive doesn't answer would keep it for ever: it is
 * then ended by a signal, SIGTERM after a stop that went well otherwise, else SIGKILL. `hangs`: something is known not to come back.
 */
export async function endProcess(code: number, hangs = false): Promise<void> {
  for (let waited = 0; hangs || process.getActiveResourcesInfo().includes('FSReqCallback'); waited += 20) {
    if (hangs || waited >= callsMilliseconds) {
      const signal = code === 0 ? 'SIGTERM' : 'SIGKILL';
      process.removeAllListeners('SIGTERM');
      process.kill(process.pid, signal);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  process.exit(code);
}
