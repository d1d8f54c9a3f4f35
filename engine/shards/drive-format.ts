/** The file that makes a directory a drive of a deployment: `.liteio/format.json`. */
import type { Disk } from '../../journal/disk.ts';
import { segmentDirectory } from './block.ts';

export const markDirectory = '.liteio';
export const formatPath = `${markDirectory}/format.json`;
const newFormatPath = `${markDirectory}/format.json.new`;
const segmentRoot = 'segments';
const formatNumber = 1;

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

/** Throws what the disk throws (ENOENT: not formatted), and Error when the file makes no sense. */
export async function readFormat(disk: Disk): Promise<DriveFormat> {
  return parseFormat(await readSmallFile(disk, formatPath));
}

export function parseFormat(text: string): DriveFormat {
  const { format, ...fields } = JSON.parse(text) as DriveFormat & { format: unknown };
  if (format !== formatNumber) throw new Error(`its format number is ${format}, this program knows ${formatNumber}`);
  const numbers = [fields.set, fields.slot, fields.setCount, fields.dataShards, fields.parityShards];
  const ids = [fields.deployment, fields.drive];
  const sound = numbers.every(Number.isInteger) && ids.every((id) => /^[0-9a-f]{32}$/.test(id)) && Array.isArray(fields.names);
  if (!sound) throw new Error('its format file is damaged');
  return fields;
}

/** Nothing was stored here yet: what there is comes from a format that was begun. */
export async function isBare(disk: Disk): Promise<boolean> {
  const entries = (await disk.list('')).filter((entry) => entry !== 'lost+found' && entry !== markDirectory);
  if (entries.length === 0) return true;
  if (entries.length > 1 || entries[0] !== segmentRoot) return false;
  for (const set of await disk.list(segmentRoot)) if ((await disk.list(`${segmentRoot}/${set}`)).length > 0) return false;
  return true;
}

/** Durable when it resolves; a crash leaves the old file or the new one. The directory for segments comes with it. */
export async function writeFormat(disk: Disk, format: DriveFormat): Promise<void> {
  await disk.makeDirectory(markDirectory);
  await disk.makeDirectory(segmentDirectory(format.set));
  await disk.syncDirectory(segmentRoot);
  await writeSmallFile(disk, newFormatPath, JSON.stringify({ format: formatNumber, ...format }));
  await disk.rename(newFormatPath, formatPath);
  await disk.syncDirectory(markDirectory);
  await disk.syncDirectory('');
}

export async function readSmallFile(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path, 'read');
  try {
    const bytes = Buffer.alloc(await file.size());
    return bytes.toString('utf8', 0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

export async function writeSmallFile(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, 'create');
  try {
    const bytes = Buffer.from(text);
    await file.truncate(bytes.length);
    await file.write([bytes], 0);
    await file.sync();
  } finally {
    await file.close();
  }
}
