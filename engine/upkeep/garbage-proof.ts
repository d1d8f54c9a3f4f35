/**
 * What may be given back: candidates and segments of which state store and journal agree that nothing lives in them. The state store is
 * asked before and behind the pass over the journal, for both move on meanwhile. A row that stayed the same all the while and isn't the
 * one that the journal leads to shows that the store can't be believed: nothing is given back then, whatever else agrees.
 */
import type { Journal } from '../../journal/journal.ts';
import type { StateStore } from '../../snapshots/state-store.ts';
import type { AnyKind, RowView } from '../actor/decider.ts';
import { nobody } from '../bucket/blob-rows.ts';
import { extentKey, nameKey, refKey, startingWith, tables } from '../bucket/row-keys.ts';
import type { Clock } from '../clock.ts';
import { JournalProof, type Proof } from './journal-proof.ts';
import { Pace } from './pace.ts';
import type { Candidate } from './store-kind.ts';

export interface EmptySegment {
  readonly set: number;
  readonly segment: number;
}

/** Blobs that nobody seems to refer to, segments in which nothing seems to live. */
export interface Suspects {
  readonly candidates: readonly Candidate[];
  readonly segments: readonly EmptySegment[];
}

export interface GarbageProofParts {
  readonly journal: Journal;
  readonly store: StateStore;
  readonly rows: RowView;
  readonly kinds: readonly AnyKind[];
  readonly clock: Clock;
  distrust(reason: string): void;
}

const nothing: Suspects = { candidates: [], segments: [] };
/** Milliseconds between two looks whether the state store has what the journal was read to, and how many looks. */
const lookMilliseconds = 50;
const looksMax = 200;

export class GarbageProof {
  private readonly parts: GarbageProofParts;
  private readonly journal: JournalProof;
  private readonly pace: Pace;

  constructor(parts: GarbageProofParts) {
    this.parts = parts;
    this.journal = new JournalProof(parts);
    this.pace = new Pace(parts.clock);
  }

  /** Those that are proved. A candidate that others refer to still or again counts as proved too, where both say so: it is no candidate any more. */
  async of(suspects: Suspects): Promise<Suspects> {
    const before = await this.stored(suspects);
    const blobs = new Set(suspects.candidates.map(({ blob }) => blob));
    const segments = new Set(suspects.segments.map(segmentName));
    const proof = await this.journal.of({ blobs, segments });
    await this.caughtUp(proof.position);
    const after = await this.stored(suspects);
    return this.compare(suspects, { before, after, proof });
  }

  close(): void {
    this.journal.close();
    this.pace.close();
  }

  private compare(suspects: Suspects, { before, after, proof }: { before: Stored; after: Stored; proof: Proof }): Suspects {
    const settled = ({ blob }: Candidate): boolean => before.blobs.get(blob) === after.blobs.get(blob);
    const candidates = suspects.candidates.filter(settled);
    const wrong = candidates.find(({ blob }) => after.blobs.get(blob) !== stateOf(proof, blob));
    const empty = (segment: EmptySegment): boolean =>
      !before.occupied.has(segmentName(segment)) && !after.occupied.has(segmentName(segment));
    const segments = suspects.segments.filter(empty);
    const full = segments.find((segment) => proof.occupied.has(segmentName(segment)));
    if (wrong === undefined && full === undefined) return { candidates, segments };
    const what =
      wrong === undefined ? `segment ${full?.segment} of set ${full?.set} is not empty` : `blob ${wrong.blob} is not as its rows say`;
    this.parts.distrust(`the journal shows that ${what}`);
    return nothing;
  }

  private async stored({ candidates, segments }: Suspects): Promise<Stored> {
    const { rows } = this.parts;
    const blobs = new Map<string, string>();
    this.pace.begin();
    for (const { blob } of candidates) {
      const refs = await rows.range(tables.refs, startingWith(refKey(blob, nobody), 2));
      const own = refKey(blob, nobody);
      const released = refs.find(({ key }) => key.equals(own))?.value.toString('latin1');
      const referred = refs.some(({ key }) => !key.equals(own));
      blobs.set(blob, stateText(referred, released, rows.get(tables.blobs, nameKey(blob))?.toString('latin1')));
      if (this.pace.due) await this.pace.rest();
    }
    const occupied = new Set<string>();
    for (const each of segments) {
      const { set, segment } = each;
      const found = await rows.range(tables.extents, startingWith(extentKey(set, segment, ''), 1));
      if (found.length > 0) occupied.add(segmentName(each));
    }
    return { blobs, occupied };
  }

  private async caughtUp(position: number): Promise<void> {
    const { store, clock } = this.parts;
    for (let looks = 0; store.position < position; looks += 1) {
      if (looks === looksMax) throw new Error(`the state store is at ${store.position} and doesn't come to ${position}`);
      await new Promise<void>((resolve) => clock.after(lookMilliseconds, resolve));
    }
  }
}

/** What the state store says. */
interface Stored {
  readonly blobs: ReadonlyMap<string, string>;
  readonly occupied: ReadonlySet<string>;
}

function stateOf(proof: Proof, blob: string): string {
  return stateText(proof.referred.has(blob), proof.released.get(blob), proof.placed.get(blob));
}

/** Is it referred to, since when not, where does it lie. */
function stateText(referred: boolean, released: string | undefined, placed: string | undefined): string {
  return `${referred}/${released}/${placed}`;
}

function segmentName({ set, segment }: EmptySegment): string {
  return extentKey(set, segment, '').toString('latin1');
}
