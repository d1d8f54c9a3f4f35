import type { Disk } from '../disk.ts';
import { Fence } from '../fence.ts';
import { type Appended, type JournalEntry, JournalOutcomeUnknown, type JournalRecord, JournalUnavailable } from '../journal.ts';
import type { EmbeddedJournal, EmbeddedJournalOptions, EmbeddedJournalStatus, Phase } from './contract.ts';
import { AppendQueue, extended, type LogEnd, type PendingAppend, placeGroup, queueRecordsMax } from './group-commit.ts';
import { Overtaken } from './kept-promise.ts';
import { examine, writeEpoch } from './log.ts';
import type { Mirror, PlacedGroup } from './mirror.ts';
import { type MirrorReport, MirrorSet } from './mirror-set.ts';
import { readRecords } from './reader.ts';
import { type Acknowledged, type Recovered, recover, requireOurs, tooFew } from './recovery.ts';
import { RepairCancelled, repair } from './repair.ts';
import { Retries } from './retries.ts';
import { SegmentScanner } from './segment-scanner.ts';

export type { EmbeddedJournal, EmbeddedJournalOptions, EmbeddedJournalStatus } from './contract.ts';

/** The last one is read and checked at every start, on each mirror. */
const segmentBytesDefault = 16 * 1024 * 1024;

/**
 * Opens the journal that lies on the drives themselves.
 * @throws JournalUnavailable fewer than a majority of the mirrors can be read and written, or acknowledged records are whole on none of
 * them: then nothing was written.
 */
export async function openEmbeddedJournal(options: EmbeddedJournalOptions): Promise<EmbeddedJournal> {
  const journal = new MirroredJournal(options);
  options.began?.(journal);
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
  readonly #mirrors: MirrorSet;
  readonly #fence: Fence;
  readonly #retries: Retries;
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
  /** Another server was elected, for good. */
  #overtaken: Overtaken | undefined;
  #scheduled = false;
  #whenQuiet: (() => void)[] = [];

  constructor(options: EmbeddedJournalOptions) {
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? segmentBytesDefault;
    const { disks, timer } = options;
    const report = (event: MirrorReport): void => this.#told(event);
    const overtaken = (error: Overtaken): void => this.#overtake(error);
    this.#mirrors = new MirrorSet({ disks, timer, report, changed: () => this.#check(), overtaken });
    this.#retries = new Retries(timer, (mirror) => this.#retry(mirror));
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
      this.#schedule();
    });
  }

  async *read(after: number): AsyncGenerator<JournalRecord> {
    // Whoever recovers from an unknown outcome must not read past it.
    if (this.#unknown.length > 0) await this.settled();
    const range = { extents: this.#log.extents, after, until: this.#lastSequence };
    const copies = this.#mirrors.copies(() => this.#log.epoch);
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
    this.#retries.close();
    while (this.#phase === 'serving' && (this.#inFlight || this.#queue.length > 0)) {
      await new Promise<void>((resolve) => this.#whenQuiet.push(resolve));
    }
    if (this.#phase === 'serving') await this.#mirrors.tellEnd(this.#log.epoch, this.#lastSequence);
    this.#phase = 'closed';
    this.#giveUp('the journal is closed');
    await this.#settling?.catch(() => undefined);
    const mirrors = this.#mirrors.all;
    for (const mirror of mirrors) mirror.detach('the journal is closed');
    await Promise.all(mirrors.map((mirror) => mirror.during(mirror.idle()).catch(() => undefined)));
  }

  mirrorLost(diskName: string): void {
    const mirror = this.#mirrors.get(diskName);
    if (!mirror || mirror.state === 'lost') return;
    mirror.lose('its drive is gone');
    this.#mirrors.tell(mirror, 'detached');
    this.#check();
  }

  mirrorReturned(diskName: string, disk: Disk): void {
    const old = this.#mirrors.get(diskName);
    if (!old) throw new RangeError(`${diskName} is no mirror of this journal`);
    if (old.state === 'attached') return;
    if (old.state !== 'lost') old.lose('it is opened anew');
    this.#welcome(diskName, old, disk).catch(() => undefined);
  }

  async scrub(): Promise<number> {
    const { extents, epoch } = this.#log;
    const before = this.#mirrors.mendedPlaces;
    for (const { disk } of this.#mirrors.attached) {
      const copies = this.#mirrors.copies(() => epoch, disk);
      try {
        for (const extent of extents) for await (const _ of copies.groups(extent, 0)) if (this.#closing) break;
      } finally {
        await copies.close();
      }
    }
    return this.#mirrors.mendedPlaces - before;
  }

  status(): EmbeddedJournalStatus {
    const { majority } = this.#mirrors;
    return { phase: this.#phase, epoch: this.#log.epoch, lastSequence: this.#lastSequence, majority, mirrors: this.#mirrors.status() };
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
    if (this.#overtaken) throw this.#overtaken;
    const { all, majority } = this.#mirrors;
    const candidates = all.filter(({ state }) => state !== 'lost');
    if (candidates.length < majority) throw tooFew(all, majority, `${candidates.length} that are there`);
    for (const mirror of candidates) mirror.detach('');
    await Promise.all(candidates.map((mirror) => mirror.during(mirror.idle()).catch(() => undefined)));
    const acknowledged = (found: number): Promise<Acknowledged> => this.#acknowledged(found);
    const displaced = this.#options.displaced === true && this.#log.epoch === 0;
    const task = { mirrors: candidates, majority, configured: all.length, acknowledged, timer: this.#options.timer, displaced };
    const recovered = await recover(task).catch((error) => {
      if (error instanceof Overtaken) this.#overtake(error);
      throw error;
    });
    if (this.#closing) throw new JournalUnavailable('the journal is closed');
    await this.#beginEpoch(recovered);
    for (const mirror of candidates) this.#mirrors.tell(mirror, mirror.state === 'attached' ? 'attached' : 'detached');
    for (const mirror of recovered.behind) this.#join(mirror);
  }

  async #acknowledged(found: number): Promise<Acknowledged> {
    const own = { sequence: this.#lastSequence, because: `this process was told of record ${this.#lastSequence}` };
    if (found < own.sequence) return own;
    return (await this.#options.acknowledged?.(found)) ?? own;
  }

  /** The epoch counts once a majority holds its marker: from then on no other log can win. */
  async #beginEpoch({ epoch, index, extents, ready, lastSequence }: Recovered): Promise<void> {
    for (const mirror of ready.filter(({ state }) => state !== 'lost')) mirror.attach(epoch, index);
    const before = this.#log;
    this.#log = { index, epoch, settled: before.settled, extents };
    this.#phase = 'settling';
    const group = placeGroup([], lastSequence + 1, this.#log, this.#segmentBytes);
    await new Promise<void>((resolve, reject) => {
      const settled = (error?: Error): void => {
        if (error) {
          // What was settled before still can be read.
          this.#log = { ...before, epoch };
          reject(error);
        } else {
          this.#settleUnknown(lastSequence);
          this.#phase = 'serving';
          resolve();
        }
      };
      this.#send({ group, pending: [], settled });
    });
  }

  #settleUnknown(lastSequence: number): void {
    this.#queue.continueAfter(lastSequence);
    for (const { stream, previous, appended } of this.#unknown) {
      this.#fence.advance(stream, appended.sequence <= lastSequence ? appended.head : previous);
    }
    this.#unknown = [];
  }

  /** The next group goes out at the end of this turn of the event loop: the writers that the last one released come along. */
  #schedule(): void {
    if (this.#scheduled || this.#inFlight) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
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
    for (const mirror of this.#mirrors.all) {
      const { state } = mirror;
      mirror.offer(inFlight.group);
      if (state !== 'attached' || mirror.state === 'attached') continue;
      this.#mirrors.tell(mirror, 'detached');
      this.#join(mirror);
    }
    this.#check();
  }

  /** Whether the group in flight is settled, or can't be any more. */
  #check(): void {
    if (this.#phase !== 'serving' && this.#phase !== 'settling') return;
    const { attached, majority } = this.#mirrors;
    const { group } = this.#inFlight ?? {};
    if (group && attached.filter(({ durableIndex }) => durableIndex >= group.index).length >= majority) this.#commit();
    else if (attached.length < majority) this.#giveUp('the journal lost its majority of mirrors');
    else if (group) this.#mirrors.hasten();
  }

  #commit(): void {
    const { group, pending, settled } = this.#inFlight as InFlight;
    this.#inFlight = undefined;
    this.#mirrors.settled(group.index);
    this.#log = { ...this.#log, index: group.index, settled: group.index, extents: extended(this.#log.extents, group) };
    this.#lastSequence = group.lastSequence;
    for (const { resolve, appended } of pending) resolve(appended);
    settled();
    if (this.#queue.length > 0) this.#schedule();
    else this.#quiet();
  }

  /** What is in flight may or may not be stored; what waits certainly isn't. */
  #giveUp(reason: string): void {
    if (this.#phase !== 'closed') this.#phase = this.#overtaken ? 'overtaken' : 'unsettled';
    const flown = this.#inFlight;
    this.#inFlight = undefined;
    this.#quiet();
    const nothing = tooFew(this.#mirrors.all, this.#mirrors.majority, 'fewer');
    this.#queue.drop(new JournalUnavailable(`${reason}, nothing was stored: ${nothing.message}`));
    if (!flown) return;
    if (flown.pending.length > 0) this.#unknown = flown.pending;
    for (const { reject } of flown.pending) reject(new JournalOutcomeUnknown(`${reason} while the record was written: ${nothing.message}`));
    flown.settled(nothing);
  }

  /** What is in flight may be found by the other one or not; nothing is acknowledged here any more. */
  #overtake(error: Overtaken): void {
    if (this.#overtaken) return;
    this.#overtaken = error;
    this.#giveUp(error.message);
    this.#options.overtaken?.(error.message);
  }

  #quiet(): void {
    for (const resolve of this.#whenQuiet.splice(0)) resolve();
  }

  async #welcome(diskName: string, old: Mirror, disk: Disk): Promise<void> {
    // What still hangs in the old drive could otherwise land after the repair.
    await old.idle();
    if (this.#mirrors.get(diskName) !== old) return;
    const mirror = this.#mirrors.replace(diskName, disk);
    await this.#settling?.catch(() => undefined);
    if (this.#phase === 'serving') this.#join(mirror);
    else await this.settled();
  }

  #told(event: MirrorReport): void {
    const mirror = this.#mirrors.get(event.disk);
    if (mirror !== undefined && event.what !== 'mended') {
      if (event.what === 'attached') this.#retries.done(mirror);
      else if (mirror.state === 'detached' && !this.#closing) this.#retries.plan(mirror);
    }
    this.#options.report?.(event);
  }

  #retry(mirror: Mirror): void {
    if (this.#closing || this.#overtaken || this.#mirrors.get(mirror.disk.name) !== mirror) return;
    if (this.#phase === 'serving') this.#join(mirror);
    else this.settled().catch(() => this.#retries.plan(mirror));
  }

  #join(mirror: Mirror): void {
    const before = mirror.during(mirror.idle()).catch(() => undefined);
    mirror.job = before
      .then(() => this.#repairAndAttach(mirror))
      .catch((error: unknown) => {
        if (error instanceof Overtaken) return this.#overtake(error);
        mirror.detach(`its repair failed: ${String(error)}`);
        this.#mirrors.tell(mirror, 'detached');
      });
  }

  async #repairAndAttach(mirror: Mirror): Promise<void> {
    const { epoch } = this.#log;
    const overtaken = (): boolean => this.#phase !== 'serving' || this.#log.epoch !== epoch || mirror.state !== 'joining';
    while (this.#phase === 'serving' && this.#log.epoch === epoch && mirror.state === 'detached') {
      // From this group boundary on groups wait with the mirror; what is before comes from the others' copies.
      const { index, extents } = this.#log;
      mirror.beginJoining(this.#inFlight ? [this.#inFlight.group] : []);
      const copies = this.#mirrors.copies(() => epoch);
      try {
        const log = await mirror.during(examine(mirror.disk, new SegmentScanner()));
        requireOurs({ mirror, log });
        const task = { disk: mirror.disk, log, truth: extents, copies, tail: copies, winner: false, cancelled: overtaken };
        await mirror.during(repair(task));
        mirror.promised = epoch;
        await mirror.during(writeEpoch(mirror.disk, epoch, this.#lastSequence));
      } catch (error) {
        if (!(error instanceof RepairCancelled)) throw error;
      } finally {
        await copies.close();
      }
      if (overtaken()) continue;
      mirror.attach(epoch, index);
      this.#mirrors.tell(mirror, 'attached');
      return;
    }
  }
}
