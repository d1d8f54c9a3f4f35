/**
 * Gives back the space of what nobody refers to. Round after round: blobs that lost their last reference a grace ago lose their rows;
 * blobs that live in segments which are mostly garbage move elsewhere; segments in which nothing has lived for a grace are removed.
 * The grace is for those who read what was overwritten or moved under their hands.
 */
import type { ActorSystem } from '../actor/actor-system.ts';
import { unpack, unpackBlob } from '../bucket/codec.ts';
import { behind, extentKey, nameKey, numberValue, parseNumber, startingWith, tables } from '../bucket/row-keys.ts';
import type { Clock } from '../clock.ts';
import type { EngineOptions } from '../engine-options.ts';
import type { Log } from '../log.ts';
import type { Blob } from '../shards/blob-store.ts';
import type { SegmentInfo } from '../shards/reclaimer.ts';
import { type Candidate, type StoreCommand, tellStore } from './store-kind.ts';

/** What the reclaimer asks of the drives' blob store. */
export interface SegmentStore {
  /** Erasure sets. */
  readonly sets: number;
  listSegments(set: number): Promise<SegmentInfo[]>;
  /** Removes those without live blobs that rest; answers which. */
  removeSegments(set: number, segments: readonly number[]): Promise<number[]>;
  /** Same id and bytes, other extents. */
  moveBlob(blob: Blob): Promise<Blob>;
}

export interface ReclaimerParts {
  readonly actors: ActorSystem;
  readonly segments: SegmentStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly options: EngineOptions;
}

/** Candidates of one command. */
const candidatesMax = 200;
/** Rows of `extents` in one read. */
const extentRowsMax = 1_000;
/** A segment with no more than this share of live bytes is emptied. */
const sparseShare = 0.5;
/** Segments of a set that one round looks into. */
const segmentsLookedIntoMax = 16;
/** Segments of a set that one round empties: moving must not crowd out those who write. */
const emptiedSegmentsMax = 1;

export class Reclaimer {
  private readonly parts: ReclaimerParts;
  /** When a segment was first seen empty, by set and number. */
  private readonly emptySince = new Map<string, number>();
  /** Segments with enough live bytes when they were looked into, by set and number: only reclaiming can change that. */
  private readonly dense = new Set<string>();
  private cancelTimer: () => void = () => undefined;
  private running: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(parts: ReclaimerParts) {
    this.parts = parts;
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
    const reclaimed = await this.reclaimBlobs();
    let removed = 0;
    for (let set = 0; set < this.parts.segments.sets; set += 1) removed += await this.clear(set);
    if (reclaimed + removed > 0) this.parts.log('info', 'space reclaimed', { blobs: reclaimed, segments: removed });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelTimer();
    await this.running;
  }

  private async reclaimBlobs(): Promise<number> {
    const due = numberValue(Math.max(0, this.parts.clock.now() - this.parts.options.reclaimGraceMilliseconds));
    let reclaimed = 0;
    while (!this.closed) {
      const rows = await this.parts.actors.rows.range(tables.orphans, { lt: due, limit: candidatesMax, keysOnly: true });
      if (rows.length === 0) break;
      const candidates = rows.map(({ key }): Candidate => ({ time: parseNumber(key), blob: key.toString('latin1', 8) }));
      const gone = await this.tell({ type: 'ReclaimBlobs', candidates });
      for (const blob of gone) for (const extent of blob.extents) this.dense.delete(`${blob.set}/${extent.segment}`);
      reclaimed += gone.length;
    }
    return reclaimed;
  }

  /** Answers how many segments were removed. */
  private async clear(set: number): Promise<number> {
    const { segments, clock, options } = this.parts;
    const resting = (await segments.listSegments(set)).filter(
      ({ segment, removable }) => removable && !this.dense.has(`${set}/${segment}`),
    );
    const removable: number[] = [];
    let emptied = 0;
    for (const { segment, bytes } of resting.slice(0, segmentsLookedIntoMax)) {
      if (this.closed) return 0;
      const name = `${set}/${segment}`;
      const sparse = bytes * sparseShare;
      const live = await this.liveBytes(set, segment, sparse);
      if (live > sparse) {
        this.dense.add(name);
      } else if (live > 0 && emptied < emptiedSegmentsMax) {
        await this.empty(set, segment);
        emptied += 1;
      } else if (live === 0) {
        const since = this.emptySince.get(name) ?? clock.now();
        this.emptySince.set(name, since);
        if (clock.now() - since >= options.reclaimGraceMilliseconds) removable.push(segment);
      }
    }
    const removed = removable.length === 0 ? [] : await segments.removeSegments(set, removable);
    for (const segment of removed) this.emptySince.delete(`${set}/${segment}`);
    return removed.length;
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
      const row = this.parts.actors.rows.get(tables.blobs, nameKey(key.toString('latin1', 6)));
      if (row === undefined) continue;
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
