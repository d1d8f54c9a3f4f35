/**
 * Repeatable numbers: sfc32 of Chris Doty-Humphrey's PractRand (https://pracrand.sourceforge.net/RNG_engines.txt), seeded through the
 * finaliser of MurmurHash3 (https://github.com/aappleby/smhasher/wiki/MurmurHash3).
 */
const roundsBeforeFirst = 12;

/** A well-mixed 32-bit number that follows from the words alone: the choice that belongs to an object's number. */
export function mixOf(...words: readonly number[]): number {
  let hash = 0x9747b28c;
  for (const word of words) {
    hash = finalise(hash ^ (word >>> 0));
    const high = Math.floor(word / 4_294_967_296);
    if (high > 0) hash = finalise(hash ^ high);
    hash = (Math.imul(hash, 5) + 0xe6546b64) >>> 0;
  }
  return finalise(hash);
}

function finalise(word: number): number {
  let hash = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(...seeds: readonly number[]) {
    this.#a = mixOf(...seeds, 1);
    this.#b = mixOf(...seeds, 2);
    this.#c = mixOf(...seeds, 3);
    for (let round = 0; round < roundsBeforeFirst; round += 1) this.word();
  }

  /** 32 bits. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) >>> 0;
    this.#counter = (this.#counter + 1) >>> 0;
    this.#a = (this.#b ^ (this.#b >>> 9)) >>> 0;
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) >>> 0;
    return sum;
  }

  /** In [0, 1). */
  share(): number {
    return this.word() / 4_294_967_296;
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor(((this.word() >>> 5) * 67_108_864 + (this.word() >>> 6)) * (limit / 9_007_199_254_740_992));
  }
}
