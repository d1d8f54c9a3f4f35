/** Composes drives, workers, writer, reader, healer and reclaimer into the store of blobs. */
import { assert } from '../assert.ts';
import type { Body, DigestName, Digests } from '../body.ts';
import type { Randomness } from '../clock.ts';
import { Fault } from '../fault.ts';
import { digestBlobs } from './blob-digest.ts';
import { openBlobBody } from './blob-reader.ts';
import type { Blob, BlobSlice, BlobStore, StoredBody, WriteOptions } from './blob-store.ts';
import { type BlobTarget, writeBlob } from './blob-writer.ts';
import type { Drive } from './drive.ts';
import { Healer } from './healer.ts';
import { writeQuorumOf } from './layout.ts';
import { closeSegment, listSegments, removeSegments, type SegmentInfo } from './reclaimer.ts';
import { openWorkers, type Workers, type WorkersParts } from './workers.ts';

export interface BlobStoreParts extends WorkersParts {
  readonly randomness: Randomness;
  /** Blobs whose `missed` names that slot of the set: asked when the drive is there to be healed. */
  missedBlobs(set: number, slot: number): AsyncIterable<Blob>;
  /** That slot has the blob's blocks again, durably. A throw leaves it for the next sweep. */
  onHealed(blob: Blob, slot: number): void | Promise<void>;
}

/** `workers`: of the same parts, where they were let start before the rest was there. */
export async function openBlobStore(parts: BlobStoreParts, workers = openWorkers(parts)): Promise<DriveBlobStore> {
  return new DriveBlobStore(parts, await workers);
}

/** The store of blobs, and what the engine's housekeeping asks of it. */
export class DriveBlobStore implements BlobStore {
  private readonly parts: BlobStoreParts;
  private readonly workers: Workers;
  private readonly healer: Healer;
  private readonly unsubscribe: readonly (() => void)[];
  private turn = 0;

  constructor(parts: BlobStoreParts, workers: Workers) {
    this.parts = parts;
    this.workers = workers;
    const { sets } = parts.drives;
    const spread = (drive: Drive) => workers.spread(drive);
    this.unsubscribe = sets.flat().flatMap((drive) => [drive.onChange(spread), drive.onRoom(spread)]);
    // What changed while the workers started.
    for (const drive of sets.flat()) workers.spread(drive);
    this.healer = new Healer({
      sets,
      dataShards: parts.drives.layout.dataShards,
      clock: parts.clock,
      log: parts.log,
      ask: (request) => workers.idlest().ask(request),
      lowestOpenSegment: (set) => Math.min(...workers.links.map((link) => link.diary.lowestOpen(set))),
      firstSegment: (set) => workers.firstSegments[set]!,
      missedBlobs: (set, slot) => parts.missedBlobs(set, slot),
      onHealed: (blob, slot) => parts.onHealed(blob, slot),
    });
  }

  /** Erasure sets. */
  get sets(): number {
    return this.parts.drives.sets.length;
  }

  async write(body: Body, options: WriteOptions): Promise<StoredBody> {
    const stored = await writeBlob(body, options, () => this.target(this.parts.randomness.bytes(16).toString('hex'), options.length));
    if (stored.blob !== undefined) this.noteMissed(stored.blob);
    return stored;
  }

  async read(blob: Blob, offset: number, length: number): Promise<Body> {
    assert(offset >= 0 && length >= 0 && offset + length <= blob.length, 'the slice lies inside the blob');
    return openBlobBody(blob, { offset, length }, this.workers.idlest());
  }

  async digest(slices: Iterable<BlobSlice>, names: readonly DigestName[]): Promise<Digests> {
    return digestBlobs(slices, names, this.workers.idlest());
  }

  /** Writes the blob anew, in a segment that is open now: the same id and bytes, other extents. What lay in the old ones is garbage then. */
  async moveBlob(blob: Blob): Promise<Blob> {
    const body = await this.read(blob, 0, blob.length);
    const stored = await writeBlob(body, { digests: [], inlineBytesMax: 0, length: blob.length }, () => this.target(blob.id, blob.length));
    assert(stored.blob !== undefined && stored.length === blob.length, 'a blob is moved whole');
    this.noteMissed(stored.blob);
    return stored.blob;
  }

  listSegments(set: number): Promise<SegmentInfo[]> {
    return listSegments(this.reclaimerParts(), set);
  }

  /** The next body begins another segment. */
  closeSegment(set: number, segment: number): Promise<void> {
    return closeSegment(this.reclaimerParts(), set, segment);
  }

  /** Removes segments without live blobs; answers those that were removed. Those that don't rest yet stay. */
  removeSegments(set: number, segments: readonly number[]): Promise<number[]> {
    return removeSegments(this.reclaimerParts(), set, segments);
  }

  /** Stripe buffers that nobody holds. */
  get freeBuffers(): number {
    return this.workers.links.reduce((sum, link) => sum + link.pool.freeBuffers, 0);
  }

  /** Resolves when no drive is being healed. */
  healingDone(): Promise<void> {
    return this.healer.idle();
  }

  async close(): Promise<void> {
    await this.healer.close();
    for (const end of this.unsubscribe) end();
    await this.workers.close();
  }

  /** Sets take turns; one that can't take a write is passed over. */
  private target(blob: string, length: number | undefined): BlobTarget {
    const { sets, layout } = this.parts.drives;
    const { dataShards, parityShards } = layout;
    const quorum = writeQuorumOf(dataShards, parityShards);
    for (let tried = 0; tried < sets.length; tried += 1) {
      const set = this.turn++ % sets.length;
      if (writableOf(sets[set]!) < quorum) continue;
      return { blob, set, dataShards, parityShards, link: this.workers.writerFor(length) };
    }
    const full = sets.some((set) => set.some((drive) => drive.full));
    throw new Fault(full ? 'full' : 'unavailable', `no erasure set has the ${quorum} drives that a write needs`);
  }

  private noteMissed(blob: Blob): void {
    for (const slot of blob.missed) this.healer.noteMissed(blob.set, slot);
  }

  private reclaimerParts() {
    return { sets: this.parts.drives.sets, links: this.workers.links, clock: this.parts.clock };
  }
}

function writableOf(drives: readonly Drive[]): number {
  return drives.reduce((count, drive) => count + Number(drive.writable), 0);
}
