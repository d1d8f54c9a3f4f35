import { crc32c } from '@node-rs/crc32';
import type { Disk, DiskFile } from '../disk.ts';
import { type Extent, type GroupHeader, journalDirectory, lastSequenceOf, segmentOfName, segmentPath, withFile } from './segment.ts';
import type { Hole, SegmentScan, SegmentScanner } from './segment-scanner.ts';

export const epochPath = `${journalDirectory}/epoch`;
const epochPathNext = `${journalDirectory}/epoch.new`;
/** Files whose sizes are asked for at once. */
const filesAtOnce = 16;

/** What one mirror holds, as far as its names, sizes and last segment tell. */
export interface MirrorLog {
  /** The newest epoch that this mirror promised to; undefined where nothing was promised: a new drive, or one that was being filled. */
  readonly promised: number | 'unreadable' | undefined;
  /** The last record when it was closed or filled, 0 where that isn't known: a log that ends before it has lost what was settled. */
  readonly ended: number;
  /** All segment files and their sizes, whatever they hold. */
  readonly files: readonly Extent[];
  /** The segments before the last with a whole group, by the size of their files. */
  readonly sealed: readonly Extent[];
  /** The last segment with a whole group. */
  readonly current: { readonly firstSequence: number; readonly scan: SegmentScan } | undefined;
  readonly last: GroupHeader | undefined;
  readonly lastSequence: number;
  readonly tail: readonly GroupHeader[];
  readonly holes: readonly Hole[];
}

/** Reads what a mirror holds. Throws what the disk throws. */
export async function examine(disk: Disk, scanner: SegmentScanner): Promise<MirrorLog> {
  if (!(await disk.exists(''))) throw Object.assign(new Error(`ENOENT: the drive ${disk.name} is not there`), { code: 'ENOENT' });
  const { promised, ended } = await epochOf(disk);
  const files = await segmentsOf(disk);
  for (let at = files.length - 1; at >= 0; at--) {
    const { firstSequence } = files[at] as Extent;
    const scan = await withFile(disk, segmentPath(firstSequence), 'read', (file) => scanner.scan(file, firstSequence));
    const { last, tail, holes } = scan;
    if (last === undefined) continue;
    return {
      promised,
      ended,
      files,
      sealed: files.slice(0, at),
      current: { firstSequence, scan },
      last,
      lastSequence: lastSequenceOf(last),
      tail,
      holes,
    };
  }
  return { promised, ended, files, sealed: [], current: undefined, last: undefined, lastSequence: 0, tail: [], holes: [] };
}

async function segmentsOf(disk: Disk): Promise<Extent[]> {
  const segments = (await disk.list(journalDirectory)).map(segmentOfName).filter((segment) => segment !== undefined);
  const extents: Extent[] = [];
  while (extents.length < segments.length) {
    const next = segments.slice(extents.length, extents.length + filesAtOnce);
    extents.push(...(await Promise.all(next.map((firstSequence) => extentOf(disk, firstSequence)))));
  }
  return extents;
}

async function extentOf(disk: Disk, firstSequence: number): Promise<Extent> {
  return { firstSequence, bytes: await withFile(disk, segmentPath(firstSequence), 'read', (file) => file.size()) };
}

export interface Promised {
  readonly promised: MirrorLog['promised'];
  readonly ended: number;
}

export async function epochOf(disk: Disk): Promise<Promised> {
  if (!(await disk.exists(epochPath))) return { promised: undefined, ended: 0 };
  return withFile(disk, epochPath, 'read', promiseIn);
}

/** What the file of a promise says: `<epoch> <CRC32C>`, or since the end is told too `<epoch> <sequence> <CRC32C of both>`. */
export async function promiseIn(file: DiskFile): Promise<{ readonly promised: number | 'unreadable'; readonly ended: number }> {
  const bytes = Buffer.alloc(64);
  const text = bytes.toString('latin1', 0, await file.read(bytes, 0));
  const [, numbers, epoch, ended = '0', crc] = /^((\d{1,15})(?: (\d{1,15}))?) ([0-9a-f]{8})\n$/.exec(text) ?? [];
  if (numbers === undefined || crc !== checkOf(numbers)) return { promised: 'unreadable', ended: 0 };
  return { promised: Number(epoch), ended: Number(ended) };
}

/** Promises durably to follow no epoch before this one, and tells a record that is known to be settled. */
export async function writeEpoch(disk: Disk, epoch: number, ended: number): Promise<void> {
  await requireDirectory(disk);
  await withFile(disk, epochPathNext, 'create', async (file) => {
    await file.truncate(0);
    await file.write([Buffer.from(epochText(epoch, ended), 'latin1')], 0);
    await file.sync();
  });
  await disk.rename(epochPathNext, epochPath);
  await disk.syncDirectory(journalDirectory);
}

/** Places of a mirror that hold no whole group, for people. After a crash the last of them is what was being written. */
export function damageOf({ name }: Disk, log: MirrorLog): string[] {
  const { current, files } = log;
  const spans = (current?.scan.holes ?? []).map(({ from, to }) => ({ from, to }));
  if (current && current.scan.fileBytes > current.scan.validBytes)
    spans.push({ from: current.scan.validBytes, to: current.scan.fileBytes });
  const inCurrent = spans.map(
    ({ from, to }) => `bytes ${from} to ${to} of ${name}/${segmentPath(current!.firstSequence)} are no whole group`,
  );
  const behind = files.filter(({ firstSequence, bytes }) => bytes > 0 && firstSequence > (current?.firstSequence ?? 0));
  return [...inCurrent, ...behind.map(({ firstSequence }) => `${name}/${segmentPath(firstSequence)} has no whole group`)];
}

export function epochText(epoch: number, ended: number): string {
  const numbers = `${epoch} ${ended}`;
  return `${numbers} ${checkOf(numbers)}\n`;
}

export async function requireDirectory(disk: Disk): Promise<void> {
  await disk.makeDirectory(journalDirectory);
  await disk.syncDirectory('');
}

function checkOf(digits: string): string {
  return crc32c(Buffer.from(digits, 'latin1')).toString(16).padStart(8, '0');
}
