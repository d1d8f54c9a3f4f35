/**
 * The CRC of two runs of bytes from the CRCs of each: crc(A B) = crc(A) * x^(8 |B|) + crc(B) over GF(2)[x] modulo the CRC's polynomial
 * (as zlib's crc32_combine does it). Reflected CRCs whose start and final values are all ones: CRC32, CRC32C, CRC64NVME.
 */
import { assert } from '../assert.ts';

export type CombinableAlgorithm = 'CRC32' | 'CRC32C' | 'CRC64NVME';

interface Field {
  readonly bits: bigint;
  /** Bit-reversed, without the leading term. */
  readonly polynomial: bigint;
}

const fields: Readonly<Record<CombinableAlgorithm, Field>> = {
  CRC32: { bits: 32n, polynomial: 0xedb88320n },
  CRC32C: { bits: 32n, polynomial: 0x82f63b78n },
  CRC64NVME: { bits: 64n, polynomial: 0x9a6c9329ac4bc9b5n },
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

/** Big endian. Parts tend to have one size, so the power of x of a length is made once. */
export function combineCrcs(algorithm: CombinableAlgorithm, pieces: Iterable<PieceCrc>): Buffer {
  const field = fields[algorithm];
  const bytes = Number(field.bits / 8n);
  const powers = new Map<number, bigint>();
  let whole = 0n;
  for (const { crc, length } of pieces) {
    assert(crc.length === bytes, `a ${algorithm} has ${bytes} bytes`);
    let power = powers.get(length);
    if (power === undefined) {
      power = powerOfX(BigInt(length) * 8n, field);
      if (powers.size < 64) powers.set(length, power);
    }
    whole = multiply(whole, power, field) ^ BigInt(`0x${crc.toString('hex')}`);
  }
  return Buffer.from(whole.toString(16).padStart(bytes * 2, '0'), 'hex');
}

/** Bit-reversed polynomials: the highest bit is x^0. */
function multiply(left: bigint, right: bigint, field: Field): bigint {
  let product = 0n;
  let shifted = right;
  for (let bit = 1n << (field.bits - 1n); bit > 0n; bit >>= 1n) {
    if ((left & bit) !== 0n) product ^= shifted;
    shifted = (shifted & 1n) === 0n ? shifted >> 1n : (shifted >> 1n) ^ field.polynomial;
  }
  return product;
}

function powerOfX(exponent: bigint, field: Field): bigint {
  let power = 1n << (field.bits - 1n);
  let square = 1n << (field.bits - 2n);
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) power = multiply(power, square, field);
    square = multiply(square, square, field);
  }
  return power;
}
