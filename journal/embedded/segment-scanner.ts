/** Reads whole segments: which groups in them are valid, what is torn and what is damaged. */
import type { DiskFile } from '../disk.ts';
import { type Behind, follows, framesOf, type GroupHeader, groupBytes, groupHeaderAt, magicBytes, mayFollow } from './segment.ts';

/** Damaged bytes between groups that are whole. */
export interface Hole {
  readonly from: number;
  readonly to: number;
  /** What lies before it. */
  readonly behind: Behind;
}

/** What one segment file holds. */
export interface SegmentScan {
  /** The last whole group, wherever it lies: what is damaged before it was written earlier. */
  readonly last: GroupHeader | undefined;
  /** Whole groups that were possibly not settled: all whose index is above what any header says to be settled. In order. */
  readonly tail: readonly GroupHeader[];
  readonly holes: readonly Hole[];
  /** End of the last whole group: what follows is torn. */
  readonly validBytes: number;
  readonly fileBytes: number;
}

/** A scan that has come as far as `validBytes`. */
type Progress = Omit<SegmentScan, 'fileBytes'>;

const nothingYet: Progress = { last: undefined, tail: [], holes: [], validBytes: 0 };

/** Read at once to be compared. */
const pieceBytesDefault = 1024 * 1024;

/**
 * Scans one segment after the other. Mirrors are the same byte for byte, and what a scan finds depends on the bytes alone: those that a
 * segment shares with the one that was scanned whole before it are compared with it, and the scan goes on behind them. In memory are that one
 * segment and what another doesn't share with it.
 */
export class SegmentScanner {
  readonly #pieceBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  /** Which segment `#bytes` are. */
  #segment = 0;
  /** After each group of `#bytes`, up to the first hole. */
  #progress: Progress[] = [];

  constructor(pieceBytes = pieceBytesDefault) {
    this.#pieceBytes = pieceBytes;
  }

  /** `segment`: the sequence in the file's name. Groups that belong elsewhere don't count. */
  async scan(file: DiskFile, segment: number): Promise<SegmentScan> {
    const fileBytes = await file.size();
    const shared = segment === this.#segment ? await this.#sharedBytes(file, fileBytes) : 0;
    const begin = this.#progress.findLast(({ validBytes }) => validBytes <= shared);
    if (begin !== undefined) {
      return { ...scanOn(begin, { segment, bytes: await rest(file, begin.validBytes, fileBytes) }, () => undefined), fileBytes };
    }
    this.#bytes = await rest(file, 0, fileBytes);
    this.#segment = segment;
    this.#progress = [];
    const end = scanOn(nothingYet, { segment, bytes: this.#bytes }, (progress) => this.#progress.push(progress));
    return { ...end, fileBytes };
  }

  /** How many leading bytes are those of `#bytes`, to a whole piece. */
  async #sharedBytes(file: DiskFile, fileBytes: number): Promise<number> {
    const most = Math.min(fileBytes, this.#bytes.length);
    const piece = Buffer.allocUnsafeSlow(Math.min(this.#pieceBytes, most));
    let at = 0;
    while (at < most) {
      const wanted = piece.subarray(0, Math.min(piece.length, most - at));
      const count = await file.read(wanted, at);
      if (count !== wanted.length || !wanted.equals(this.#bytes.subarray(at, at + count))) break;
      at += count;
    }
    return at;
  }
}

async function rest(file: DiskFile, from: number, fileBytes: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(fileBytes - from);
  return bytes.subarray(0, await file.read(bytes, from));
}

/** `bytes` begin where `begin` ended. `whole` is told of each group as long as there is no hole. */
function scanOn(
  begin: Progress,
  { segment, bytes }: { readonly segment: number; readonly bytes: Buffer },
  whole: (progress: Progress) => void,
): Progress {
  let { last, tail, validBytes } = begin;
  const holes = [...begin.holes];
  const base = validBytes;
  let at = 0;
  while (at < bytes.length) {
    const header = groupHeaderAt(bytes, at, base + at);
    const behind: Behind = last ?? { segment };
    const inPlace = base + at === validBytes ? follows : mayFollow;
    const valid = header !== undefined && inPlace(header, behind) && framesOf(bytes, at, header) !== undefined;
    if (!valid) {
      const next = bytes.indexOf(magicBytes, at + 1);
      if (next < 0) break;
      at = next;
      continue;
    }
    if (base + at > validBytes) holes.push({ from: validBytes, to: base + at, behind });
    last = header;
    tail = [...tail.filter((group) => group.index > header.settled), header];
    at += groupBytes(header);
    validBytes = base + at;
    if (holes.length === 0) whole({ last, tail, holes: [], validBytes });
  }
  return { last, tail, holes, validBytes };
}
