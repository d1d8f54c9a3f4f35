import { crc32c } from '@node-rs/crc32';
import type { Disk, DiskFile } from '../disk.ts';
import { frameAt, frameBytesMax } from '../record.ts';

/**
 * The log of the embedded journal: segment files `journal/<sequence of the first record, 16 digits>.log`, each a row of groups. A group is
 * what one sync commits: a header and the frames of its records, valid as a whole or not at all. A group without records is a marker: it
 * opens an epoch. The files are the same, byte for byte, on every mirror. Numbers are big endian.
 *
 *     0  u32  magic
 *     4  u32  CRC32C of bytes 8 to 44
 *     8  u32  bytes of the frames after the header
 *    12  u32  offset of this header in its file: bytes that were copied into a payload are no header
 *    16  u32  records
 *    20  u48  index of the group in the log, from 1
 *    26  u48  epoch in which it was written
 *    32  u48  index of the last group that was settled on a majority when this one was written
 *    38  u48  sequence of its first record; of a marker the sequence that the next record will have
 */
export interface GroupHeader {
  readonly index: number;
  readonly epoch: number;
  readonly settled: number;
  readonly firstSequence: number;
  readonly records: number;
  readonly bodyBytes: number;
  readonly offset: number;
}

/** A segment and how many of its bytes count. */
export interface Extent {
  readonly firstSequence: number;
  readonly bytes: number;
}

export const journalDirectory = 'journal';
export const groupHeaderBytes = 44;
/** A group takes no further record once it holds this many bytes or records. */
export const groupBytesTarget = 4 * 1024 * 1024;
export const groupRecordsMax = 4096;
export const groupBytesMax = groupHeaderBytes + groupBytesTarget + frameBytesMax;

const magic = 0x4c696f67;
/** What every group begins with. */
export const magicBytes = Buffer.from('Liog', 'latin1');

export function segmentPath(firstSequence: number): string {
  return `${journalDirectory}/${String(firstSequence).padStart(16, '0')}.log`;
}

/** The first sequence that a file's name says, undefined when it is no segment's name. */
export function segmentOfName(name: string): number | undefined {
  return /^\d{16}\.log$/.test(name) ? Number(name.slice(0, 16)) : undefined;
}

export function encodeGroupHeader(header: GroupHeader): Buffer {
  const bytes = Buffer.allocUnsafeSlow(groupHeaderBytes);
  bytes.writeUInt32BE(magic, 0);
  bytes.writeUInt32BE(header.bodyBytes, 8);
  bytes.writeUInt32BE(header.offset, 12);
  bytes.writeUInt32BE(header.records, 16);
  bytes.writeUIntBE(header.index, 20, 6);
  bytes.writeUIntBE(header.epoch, 26, 6);
  bytes.writeUIntBE(header.settled, 32, 6);
  bytes.writeUIntBE(header.firstSequence, 38, 6);
  bytes.writeUInt32BE(crc32c(bytes.subarray(8)), 4);
  return bytes;
}

/** The header at `at` of `bytes`, which were read from `fileOffset` of a segment; undefined when there is none that is valid there. */
export function groupHeaderAt(bytes: Buffer, at: number, fileOffset: number): GroupHeader | undefined {
  if (bytes.length - at < groupHeaderBytes || bytes.readUInt32BE(at) !== magic) return undefined;
  const header = bytes.subarray(at, at + groupHeaderBytes);
  if (header.readUInt32BE(12) !== fileOffset || crc32c(header.subarray(8)) !== header.readUInt32BE(4)) return undefined;
  return {
    bodyBytes: header.readUInt32BE(8),
    offset: fileOffset,
    records: header.readUInt32BE(16),
    index: header.readUIntBE(20, 6),
    epoch: header.readUIntBE(26, 6),
    settled: header.readUIntBE(32, 6),
    firstSequence: header.readUIntBE(38, 6),
  };
}

export function groupBytes(header: GroupHeader): number {
  return groupHeaderBytes + header.bodyBytes;
}

export function lastSequenceOf(header: GroupHeader): number {
  return header.firstSequence + header.records - 1;
}

/** Where the next group belongs: behind which group, or at the start of which segment. */
export type Behind = GroupHeader | { readonly segment: number };

/** Whether a group may lie directly behind another one, or begin a segment: whole groups of another place are no part of the log here. */
export function follows(header: GroupHeader, behind: Behind): boolean {
  if ('segment' in behind) return header.firstSequence === behind.segment;
  return header.index === behind.index + 1 && header.firstSequence === lastSequenceOf(behind) + 1;
}

/** Whether a group may lie somewhere behind another one, with damaged bytes between them. */
export function mayFollow(header: GroupHeader, behind: Behind): boolean {
  if ('segment' in behind) return header.firstSequence >= behind.segment;
  return header.index > behind.index && header.firstSequence > lastSequenceOf(behind);
}

/** The offsets of a group's frames in `bytes`, whose header is at `at`; undefined when one of them is damaged or missing. */
export function framesOf(bytes: Buffer, at: number, header: GroupHeader): number[] | undefined {
  const end = at + groupBytes(header);
  if (end > bytes.length) return undefined;
  const body = bytes.subarray(0, end);
  const offsets: number[] = [];
  let next = at + groupHeaderBytes;
  try {
    while (next < end) {
      const frame = frameAt(body, next);
      if (frame.readUIntBE(8, 6) !== header.firstSequence + offsets.length) return undefined;
      offsets.push(next);
      next += frame.length;
    }
  } catch {
    return undefined;
  }
  return offsets.length === header.records ? offsets : undefined;
}

/** Opens a file for as long as `use` runs. */
export async function withFile<T>(
  disk: Disk,
  path: string,
  mode: 'read' | 'write' | 'create',
  use: (file: DiskFile) => Promise<T>,
): Promise<T> {
  const file = await disk.open(path, mode);
  try {
    return await use(file);
  } finally {
    await file.close().catch(() => undefined);
  }
}
