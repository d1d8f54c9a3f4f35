/**
 * What the journal itself says is left of a few blobs and segments. The rows of the state store may be wrong (a drive loses bytes and
 * doesn't tell), so nothing is removed from drives on their word: the rows that matter are made once more, from the first record on, and
 * only those of the blobs and segments that are asked about are kept. Reads only, and takes a small share of the time.
 */
import { crc32c } from '@node-rs/crc32';
import type { Journal, JournalRecord } from '../../journal/journal.ts';
import { JournalCorrupt } from '../../journal/journal.ts';
import type { RowChange } from '../../snapshots/state-store.ts';
import type { AnyKind } from '../actor/decider.ts';
import { unpackPayload } from '../actor/record-payload.ts';
import { bucketKind } from '../bucket/bucket-kind.ts';
import { manifestRefs, pack, packManifest, unpack } from '../bucket/codec.ts';
import { contentRowsOf } from '../bucket/evolve.ts';
import { tables } from '../bucket/row-keys.ts';
import type { Clock } from '../clock.ts';
import { Pace } from './pace.ts';

/** Rows held in memory by one pass, some 100 bytes each; where there are more, each of several passes holds a slice of them. */
const heldRowsMax = 500_000;
/** By so much the slices become more when they were too large. */
const slicesFactor = 8;
/** Slices, each a pass over the journal; beyond, there is no proof. */
const slicesMax = 512;
/** Of a key of `extents`: set and segment. */
const segmentPrefixBytes = 6;

export interface Question {
  /** Ids. */
  readonly blobs: ReadonlySet<string>;
  /** `extentKey(set, segment, '')` as latin1. */
  readonly segments: ReadonlySet<string>;
}

/** Of the journal up to one of its records. */
export interface Proof {
  readonly position: number;
  /** Blobs that somebody refers to. */
  readonly referred: ReadonlySet<string>;
  /** Blob -> when it lost its last reference, as `refs` has it; latin1. */
  readonly released: ReadonlyMap<string, string>;
  /** Blob -> its row, latin1. */
  readonly placed: ReadonlyMap<string, string>;
  /** Segments in which something lives. */
  readonly occupied: ReadonlySet<string>;
}

export interface JournalProofParts {
  readonly journal: Journal;
  readonly kinds: readonly AnyKind[];
  readonly clock: Clock;
  /** Other than `heldRowsMax`. */
  readonly heldRowsMax?: number;
}

export class JournalProof {
  private readonly parts: JournalProofParts;
  private readonly kinds: readonly AnyKind[];
  private readonly pace: Pace;

  constructor(parts: JournalProofParts) {
    this.parts = parts;
    // A bucket's other rows need rows of the state store to be made.
    this.kinds = parts.kinds.map((kind) => (kind.name === bucketKind.name ? { ...kind, rowsOf: contentRowsOf } : kind));
    this.pace = new Pace(parts.clock);
  }

  /** @throws what reading the journal throws; Error it is closed, or more rows would be held than slices can take. */
  async of(question: Question): Promise<Proof> {
    this.pace.begin();
    for (let slices = 1; slices <= slicesMax; slices *= slicesFactor) {
      const proof = await this.inSlices(question, slices);
      if (proof !== undefined) return proof;
    }
    throw new Error(`what is asked for holds too many rows at a time for ${slicesMax} passes`);
  }

  /** Ends a proof under way. */
  close(): void {
    this.pace.close();
  }

  private async inSlices(question: Question, slices: number): Promise<Proof | undefined> {
    const rest = new RestRows(question);
    for (let slice = 0; slice < slices; slice += 1) {
      const held = new HeldRows(question, { slice, slices, rowsMax: this.parts.heldRowsMax ?? heldRowsMax });
      for await (const record of this.parts.journal.read(0)) {
        for (const change of this.changesOf(record, held)) held.take(change);
        if (held.full) return undefined;
        rest.position = record.sequence;
        if (this.pace.due) await this.pace.rest();
      }
      rest.add(held);
    }
    return rest;
  }

  private *changesOf(record: JournalRecord, held: HeldRows): Generator<RowChange> {
    const kind = this.kinds.find(({ name }) => record.stream.startsWith(`${name}/`));
    if (kind === undefined) throw new JournalCorrupt(`record ${record.sequence} belongs to ${record.stream}: no such kind of actor`);
    for (const { events } of unpackPayload(record.payload)) {
      for (const encoded of events) yield* kind.rowsOf(kind.decode(encoded), held);
    }
  }
}

/** The answers of all slices. */
class RestRows implements Proof {
  position = 0;
  readonly referred = new Set<string>();
  readonly occupied = new Set<string>();
  released: ReadonlyMap<string, string> = new Map();
  placed: ReadonlyMap<string, string> = new Map();
  private readonly question: Question;

  constructor(question: Question) {
    this.question = question;
  }

  add({ refs, extents, released, placed }: HeldRows): void {
    for (const blob of this.question.blobs) if (refs.has(blob)) this.referred.add(blob);
    for (const segment of this.question.segments) if (extents.has(segment)) this.occupied.add(segment);
    // Every slice has all of these: there is one a blob.
    this.released = released;
    this.placed = placed;
  }
}

/** The rows that are asked for, as far as the journal was read. Also the view of rows that events need: manifests, of which it knows the blobs asked for. */
class HeldRows {
  readonly refs = new PrefixedRows();
  readonly extents = new PrefixedRows();
  readonly released = new Map<string, string>();
  readonly placed = new Map<string, string>();
  private readonly question: Question;
  private readonly slicing: { readonly slice: number; readonly slices: number; readonly rowsMax: number };
  private readonly manifests = new Map<string, Uint8Array>();
  private manifestRows = 0;

  constructor(question: Question, slicing: HeldRows['slicing']) {
    this.question = question;
    this.slicing = slicing;
  }

  get full(): boolean {
    return this.refs.count + this.extents.count + this.manifestRows > this.slicing.rowsMax;
  }

  get(table: string, key: Uint8Array): Buffer {
    const manifest = table === tables.manifests ? this.manifests.get(latin1(key)) : undefined;
    return Buffer.from(manifest ?? emptyManifest);
  }

  /** Only what the state store is asked by deciders. */
  range(): Promise<never> {
    return Promise.reject(new Error('events are made into rows without ranges'));
  }

  take({ table, key, value }: RowChange): void {
    if (table === tables.refs) this.takeReference(latin1(key), value);
    else if (table === tables.extents) this.takeExtent(latin1(key), value);
    else if (table === tables.blobs) this.takeBlob(latin1(key), value);
    else if (table === tables.manifests) this.takeManifest(latin1(key), value);
  }

  private takeReference(key: string, value: Uint8Array | null): void {
    const end = key.indexOf('\0');
    const blob = key.slice(0, end);
    if (!this.question.blobs.has(blob)) return;
    const referrer = key.slice(end + 1);
    if (referrer !== '') {
      if (this.isMine(referrer)) this.refs.put(blob, referrer, value !== null);
    } else if (value === null) this.released.delete(blob);
    else this.released.set(blob, latin1(value));
  }

  private takeExtent(key: string, value: Uint8Array | null): void {
    const segment = key.slice(0, segmentPrefixBytes);
    if (!this.question.segments.has(segment)) return;
    const blob = key.slice(segmentPrefixBytes);
    if (this.isMine(blob)) this.extents.put(segment, blob, value !== null);
  }

  private takeBlob(blob: string, value: Uint8Array | null): void {
    if (!this.question.blobs.has(blob)) return;
    if (value === null) this.placed.delete(blob);
    else this.placed.set(blob, latin1(value));
  }

  /** Of its references those are kept that are asked for. */
  private takeManifest(key: string, value: Uint8Array | null): void {
    const before = this.manifests.get(key);
    if (before !== undefined) {
      this.manifestRows -= manifestRefs(unpack(before)).length;
      this.manifests.delete(key);
    }
    if (value === null || this.question.blobs.size === 0) return;
    const refs = manifestRefs(unpack(value)).filter((ref) => this.question.blobs.has(ref.blob));
    if (refs.length === 0) return;
    this.manifests.set(key, pack(packManifest({ refs, parts: [], uploadId: '' })));
    this.manifestRows += refs.length;
  }

  private isMine(rest: string): boolean {
    const { slice, slices } = this.slicing;
    return slices === 1 || crc32c(rest) % slices === slice;
  }
}

/** Rows without values, by the beginning of their keys. */
class PrefixedRows {
  count = 0;
  private readonly rows = new Map<string, Set<string>>();

  has(prefix: string): boolean {
    return this.rows.has(prefix);
  }

  put(prefix: string, rest: string, there: boolean): void {
    const before = this.rows.get(prefix);
    const rows = before ?? new Set<string>();
    this.count -= rows.size;
    if (there) rows.add(rest);
    else rows.delete(rest);
    this.count += rows.size;
    if (rows.size === 0) this.rows.delete(prefix);
    else if (before === undefined) this.rows.set(prefix, rows);
  }
}

const emptyManifest = pack(packManifest({ refs: [], parts: [], uploadId: '' }));

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
