/**
 * The life of a drive: probing -> online <-> suspect -> offline -> healing -> online. A light probe looks twice a second
 * whether the directory is still there and still this drive; what fails on it makes it suspect at once.
 */
import { createActor, createMachine } from 'xstate';
import { type Disk, DriveHangs, inTime } from '../../journal/disk.ts';
import type { Clock } from '../clock.ts';
import type { Ballast } from './ballast.ts';
import { type DriveFormat, formatPath, isBare, markDirectory, readFormat, writeSmallFile } from './drive-format.ts';
import { isTroubleOfDrive } from './whose-trouble.ts';

export type DriveState = 'probing' | 'online' | 'suspect' | 'offline' | 'healing';

export const probeMilliseconds = 500;
/** Milliseconds by which others must have been asked later and have answered earlier for a drive to be late. */
const graceMilliseconds = 300;
/** Milliseconds after which a probe counts as failed. */
const probePatienceMilliseconds = 2_000;
/** As many as fit into that patience. */
const probesKept = probePatienceMilliseconds / probeMilliseconds;
/** Probes that must find an empty directory before it is taken for a new drive: somebody may be busy removing or filling it. */
const blankProbesMin = 3;
/** Free bytes below which a drive takes nothing that makes the store grow; twice as many bring it back. */
export const roomBytesMin = 32 * 1024 * 1024;
/** Free bytes below which it takes no records either: they end before the file system does. */
const recordRoomBytesMin = 3 * 1024 * 1024;
/** Free bytes below which those who write are told of the room after each probe: with more, they don't fill it between two. */
const scarceRoomBytes = 8 * 1024 * 1024 * 1024;
/** Failed probes after which a suspect drive is taken for dead. */
const failedProbesMax = 3;
/** Looks at a drive that owes an answer, while none of the others gives one either, after which it is late all the same. */
const lateTogetherMax = 5;

/**
 * What a probe found. `blank`: an empty directory, a drive was replaced. `gone`: no directory, or somebody else's. `late`: nothing yet.
 * `unknown`: this process lacks what it needs to look.
 */
export type Finding =
  | { readonly found: 'fine'; readonly freeBytes: number; readonly readOnly: boolean }
  | { readonly found: 'blank' }
  | { readonly found: 'unknown' }
  | { readonly found: 'gone' | 'failed' | 'late'; readonly reason: string };

type FoundFine = Extract<Finding, { found: 'fine' }>;

type Message = 'fine' | 'behind' | 'trouble' | 'gone' | 'healed';

const lifeCycle = createMachine({
  id: 'drive',
  initial: 'probing',
  states: {
    probing: { on: { fine: 'online', behind: 'healing', gone: 'offline' } },
    online: { on: { trouble: 'suspect', gone: 'offline' } },
    suspect: { on: { fine: 'online', behind: 'healing', gone: 'offline' } },
    offline: { on: { behind: 'healing' } },
    healing: { on: { healed: 'online', trouble: 'suspect', gone: 'offline' } },
  },
});

export interface DriveParts {
  readonly disk: Disk;
  /** What its format file must say; an empty `drive` id: any drive of this slot. */
  readonly format: DriveFormat;
  readonly ballast: Ballast;
  readonly clock: Clock;
  /** Why it is away from the beginning. */
  readonly absent: string | undefined;
  /** It was just given its slot and holds nothing yet. */
  readonly blank: boolean;
  /** The other drives of its set: late is a drive only where others are on time. */
  readonly others?: () => readonly Drive[];
  /** Takes the lock of a drive that was away, before anything is written to it. Throws when another process has it. */
  claim(): Promise<void>;
  /** Makes an empty directory this drive again; answers with the format it was given. */
  adopt(): Promise<DriveFormat>;
}

export class Drive {
  readonly disk: Disk;
  readonly set: number;
  readonly slot: number;
  /** The last trouble, as people should read it. */
  reason: string | undefined;
  /** It holds nothing of what was written before: every segment has to be looked at. */
  blank: boolean;
  /** It owes an answer that others of its set gave in time. */
  late = false;
  private readonly parts: DriveParts;
  private format: DriveFormat;
  private readonly life = createActor(lifeCycle);
  private readonly listeners = new Set<(drive: Drive) => void>();
  /** Too little room is left for what makes the store grow; what remains is for what shrinks it. */
  full = false;
  /** Its file system takes no writes: it is read from like any other drive. */
  readOnly = false;
  /** As the last probe found them. */
  private freeBytes = Number.POSITIVE_INFINITY;
  private readonly ballast: Ballast;
  private readonly roomListeners = new Set<(drive: Drive) => void>();
  private failedProbes = 0;
  private blankProbes = 0;
  /** It was away, and what it missed is not yet restored. */
  private behind: boolean;
  private probing: Promise<void> | undefined;
  /** One question at a time, however long its answer takes: each that isn't answered keeps a thread. */
  private owed: Promise<Finding> | undefined;
  /** When the last probes that were answered in time were begun, and when their answers came, ms since the epoch. */
  private punctual: readonly { readonly begun: number; readonly answered: number }[] = [];
  private lateTogether = 0;
  private cancelTimer: () => void = () => undefined;
  private closed = false;

  constructor(parts: DriveParts) {
    this.parts = parts;
    this.format = parts.format;
    this.disk = parts.disk;
    this.ballast = parts.ballast;
    this.set = parts.format.set;
    this.slot = parts.format.slot;
    this.blank = parts.blank;
    this.behind = parts.blank;
    this.reason = parts.absent;
    this.life.start();
    if (parts.absent !== undefined) this.tell('gone');
    else this.tell(parts.blank ? 'behind' : 'fine');
    this.schedule();
  }

  get state(): DriveState {
    return this.life.getSnapshot().value as DriveState;
  }

  /** Blocks may be read from it. */
  get readable(): boolean {
    return this.state === 'online' || this.state === 'healing' || this.state === 'suspect';
  }

  /** It takes new segments. */
  get writable(): boolean {
    return !this.full && !this.readOnly && (this.state === 'online' || this.state === 'healing');
  }

  /** Files can be removed from it, also when it is full. */
  get shrinkable(): boolean {
    return !this.readOnly && (this.state === 'online' || this.state === 'healing');
  }

  /** Records can be written to it. */
  get takesRecords(): boolean {
    return this.readable && !this.readOnly && this.freeBytes >= recordRoomBytesMin;
  }

  /** What may be added to it before it is full, as far as is known. */
  get roomBytes(): number {
    return this.freeBytes < scarceRoomBytes ? Math.max(0, this.freeBytes - roomBytesMin) : Number.POSITIVE_INFINITY;
  }

  /** Called after each probe while room is scarce; the returned function ends it. */
  onRoom(listener: (drive: Drive) => void): () => void {
    this.roomListeners.add(listener);
    return () => this.roomListeners.delete(listener);
  }

  /** Called after every change of state, when it becomes late or is on time again, and when it becomes full or has room again; the returned function ends it. */
  onChange(listener: (drive: Drive) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Something failed on it. A full drive isn't a sick one, nor one that can't be written to: it takes no writes until it can. */
  trouble(error: Error): void {
    if (!isTroubleOfDrive(error)) return;
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
      this.setFull(true);
      return;
    }
    if ((error as NodeJS.ErrnoException).code === 'EROFS') {
      this.setReadOnly(true);
      return;
    }
    this.reason = error.message;
    this.tell('trouble');
    if (this.state === 'suspect') void this.probe();
  }

  /** What it missed is restored. */
  healed(): void {
    this.behind = false;
    this.blank = false;
    this.reason = undefined;
    this.tell('healed');
  }

  /** Looks at it now; one look at a time. */
  probe(): Promise<void> {
    this.probing ??= this.look().finally(() => {
      this.probing = undefined;
    });
    return this.probing;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelTimer();
    this.listeners.clear();
    this.roomListeners.clear();
    await this.probing;
  }

  private schedule(): void {
    if (this.closed) return;
    this.cancelTimer = this.parts.clock.after(probeMilliseconds, () => void this.probe().then(() => this.schedule()));
  }

  private async look(): Promise<void> {
    const begun = this.parts.clock.now();
    const finding = await this.find();
    if (this.closed || finding.found === 'unknown') return;
    if (finding.found === 'late' && !this.isLateAlone(begun)) return;
    const [state, late] = [this.state, this.late];
    this.late = finding.found === 'late';
    if (!this.late) {
      this.punctual = [{ begun, answered: this.parts.clock.now() }, ...this.punctual.slice(0, probesKept - 1)];
      this.lateTogether = 0;
    }
    await this.judge(finding);
    // A change of state was told.
    if (this.late !== late && this.state === state) this.changed();
  }

  private async judge(finding: Exclude<Finding, { found: 'unknown' }>): Promise<void> {
    if (finding.found === 'blank') return this.meetBlank();
    this.blankProbes = 0;
    if (finding.found === 'fine') return this.meetFine(finding);
    this.reason = finding.reason;
    if (finding.found === 'gone') return this.tell('gone');
    this.failedProbes += 1;
    this.tell(this.failedProbes >= failedProbesMax ? 'gone' : 'trouble');
  }

  /** Never rejects. */
  private find(): Promise<Finding> {
    this.owed ??= probeDisk(this.disk, this.format, this.state === 'suspect').finally(() => {
      this.owed = undefined;
    });
    const limit = { timer: this.parts.clock, milliseconds: probePatienceMilliseconds, name: 'the drive' };
    return inTime(this.owed, limit).catch((error: Error) => ({ found: 'late', reason: error.message }));
  }

  /**
   * Where others were asked and answered meanwhile, neither just when it was asked nor just now: a standstill begins and ends for one after
   * the other. Where nobody is on time it's the host that is slow, up to a point.
   */
  private isLateAlone(begun: number): boolean {
    const now = this.parts.clock.now();
    const since = Math.min(begun, now - probePatienceMilliseconds) + graceMilliseconds;
    const until = now - graceMilliseconds;
    const others = (this.parts.others?.() ?? []).filter((other) => other !== this);
    const meanwhile = ({ punctual }: Drive) => punctual.some((probe) => probe.begun >= since && probe.answered <= until);
    if (others.some(meanwhile)) return true;
    this.lateTogether += 1;
    return this.lateTogether >= lateTogetherMax;
  }

  private async meetFine(found: FoundFine): Promise<void> {
    if (this.state === 'offline') {
      try {
        await this.parts.claim();
      } catch (error) {
        this.reason = (error as Error).message;
        return;
      }
    }
    if (!this.closed) this.welcome(found);
  }

  private welcome({ freeBytes, readOnly }: FoundFine): void {
    this.failedProbes = 0;
    this.setReadOnly(readOnly);
    this.hearRoom(freeBytes);
    if (this.state === 'offline') this.behind = true;
    if (this.state === 'suspect' || this.state === 'offline') this.tell(this.behind ? 'behind' : 'fine');
  }

  /** How much room it has, without a whole probe. A drive that doesn't say meets one soon. */
  async lookForRoom(): Promise<void> {
    const freeBytes = await this.disk.freeBytes().catch(() => undefined);
    if (freeBytes !== undefined && !this.closed) this.hearRoom(freeBytes);
  }

  private hearRoom(freeBytes: number): void {
    const wasScarce = this.freeBytes < scarceRoomBytes;
    this.freeBytes = freeBytes;
    void this.ballast.follow(freeBytes);
    this.setFull(this.ballast.givenUp || freeBytes < (this.full ? 2 * roomBytesMin : roomBytesMin));
    if (wasScarce || freeBytes < scarceRoomBytes) for (const listener of this.roomListeners) listener(this);
  }

  /** An empty directory where a drive was: it was replaced while we run. */
  private async meetBlank(): Promise<void> {
    this.reason = 'the drive was replaced by an empty one';
    this.tell('gone');
    this.blankProbes += 1;
    if (this.blankProbes < blankProbesMin) return;
    try {
      this.format = await this.parts.adopt();
      this.blank = true;
      this.behind = true;
      this.tell('behind');
    } catch (error) {
      this.reason = (error as Error).message;
    }
  }

  private setFull(full: boolean): void {
    if (this.full === full) return;
    this.full = full;
    this.reason = full ? 'the drive is full' : undefined;
    this.changed();
  }

  private setReadOnly(readOnly: boolean): void {
    if (this.readOnly === readOnly) return;
    this.readOnly = readOnly;
    this.reason = readOnly ? 'its file system is read-only' : undefined;
    for (const listener of this.listeners) listener(this);
  }

  private tell(message: Message): void {
    const before = this.state;
    this.life.send({ type: message });
    if (this.state !== before) this.changed();
  }

  private changed(): void {
    for (const listener of this.listeners) listener(this);
  }
}

/** Is the disk still that drive? `thorough` also writes. Never rejects. */
async function probeDisk(disk: Disk, expected: DriveFormat, thorough: boolean): Promise<Finding> {
  try {
    const found = await readFormat(disk);
    const same = found.deployment === expected.deployment && (expected.drive === '' || found.drive === expected.drive);
    if (!same || found.set !== expected.set || found.slot !== expected.slot) {
      return { found: 'gone', reason: `set ${found.set} slot ${found.slot} of deployment ${found.deployment} is there now` };
    }
    const readOnly = await isReadOnly(disk, expected, thorough);
    return { found: 'fine', readOnly, freeBytes: await disk.freeBytes() };
  } catch (error) {
    return whyUnreadable(disk, error as NodeJS.ErrnoException);
  }
}

/** A full drive takes nothing that is written to see whether it works: that it has no room says enough. */
async function isReadOnly(disk: Disk, expected: DriveFormat, thorough: boolean): Promise<boolean> {
  try {
    if (thorough) await writeSmallFile(disk, `${markDirectory}/probe`, expected.drive);
    else await (await disk.open(formatPath, 'write')).close();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EROFS') return true;
    if (thorough && code !== 'ENOSPC') throw error;
  }
  return false;
}

async function whyUnreadable(disk: Disk, error: NodeJS.ErrnoException): Promise<Finding> {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') return findingOf(error);
  try {
    if (!(await disk.exists(''))) return { found: 'gone', reason: 'the directory is missing' };
    if (await isBare(disk)) return { found: 'blank' };
    return { found: 'gone', reason: 'the directory has no format file' };
  } catch (second) {
    return findingOf(second as Error);
  }
}

function findingOf(error: Error): Finding {
  if (!isTroubleOfDrive(error)) return { found: 'unknown' };
  return { found: error instanceof DriveHangs ? 'late' : 'failed', reason: error.message };
}
