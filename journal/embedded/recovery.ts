import { JournalCorrupt, JournalUnavailable } from '../journal.ts';
import { Copies } from './copies.ts';
import { displace } from './displace.ts';
import { overtaken } from './kept-promise.ts';
import { damageOf, examine, type MirrorLog, writeEpoch } from './log.ts';
import type { Mirror } from './mirror.ts';
import type { Timer } from './mirror-set.ts';
import { missingBytes, repair } from './repair.ts';
import { type Extent, groupHeaderBytes } from './segment.ts';
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

/** A record that was acknowledged for certain, as something outside of the journal knows. */
export interface Acknowledged {
  /** 0: nothing is known. */
  readonly sequence: number;
  /** What knows it, for people: "the state store has record 7". */
  readonly because: string;
}

export interface Candidates {
  readonly timer: Timer | undefined;
  /** Those of the configured mirrors whose drives are there. */
  readonly mirrors: readonly Mirror[];
  readonly majority: number;
  /** How many mirrors there should be. */
  readonly configured: number;
  /** A log that ends with the record `found` and misses what was acknowledged is damaged: nothing is written to it. */
  readonly acknowledged: (found: number) => Promise<Acknowledged>;
  /** Another server had the drives that may still live, and not know that it has them no more. */
  readonly displaced: boolean;
}

export interface Reader {
  readonly mirror: Mirror;
  readonly log: MirrorLog;
}

/**
 * Beyond any epoch that a mirror whose promise can't be read may have promised to: an epoch is begun at a start and where a majority was
 * lost, and 2^32 of them would take years at a thousand a second. An epoch has 48 bits: it can happen 65,535 times.
 */
const unreadableEpochs = 2 ** 32;

/**
 * Finds the log that a majority stands for, as a Raft leader is found: a majority promises a new epoch, the log whose last group has the
 * highest epoch and then index holds every group that was ever settled, and a majority is made to hold it.
 * @throws JournalUnavailable fewer than `majority` mirrors can be read, hold a log to believe, or can be repaired; or records that were
 * acknowledged are whole on no mirror that can be read: then nothing was written.
 * @throws Overtaken a mirror that promised to us has promised to another server since.
 */
export async function recover({ mirrors, majority, configured, acknowledged, timer, displaced }: Candidates): Promise<Recovered> {
  const examined = await examineAll(mirrors);
  for (const reader of examined) requireOurs(reader);
  const readers = readersOf(examined, configured);
  if (readers.length < majority) throw tooFew(mirrors, majority, `${readers.length} with a log that can be believed`);
  const extents = await wholeLog(readers, examined, { acknowledged, timer });
  const epoch = nextEpoch(examined, majority);
  const ended = Math.max(...examined.map(({ log }) => log.ended));
  const promising = await succeeding(readers, ({ mirror }) => {
    mirror.promised = epoch;
    return writeEpoch(mirror.disk, epoch, ended);
  });
  const promised = displaced ? await displaceAll(promising) : promising;
  if (promised.length < majority) throw tooFew(mirrors, majority, `${promised.length} that can be written`);
  const winner = best(promised);
  // One that could be read and not written had the better log: the majority that promised has all that was settled.
  const truth = !displaced && winner === best(readers) ? extents : await extentsOf(winner, displaced ? promised : readers);
  const { ready, behind } = await repairMajority({ readers: promised, winner, extents: truth, majority, timer });
  if (ready.length < majority) throw tooFew(mirrors, majority, `${ready.length} that could be repaired`);
  const blank = examined.filter(({ mirror }) => !readers.some((reader) => reader.mirror === mirror)).map(({ mirror }) => mirror);
  return {
    epoch,
    index: winner.log.last?.index ?? 0,
    lastSequence: winner.log.lastSequence,
    extents: truth,
    ready,
    behind: [...behind, ...blank],
  };
}

/** @throws Overtaken the mirror promised to us, and to another server since. */
export function requireOurs({ mirror, log: { promised } }: Reader): void {
  if (mirror.promised > 0 && typeof promised === 'number' && promised > mirror.promised) {
    throw overtaken(mirror.disk, promised, mirror.promised);
  }
}

/** Puts the logs out of the reach of whoever may still write to them, and looks again at what they hold: more may have been acknowledged. */
async function displaceAll(promising: readonly Reader[]): Promise<Reader[]> {
  const displaced = await succeeding(promising, ({ mirror }) => displace(mirror.disk));
  return examineAll(displaced.map(({ mirror }) => mirror));
}

/** One after the other, to hold one mirror's last segment in memory, not all, and to scan what they share once. */
async function examineAll(mirrors: readonly Mirror[]): Promise<Reader[]> {
  let scanner = new SegmentScanner();
  const examined: Reader[] = [];
  for (const mirror of mirrors) {
    try {
      examined.push({ mirror, log: await mirror.during(examine(mirror.disk, scanner)) });
    } catch (error) {
      mirror.detach(`it cannot be read: ${String(error)}`);
      // The reading that was given up may go on with the old one.
      scanner = new SegmentScanner();
    }
  }
  return examined;
}

/**
 * Who counts: mirrors that promised, whether or not it can still be read to what. A drive that is new, or was still being filled, knows
 * nothing, unless all mirrors are there and all end alike: then no log that any of them could have had is longer. So it is with a journal
 * that is new: none has a record.
 */
function readersOf(examined: readonly Reader[], configured: number): Reader[] {
  const [first] = examined;
  const alike = examined.every(({ log }) => log.last?.index === first?.log.last?.index && log.last?.epoch === first?.log.last?.epoch);
  const unused = examined.every(({ log }) => log.lastSequence === 0);
  const everyone = examined.length === configured && (alike || unused);
  return everyone ? [...examined] : examined.filter(({ log }) => log.promised !== undefined);
}

/** Above every epoch that was promised: of a majority whose promises can be read, one knows of it. */
function nextEpoch(examined: readonly Reader[], majority: number): number {
  const promises = examined.flatMap(({ log }) => (typeof log.promised === 'number' ? [log.promised] : []));
  const unreadable = examined.some(({ log }) => log.promised === 'unreadable') && promises.length < majority;
  const highest = Math.max(0, ...promises, ...examined.map(({ log }) => log.last?.epoch ?? 0));
  return highest + (unreadable ? unreadableEpochs : 1);
}

/**
 * The segments of the log that the readers stand for.
 * @throws JournalUnavailable it lacks what was acknowledged, or has damaged places that are whole on no other mirror.
 */
async function wholeLog(
  readers: readonly Reader[],
  examined: readonly Reader[],
  { acknowledged, timer }: Pick<Candidates, 'acknowledged' | 'timer'>,
): Promise<readonly Extent[]> {
  const winner = best(readers);
  const { lastSequence, current, holes } = winner.log;
  const damage = examined.flatMap(({ mirror, log }) => damageOf(mirror.disk, log));
  const hint = `${damage.length > 0 ? `${damage.join('; ')}. ` : ''}Nothing was changed: bring back the files or the drives that are missing, or let \`liteio journal mend\` make a journal of what is whole`;
  const ended = Math.max(...examined.map(({ log }) => log.ended));
  const told = { sequence: ended, because: `it was closed with record ${ended}` };
  const { sequence, because } = lastSequence < ended ? told : await acknowledged(lastSequence);
  if (lastSequence < sequence) {
    const end = lastSequence === 0 ? 'the journal has no record' : `the journal ends with record ${lastSequence}`;
    throw new JournalUnavailable(`${end}, but ${because}: what follows was acknowledged and is on none of its mirrors. ${hint}`);
  }
  // The first group of all is a marker and alone until a majority has it: what a crash leaves of it is no longer.
  if (current === undefined && examined.some(({ log }) => log.files.some(({ bytes }) => bytes > groupHeaderBytes))) {
    throw new JournalUnavailable(`the journal has bytes and no whole group. ${hint}`);
  }
  const extents = await extentsOf(winner, readers);
  if (holes.length > 0)
    await proveHoles(winner, new Copies({ timer, disks: () => [winner, ...readers].map(({ mirror }) => mirror.disk) }), hint);
  return extents;
}

/** @throws JournalUnavailable */
async function proveHoles(winner: Reader, copies: Copies, hint: string): Promise<void> {
  const { firstSequence } = winner.log.current!;
  try {
    for (const { from, to, behind } of winner.log.holes) for await (const _ of copies.groups({ firstSequence, bytes: to }, from, behind));
  } catch (error) {
    throw new JournalUnavailable(`${(error as Error).message}. ${hint}`, { cause: error });
  } finally {
    await copies.close();
  }
}

/** Of logs that end alike the one with the fewest damaged places. */
function best(readers: readonly Reader[]): Reader {
  return readers.reduce((found, reader) => (ranksAbove(reader.log, found.log) ? reader : found));
}

function ranksAbove(left: MirrorLog, right: MirrorLog): boolean {
  const [a, b] = [left.last, right.last];
  if (!a || !b) return a !== undefined;
  if (a.epoch !== b.epoch) return a.epoch > b.epoch;
  return a.index === b.index ? left.holes.length < right.holes.length : a.index > b.index;
}

/** The winner's segments; of those that were closed the size that holds what is whole on some mirror. */
async function extentsOf(winner: Reader, readers: readonly Reader[]): Promise<Extent[]> {
  if (!winner.log.current) return [];
  const { firstSequence: lastFirst, scan } = winner.log.current;
  const sizes = new Map<number, number[]>();
  for (const { log } of readers) {
    for (const { firstSequence, bytes } of log.sealed) sizes.set(firstSequence, [...(sizes.get(firstSequence) ?? []), bytes]);
  }
  const extents: Extent[] = [];
  for (const firstSequence of [...sizes.keys()].filter((sequence) => sequence < lastFirst).sort((left, right) => left - right)) {
    const found = sizes.get(firstSequence)!;
    const longest = { firstSequence, bytes: Math.max(...found) };
    const agree = found.every((bytes) => bytes === longest.bytes);
    extents.push(agree ? longest : { firstSequence, bytes: await wholeBytes(longest, readers) });
  }
  return [...extents.filter(({ bytes }) => bytes > 0), { firstSequence: lastFirst, bytes: scan.validBytes }];
}

/** Mirrors disagree on the size of a closed segment: it ends with the last group, one behind the other, that is whole on any of them. */
async function wholeBytes(extent: Extent, readers: readonly Reader[]): Promise<number> {
  const copies = new Copies({ disks: () => readers.map(({ mirror }) => mirror.disk) });
  let bytes = 0;
  try {
    for await (const run of copies.groups(extent, 0)) bytes += run.bytes.length;
  } catch (error) {
    if (!(error instanceof JournalCorrupt)) throw error;
  } finally {
    await copies.close();
  }
  return bytes;
}

interface Majority {
  readonly timer: Timer | undefined;
  readonly readers: readonly Reader[];
  readonly winner: Reader;
  readonly extents: readonly Extent[];
  readonly majority: number;
}

async function repairMajority({ readers, winner, extents, majority, timer }: Majority): Promise<{ ready: Mirror[]; behind: Mirror[] }> {
  const copies = new Copies({ timer, disks: () => [winner, ...readers].map(({ mirror }) => mirror.disk) });
  const tail = new Copies({ timer, disks: () => [winner.mirror.disk] });
  const mend = (reader: Reader): Promise<void> => {
    const { mirror, log } = reader;
    const cancelled = (): boolean => mirror.state === 'lost';
    return repair({ disk: mirror.disk, log, truth: extents, copies, tail, winner: reader === winner, cancelled });
  };
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
