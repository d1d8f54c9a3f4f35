/**
 * Gives back the space of what nobody refers to. Round after round: blobs that lost their last reference a grace ago lose their rows;
 * blobs that live in segments which are mostly garbage move elsewhere; segments in which nothing has lived for a grace are removed.
 * The grace is for those who read what was overwritten or moved under their hands. Nothing is given back on the word of the state store
 * alone: the journal has to prove it, and where the two differ the state store is the one that is wrong.
 */
import type { Journal } from '../../journal/journal.ts';
import type { StateStore } from '../../snapshots/state-store.ts';
import type { ActorSystem } from '../actor/actor-system.ts';
import type { AnyKind } from '../actor/decider.ts';
import { unpack, unpackBlob } from '../bucket/codec.ts';
import { behind, extentKey, nameKey, numberValue, parseNumber, startingWith, tables } from '../bucket/row-keys.ts';
import type { Clock } from '../clock.ts';
import type { EngineOptions } from '../engine-options.ts';
import type { Log } from '../log.ts';
import type { Blob } from '../shards/blob-store.ts';
import type { SegmentInfo } from '../shards/reclaimer.ts';
import { type EmptySegment, GarbageProof } from './garbage-proof.ts';
import { type Candidate, type StoreCommand, tellStore } from './store-kind.ts';

/** What the reclaimer asks of the drives' blob store. */
export interface SegmentStore {
  /** Erasure sets. */
  readonly sets: number;
  listSegments(set: number): Promise<SegmentInfo[]>;
  /** An open one is written to no more. */
  closeSegment(set: number, segment: number): Promise<void>;
  /** Removes those without live blobs that rest; answers which. */
  removeSegments(set: number, segments: readonly number[]): Promise<number[]>;
  /** Same id and bytes, other extents. */
  moveBlob(blob: Blob): Promise<Blob>;
}

export interface ReclaimerParts {
  readonly actors: ActorSystem;
  readonly journal: Journal;
  readonly store: StateStore;
  /** Every kind that ever wrote to the journal. */
  readonly kinds: readonly AnyKind[];
  readonly segments: SegmentStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly options: EngineOptions;
  /** The state store's rows are not those that the journal leads to. */
  distrust(reason: string): void;
}

/** Candidates of one command. */
const candidatesMax = 200;
/** Candidates of one round, and of its pass over the journal; some 300 bytes each are held for them. */
const candidatesOfRoundMax = 50_000;
/** Rows of `extents` in one read. */
const extentRowsMax = 1_000;
/** A segment with no more than this share of live bytes is emptied. */
const sparseShare = 0.5;
/** Segments of a set that one round looks into, besides those that are open. */
const segmentsLookedIntoMax = 16;
/** Bytes of an open segment before it is looked into. */
const openBytesMin = 1024 * 1024;
/** Segments of a set that one round empties: moving must not crowd out those who write. */
const emptiedSegmentsMax = 1;

export class Reclaimer {
  private readonly parts: ReclaimerParts;
  private readonly proof: GarbageProof;
  /** When a segment was first seen empty, by set and number. */
  private readonly emptySince = new Map<string, number>();
  /** Segments with enough live bytes when they were looked into, by set and number: only reclaiming can change that. */
  private readonly dense = new Set<string>();
  private cancelTimer: () => void = () => undefined;
  private running: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(parts: ReclaimerParts) {
    this.parts = parts;
    this.proof = new GarbageProof({ ...parts, rows: parts.actors.rows });
    this.plan();
  }

  private plan(): void {
    const pause = this.parts.options.reclaimPauseMilliseconds;
    if (pause === 0 || this.closed) return;
    this.cancelTimer = this.parts.clock.after(pause, () => {
      this.running = this.round()
        .catch((error: unknown) => this.parts.log('warn', 'reclaiming failed, it begins again', { reason: String(error) }))
        .finally(() => this.plan());
    });
  }

  /** Everything that is due now. */
  async round(): Promise<void> {
    const candidates = await this.dueCandidates();
    const segments: EmptySegment[] = [];
    for (let set = 0; set < this.parts.segments.sets; set += 1) segments.push(...(await this.lookInto(set)));
    if (this.closed || candidates.length + segments.length === 0) return;
    const garbage = await this.proof.of({ candidates, segments });
    const blobs = await this.reclaimBlobs(garbage.candidates);
    const removed = await this.remove(garbage.segments);
    if (blobs + removed > 0) this.parts.log('info', 'space reclaimed', { blobs, segments: removed });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelTimer();
    this.proof.close();
    await this.running;
  }

  private async dueCandidates(): Promise<Candidate[]> {
    const lt = numberValue(Math.max(0, this.parts.clock.now() - this.parts.options.reclaimGraceMilliseconds));
    const candidates: Candidate[] = [];
    for (let gt: Buffer | undefined; candidates.length < candidatesOfRoundMax; ) {
      const rows = await this.parts.actors.rows.range(tables.orphans, { lt, limit: candidatesMax, keysOnly: true, ...(gt && { gt }) });
      for (const { key } of rows) candidates.push({ time: parseNumber(key), blob: key.toString('latin1', 8) });
      gt = rows.at(-1)?.key;
      if (rows.length < candidatesMax) break;
    }
    return candidates;
  }

  private async reclaimBlobs(candidates: readonly Candidate[]): Promise<number> {
    let reclaimed = 0;
    for (let at = 0; at < candidates.length && !this.closed; at += candidatesMax) {
      const gone = await this.tell({ type: 'ReclaimBlobs', candidates: candidates.slice(at, at + candidatesMax) });
      for (const blob of gone) for (const extent of blob.extents) this.dense.delete(`${blob.set}/${extent.segment}`);
      reclaimed += gone.length;
    }
    return reclaimed;
  }

  /** Empties what is nearly empty; answers with segments of the set that have been empty for a grace, as far as the state store tells. */
  private async lookInto(set: number): Promise<EmptySegment[]> {
    const all = await this.parts.segments.listSegments(set);
    const resting = all.filter(({ segment, open }) => !open && !this.dense.has(`${set}/${segment}`));
    const looked = [...resting.slice(0, segmentsLookedIntoMax), ...all.filter(({ open, bytes }) => open && bytes >= openBytesMin)];
    const empty: EmptySegment[] = [];
    let emptied = 0;
    for (const { segment, bytes, open, removable } of looked) {
      if (this.closed) return [];
      const name = `${set}/${segment}`;
      const sparse = bytes * sparseShare;
      const live = await this.liveBytes(set, segment, sparse);
      if (open) {
        // What lives there may not be journaled yet: then it was closed early, which harms nobody.
        if (live <= sparse) await this.parts.segments.closeSegment(set, segment);
      } else if (live > sparse) {
        if (removable) this.dense.add(name);
      } else if (live > 0 && removable && emptied < emptiedSegmentsMax) {
        await this.emptyIfItCan(set, segment);
        emptied += 1;
      }
      if (!open && this.emptyLongEnough(name, live === 0) && removable) empty.push({ set, segment });
    }
    return empty;
  }

  private emptyLongEnough(name: string, isEmpty: boolean): boolean {
    const { clock, options } = this.parts;
    if (!isEmpty) {
      this.emptySince.delete(name);
      return false;
    }
    const since = this.emptySince.get(name) ?? clock.now();
    this.emptySince.set(name, since);
    return clock.now() - since >= options.reclaimGraceMilliseconds;
  }

  /** Moving needs room and drives; what is removed needs neither. */
  private async emptyIfItCan(set: number, segment: number): Promise<void> {
    try {
      await this.empty(set, segment);
    } catch (error) {
      this.parts.log('info', 'a segment is not emptied yet', { set, segment, reason: String(error) });
    }
  }

  /** Answers how many segments were removed. */
  private async remove(empty: readonly EmptySegment[]): Promise<number> {
    let count = 0;
    for (let set = 0; set < this.parts.segments.sets; set += 1) {
      const numbers = empty.filter((each) => each.set === set).map((each) => each.segment);
      if (numbers.length === 0 || this.closed) continue;
      const removed = await this.parts.segments.removeSegments(set, numbers);
      for (const segment of removed) this.emptySince.delete(`${set}/${segment}`);
      count += removed.length;
    }
    return count;
  }

  /** Bytes on each drive; not counted further than `enough`. */
  private async liveBytes(set: number, segment: number, enough: number): Promise<number> {
    let bytes = 0;
    for await (const row of this.extentsOf(set, segment)) {
      bytes += parseNumber(row.value);
      if (bytes > enough) break;
    }
    return bytes;
  }

  /** Moves what lives in the segment to those that are open now. */
  private async empty(set: number, segment: number): Promise<void> {
    for await (const { key } of this.extentsOf(set, segment)) {
      if (this.closed) return;
      const { rows } = this.parts.actors;
      const row = rows.get(tables.blobs, nameKey(key.toString('latin1', 6)));
      if (row === undefined) {
        // Both rows come and go with one record.
        if (rows.get(tables.extents, key) === undefined) continue;
        this.parts.distrust(`a blob that lies in segment ${segment} of set ${set} has no row`);
        return;
      }
      const from = unpackBlob(unpack(row));
      await this.tell({ type: 'MoveBlob', from, to: await this.parts.segments.moveBlob(from) });
    }
  }

  private async *extentsOf(set: number, segment: number): AsyncGenerator<{ readonly key: Buffer; readonly value: Buffer }> {
    const prefix = extentKey(set, segment, '');
    let range = startingWith(prefix, extentRowsMax);
    for (;;) {
      const rows = await this.parts.actors.rows.range(tables.extents, range);
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined || rows.length < extentRowsMax) return;
      range = { gt: last.key, lt: behind(prefix), limit: extentRowsMax };
    }
  }

  private tell(command: StoreCommand): Promise<readonly Blob[]> {
    return tellStore(this.parts.actors, command, this.parts.clock.now());
  }
}
