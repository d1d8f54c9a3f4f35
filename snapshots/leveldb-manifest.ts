/**
 * What LevelDB 1.20's MANIFEST says, read by ourselves: LevelDB is given a store only when all that it is going to believe has been
 * proved. A log of blocks of 32 KiB; each piece of a record has a masked CRC32C, a length and a type; a record is an edit of the list of
 * tables. Pure over bytes.
 */
import { crc32c } from '@node-rs/crc32';

/** A table that the store consists of. */
export interface LiveTable {
  readonly number: number;
  readonly bytes: number;
  /** Keys as LevelDB has them: eight bytes of sequence and kind behind ours. */
  readonly smallest: Buffer;
  readonly largest: Buffer;
}

/** What is damaged, in words for the log. */
export class DamagedFile extends Error {
  override readonly name = 'DamagedFile';
}

const blockBytes = 32 * 1024;
const headerBytes = 7;
const comparator = 'leveldb.BytewiseComparator';
const levels = 7;
const pieces = { full: 1, first: 2, middle: 3, last: 4 };
const tags = { comparator: 1, logNumber: 2, nextFile: 3, lastSequence: 4, compactPointer: 5, deletedFile: 6, newFile: 7, prevLogNumber: 9 };

/** The name in CURRENT. @throws DamagedFile */
export function manifestName(current: Uint8Array): string {
  const found = /^(MANIFEST-\d{6,})\n$/.exec(Buffer.from(current).toString('latin1'));
  if (found === null) throw new DamagedFile('CURRENT names no MANIFEST');
  return found[1]!;
}

/** The tables after all edits. An edit cut short at the end never counted for LevelDB either. @throws DamagedFile */
export function liveTables(manifest: Buffer): LiveTable[] {
  const tables = new Map<string, LiveTable>();
  const seen = new Set<number>();
  for (const record of recordsOf(manifest)) applyEdit(new Fields(record), tables, seen);
  for (const tag of [tags.comparator, tags.logNumber, tags.nextFile, tags.lastSequence]) {
    if (!seen.has(tag)) throw new DamagedFile('MANIFEST does not begin with a whole edit');
  }
  return [...tables.values()];
}

/** LevelDB's checksums are turned and shifted, for data that holds checksums itself. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes as Buffer);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function* recordsOf(log: Buffer): Generator<Buffer> {
  let record: Buffer[] | undefined;
  for (let at = 0; at < log.length; ) {
    const left = blockBytes - (at % blockBytes);
    if (left < headerBytes) {
      at += left;
      continue;
    }
    if (at + headerBytes > log.length) return;
    const end = at + headerBytes + log.readUInt16LE(at + 4);
    const type = log[at + 6]!;
    if (end > log.length && end - at <= left) return;
    if (end - at > left || maskedCrc(log.subarray(at + 6, end)) !== log.readUInt32LE(at)) throw new DamagedFile(`MANIFEST at byte ${at}`);
    const begins = type === pieces.full || type === pieces.first;
    if (type < pieces.full || type > pieces.last || begins === (record !== undefined)) throw new DamagedFile(`MANIFEST at byte ${at}`);
    record = [...(record ?? []), log.subarray(at + headerBytes, end)];
    if (type === pieces.full || type === pieces.last) {
      yield Buffer.concat(record);
      record = undefined;
    }
    at = end;
  }
}

function applyEdit(edit: Fields, tables: Map<string, LiveTable>, seen: Set<number>): void {
  const gone: string[] = [];
  const made: [string, LiveTable][] = [];
  while (edit.more) {
    const tag = edit.number();
    seen.add(tag);
    if (tag === tags.comparator) {
      if (edit.bytes().toString('latin1') !== comparator) throw new DamagedFile('MANIFEST names another comparator');
    } else if (tag === tags.compactPointer) {
      edit.level();
      edit.bytes();
    } else if (tag === tags.deletedFile) {
      gone.push(`${edit.level()}/${edit.number()}`);
    } else if (tag === tags.newFile) {
      const level = edit.level();
      const table = { number: edit.number(), bytes: edit.number(), smallest: edit.bytes(), largest: edit.bytes() };
      made.push([`${level}/${table.number}`, table]);
    } else if (tag === tags.logNumber || tag === tags.nextFile || tag === tags.lastSequence || tag === tags.prevLogNumber) {
      edit.number();
    } else throw new DamagedFile(`MANIFEST has an edit with the unknown tag ${tag}`);
  }
  for (const name of gone) tables.delete(name);
  for (const [name, table] of made) tables.set(name, table);
}

/** Numbers of seven bits a byte, and bytes behind their length. */
export class Fields {
  at: number;
  private readonly from: Buffer;

  constructor(from: Buffer, at = 0) {
    this.from = from;
    this.at = at;
  }

  get more(): boolean {
    return this.at < this.from.length;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.from[this.at++];
      if (byte === undefined || scale > 2 ** 56) throw new DamagedFile('a number is cut short');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    if (!Number.isSafeInteger(value)) throw new DamagedFile('a number is out of bounds');
    return value;
  }

  level(): number {
    const level = this.number();
    if (level >= levels) throw new DamagedFile(`level ${level} of ${levels}`);
    return level;
  }

  bytes(length = this.number()): Buffer {
    const bytes = this.from.subarray(this.at, this.at + length);
    if (bytes.length !== length) throw new DamagedFile('bytes are cut short');
    this.at += length;
    return bytes;
  }
}
