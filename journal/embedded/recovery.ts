import { JournalUnavailable } from '../journal.ts';
import { Copies } from './copies.ts';
import { examine, type MirrorLog, writeEpoch } from './log.ts';
import type { Mirror } from './mirror.ts';
import { missingBytes, repair } from './repair.ts';
import type { Extent } from './segment.ts';
import { SegmentScanner } from './segment-scanner.ts';

/** A mirror that misses no more than this is repaired before the journal serves; one that misses more, only if the majority needs it. */
const repairBytesAtOnceMax = 16 * 1024 * 1024;

export interface Recovered {
  readonly epoch: number;
  /** Index of the log's last group, sequence of its last record; 0 when there is none. */
  readonly index: number;
  readonly lastSequence: number;
  readonly extents: readonly Extent[];
  /** At least a majority: they hold this log durably and promised to the epoch. */
  readonly ready: readonly Mirror[];
  /** Readable, but with much to copy. */
  readonly behind: readonly Mirror[];
}

export interface Candidates {
  /** Those of the configured mirrors whose drives are there. */
  readonly mirrors: readonly Mirror[];
  readonly majority: number;
  /** How many mirrors there should be. */
  readonly configured: number;
}

interface Reader {
  readonly mirror: Mirror;
  readonly log: MirrorLog;
}

/**
 * Finds the log that a majority stands for, as a Raft leader is found: a majority promises a new epoch, the log whose last group has the
 * highest epoch and then index holds every group that was ever settled, and a majority is made to hold it.
 * @throws JournalUnavailable fewer than `majority` mirrors can be read, hold a log to believe, or can be repaired.
 */
export async function recover({ mirrors, majority, configured }: Candidates): Promise<Recovered> {
  const examined = await examineAll(mirrors);
  const readers = readersOf(examined, configured);
  if (readers.length < majority) throw tooFew(mirrors, majority, `${readers.length} with a log that can be believed`);
  const epoch = 1 + Math.max(...examined.map(({ log }) => Math.max(log.promised ?? 0, log.last?.epoch ?? 0)));
  const promised = await succeeding(readers, ({ mirror }) => writeEpoch(mirror.disk, epoch));
  if (promised.length < majority) throw tooFew(mirrors, majority, `${promised.length} that can be written`);
  const winner = promised.reduce((best, reader) => (ranksAbove(reader.log, best.log) ? reader : best));
  const extents = extentsOf(winner.log, readers);
  const { ready, behind } = await repairMajority({ readers: promised, winner, extents, majority });
  if (ready.length < majority) throw tooFew(mirrors, majority, `${ready.length} that could be repaired`);
  const blank = examined.filter(({ mirror }) => !readers.some((reader) => reader.mirror === mirror)).map(({ mirror }) => mirror);
  return {
    epoch,
    index: winner.log.last?.index ?? 0,
    lastSequence: winner.log.lastSequence,
    extents,
    ready,
    behind: [...behind, ...blank],
  };
}

/** One after the other, to hold one mirror's last segment in memory, not all, and to scan what they share once. */
async function examineAll(mirrors: readonly Mirror[]): Promise<Reader[]> {
  const scanner = new SegmentScanner();
  const examined: Reader[] = [];
  for (const mirror of mirrors) {
    try {
      examined.push({ mirror, log: await mirror.during(examine(mirror.disk, scanner)) });
    } catch (error) {
      mirror.detach(`it cannot be read: ${String(error)}`);
    }
  }
  return examined;
}

/**
 * Who counts: mirrors that promised. A drive that is new, or was still being filled, knows nothing, unless the journal is new: all of its
 * mirrors are there, and none has a record.
 */
function readersOf(examined: readonly Reader[], configured: number): Reader[] {
  const unused = examined.length === configured && examined.every(({ log }) => log.lastSequence === 0);
  return unused ? [...examined] : examined.filter(({ log }) => log.promised !== undefined);
}

function ranksAbove(left: MirrorLog, right: MirrorLog): boolean {
  const [a, b] = [left.last, right.last];
  if (!a || !b) return a !== undefined;
  return a.epoch === b.epoch ? a.index > b.index : a.epoch > b.epoch;
}

/** The winner's segments; one that was sealed is as long as on the mirror where it is longest, in case the winner's own was damaged. */
function extentsOf(winner: MirrorLog, readers: readonly Reader[]): Extent[] {
  if (!winner.current) return [];
  const { firstSequence: lastFirst, scan } = winner.current;
  const sealed = new Map<number, number>();
  for (const { log } of readers) {
    for (const { firstSequence, bytes } of log.sealed) {
      if (firstSequence < lastFirst) sealed.set(firstSequence, Math.max(bytes, sealed.get(firstSequence) ?? 0));
    }
  }
  const extents = [...sealed].map(([firstSequence, bytes]) => ({ firstSequence, bytes }));
  extents.sort((left, right) => left.firstSequence - right.firstSequence);
  return [...extents, { firstSequence: lastFirst, bytes: scan.validBytes }];
}

interface Majority {
  readonly readers: readonly Reader[];
  readonly winner: Reader;
  readonly extents: readonly Extent[];
  readonly majority: number;
}

async function repairMajority({ readers, winner, extents, majority }: Majority): Promise<{ ready: Mirror[]; behind: Mirror[] }> {
  const copies = new Copies({ disks: () => [winner, ...readers].map(({ mirror }) => mirror.disk) });
  const tail = new Copies({ disks: () => [winner.mirror.disk] });
  const mend = ({ mirror, log }: Reader): Promise<void> =>
    repair({ disk: mirror.disk, log, truth: extents, copies, tail, cancelled: () => mirror.state === 'lost' });
  try {
    // The winner first: the others copy from it.
    const [mended] = await succeeding([winner], mend);
    if (!mended) return { ready: [], behind: [] };
    const others = readers.filter((reader) => reader !== winner);
    others.sort((left, right) => missingBytes(left.log, extents) - missingBytes(right.log, extents));
    const near = others.filter(({ log }, place) => place + 1 < majority || missingBytes(log, extents) <= repairBytesAtOnceMax);
    const ready: Reader[] = [mended];
    for (const reader of near) ready.push(...(await succeeding([reader], mend)));
    const behind: Reader[] = [];
    for (const reader of others.filter((other) => !near.includes(other))) {
      if (ready.length < majority) ready.push(...(await succeeding([reader], mend)));
      else behind.push(reader);
    }
    return { ready: ready.map(({ mirror }) => mirror), behind: behind.map(({ mirror }) => mirror) };
  } finally {
    await copies.close();
    await tail.close();
  }
}

/** Those of `readers` for whom `work` went well; the others are detached. */
async function succeeding(readers: readonly Reader[], work: (reader: Reader) => Promise<void>): Promise<Reader[]> {
  const outcomes = await Promise.allSettled(readers.map((reader) => reader.mirror.during(work(reader))));
  return readers.filter(({ mirror }, place) => {
    const outcome = outcomes[place];
    if (outcome?.status === 'rejected') mirror.detach(`it could not be made ready: ${String(outcome.reason)}`);
    return outcome?.status === 'fulfilled';
  });
}

/** What keeps the journal from serving, in one sentence. */
export function tooFew(mirrors: readonly Mirror[], majority: number, counted: string): JournalUnavailable {
  const reasons = mirrors.filter(({ reason }) => reason !== '').map(({ disk, reason }) => `${disk.name}: ${reason}`);
  const because = reasons.length > 0 ? ` (${reasons.join('; ')})` : '';
  return new JournalUnavailable(`the journal needs ${majority} of its mirrors and has ${counted}${because}`);
}
