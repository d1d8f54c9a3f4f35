// AssemblyScript: the inner loops that run on shard bytes, in the memory that holds the stripe buffers. No static data, no
// allocation: every table lies where the caller put it, so that many threads can instantiate this over memories of their own.

export { md5x1, md5x4, md5x8 } from './md5-kernel.as';

/**
 * outputs[r][i] = sum over j of coefficient[r][j] * sources[j][i] in GF(2^8). `tables` holds, row by row and source by source,
 * 32 bytes a coefficient: its products with the low nibbles, then with the high nibbles. `length` is a multiple of 32.
 */
export function code(tables: usize, sources: usize, sourceCount: u32, outputs: usize, outputCount: u32, length: u32): void {
  const row: usize = (<usize>sourceCount) << 5;
  let r: u32 = 0;
  while (outputCount - r >= 4) {
    code4(tables, row, sources, sourceCount, outputs + ((<usize>r) << 2), length);
    tables += row << 2;
    r += 4;
  }
  if (outputCount - r >= 2) {
    code2(tables, row, sources, sourceCount, outputs + ((<usize>r) << 2), length);
    tables += row << 1;
    r += 2;
  }
  if (r < outputCount) code1(tables, sources, sourceCount, load<u32>(outputs + ((<usize>r) << 2)), length);
}

// @ts-ignore: decorator
@inline
function product(table: usize, low: v128, high: v128): v128 {
  return v128.xor(i8x16.swizzle(v128.load(table), low), i8x16.swizzle(v128.load(table, 16), high));
}

function code4(tables: usize, row: usize, sources: usize, sourceCount: u32, outputs: usize, length: u32): void {
  const out0: usize = load<u32>(outputs);
  const out1: usize = load<u32>(outputs, 4);
  const out2: usize = load<u32>(outputs, 8);
  const out3: usize = load<u32>(outputs, 12);
  const nibble = i8x16.splat(15);
  const end = sources + ((<usize>sourceCount) << 2);
  for (let i: usize = 0; i < <usize>length; i += 32) {
    let a0 = i64x2.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
    let table = tables;
    for (let s = sources; s < end; s += 4) {
      const from: usize = (<usize>load<u32>(s)) + i;
      const x0 = v128.load(from), x1 = v128.load(from, 16);
      const low0 = v128.and(x0, nibble), low1 = v128.and(x1, nibble);
      const high0 = i8x16.shr_u(x0, 4), high1 = i8x16.shr_u(x1, 4);
      a0 = v128.xor(a0, product(table, low0, high0));
      a1 = v128.xor(a1, product(table, low1, high1));
      let next = table + row;
      b0 = v128.xor(b0, product(next, low0, high0));
      b1 = v128.xor(b1, product(next, low1, high1));
      next += row;
      c0 = v128.xor(c0, product(next, low0, high0));
      c1 = v128.xor(c1, product(next, low1, high1));
      next += row;
      d0 = v128.xor(d0, product(next, low0, high0));
      d1 = v128.xor(d1, product(next, low1, high1));
      table += 32;
    }
    v128.store(out0 + i, a0);
    v128.store(out0 + i, a1, 16);
    v128.store(out1 + i, b0);
    v128.store(out1 + i, b1, 16);
    v128.store(out2 + i, c0);
    v128.store(out2 + i, c1, 16);
    v128.store(out3 + i, d0);
    v128.store(out3 + i, d1, 16);
  }
}

function code2(tables: usize, row: usize, sources: usize, sourceCount: u32, outputs: usize, length: u32): void {
  const out0: usize = load<u32>(outputs);
  const out1: usize = load<u32>(outputs, 4);
  const nibble = i8x16.splat(15);
  const end = sources + ((<usize>sourceCount) << 2);
  for (let i: usize = 0; i < <usize>length; i += 32) {
    let a0 = i64x2.splat(0), a1 = a0, b0 = a0, b1 = a0;
    let table = tables;
    for (let s = sources; s < end; s += 4) {
      const from: usize = (<usize>load<u32>(s)) + i;
      const x0 = v128.load(from), x1 = v128.load(from, 16);
      const low0 = v128.and(x0, nibble), low1 = v128.and(x1, nibble);
      const high0 = i8x16.shr_u(x0, 4), high1 = i8x16.shr_u(x1, 4);
      a0 = v128.xor(a0, product(table, low0, high0));
      a1 = v128.xor(a1, product(table, low1, high1));
      b0 = v128.xor(b0, product(table + row, low0, high0));
      b1 = v128.xor(b1, product(table + row, low1, high1));
      table += 32;
    }
    v128.store(out0 + i, a0);
    v128.store(out0 + i, a1, 16);
    v128.store(out1 + i, b0);
    v128.store(out1 + i, b1, 16);
  }
}

function code1(tables: usize, sources: usize, sourceCount: u32, out: usize, length: u32): void {
  const nibble = i8x16.splat(15);
  const end = sources + ((<usize>sourceCount) << 2);
  for (let i: usize = 0; i < <usize>length; i += 32) {
    let a0 = i64x2.splat(0), a1 = a0;
    let table = tables;
    for (let s = sources; s < end; s += 4) {
      const from: usize = (<usize>load<u32>(s)) + i;
      const x0 = v128.load(from), x1 = v128.load(from, 16);
      a0 = v128.xor(a0, product(table, v128.and(x0, nibble), i8x16.shr_u(x0, 4)));
      a1 = v128.xor(a1, product(table, v128.and(x1, nibble), i8x16.shr_u(x1, 4)));
      table += 32;
    }
    v128.store(out + i, a0);
    v128.store(out + i, a1, 16);
  }
}

/** CRC-64/NVME tables for sixteen bytes at a time: 16 * 256 * 8 bytes at `tables`. */
export function fillCrc64Tables(tables: usize): void {
  for (let i: u32 = 0; i < 256; i++) {
    let crc: u64 = i;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x9a6c9329ac4bc9b5 : crc >> 1;
    store<u64>(tables + ((<usize>i) << 3), crc);
  }
  for (let i: u32 = 0; i < 256; i++) {
    let crc = load<u64>(tables + ((<usize>i) << 3));
    for (let k: usize = 1; k < 16; k++) {
      crc = entry(tables, 0, crc & 255) ^ (crc >> 8);
      store<u64>(tables + (k << 11) + ((<usize>i) << 3), crc);
    }
  }
}

// @ts-ignore: decorator
@inline
function entry(tables: usize, slice: usize, byte: u64): u64 {
  return load<u64>(tables + (slice << 11) + ((<usize>byte) << 3));
}

/** Words (8 bytes) back from which a word takes what was folded: x^(64 * 1852) is the sum of as many powers, modulo the polynomial. */
const fold0: usize = 231 << 3;
const fold1: usize = 957 << 3;
const fold2: usize = 1004 << 3;
const fold3: usize = 1251 << 3;
const fold4: usize = 1458 << 3;
const fold5: usize = 1648 << 3;
const fold6: usize = 1852 << 3;
/** Bytes of the window that holds the last folded words: a power of two beyond `fold6`. */
const windowBytes: usize = 2048 << 3;
/** Below this the table alone is as fast. */
const foldedBytesMin: u32 = 65_536;

/**
 * CRC-64/NVME of `length` bytes at `from`, going on from `crc` (0 at the beginning). Of a long run most words are folded away:
 * the polynomial has a multiple of eight terms with exponents that are multiples of 64, so a word is the same as itself added
 * to seven words further on. `window` (windowBytes and 32) is scratch.
 */
export function crc64(tables: usize, window: usize, from: usize, length: u32, crc: u64): u64 {
  if (length < foldedBytesMin) return ~tableCrc64(tables, from, length, ~crc);
  const folded: usize = ((<usize>length - fold6) >> 5) << 5;
  memory.fill(window, 0, windowBytes + 32);
  fold(window, from, folded, ~crc);
  // What the last folded words add to those behind them comes through the window as well; these fold no further.
  let at: usize = folded;
  let rest: u64 = 0;
  const foldedEnd = folded + fold6;
  for (; at < foldedEnd; at += 8) rest = tableStep(tables, rest ^ load<u64>(from + at) ^ taken(window, at, folded));
  return ~tableCrc64(tables, from + at, length - <u32>at, rest);
}

// @ts-ignore: decorator
@inline
function back(window: usize, at: usize, distance: usize): usize {
  return window + ((at - distance) & (windowBytes - 1));
}

/** The first bytes of the window are there once more behind its end: loads begin at any word of it. */
function fold(window: usize, from: usize, end: usize, crc: u64): void {
  let start = i64x2.replace_lane(i64x2.splat(0), 0, crc);
  for (let at: usize = 0; at < end; at += 32) {
    const b0 = back(window, at, fold0), b1 = back(window, at, fold1), b2 = back(window, at, fold2), b3 = back(window, at, fold3);
    const b4 = back(window, at, fold4), b5 = back(window, at, fold5), b6 = back(window, at, fold6);
    let x = v128.xor(v128.xor(v128.load(from + at), start), v128.load(b0));
    let y = v128.xor(v128.load(from + at, 16), v128.load(b0, 16));
    x = v128.xor(x, v128.xor(v128.load(b1), v128.load(b2)));
    y = v128.xor(y, v128.xor(v128.load(b1, 16), v128.load(b2, 16)));
    x = v128.xor(x, v128.xor(v128.load(b3), v128.load(b4)));
    y = v128.xor(y, v128.xor(v128.load(b3, 16), v128.load(b4, 16)));
    x = v128.xor(x, v128.xor(v128.load(b5), v128.load(b6)));
    y = v128.xor(y, v128.xor(v128.load(b5, 16), v128.load(b6, 16)));
    start = i64x2.splat(0);
    const place = window + (at & (windowBytes - 1));
    v128.store(place, x);
    v128.store(place, y, 16);
    if (place == window) {
      v128.store(window + windowBytes, x);
      v128.store(window + windowBytes, y, 16);
    }
  }
}

// @ts-ignore: decorator
@inline
function part(window: usize, at: usize, distance: usize, end: usize): u64 {
  return at - distance < end ? load<u64>(window + ((at - distance) & (windowBytes - 1))) : 0;
}

/** What folded words before `end` add to the word at `at`, which is behind it. */
function taken(window: usize, at: usize, end: usize): u64 {
  return (
    part(window, at, fold0, end) ^ part(window, at, fold1, end) ^ part(window, at, fold2, end) ^ part(window, at, fold3, end) ^
    part(window, at, fold4, end) ^ part(window, at, fold5, end) ^ part(window, at, fold6, end)
  );
}

function tableStep(tables: usize, a: u64): u64 {
  return (
    entry(tables, 7, a & 255) ^ entry(tables, 6, (a >> 8) & 255) ^ entry(tables, 5, (a >> 16) & 255) ^ entry(tables, 4, (a >> 24) & 255) ^
    entry(tables, 3, (a >> 32) & 255) ^ entry(tables, 2, (a >> 40) & 255) ^ entry(tables, 1, (a >> 48) & 255) ^ entry(tables, 0, a >> 56)
  );
}

function tableCrc64(tables: usize, from: usize, length: u32, crc: u64): u64 {
  const end = from + <usize>length;
  while (from + 16 <= end) {
    const a = crc ^ load<u64>(from);
    const b = load<u64>(from, 8);
    crc =
      entry(tables, 15, a & 255) ^ entry(tables, 14, (a >> 8) & 255) ^ entry(tables, 13, (a >> 16) & 255) ^ entry(tables, 12, (a >> 24) & 255) ^
      entry(tables, 11, (a >> 32) & 255) ^ entry(tables, 10, (a >> 40) & 255) ^ entry(tables, 9, (a >> 48) & 255) ^ entry(tables, 8, a >> 56) ^
      entry(tables, 7, b & 255) ^ entry(tables, 6, (b >> 8) & 255) ^ entry(tables, 5, (b >> 16) & 255) ^ entry(tables, 4, (b >> 24) & 255) ^
      entry(tables, 3, (b >> 32) & 255) ^ entry(tables, 2, (b >> 40) & 255) ^ entry(tables, 1, (b >> 48) & 255) ^ entry(tables, 0, b >> 56);
    from += 16;
  }
  while (from < end) {
    crc = entry(tables, 0, (crc ^ <u64>load<u8>(from)) & 255) ^ (crc >> 8);
    from++;
  }
  return crc;
}
