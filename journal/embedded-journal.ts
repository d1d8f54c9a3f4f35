import type { Disk } from './disk.ts';
import { Copies, type DamagedRun } from './embedded-copies.ts';
import { examine, writeEpoch } from './embedded-log.ts';
import { Mirror, type MirrorState, type PlacedGroup } from './embedded-mirror.ts';
import { readRecords } from './embedded-reader.ts';
import { type Recovered, recover, tooFew } from './embedded-recovery.ts';
import { RepairCancelled, repair } from './embedded-repair.ts';
import { Scratch, segmentPath, withFile } from './embedded-segment.ts';
import { Fence } from './fence.ts';
import { AppendQueue, extended, type LogEnd, type PendingAppend, placeGroup, queueRecordsMax } from './group-commit.ts';
import {
  type Appended,
  type HeadOf,
  type Journal,
  type JournalEntry,
  JournalOutcomeUnknown,
  type JournalRecord,
  JournalUnavailable,
} from './journal.ts';

export interface EmbeddedJournalOptions {
  /** The configured mirrors, one a drive, also those that are away now: a majority of all of them must be there. */
  readonly disks: readonly Disk[];
  readonly headOf: HeadOf;
  /** A segment that would grow beyond this many bytes is followed by a new one. */
  readonly segmentBytes?: number;
  /** Told, for the log of the process, what became of the mirrors. */
  readonly report?: (event: MirrorReport) => void;
}

export interface MirrorReport {
  readonly disk: string;
  readonly what: 'attached' | 'detached' | 'mended';
  readonly reason: string;
}

export interface EmbeddedJournal extends Journal {
  /** The drive has gone: it counts no more from this moment, even if writes to its open files still seem to work. */
  mirrorLost(diskName: string): void;
  /** The drive is there, again or as a new one: repaired in the background, it joins between two groups. */
  mirrorReturned(diskName: string, disk: Disk): void;
  /** Reads every copy of every settled group and mends what is damaged from the other mirrors. Answers how many places were mended. */
  scrub(): Promise<number>;
  status(): EmbeddedJournalStatus;
}

export interface EmbeddedJournalStatus {
  readonly phase: Phase;
  readonly epoch: number;
  readonly lastSequence: number;
  readonly majority: number;
  readonly mirrors: readonly {
    readonly disk: string;
    readonly state: MirrorState;
    readonly reason: string;
    readonly backlogBytes: number;
  }[];
}

/** serving: a majority is attached. settling: the log is being found. unsettled: too few mirrors, the next append or mirror tries again. */
type Phase = 'unsettled' | 'settling' | 'serving' | 'closed';

const segmentBytesDefault = 64 * 1024 * 1024;

/**
 * Opens the journal that lies on the drives themselves.
 * @throws JournalUnavailable fewer than a majority of the mirrors can be read and written.
 */
export async function openEmbeddedJournal(options: EmbeddedJournalOptions): Promise<EmbeddedJournal> {
  const journal = new MirroredJournal(options);
  try {
    await journal.settled();
  } catch (error) {
    await journal.close();
    throw error;
  }
  return journal;
}

interface InFlight {
  readonly group: PlacedGroup;
  readonly pending: readonly PendingAppend[];
  readonly settled: (error?: Error) => void;
}

class MirroredJournal implements EmbeddedJournal {
  readonly #options: EmbeddedJournalOptions;
  readonly #segmentBytes: number;
  readonly #majority: number;
  readonly #mirrors: Map<string, Mirror>;
  readonly #fence: Fence;
  readonly #queue: AppendQueue;
  #phase: Phase = 'unsettled';
  /** The log up to the last group that a majority holds. */
  #log: LogEnd = { index: 0, epoch: 0, settled: 0, extents: [] };
  #lastSequence = 0;
  #inFlight: InFlight | undefined;
  /** Appends whose outcome nobody knows until the log is found again. */
  #unknown: readonly PendingAppend[] = [];
  #settling: Promise<void> | undefined;
  #waiting = 0;
  #closing = false;
  #whenQuiet: (() => void)[] = [];
  #mendedPlaces = 0;

  constructor(options: EmbeddedJournalOptions) {
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? segmentBytesDefault;
    this.#majority = Math.floor(options.disks.length / 2) + 1;
    this.#mirrors = new Map(options.disks.map((disk) => [disk.name, this.#mirror(disk)]));
    if (this.#mirrors.size !== options.disks.length || options.disks.length === 0) {
      throw new RangeError('the journal needs at least one disk, each with a name of its own');
    }
    this.#fence = new Fence(options.headOf);
    this.#queue = new AppendQueue(this.#fence);
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  async append(entry: JournalEntry): Promise<Appended> {
    if (this.#closing) throw new JournalUnavailable('the journal is closed');
    if (this.#phase !== 'serving') await this.#served();
    return new Promise((resolve, reject) => {
      if (this.#phase !== 'serving') throw new JournalUnavailable('the journal lost its majority again, nothing was stored');
      this.#queue.add(entry, { resolve, reject });
      this.#pump();
    });
  }

  async *read(after: number): AsyncGenerator<JournalRecord> {
    // Whoever recovers from an unknown outcome must not read past it.
    if (this.#unknown.length > 0) await this.settled();
    const range = { extents: this.#log.extents, after, until: this.#lastSequence };
    const copies = this.#copies(() => this.#sources());
    try {
      yield* readRecords(copies, range, this.#options.headOf);
    } finally {
      await copies.close();
    }
  }

  release(stream: string): void {
    this.#fence.release(stream);
  }

  async close(): Promise<void> {
    this.#closing = true;
    while (this.#phase === 'serving' && this.#inFlight) await new Promise<void>((resolve) => this.#whenQuiet.push(resolve));
    this.#phase = 'closed';
    await this.#settling?.catch(() => undefined);
    this.#giveUp('the journal is closed');
    const mirrors = [...this.#mirrors.values()];
    for (const mirror of mirrors) mirror.detach('the journal is closed');
    await Promise.all(mirrors.map((mirror) => mirror.during(mirror.idle()).catch(() => undefined)));
  }

  mirrorLost(diskName: string): void {
    const mirror = this.#mirrors.get(diskName);
    if (!mirror || mirror.state === 'lost') return;
    mirror.lose('its drive is gone');
    this.#tell(mirror, 'detached');
    this.#check();
  }

  mirrorReturned(diskName: string, disk: Disk): void {
    const old = this.#mirrors.get(diskName);
    if (!old) throw new RangeError(`${diskName} is no mirror of this journal`);
    if (old.state !== 'lost') this.mirrorLost(diskName);
    this.#welcome(diskName, old, disk).catch(() => undefined);
  }

  async scrub(): Promise<number> {
    const { extents } = this.#log;
    const before = this.#mendedPlaces;
    for (const { disk } of [...this.#mirrors.values()].filter((mirror) => mirror.state === 'attached')) {
      const copies = this.#copies(() => [disk, ...this.#sources().filter((other) => other !== disk)]);
      try {
        for (const extent of extents)
          for await (const _ of copies.groups(extent, 0)) if (this.#phase !== 'serving') return this.#mendedPlaces - before;
      } finally {
        await copies.close();
      }
    }
    return this.#mendedPlaces - before;
  }

  status(): EmbeddedJournalStatus {
    const mirrors = [...this.#mirrors.values()].map(({ disk, state, reason, backlogBytes }) => ({
      disk: disk.name,
      state,
      reason,
      backlogBytes,
    }));
    return { phase: this.#phase, epoch: this.#log.epoch, lastSequence: this.#lastSequence, majority: this.#majority, mirrors };
  }

  /** Finds the log that a majority stands for and begins an epoch on it. Callers share one attempt. */
  settled(): Promise<void> {
    this.#settling ??= this.#settle().finally(() => {
      this.#settling = undefined;
    });
    return this.#settling;
  }

  async #served(): Promise<void> {
    if (this.#waiting >= queueRecordsMax) throw new JournalUnavailable(`${queueRecordsMax} appends wait for the journal to serve again`);
    this.#waiting++;
    try {
      await this.settled();
    } finally {
      this.#waiting--;
    }
  }

  async #settle(): Promise<void> {
    if (this.#phase === 'serving') return;
    if (this.#closing) throw new JournalUnavailable('the journal is closed');
    const candidates = [...this.#mirrors.values()].filter((mirror) => mirror.state !== 'lost');
    if (candidates.length < this.#majority)
      throw tooFew([...this.#mirrors.values()], this.#majority, `${candidates.length} that are there`);
    for (const mirror of candidates) mirror.detach('');
    await Promise.all(candidates.map((mirror) => mirror.during(mirror.idle()).catch(() => undefined)));
    const recovered = await recover(candidates, this.#majority);
    await this.#beginEpoch(recovered);
    this.#settleUnknown(recovered.lastSequence);
    for (const mirror of recovered.behind) this.#join(mirror);
    this.#pump();
  }

  /** The epoch counts once a majority holds its marker: from then on no other log can win. */
  async #beginEpoch({ epoch, index, extents, ready, lastSequence }: Recovered): Promise<void> {
    if (this.#closing) throw new JournalUnavailable('the journal is closed');
    const log: LogEnd = { index, epoch, settled: this.#log.settled, extents };
    for (const mirror of ready.filter(({ state }) => state !== 'lost')) mirror.attach(epoch, index);
    const before = this.#log;
    const sequenceBefore = this.#lastSequence;
    this.#log = log;
    this.#phase = 'settling';
    try {
      await new Promise<void>((resolve, reject) => {
        const group = placeGroup([], lastSequence + 1, log, this.#segmentBytes);
        this.#send({ group, pending: [], settled: (error) => (error ? reject(error) : resolve()) });
      });
    } catch (error) {
      this.#log = { ...before, epoch };
      this.#lastSequence = sequenceBefore;
      throw error;
    }
    this.#phase = (this.#phase as Phase) === 'closed' ? 'closed' : 'serving';
    for (const mirror of ready.filter(({ state }) => state === 'attached')) this.#tell(mirror, 'attached');
  }

  #settleUnknown(lastSequence: number): void {
    this.#queue.continueAfter(lastSequence);
    for (const { stream, previous, appended } of this.#unknown) {
      this.#fence.advance(stream, appended.sequence <= lastSequence ? appended.head : previous);
    }
    this.#unknown = [];
  }

  #pump(): void {
    if (this.#phase !== 'serving' || this.#inFlight || this.#queue.length === 0) return;
    const pending = this.#queue.take();
    const frames = pending.map(({ frame }) => frame);
    const group = placeGroup(frames, pending[0]!.appended.sequence, this.#log, this.#segmentBytes);
    this.#send({ group, pending, settled: () => undefined });
  }

  #send(inFlight: InFlight): void {
    this.#inFlight = inFlight;
    for (const mirror of this.#mirrors.values()) {
      const state = mirror.state;
      mirror.offer(inFlight.group);
      if (state !== mirror.state) this.#fellBehind(mirror);
    }
    this.#check();
  }

  /** Whether the group in flight is settled, or can't be any more. */
  #check(): void {
    if (this.#phase !== 'serving' && this.#phase !== 'settling') return;
    const attached = [...this.#mirrors.values()].filter((mirror) => mirror.state === 'attached');
    const { group } = this.#inFlight ?? {};
    if (group && attached.filter((mirror) => mirror.durableIndex >= group.index).length >= this.#majority) this.#commit();
    else if (attached.length < this.#majority) this.#giveUp('the journal lost its majority of mirrors');
  }

  #commit(): void {
    const { group, pending, settled } = this.#inFlight as InFlight;
    this.#inFlight = undefined;
    this.#log = { ...this.#log, index: group.index, settled: group.index, extents: extended(this.#log.extents, group) };
    this.#lastSequence = group.lastSequence;
    for (const { resolve, appended } of pending) resolve(appended);
    settled();
    this.#pump();
    if (!this.#inFlight) this.#quiet();
  }

  /** What is in flight may or may not be stored; what waits certainly isn't. */
  #giveUp(reason: string): void {
    if (this.#phase !== 'closed') this.#phase = 'unsettled';
    const flown = this.#inFlight;
    this.#inFlight = undefined;
    this.#quiet();
    const nothing = tooFew([...this.#mirrors.values()], this.#majority, 'fewer');
    this.#queue.drop(new JournalUnavailable(`${reason}, nothing was stored: ${nothing.message}`));
    if (!flown) return;
    if (flown.pending.length > 0) this.#unknown = flown.pending;
    for (const { reject } of flown.pending) reject(new JournalOutcomeUnknown(`${reason} while the record was written: ${nothing.message}`));
    flown.settled(nothing);
  }

  #quiet(): void {
    for (const resolve of this.#whenQuiet.splice(0)) resolve();
  }

  #mirror(disk: Disk): Mirror {
    return new Mirror(disk, {
      progress: () => this.#check(),
      failed: (mirror, error) => {
        mirror.detach(`a write failed: ${String(error)}`);
        this.#tell(mirror, 'detached');
        this.#check();
      },
    });
  }

  #fellBehind(mirror: Mirror): void {
    this.#tell(mirror, 'detached');
    this.#join(mirror);
  }

  async #welcome(diskName: string, old: Mirror, disk: Disk): Promise<void> {
    // What still hangs in the old drive could otherwise land after the repair.
    await old.idle();
    if (this.#mirrors.get(diskName) !== old) return;
    const mirror = this.#mirror(disk);
    this.#mirrors.set(diskName, mirror);
    await this.#settling?.catch(() => undefined);
    if (this.#phase === 'serving') this.#join(mirror);
    else await this.settled();
  }

  #join(mirror: Mirror): void {
    const before = mirror.during(mirror.idle()).catch(() => undefined);
    mirror.job = before
      .then(() => this.#repairAndAttach(mirror))
      .catch((error: unknown) => mirror.detach(`its repair failed: ${String(error)}`));
  }

  async #repairAndAttach(mirror: Mirror): Promise<void> {
    const { epoch } = this.#log;
    const overtaken = (): boolean => this.#phase !== 'serving' || this.#log.epoch !== epoch || mirror.state !== 'joining';
    while (this.#phase === 'serving' && this.#log.epoch === epoch && mirror.state === 'detached') {
      // From this group boundary on groups wait with the mirror; what is before comes from the others' copies.
      const { index, extents } = this.#log;
      mirror.beginJoining(this.#inFlight ? [this.#inFlight.group] : []);
      const copies = this.#copies(() => this.#sources());
      try {
        const log = await mirror.during(examine(mirror.disk, new Scratch()));
        await mirror.during(repair({ disk: mirror.disk, log, truth: extents, copies, tail: copies, cancelled: overtaken }));
        await mirror.during(writeEpoch(mirror.disk, epoch));
      } catch (error) {
        if (!(error instanceof RepairCancelled)) throw error;
      } finally {
        await copies.close();
      }
      if (overtaken()) continue;
      mirror.attach(epoch, index);
      this.#tell(mirror, 'attached');
      return;
    }
  }

  /** The disks whose copies of settled groups are pieces of this epoch's log; the attached ones first. */
  #sources(): Disk[] {
    const usable = [...this.#mirrors.values()].filter(
      (mirror) => mirror.state !== 'lost' && mirror.state !== 'joining' && mirror.epoch === this.#log.epoch,
    );
    usable.sort((left, right) => Number(right.state === 'attached') - Number(left.state === 'attached'));
    return usable.map(({ disk }) => disk);
  }

  #copies(disks: () => readonly Disk[]): Copies {
    return new Copies({ disks, damaged: (...damage) => this.#mend(...damage) });
  }

  /** Puts the right bytes where a mirror's copy is damaged. Not where it is only behind. */
  async #mend(disk: Disk, segment: number, run: DamagedRun): Promise<void> {
    const mirror = [...this.#mirrors.values()].find((candidate) => candidate.disk === disk);
    if (mirror?.state !== 'attached' || mirror.durableIndex < run.lastIndex) return;
    try {
      await withFile(disk, segmentPath(segment), 'write', async (file) => {
        await file.write([run.bytes], run.offset);
        await file.sync();
      });
    } catch (error) {
      mirror.reason = `a damaged place could not be mended: ${String(error)}`;
      return;
    }
    this.#mendedPlaces++;
    this.#options.report?.({
      disk: disk.name,
      what: 'mended',
      reason: `${run.bytes.length} bytes at ${run.offset} of ${segmentPath(segment)} were damaged`,
    });
  }

  #tell(mirror: Mirror, what: MirrorReport['what']): void {
    this.#options.report?.({ disk: mirror.disk.name, what, reason: mirror.reason });
  }
}
