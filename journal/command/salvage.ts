/** Everything that is whole on one mirror of a damaged journal, frame by frame. */
import type { Disk } from '../disk.ts';
import { type GroupHeader, groupBytes, groupHeaderAt, groupHeaderBytes, magicBytes, segmentOfName, withFile } from '../embedded/segment.ts';
import { decodeRecord, frameAt, frameBytesMax, frameHeaderBytes } from '../record.ts';

/** A segment is read whole; none that was ever written is as large. */
const segmentBytesMax = 64 * 1024 * 1024;

/** Where a frame lies. */
export interface Place {
  readonly disk: Disk;
  readonly directory: string;
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
}

export interface FoundRecord {
  readonly sequence: number;
  readonly stream: string;
  readonly position: number;
  /** Hashes as 64 hex digits. */
  readonly previous: string;
  readonly hash: string;
  /** Of the group it was found in. */
  readonly epoch: number;
  readonly index: number;
  /** It lies where the head of its group says. Otherwise it was met among damaged bytes, which may be anybody's: what clients store, too. */
  readonly anchored: boolean;
  readonly place: Place;
}

export interface Salvage {
  readonly records: readonly FoundRecord[];
  readonly groups: readonly Pick<GroupHeader, 'epoch' | 'index' | 'settled'>[];
  /** Damaged places, for people. */
  readonly damage: readonly string[];
}

/** Reads a mirror. Throws what the disk throws, but for files that can't be read: those are told. */
export async function salvage(disk: Disk, directory: string): Promise<Salvage> {
  const records: FoundRecord[] = [];
  const groups: GroupHeader[] = [];
  const damage: string[] = [];
  for (const name of await disk.list(directory)) {
    const segment = segmentOfName(name);
    if (segment === undefined) continue;
    const path = `${directory}/${name}`;
    try {
      const bytes = await withFile(disk, path, 'read', async (file) => {
        const buffer = Buffer.allocUnsafeSlow(Math.min(await file.size(), segmentBytesMax));
        return buffer.subarray(0, await file.read(buffer, 0));
      });
      const scan = new SegmentSalvage(bytes, { disk, directory, segment });
      scan.run();
      for (const record of scan.records) records.push(record);
      for (const group of scan.groups) groups.push(group);
      for (const [from, to] of scan.damaged) damage.push(`bytes ${from} to ${to} of ${disk.name}/${path} are damaged`);
    } catch (error) {
      damage.push(`${disk.name}/${path} can't be read: ${(error as Error).message}`);
    }
  }
  return { records, groups, damage };
}

/** A group whose head is whole, and how far its frames were followed. */
interface Anchor {
  readonly header: GroupHeader;
  readonly end: number;
  /** Where the next frame begins, and its sequence; -1: they were lost. */
  next: number;
  sequence: number;
}

class SegmentSalvage {
  readonly records: FoundRecord[] = [];
  readonly groups: GroupHeader[] = [];
  readonly damaged: [from: number, to: number][] = [];
  readonly #bytes: Buffer;
  readonly #place: Omit<Place, 'offset' | 'bytes'>;
  #anchor: Anchor | undefined;

  constructor(bytes: Buffer, place: Omit<Place, 'offset' | 'bytes'>) {
    this.#bytes = bytes;
    this.#place = place;
  }

  run(): void {
    let at = 0;
    while (at < this.#bytes.length) {
      const after = this.#groupAt(at) ?? this.#recordAt(at);
      if (after !== undefined) {
        at = after;
        continue;
      }
      const next = this.#lengthAt(at) ?? this.#searchFrom(at + 1);
      this.#note(at, next);
      at = next;
    }
  }

  #groupAt(at: number): number | undefined {
    const header = groupHeaderAt(this.#bytes, at, at);
    if (header === undefined) return undefined;
    const next = at + groupHeaderBytes;
    this.groups.push(header);
    this.#anchor = { header, end: at + groupBytes(header), next, sequence: header.firstSequence };
    return next;
  }

  #recordAt(at: number): number | undefined {
    const frame = wholeFrame(this.#bytes, at);
    if (frame === undefined) return undefined;
    const { sequence, stream, position, previousHash, hash } = decodeRecord(frame);
    const anchor = this.#anchor;
    const after = at + frame.length;
    const anchored = anchor !== undefined && anchor.next === at && anchor.sequence === sequence && after <= anchor.end;
    const { epoch = 0, index = 0 } = anchor?.header ?? {};
    const chain = { previous: hex(previousHash), hash: hex(hash) };
    const place = { ...this.#place, offset: at, bytes: frame.length };
    this.records.push({ sequence, stream, position, ...chain, epoch, index, anchored, place });
    if (anchor !== undefined && anchored) this.#follow(anchor, after);
    return after;
  }

  /** A damaged frame whose length leads to the next one, or to the end of its group. */
  #lengthAt(at: number): number | undefined {
    const anchor = this.#anchor;
    if (anchor?.next !== at || at + frameHeaderBytes > anchor.end || anchor.end > this.#bytes.length) return undefined;
    const after = at + this.#bytes.readUInt32BE(at);
    if (after <= at + frameHeaderBytes || after > anchor.end) return undefined;
    const frame = after === anchor.end ? undefined : wholeFrame(this.#bytes, after);
    const leads =
      after === anchor.end
        ? anchor.sequence === anchor.header.firstSequence + anchor.header.records - 1
        : frame?.readUIntBE(8, 6) === anchor.sequence + 1;
    if (!leads) return undefined;
    this.#follow(anchor, after);
    return after;
  }

  #follow(anchor: Anchor, after: number): void {
    anchor.next = after;
    anchor.sequence += 1;
  }

  /** The next byte that begins a group or a frame. */
  #searchFrom(from: number): number {
    if (this.#anchor !== undefined) this.#anchor.next = -1;
    const bytes = this.#bytes;
    for (let at = from; at < bytes.length; at++) {
      if (bytes[at] === magicBytes[0] && groupHeaderAt(bytes, at, at) !== undefined) return at;
      // Format and zero byte of a frame: all others are not even tried.
      if (bytes[at + 14] === 1 && bytes[at + 15] === 0 && wholeFrame(bytes, at) !== undefined) return at;
    }
    return bytes.length;
  }

  #note(from: number, to: number): void {
    const last = this.damaged.at(-1);
    if (last?.[1] === from) last[1] = to;
    else this.damaged.push([from, to]);
  }
}

function wholeFrame(bytes: Buffer, at: number): Buffer | undefined {
  if (at + frameHeaderBytes > bytes.length) return undefined;
  const length = bytes.readUInt32BE(at);
  if (length <= frameHeaderBytes || length > frameBytesMax || at + length > bytes.length) return undefined;
  try {
    return frameAt(bytes, at);
  } catch {
    return undefined;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
