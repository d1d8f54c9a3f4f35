/**
 * The CRC of two runs of bytes from the CRCs of each: crc(A B) is crc(A) taken through as many zero bytes as B has, plus crc(B), over
 * GF(2) (as zlib's crc32_combine does it). Reflected CRCs whose start and final values are all ones: CRC32, CRC32C, CRC64NVME.
 *
 * Zero bytes are taken by powers of two, each of them a linear operator that is kept as one table for each byte of the CRC: a part of
 * any length costs some hundred look-ups of 32-bit numbers, so that ten thousand of them, each of another length, take milliseconds.
 */
import { assert } from '../assert.ts';

export type CombinableAlgorithm = 'CRC32' | 'CRC32C' | 'CRC64NVME';

/** Two halves for each value of a byte. */
const tableEntries = 2 * 256;

/** A CRC in two halves; `high` is 0 where it has 32 bits. */
interface Halves {
  high: number;
  low: number;
}

/** 2^k zero bytes: to what each value of each byte of the CRC comes, the lowest byte first, its low half behind its high half. */
type ZeroBytes = Uint32Array;

interface Field {
  /** Of a CRC. */
  readonly bytes: 4 | 8;
  /** Bit-reversed, without the leading term. */
  readonly polynomial: Readonly<Halves>;
  /** By k, made when a length first needs them: 16 KiB each at most. */
  readonly zeroBytes: ZeroBytes[];
}

const fields: Readonly<Record<CombinableAlgorithm, Field>> = {
  CRC32: { bytes: 4, polynomial: { high: 0, low: 0xedb88320 }, zeroBytes: [] },
  CRC32C: { bytes: 4, polynomial: { high: 0, low: 0x82f63b78 }, zeroBytes: [] },
  CRC64NVME: { bytes: 8, polynomial: { high: 0x9a6c9329, low: 0xac4bc9b5 }, zeroBytes: [] },
};

export function isCombinable(algorithm: string): algorithm is CombinableAlgorithm {
  return algorithm in fields;
}

export interface PieceCrc {
  /** Big endian, as S3 sends them. */
  readonly crc: Buffer;
  /** Bytes. */
  readonly length: number;
}

/** Big endian. */
export function combineCrcs(algorithm: CombinableAlgorithm, pieces: Iterable<PieceCrc>): Buffer {
  const field = fields[algorithm];
  const { bytes } = field;
  const whole: Halves = { high: 0, low: 0 };
  for (const { crc, length } of pieces) {
    assert(crc.length === bytes, `a ${algorithm} has ${bytes} bytes`);
    // Beyond 32 bits there are no bit operators: lengths go to 5 GiB.
    for (let left = length, k = 0; left > 0; left = Math.floor(left / 2), k += 1) {
      if (left % 2 === 1) take(whole, zeroBytesOf(field, k));
    }
    whole.low ^= crc.readUInt32BE(bytes - 4);
    if (bytes === 8) whole.high ^= crc.readUInt32BE(0);
  }
  const combined = Buffer.alloc(8);
  combined.writeUInt32BE(whole.high >>> 0, 0);
  combined.writeUInt32BE(whole.low >>> 0, 4);
  return combined.subarray(8 - bytes);
}

function take(crc: Halves, zeroBytes: ZeroBytes): void {
  let high = 0;
  let low = 0;
  let half = crc.low;
  for (let table = 0; table < zeroBytes.length; table += tableEntries) {
    if (table === 4 * tableEntries) half = crc.high;
    const entry = table + 2 * (half & 255);
    high ^= zeroBytes[entry]!;
    low ^= zeroBytes[entry + 1]!;
    half >>>= 8;
  }
  crc.high = high;
  crc.low = low;
}

function zeroBytesOf(field: Field, k: number): ZeroBytes {
  const { zeroBytes } = field;
  for (let next = zeroBytes.length; next <= k; next += 1) {
    const before = zeroBytes[next - 1];
    zeroBytes.push(
      tablesOf(field.bytes, (crc) => {
        if (before === undefined) return takeOneByte(crc, field.polynomial);
        take(crc, before);
        take(crc, before);
      }),
    );
  }
  return zeroBytes[k]!;
}

function takeOneByte(crc: Halves, polynomial: Readonly<Halves>): void {
  for (let bit = 0; bit < 8; bit += 1) {
    const carry = crc.low & 1;
    crc.low = (crc.low >>> 1) | (crc.high << 31);
    crc.high >>>= 1;
    if (carry === 0) continue;
    crc.low ^= polynomial.low;
    crc.high ^= polynomial.high;
  }
}

/** The tables of a linear operator: what it makes of single bits tells what it makes of every byte. */
function tablesOf(bytes: 4 | 8, apply: (crc: Halves) => void): Uint32Array {
  const tables = new Uint32Array(bytes * tableEntries);
  for (let bit = 0; bit < bytes * 8; bit += 1) {
    const image: Halves = bit < 32 ? { high: 0, low: 1 << bit } : { high: 1 << (bit - 32), low: 0 };
    apply(image);
    const first = (bit >>> 3) * tableEntries;
    const ahead = 2 << (bit & 7);
    for (let entry = first; entry < first + ahead; entry += 2) {
      tables[entry + ahead] = tables[entry]! ^ image.high;
      tables[entry + ahead + 1] = tables[entry + 1]! ^ image.low;
    }
  }
  return tables;
}
