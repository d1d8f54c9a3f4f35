/**
 * Brings back what a drive lacks: after it was away or replaced its segment files are walked in order and every block that
 * isn't there is rebuilt from the others; blobs whose write it missed are looked at one by one. One drive is healed by one
 * run at a time, at a bounded rate; a run that fails begins again.
 */
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Blob } from './blob-store.ts';
import { blockBytesOf, type StripePlace, segmentDirectory, segmentNumber, segmentPath, stripeCountOf, stripePlaceOf } from './block.ts';
import type { Drive } from './drive.ts';
import { patientDisk } from './patient-disk.ts';
import type { JobDone } from './shard-messages.ts';
import { type JobRequest, JobUndone } from './worker-link.ts';

/** Bytes a second written to a drive that is healed. */
export const healBytesPerSecondMax = 128 * 1024 * 1024;
/** Stripes of one step: mended together, then the rate is looked after. */
const stepStripes = 16;
/** Milliseconds before a run that failed begins again. */
const retryMilliseconds = 5_000;
/** Milliseconds between two looks for what a drive missed while it was there: each goes through all blobs. */
const sweepMilliseconds = 60_000;

export interface HealerParts {
  /** By set and slot. */
  readonly sets: readonly (readonly Drive[])[];
  /** Drives that are needed to read. */
  readonly dataShards: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Asks one of the workers. */
  ask(request: JobRequest): Promise<JobDone>;
  /** The lowest segment that may have been written to in the last moments; Infinity when none. */
  lowestOpenSegment(set: number): number;
  /** Segments from this number on were opened by this process. */
  firstSegment(set: number): number;
  /** Blobs whose `missed` names that slot, as the engine knows them. */
  missedBlobs(set: number, slot: number): AsyncIterable<Blob>;
  /** The blob's blocks on that slot are there and durable. */
  onHealed(blob: Blob, slot: number): void | Promise<void>;
}

interface Patient {
  /** Segments from here on may lack blocks even where their size is right. */
  since: number;
  running: Promise<void> | undefined;
  again: boolean;
  /** A blob's write was missed. */
  missed: boolean;
  /** When the last run began, ms since the epoch. */
  ranAt: number;
}

export class Healer {
  private readonly parts: HealerParts;
  private readonly patients = new Map<Drive, Patient>();
  private readonly unsubscribe: readonly (() => void)[];
  private cancelTimer: () => void = () => undefined;
  private readonly pauses = new Set<() => void>();
  private closed = false;

  constructor(parts: HealerParts) {
    this.parts = parts;
    const drives = parts.sets.flat();
    for (const drive of drives) {
      // What an earlier process left undone shows in the files and in the blobs.
      this.patients.set(drive, { since: Number.POSITIVE_INFINITY, running: undefined, again: false, missed: true, ranAt: 0 });
      if (drive.writable) this.start(drive);
    }
    this.unsubscribe = drives.map((drive) => drive.onChange((changed) => this.hear(changed)));
    this.schedule();
  }

  /** A write went without this drive. */
  noteMissed(set: number, slot: number): void {
    this.patients.get(this.parts.sets[set]![slot]!)!.missed = true;
  }

  /** Resolves when no run is under way. */
  async idle(): Promise<void> {
    for (const { running } of this.patients.values()) await running;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelTimer();
    for (const resume of this.pauses) resume();
    for (const end of this.unsubscribe) end();
    await this.idle();
  }

  private hear(drive: Drive): void {
    const patient = this.patients.get(drive)!;
    if (drive.state === 'healing') this.start(drive);
    else if (!drive.writable) patient.since = Math.min(patient.since, this.parts.lowestOpenSegment(drive.set));
  }

  private schedule(): void {
    if (this.closed) return;
    this.cancelTimer = this.parts.clock.after(retryMilliseconds, () => {
      for (const [drive, patient] of this.patients) if (this.isDue(drive, patient)) this.start(drive);
      this.schedule();
    });
  }

  private isDue(drive: Drive, patient: Patient): boolean {
    if (drive.state === 'healing') return patient.running === undefined;
    return drive.writable && patient.missed && this.parts.clock.now() - patient.ranAt >= sweepMilliseconds;
  }

  private start(drive: Drive): void {
    const patient = this.patients.get(drive)!;
    if (this.closed) return;
    if (patient.running !== undefined) {
      patient.again = true;
      return;
    }
    patient.running = this.run(drive, patient)
      .catch((error: Error) => this.parts.log('warn', 'healing a drive was cut short', { drive: drive.disk.name, reason: error.message }))
      .finally(() => {
        patient.running = undefined;
        if (!patient.again) return;
        patient.again = false;
        this.start(drive);
      });
  }

  private async run(drive: Drive, patient: Patient): Promise<void> {
    const { log } = this.parts;
    const { since } = patient;
    patient.missed = false;
    patient.ranAt = this.parts.clock.now();
    let rewritten = 0;
    try {
      for (const segment of await this.segmentsToWalk(drive, since)) rewritten += await this.walk(drive, segment);
      rewritten += await this.sweep(drive);
    } catch (error) {
      patient.missed = true;
      throw error;
    }
    if (this.closed || patient.again) return;
    if (patient.since === since) patient.since = Number.POSITIVE_INFINITY;
    if (rewritten > 0 || drive.state === 'healing') log('info', 'a drive is healed', { drive: drive.disk.name, blocks: rewritten });
    if (drive.state === 'healing') drive.healed();
  }

  /** Segments that the drive lacks, has too short, or may have holes in; those that only it has are left-overs and removed. */
  private async segmentsToWalk(drive: Drive, since: number): Promise<number[]> {
    const others = this.parts.sets[drive.set]!.filter((other) => other !== drive);
    const mine = await segmentSizes(drive, this.parts.clock);
    const theirs = new Map<number, number>();
    for (const other of others.filter((each) => each.readable)) {
      for (const [segment, bytes] of await segmentSizes(other, this.parts.clock))
        theirs.set(segment, Math.max(bytes, theirs.get(segment) ?? 0));
    }
    const firstOfProcess = this.parts.firstSegment(drive.set);
    // Where one drive is enough to read from, its copy may be the last one: then the reclaimer alone removes.
    if (this.parts.dataShards > 1 && others.every((other) => other.state === 'online')) {
      for (const segment of mine.keys())
        if (!theirs.has(segment) && segment < firstOfProcess)
          await patientDisk(drive.disk, this.parts.clock).remove(segmentPath(drive.set, segment));
    }
    const healing = drive.state === 'healing';
    const lacks = (segment: number, bytes: number) => (mine.get(segment) ?? -1) < bytes && (healing || segment < firstOfProcess);
    const walked = [...theirs].filter(([segment, bytes]) => (healing && (drive.blank || segment >= since)) || lacks(segment, bytes));
    return walked.map(([segment]) => segment).sort((a, b) => a - b);
  }

  private async walk(drive: Drive, segment: number): Promise<number> {
    const { set, slot } = drive;
    let rewritten = 0;
    for (let offset = 0; offset >= 0 && this.mayGoOn(drive); ) {
      const { value, stripes } = await this.parts.ask({ kind: 'walk', set, segment, offset, slot, stripesMax: stepStripes });
      rewritten += await this.mendAll(drive, stripes ?? []);
      offset = value;
    }
    if (!this.mayGoOn(drive)) throw new Error('the drive went away, or the store is closing');
    if (rewritten > 0) await this.parts.ask({ kind: 'sync', set, segment, slot });
    return rewritten;
  }

  private async sweep(drive: Drive): Promise<number> {
    const { set, slot } = drive;
    let rewritten = 0;
    for await (const blob of this.parts.missedBlobs(set, slot)) {
      if (!this.mayGoOn(drive)) throw new Error('the drive went away, or the store is closing');
      const stripes = stripeCountOf(blob);
      let unhealed = 0;
      for (let first = 0; first < stripes; first += stepStripes) {
        const step = Array.from({ length: Math.min(stepStripes, stripes - first) }, (_, index) => stripePlaceOf(blob, first + index));
        rewritten += await this.mendAll(drive, step, () => (unhealed += 1));
      }
      if (unhealed > 0) continue;
      for (const segment of new Set(blob.extents.map((extent) => extent.segment)))
        await this.parts.ask({ kind: 'sync', set, segment, slot });
      await this.parts.onHealed(blob, slot);
    }
    return rewritten;
  }

  /**
   * Answers how many blocks were rewritten. A stripe that can't be read isn't a reason to leave the others unhealed; a drive that takes no
   * block is one to begin again.
   */
  private async mendAll(drive: Drive, stripes: readonly StripePlace[], onUnreadable: () => void = () => undefined): Promise<number> {
    const { slot } = drive;
    const results = await Promise.allSettled(stripes.map((stripe) => this.parts.ask({ kind: 'mend', stripe, slot, durable: false })));
    let bytes = 0;
    let rewritten = 0;
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
    const failure = failures.find((error) => !(error instanceof JobUndone && error.unreadable));
    if (failure !== undefined) throw failure;
    for (const [index, result] of results.entries()) {
      if (result.status === 'rejected') onUnreadable();
      else if (result.value.value === 1) {
        rewritten += 1;
        bytes += blockBytesOf(stripes[index]!.stripeBytes, stripes[index]!.dataShards);
      }
    }
    await this.pause(Math.ceil((bytes / healBytesPerSecondMax) * 1000));
    return rewritten;
  }

  /** Cut short when the store closes. */
  private async pause(milliseconds: number): Promise<void> {
    if (milliseconds === 0 || this.closed) return;
    await new Promise<void>((resolve) => {
      this.pauses.add(resolve);
      this.parts.clock.after(milliseconds, () => {
        this.pauses.delete(resolve);
        resolve();
      });
    });
  }

  private mayGoOn(drive: Drive): boolean {
    return !this.closed && drive.writable;
  }
}

/** Bytes of the segment files on a drive, by number. */
export async function segmentSizes(drive: Drive, clock: Clock): Promise<Map<number, number>> {
  const sizes = new Map<number, number>();
  const disk = patientDisk(drive.disk, clock);
  for (const name of await disk.list(segmentDirectory(drive.set))) {
    const segment = segmentNumber(name);
    if (segment === undefined) continue;
    const file = await disk.open(segmentPath(drive.set, segment), 'read');
    try {
      sizes.set(segment, await file.size());
    } finally {
      await file.close();
    }
  }
  return sizes;
}
