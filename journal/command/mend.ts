/**
 * Mends a journal that no start can open: what is whole on any mirror becomes a new log on all of them; the old ones are put aside as they
 * are. What is kept, from where, and what is not, is told line by line.
 */
import { ChainCheck } from '../chain-check.ts';
import type { Disk, DiskFile } from '../disk.ts';
import { epochOf } from '../embedded/log.ts';
import { journalDirectory, segmentPath } from '../embedded/segment.ts';
import { emptyStream, JournalCorrupt, JournalUnavailable, noHash, type StreamHead } from '../journal.ts';
import { decodeRecord, encodeRecord } from '../record.ts';
import { type Candidate, type Choice, choose, type KeptRecord, span } from './choose.ts';
import { declareReady, MendedLog, putInPlace, readyPath } from './mended-log.ts';
import { type Place, type Salvage, salvage } from './salvage.ts';

/** Free bytes that a new log has to leave. */
const spareBytesMin = 32 * 1024 * 1024;

export interface Mend {
  /** All mirrors of the journal, none of which is open anywhere. One that is new and empty is filled. */
  readonly disks: readonly Disk[];
  readonly tell: (line: string) => void;
  /** Tells what would be done. */
  readonly dryRun: boolean;
}

export interface Mended {
  /** whole: there was nothing to mend. mended: the rows made of the journal before are no longer right. told: a dry run. */
  readonly outcome: 'whole' | 'mended' | 'told';
  readonly records: number;
}

/**
 * @throws JournalUnavailable it can't be mended so: nothing was changed.
 */
export async function mendJournal({ disks, tell, dryRun }: Mend): Promise<Mended> {
  if ((await Promise.all(disks.map((disk) => disk.exists(readyPath)))).includes(true)) {
    tell('a mend was cut short when the new log was whole on every mirror');
    if (dryRun) return { outcome: 'told', records: 0 };
    for (const place of await putInPlace(disks)) tell(`the journal before is in ${place}`);
    return { outcome: 'mended', records: 0 };
  }
  const found: Salvage[] = [];
  for (const disk of disks) found.push(await salvage(disk, journalDirectory));
  const choice = choose(found);
  const ended = Math.max(...(await Promise.all(disks.map(async (disk) => (await epochOf(disk).catch(() => undefined))?.ended ?? 0))));
  const last = choice.kept.at(-1)?.candidate.sequence ?? 0;
  if (last < ended) tell(`lost: ${span('record', last + 1, ended)} on no mirror, though the journal was closed with ${ended}`);
  if (last >= ended && isWhole(found, choice)) {
    tell(`the journal is whole on every mirror, with ${choice.kept.length} records: there is nothing to mend`);
    return { outcome: 'whole', records: choice.kept.length };
  }
  if (choice.kept.length === 0) throw new JournalUnavailable('no record is whole on any mirror: there is nothing to make a journal of');
  report({ disks, found, choice, tell });
  if (dryRun) return { outcome: 'told', records: choice.kept.length };
  await requireRoom(disks, choice);
  await rewrite(disks, choice, (await highestEpoch(disks, found)) + 1);
  await declareReady(disks);
  for (const place of await putInPlace(disks)) tell(`the journal before is in ${place}`);
  return { outcome: 'mended', records: choice.kept.length };
}

/** The same on every mirror, and nothing else there. */
function isWhole(found: readonly Salvage[], { kept, setAside, lost }: Choice): boolean {
  const damaged = found.some(({ damage }) => damage.length > 0);
  return (
    !damaged &&
    setAside.length === 0 &&
    lost.length === 0 &&
    kept.length > 0 &&
    kept.every(({ candidate }) => candidate.places.length === found.length)
  );
}

interface Report {
  readonly disks: readonly Disk[];
  readonly found: readonly Salvage[];
  readonly choice: Choice;
  readonly tell: (line: string) => void;
}

function report({ disks, found, choice, tell }: Report): void {
  disks.forEach((disk, at) => {
    const { records, damage } = found[at]!;
    tell(`${disk.name}: ${records.length} records are whole`);
    for (const line of damage) tell(`damaged: ${line}`);
  });
  for (const line of keptLines(disks, choice.kept)) tell(line);
  for (const line of choice.lost) tell(`lost: ${line}`);
  for (const { candidate, why } of choice.setAside) tell(`set aside: ${nameOf(candidate)}, on ${placesOf(candidate)}: ${why}`);
  const anew = choice.kept.filter(({ linkedAnew }) => linkedAnew).length;
  tell(`${choice.kept.length} records are kept, ${anew} of them linked anew; ${choice.setAside.length} are set aside`);
}

/** Records that follow each other and come from the same mirrors share a line. */
function keptLines(disks: readonly Disk[], kept: readonly KeptRecord[]): string[] {
  const lines: string[] = [];
  let run: { first: number; last: number; from: string } | undefined;
  const end = (): void => {
    if (run !== undefined) lines.push(`kept: ${span('record', run.first, run.last)} whole on ${run.from}`);
  };
  for (const { candidate } of kept) {
    const { sequence } = candidate;
    const there = new Set(candidate.places.map(({ disk }) => disk.name));
    const from = there.size === disks.length ? 'every mirror' : [...there].join(', ');
    if (run?.from === from && run.last + 1 === sequence) run.last = sequence;
    else {
      end();
      run = { first: sequence, last: sequence, from };
    }
  }
  end();
  return lines;
}

function nameOf({ sequence, stream, position, epoch }: Candidate): string {
  return `record ${sequence}, position ${position} of ${stream}, written in epoch ${epoch}`;
}

function placesOf({ places }: Candidate): string {
  return places.map(({ disk, segment, offset }) => `${disk.name}/${segmentPath(segment)} at byte ${offset}`).join(', ');
}

async function requireRoom(disks: readonly Disk[], { kept }: Choice): Promise<void> {
  const bytes = kept.reduce((sum, { candidate }) => sum + candidate.places[0]!.bytes, 0) + spareBytesMin;
  for (const disk of disks) {
    const free = await disk.freeBytes();
    if (free < bytes)
      throw new JournalUnavailable(
        `${disk.name} has ${free} bytes free, the new log beside the old one needs ${bytes}: nothing was changed`,
      );
  }
}

async function highestEpoch(disks: readonly Disk[], found: readonly Salvage[]): Promise<number> {
  const promised = await Promise.all(disks.map(async (disk) => (await epochOf(disk).catch(() => undefined))?.promised));
  let highest = 0;
  for (const epoch of promised) if (typeof epoch === 'number') highest = Math.max(highest, epoch);
  for (const { groups } of found) for (const { epoch } of groups) highest = Math.max(highest, epoch);
  return highest;
}

/** Writes the new log, each record proved once more as it is read and as it is chained. */
async function rewrite(disks: readonly Disk[], { kept }: Choice, epoch: number): Promise<void> {
  const log = new MendedLog(disks, epoch);
  const frames = new Frames();
  const heads = new Map<string, StreamHead>();
  const chain = new ChainCheck(() => emptyStream, true);
  try {
    await log.begin();
    for (const [at, { candidate, linkedAnew }] of kept.entries()) {
      const record = decodeRecord(await frames.read(candidate));
      const { position, hash: previousHash } = heads.get(record.stream) ?? { position: 0, hash: noHash };
      const { frame, hash } = encodeRecord({ ...record, sequence: at + 1, position: position + 1, previousHash });
      if (!linkedAnew && hash.toString('hex') !== candidate.hash) throw new JournalCorrupt(`${nameOf(candidate)} is another one now`);
      heads.set(record.stream, { position: position + 1, hash });
      chain.check(decodeRecord(frame));
      await log.add(frame);
    }
    await log.finish();
  } catch (error) {
    await log.abandon();
    throw error;
  } finally {
    await frames.close();
  }
}

/** The frames as they lie on the mirrors, one file a mirror open at a time. */
class Frames {
  readonly #open = new Map<Disk, { readonly path: string; readonly file: DiskFile }>();

  /** @throws JournalCorrupt it was whole before, and is nowhere now. */
  async read(candidate: Candidate): Promise<Buffer> {
    for (const place of candidate.places) {
      const frame = await this.#readAt(place).catch(() => undefined);
      if (frame === undefined) continue;
      try {
        if (Buffer.from(decodeRecord(frame).hash).toString('hex') === candidate.hash) return frame;
      } catch {
        // Damaged since it was looked at: the next mirror's.
      }
    }
    throw new JournalCorrupt(`${nameOf(candidate)} can't be read any more`);
  }

  async close(): Promise<void> {
    for (const { file } of this.#open.values()) await file.close().catch(() => undefined);
    this.#open.clear();
  }

  async #readAt({ disk, directory, segment, offset, bytes }: Place): Promise<Buffer> {
    const path = segmentPath(segment).replace(journalDirectory, directory);
    let open = this.#open.get(disk);
    if (open?.path !== path) {
      this.#open.delete(disk);
      await open?.file.close();
      open = { path, file: await disk.open(path, 'read') };
      this.#open.set(disk, open);
    }
    const frame = Buffer.allocUnsafeSlow(bytes);
    return frame.subarray(0, await open.file.read(frame, offset));
  }
}
