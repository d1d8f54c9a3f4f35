/** The bytes of objects: which belong to one follows from the seed and its number, so that nothing need be remembered to check an answer. */
import { createCipheriv, createHash } from 'node:crypto';
import { mixOf } from './seeded-random.ts';
import { mebibyte, type SizeDistribution } from './sizes.ts';

/** Bodies are views into one random block, each from another offset in its first MiB. */
const spreadBytes = mebibyte;
const variantsMax = 1024;
/** At least two, so that an object's next version differs from the one before. */
const variantsMin = 2;
/** What all variants together may come to: each is hashed once before it is timed. */
const hashedBytesMax = 64 * mebibyte;

/** What an object holds. The same body is the same instance: digests are kept by it. */
export class Body {
  readonly bytes: Buffer;
  #md5: Buffer | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get md5(): Buffer {
    return (this.#md5 ??= createHash('md5').update(this.bytes).digest());
  }
}

/**
 * All bodies of one size distribution. There are up to 1024 of them, their sizes the distribution's quantiles, so that the sizes of any
 * run come close to what was asked for; an object's number chooses one.
 */
export class Bodies {
  readonly #seed: number;
  readonly #variants: readonly Body[];

  /** `bytesMin`: smaller sizes are rounded up to it (parts of multipart uploads). */
  constructor(sizes: SizeDistribution, seed: number, bytesMin = 1) {
    this.#seed = seed;
    const count = Math.min(variantsMax, Math.max(variantsMin, Math.floor(hashedBytesMax / Math.max(sizes.mean, bytesMin))));
    const block = randomBlock(Math.max(sizes.max, bytesMin) + spreadBytes, seed);
    const step = spreadBytes / variantsMax;
    this.#variants = Array.from({ length: count }, (_, variant) => {
      const size = Math.max(bytesMin, sizes.at((variant + 0.5) / count));
      return new Body(block.subarray(variant * step, variant * step + size));
    });
  }

  get meanBytes(): number {
    return this.#variants.reduce((sum, { bytes }) => sum + bytes.length, 0) / this.#variants.length;
  }

  /** Of the object with this number; each revision of it differs from the one before. */
  of(number: number, revision = 0): Body {
    return this.#variants[(mixOf(this.#seed, number) + revision) % this.#variants.length] as Body;
  }

  /** Hashes every body, so that this isn't done while something is timed. */
  hash(): void {
    for (const body of this.#variants) void body.md5;
  }
}

/** The key stream of AES-128 in counter mode: no store can compress it or find it twice. */
function randomBlock(bytes: number, seed: number): Buffer {
  const key = Buffer.from([1, 2, 3, 4].flatMap((word) => [...new Uint8Array(Uint32Array.of(mixOf(seed, word)).buffer)]));
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}
