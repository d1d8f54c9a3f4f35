/**
 * The file that makes a directory a drive of a deployment: `.liteio/format.json`, and its copy beside the segments. Small files carry a
 * checksum: `<text>\n<XXH3 of the text, 16 hex digits>\n`; those of earlier versions are the text alone.
 */
import xxhash from 'xxhash-addon';
import type { Disk } from '../../journal/disk.ts';
import { segmentDirectory } from './block.ts';

export const markDirectory = '.liteio';
const segmentRoot = 'segments';
export const formatPath = `${markDirectory}/format.json`;
const formatCopyPath = `${segmentRoot}/format.json`;
const formatNumber = 1;
/** Bytes of a small file; one that is larger is none of ours. */
const smallFileBytesMax = 1024 * 1024;
/** What may lie beside a format that was begun; anything else in the mark directory was stored by a deployment. */
const begunNames: ReadonlySet<string> = new Set(['format.json', 'format.json.new', 'lock', 'lock.new', 'probe', 'probe.new']);

export interface DriveFormat {
  /** 32 hex digits. */
  readonly deployment: string;
  /** 32 hex digits, of this drive alone: a replaced drive in the same slot has another. */
  readonly drive: string;
  readonly set: number;
  readonly slot: number;
  readonly setCount: number;
  readonly dataShards: number;
  readonly parityShards: number;
  /** What the drives were called last, by set and slot: tells which slot a directory that is missing had. */
  readonly names: readonly (readonly string[])[];
}

export interface FoundFormat {
  readonly format: DriveFormat;
  /** False: one of the two files is missing, damaged, of an earlier form or says something else. */
  readonly whole: boolean;
}

interface Read {
  readonly text: string;
  readonly format: DriveFormat;
}

/**
 * The format of a drive: its own file, or else the copy. Throws what the disk throws (ENOENT: neither is there), and Error when what is
 * there makes no sense.
 */
export async function readFormat(disk: Disk): Promise<DriveFormat> {
  try {
    return parseFormat(await readSmallFile(disk, formatPath));
  } catch (error) {
    const copy = await readSmallFile(disk, formatCopyPath).then(parseFormat, () => undefined);
    if (copy === undefined) throw error;
    return copy;
  }
}

/** Both files, for a start. Where they tell of different seats that one counts under which this directory was known. */
export async function inspectFormat(disk: Disk): Promise<FoundFormat> {
  const read = (path: string): Promise<Read> => readSmallFile(disk, path).then((text) => ({ text, format: parseFormat(text) }));
  const [own, copy] = await Promise.allSettled([read(formatPath), read(formatCopyPath)]);
  if (own.status === 'rejected' && copy.status === 'rejected') throw worthTelling(own.reason, copy.reason);
  if (own.status === 'rejected') return { format: (copy as PromiseFulfilledResult<Read>).value.format, whole: false };
  if (copy.status === 'rejected') return { format: own.value.format, whole: false };
  const [first, second] = [own.value.format, copy.value.format];
  if (sameSeat(first, second)) return { format: first, whole: own.value.text === copy.value.text };
  const known = [first, second].filter(({ names, set, slot }) => names[set]?.[slot] === disk.name);
  if (known.length !== 1) throw new Error(`its format files contradict each other: ${formatPath} and ${formatCopyPath}`);
  return { format: known[0]!, whole: false };
}

/** Of two troubles the one that is not a missing file. */
function worthTelling(own: NodeJS.ErrnoException, copy: NodeJS.ErrnoException): Error {
  return own.code === 'ENOENT' ? copy : own;
}

function sameSeat(one: DriveFormat, other: DriveFormat): boolean {
  return one.deployment === other.deployment && one.set === other.set && one.slot === other.slot;
}

export function parseFormat(text: string): DriveFormat {
  const { format, ...fields } = parsed(text);
  if (format !== formatNumber) throw new Error(`its format number is ${format}, this program knows ${formatNumber}`);
  const numbers = [fields.set, fields.slot, fields.setCount, fields.dataShards, fields.parityShards];
  const ids = [fields.deployment, fields.drive];
  const sound = numbers.every(Number.isInteger) && ids.every((id) => /^[0-9a-f]{32}$/.test(id)) && Array.isArray(fields.names);
  if (!sound) throw new Error('its format file is damaged');
  return fields;
}

function parsed(text: string): DriveFormat & { format: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as DriveFormat & { format: unknown };
  } catch {
    // Told below.
  }
  throw new Error('its format file is damaged');
}

/** Nothing was stored here yet: what there is comes from a format that was begun. */
export async function isBare(disk: Disk): Promise<boolean> {
  const entries = (await disk.list('')).filter((entry) => entry !== 'lost+found');
  if (entries.some((entry) => entry !== segmentRoot && entry !== markDirectory)) return false;
  if ((await disk.list(markDirectory)).some((entry) => !begunNames.has(entry))) return false;
  for (const set of await disk.list(segmentRoot)) {
    if (!set.startsWith('format.json') && (await disk.list(`${segmentRoot}/${set}`)).length > 0) return false;
  }
  return true;
}

/** Durable when it resolves; a crash leaves the old files or the new ones. The directory for segments comes with them. */
export async function writeFormat(disk: Disk, format: DriveFormat): Promise<void> {
  await disk.makeDirectory(markDirectory);
  await disk.makeDirectory(segmentDirectory(format.set));
  const text = JSON.stringify({ format: formatNumber, ...format });
  await writeSmallFile(disk, formatPath, text);
  await writeSmallFile(disk, formatCopyPath, text);
  await disk.syncDirectory('');
}

/** Throws what the disk throws, and Error when the file is damaged. */
export async function readSmallFile(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path, 'read');
  try {
    const bytes = Buffer.alloc(Math.min(await file.size(), smallFileBytesMax));
    return proved(bytes.toString('utf8', 0, await file.read(bytes, 0)), path);
  } finally {
    await file.close();
  }
}

function proved(content: string, path: string): string {
  const end = content.indexOf('\n');
  if (end < 0) return content;
  const text = content.slice(0, end);
  if (content.slice(end + 1) !== `${checksumOf(text)}\n`) throw new Error(`${path} is damaged: its checksum is wrong`);
  return text;
}

/** One line of text. Durable when it resolves; a crash leaves the old file or the new one. */
export async function writeSmallFile(disk: Disk, path: string, text: string): Promise<void> {
  const next = `${path}.new`;
  const file = await disk.open(next, 'create');
  try {
    const bytes = Buffer.from(`${text}\n${checksumOf(text)}\n`);
    await file.truncate(bytes.length);
    await file.write([bytes], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(next, path);
  await disk.syncDirectory(path.slice(0, path.lastIndexOf('/')));
}

function checksumOf(text: string): string {
  return xxhash.XXHash3.hash(Buffer.from(text)).toString('hex');
}
