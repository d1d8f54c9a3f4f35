/**
 * The proof that every row carries behind its value: a checksum over its whole key (table and key) and its value, in five characters
 * of seven bits, so that a row of text stays text. What a disk or a library made of a row, or of two rows, is found when it is read.
 * It finds damage, not malice.
 */

/** Bytes of a proof. */
export const proofBytes = 5;

/** Rows are laid here, padded with zeros to 16 bytes, and summed up word by word: four sums side by side, for one would wait for itself. */
const scratchBytes = 128 * 1024;
const scratch = Buffer.from(new ArrayBuffer(scratchBytes));
const words = new Int32Array(scratch.buffer);
const blockBytes = 16;
const multiplier = 0x9e3779b1;
/** Zeros that fill a row of text up to whole blocks, by their number. */
const fillings = Array.from({ length: blockBytes }, (_, zeros) => '\0'.repeat(zeros));

/** `value` with its proof behind it. */
export function sealed(key: Uint8Array, value: Uint8Array): Buffer {
  const row = Buffer.allocUnsafe(value.length + proofBytes);
  row.set(value);
  const sum = sumOf(key, value, value.length);
  for (let at = 0; at < proofBytes; at += 1) row[value.length + at] = (sum >>> (7 * at)) & 0x7f;
  return row;
}

/** The value of a sealed row, a view of it; undefined: it isn't what was written under that key. */
export function unsealed(key: Uint8Array, row: Uint8Array): Buffer | undefined {
  const length = row.length - proofBytes;
  if (length < 0 || sumOf(key, row, length) !== proofAt(row, length)) return undefined;
  return Buffer.from(row.buffer, row.byteOffset, length);
}

/** Of rows of text, [whole key, sealed value], that many at once: their bytes are made in one go. False: one of them is damaged. */
export function unsealTexts(rows: [key: string, value: string][]): boolean {
  let text = '';
  let bytes = 0;
  let begin = 0;
  for (let at = 0; at < rows.length; at += 1) {
    const [key, value] = rows[at]!;
    const length = key.length + value.length;
    const filling = -length & (blockBytes - 1);
    if (bytes + length + filling >= scratchBytes) {
      if (!unsealLaid(rows, { begin, end: at, text, bytes })) return false;
      text = '';
      bytes = 0;
      begin = at;
    }
    text += key + value + fillings[filling]!;
    bytes += length + filling;
  }
  return unsealLaid(rows, { begin, end: rows.length, text, bytes });
}

interface Laid {
  readonly begin: number;
  readonly end: number;
  readonly text: string;
  /** If all of it is ASCII. */
  readonly bytes: number;
}

function unsealLaid(rows: [key: string, value: string][], { begin, end, text, bytes }: Laid): boolean {
  if (bytes >= scratchBytes || scratch.write(text) !== bytes) return unsealEach(rows, begin, end);
  let start = 0;
  for (let at = begin; at < end; at += 1) {
    const row = rows[at]!;
    const keyLength = row[0].length;
    const length = row[1].length - proofBytes;
    if (length < 0) return false;
    const proofStart = start + keyLength + length;
    const proof = proofAt(scratch, proofStart);
    scratch.fill(0, proofStart, proofStart + proofBytes);
    const filled = start + ((keyLength + length + proofBytes + blockBytes - 1) & -blockBytes);
    first = second = third = fourth = 0;
    sumBlocks(start >> 2, filled >> 2);
    if (finished(keyLength, length) !== proof) return false;
    row[1] = row[1].slice(0, length);
    start = filled;
  }
  return true;
}

/** Rows with other than ASCII, or too large to be laid together. */
function unsealEach(rows: [key: string, value: string][], begin: number, end: number): boolean {
  for (let at = begin; at < end; at += 1) {
    const row = rows[at]!;
    const value = unsealed(Buffer.from(row[0]), Buffer.from(row[1]));
    if (value === undefined) return false;
    // A proof has as many characters as bytes.
    row[1] = row[1].slice(0, -proofBytes);
  }
  return true;
}

function proofAt(row: Uint8Array, at: number): number {
  if (row[at + 4]! > 0x0f) return Number.NaN;
  return row[at]! | (row[at + 1]! << 7) | (row[at + 2]! << 14) | (row[at + 3]! << 21) | (row[at + 4]! << 28);
}

let first = 0;
let second = 0;
let third = 0;
let fourth = 0;

/** Of the key and the first `length` bytes of the row. */
function sumOf(key: Uint8Array, row: Uint8Array, length: number): number {
  first = second = third = fourth = 0;
  let filled = 0;
  const bytes = key.length + length + proofBytes;
  if (bytes + blockBytes <= scratchBytes) {
    scratch.set(key);
    scratch.set(length === row.length ? row : row.subarray(0, length), key.length);
    filled = key.length + length;
  } else {
    for (const [part, partLength] of [
      [key, key.length],
      [row, length],
    ] as const) {
      for (let at = 0; at < partLength; ) {
        const taken = Math.min(partLength - at, scratchBytes - filled);
        scratch.set(part.subarray(at, at + taken), filled);
        at += taken;
        filled += taken;
        if (filled < scratchBytes) continue;
        sumBlocks(0, words.length);
        filled = 0;
      }
    }
    if (filled + proofBytes + blockBytes > scratchBytes) {
      const whole = filled & -blockBytes;
      sumBlocks(0, whole >> 2);
      scratch.copyWithin(0, whole, filled);
      filled -= whole;
    }
  }
  const end = (filled + proofBytes + blockBytes - 1) & -blockBytes;
  scratch.fill(0, filled, end);
  sumBlocks(0, end >> 2);
  return finished(key.length, length);
}

function sumBlocks(from: number, to: number): void {
  let [one, two, three, four] = [first, second, third, fourth];
  for (let at = from; at < to; at += 4) {
    one = Math.imul(((one << 5) | (one >>> 27)) ^ words[at]!, multiplier);
    two = Math.imul(((two << 5) | (two >>> 27)) ^ words[at + 1]!, multiplier);
    three = Math.imul(((three << 5) | (three >>> 27)) ^ words[at + 2]!, multiplier);
    four = Math.imul(((four << 5) | (four >>> 27)) ^ words[at + 3]!, multiplier);
  }
  first = one;
  second = two;
  third = three;
  fourth = four;
}

/** Both lengths count: zeros at the end of a key or a value are not those of the filling. */
function finished(keyLength: number, length: number): number {
  let sum = mixed(keyLength + 1) ^ first;
  sum = mixed(sum) ^ second;
  sum = mixed(sum) ^ third;
  sum = mixed(sum) ^ fourth;
  return mixed(mixed(sum) ^ length);
}

function mixed(sum: number): number {
  const once = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return twice ^ (twice >>> 16);
}
