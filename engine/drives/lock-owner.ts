/** Who has a drive, as `.liteio/lock` says it, and what of that has to be believed: pure. */

/** A process. Process ids come again, and each container counts its own. */
export interface LockHolder {
  readonly pid: number;
  /** Anything that another process with the same pid would not have, e.g. its start time in the kernel's ticks. */
  readonly mark: string;
  /** For people: names collide. */
  readonly host: string;
  /** Names the run of a kernel, that is of one machine from one boot to the next; empty where it can't be known. */
  readonly boot: string;
  /** Names who counts the pids: processes of one space see each other. Empty where there is one space only. */
  readonly space: string;
}

/** Answers whether that process, of our own space, still runs. */
export type IsAlive = (holder: LockHolder) => boolean;

export interface LockOwner extends LockHolder {
  /** Drawn at each start. */
  readonly id: string;
  /** Its lock is also one of the kernel. */
  readonly kernel: boolean;
  /** Counts up as long as it lives. */
  readonly beat: number;
}

/** `none`: nobody has it. `unreadable`: torn or damaged, it says nothing. */
export type LockContent = LockOwner | 'none' | 'unreadable';

/** Written whole at each beat, always as long: a shorter one would leave the end of the one before. */
export const ownerBytes = 512;
const hostCharactersMax = 64;

export function encodeOwner(owner: LockOwner): Buffer {
  const text = JSON.stringify({ ...owner, host: owner.host.replaceAll(/[^ -~]/g, '?').slice(0, hostCharactersMax) });
  return Buffer.from(`${text.padEnd(ownerBytes - 1)}\n`);
}

/** `self`: what a file of the format before this one, which names pid and mark alone, is taken to mean by the rest. */
export function parseOwner(text: string, self: LockHolder): LockContent {
  if (text === '') return 'none';
  try {
    const owner = JSON.parse(text) as Partial<LockOwner>;
    const { pid, mark, host = '', id, kernel = false, beat = 0 } = owner;
    if (!Number.isInteger(pid) || typeof mark !== 'string') return 'unreadable';
    const holder = { pid: pid as number, mark, host: String(host) };
    if (id === undefined) return { ...holder, boot: self.boot, space: self.space, id: '', kernel: false, beat: 0 };
    const { boot, space } = owner;
    const sound = [id, boot, space].every((each) => typeof each === 'string') && typeof kernel === 'boolean' && Number.isInteger(beat);
    return sound ? { ...holder, id, boot: boot as string, space: space as string, kernel, beat } : 'unreadable';
  } catch {
    return 'unreadable';
  }
}

/** free: nobody has it any more. held: somebody does. watch: only time tells, a living holder's beat moves. */
export type Judgement = 'free' | 'held' | 'watch';

export interface LockFacts {
  readonly holder: LockHolder;
  readonly id: string;
  readonly isAlive: IsAlive;
  /** The kernel just gave us the lock. */
  readonly kernel: boolean;
  /** It is the only kernel that gives it. */
  readonly ofOneHost: boolean;
}

/**
 * Is the one that the file names still there, now that the kernel has given us its lock or has none to give? A stale name is no obstacle
 * where the kernel had the lock before us. Names of hosts, and ids of machines that were copied, say nothing; that a kernel has been started
 * again says that its processes are gone only where no other kernel can have them.
 */
export function judge(content: LockContent, { holder, id, isAlive, kernel, ofOneHost }: LockFacts): Judgement {
  if (content === 'none') return 'free';
  if (content === 'unreadable') return kernel && ofOneHost ? 'free' : 'watch';
  if (content.id === id) return 'free';
  const sameKernel = content.boot === holder.boot && (holder.boot !== '' || content.host === holder.host);
  if (kernel && content.kernel && (sameKernel || ofOneHost)) return 'free';
  if (sameKernel && content.space === holder.space) return isAlive(content) ? 'held' : 'free';
  return 'watch';
}

/** For people. */
export function nameOf(owner: LockContent): string {
  if (typeof owner === 'string') return 'another process';
  return `process ${owner.pid}${owner.host === '' ? '' : ` of ${owner.host}`}`;
}
