/** Which of the records that were found become the journal: pure. */
import type { FoundRecord, Place, Salvage } from './salvage.ts';

/** One record, however often it was found. */
export interface Candidate extends Omit<FoundRecord, 'place' | 'anchored'> {
  readonly places: Place[];
  anchored: boolean;
  /** A later epoch wrote something else in its place, and nothing says that it was acknowledged before. */
  superseded: boolean;
}

export interface KeptRecord {
  readonly candidate: Candidate;
  /** What stands before it in its stream is not what it was written behind: it gets another position and another hash. */
  readonly linkedAnew: boolean;
}

export interface Choice {
  /** In the order of the new journal. */
  readonly kept: readonly KeptRecord[];
  readonly setAside: readonly { readonly candidate: Candidate; readonly why: string }[];
  /** What is nowhere whole, for people. */
  readonly lost: readonly string[];
}

const noHash = '0'.repeat(64);

/**
 * Of each stream the records that its hash chain leads through, from whichever mirror; of two that claim one place that which more follow,
 * then that of the later epoch. Records behind one that is nowhere whole are kept and linked anew. All in the order of their sequences.
 */
export function choose(mirrors: readonly Salvage[]): Choice {
  const candidates = candidatesOf(mirrors);
  const streams = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const known = streams.get(candidate.stream);
    if (known === undefined) streams.set(candidate.stream, [candidate]);
    else known.push(candidate);
  }
  const ordered: { kept: KeptRecord; key: number }[] = [];
  const setAside: Choice['setAside'][number][] = [];
  const lost = lostSequences(candidates);
  for (const [stream, members] of streams) {
    const { kept, gaps } = chainOf(members);
    lost.push(...gaps.map((gap) => `${stream} ${gap}`));
    let key = 0;
    for (const each of kept) {
      key = Math.max(key, each.candidate.sequence);
      ordered.push({ kept: each, key });
    }
    const chosen = new Set(kept.map(({ candidate }) => candidate));
    for (const candidate of members) if (!chosen.has(candidate)) setAside.push({ candidate, why: whyNot(candidate) });
  }
  ordered.sort((one, other) => one.key - other.key || one.kept.candidate.epoch - other.kept.candidate.epoch);
  setAside.sort((one, other) => one.candidate.sequence - other.candidate.sequence);
  return { kept: ordered.map(({ kept }) => kept), setAside, lost };
}

function whyNot({ superseded, anchored }: Candidate): string {
  if (superseded) return 'a later epoch took its place, and nothing says that it was acknowledged';
  return anchored
    ? 'another record has its place in the stream, and more follow that one'
    : 'it lies among damaged bytes, and no chain leads to it';
}

function candidatesOf(mirrors: readonly Salvage[]): Candidate[] {
  const isSuperseded = supersession(mirrors);
  const byHash = new Map<string, Candidate>();
  for (const record of mirrors.flatMap(({ records }) => records)) {
    const { place, ...rest } = record;
    const superseded = isSuperseded(record);
    const known = byHash.get(record.hash);
    if (known === undefined) {
      byHash.set(record.hash, { ...rest, superseded, places: [place] });
      continue;
    }
    known.places.push(place);
    known.anchored ||= record.anchored;
    known.superseded &&= superseded;
  }
  return [...byHash.values()];
}

/**
 * A group whose place, or an earlier one, a later epoch wrote: it lost an election, unless a later group of its own epoch says that it was
 * settled. That is so where two servers wrote at a time: both acknowledged.
 */
function supersession(mirrors: readonly Salvage[]): (record: FoundRecord) => boolean {
  const first = new Map<number, number>();
  const settled = new Map<number, number>();
  for (const group of mirrors.flatMap(({ groups }) => groups)) {
    first.set(group.epoch, Math.min(group.index, first.get(group.epoch) ?? group.index));
    settled.set(group.epoch, Math.max(group.settled, settled.get(group.epoch) ?? 0));
  }
  const epochs = [...first.keys()].sort((one, other) => other - one);
  const overwrittenFrom = new Map<number, number>();
  let lowest = Number.POSITIVE_INFINITY;
  for (const epoch of epochs) {
    overwrittenFrom.set(epoch, lowest);
    lowest = Math.min(lowest, first.get(epoch)!);
  }
  return ({ epoch, index, anchored }) =>
    anchored && index >= (overwrittenFrom.get(epoch) ?? Number.POSITIVE_INFINITY) && index > (settled.get(epoch) ?? 0);
}

/** The chain of one stream, and what is missing in it. */
function chainOf(members: readonly Candidate[]): { readonly kept: KeptRecord[]; readonly gaps: string[] } {
  const usable = members.filter(({ superseded }) => !superseded);
  const followers = followersOf(usable);
  const lengths = lengthsOf(usable, followers);
  const known = new Set(usable.map(({ hash }) => hash));
  const orphans = usable.filter(({ anchored, previous, position }) => anchored && position > 1 && !known.has(previous));
  const kept: KeptRecord[] = [];
  const gaps: string[] = [];
  let tip = { position: 0, hash: noHash, sequence: 0 };
  let linkedAnew = false;
  for (;;) {
    const next = best(
      (followers.get(tip.hash) ?? []).filter(({ position }) => position === tip.position + 1),
      lengths,
    );
    const found = next ?? nextOrphan(orphans, tip, lengths);
    if (found === undefined) return { kept, gaps };
    if (next === undefined) {
      linkedAnew = true;
      const last = found.position - 1;
      const missing = last === tip.position + 1 ? `position ${last}` : `positions ${tip.position + 1} to ${last}`;
      gaps.push(
        last > tip.position
          ? `lacks ${missing}: what follows is linked anew`
          : `has another record before position ${found.position}: what follows is linked anew`,
      );
    }
    kept.push({ candidate: found, linkedAnew });
    tip = found;
  }
}

function followersOf(members: readonly Candidate[]): Map<string, Candidate[]> {
  const followers = new Map<string, Candidate[]>();
  for (const candidate of members) {
    const known = followers.get(candidate.previous);
    if (known === undefined) followers.set(candidate.previous, [candidate]);
    else known.push(candidate);
  }
  return followers;
}

/** How many records the longest chain from each one on has. */
function lengthsOf(members: readonly Candidate[], followers: ReadonlyMap<string, readonly Candidate[]>): Map<Candidate, number> {
  const lengths = new Map<Candidate, number>();
  for (const candidate of [...members].sort((one, other) => other.position - one.position)) {
    const behind = (followers.get(candidate.hash) ?? []).filter(({ position }) => position === candidate.position + 1);
    lengths.set(candidate, 1 + Math.max(0, ...behind.map((each) => lengths.get(each) ?? 0)));
  }
  return lengths;
}

function best(candidates: readonly Candidate[], lengths: ReadonlyMap<Candidate, number>): Candidate | undefined {
  const rank = (candidate: Candidate): [number, number, number] => [lengths.get(candidate) ?? 0, candidate.epoch, candidate.places.length];
  return candidates.reduce<Candidate | undefined>((found, candidate) => {
    if (found === undefined) return candidate;
    const [one, other] = [rank(candidate), rank(found)];
    const at = one.findIndex((value, place) => value !== other[place]);
    return at >= 0 && one[at]! > other[at]! ? candidate : found;
  }, undefined);
}

/** The first one behind the tip whose predecessor is nowhere whole. */
function nextOrphan(
  orphans: readonly Candidate[],
  tip: { readonly position: number; readonly sequence: number },
  lengths: ReadonlyMap<Candidate, number>,
): Candidate | undefined {
  const behind = orphans.filter(({ position, sequence }) => position > tip.position && sequence > tip.sequence);
  const nearest = Math.min(...behind.map(({ position }) => position));
  return best(
    behind.filter(({ position }) => position === nearest),
    lengths,
  );
}

/** Sequences that no record has: what they said is lost. */
function lostSequences(candidates: readonly Candidate[]): string[] {
  const sequences = [...new Set(candidates.map(({ sequence }) => sequence))].sort((one, other) => one - other);
  const lost: string[] = [];
  let expected = 1;
  for (const sequence of sequences) {
    if (sequence > expected) lost.push(`${span('record', expected, sequence - 1)} whole on no mirror`);
    expected = sequence + 1;
  }
  return lost;
}

export function span(what: string, first: number, last: number): string {
  return first === last ? `${what} ${first} is` : `${what}s ${first} to ${last} are`;
}
