/** Digests of bodies that are sent again and again: taken once, kept as long as the body lives, so that the client isn't what is measured. */
import { hash } from 'node:crypto';
import { crc32, crc32c } from '@node-rs/crc32';
import xxhash from 'xxhash-addon';
import type { ChecksumAlgorithm } from '../../engine/body.ts';
import { createKernelMemory, type Kernel, kernelBytes, openPlainKernel, openSimdKernel } from '../../engine/shards/kernel.ts';

export type Checksum = Lowercase<ChecksumAlgorithm>;

/** Bytes of a chunk of a streamed body, as SDKs cut them. */
export const chunkBytes = 65_536;

const windowBytes = 1_048_576;
const kept = new WeakMap<Uint8Array, BodyDigests>();

/** Those of this very view, which must not be changed afterwards. */
export function digestsOf(body: Uint8Array): BodyDigests {
  let digests = kept.get(body);
  if (digests === undefined) kept.set(body, (digests = new BodyDigests(body)));
  return digests;
}

export function checksumHeader(checksum: Checksum): string {
  return `x-amz-checksum-${checksum}`;
}

/** Each is taken when it is first asked for. */
export class BodyDigests {
  readonly #body: Uint8Array;
  readonly #checksums = new Map<Checksum, string>();
  #md5: string | undefined;
  #sha256: string | undefined;
  #chunks: readonly string[] | undefined;

  constructor(body: Uint8Array) {
    this.#body = body;
  }

  /** Hex: the ETag of an object put in one request. */
  get md5(): string {
    return (this.#md5 ??= hash('md5', this.#body, 'hex'));
  }

  /** Hex. */
  get sha256(): string {
    return (this.#sha256 ??= hash('sha256', this.#body, 'hex'));
  }

  /** SHA-256 of each `chunkBytes` of it, hex. */
  get chunks(): readonly string[] {
    return (this.#chunks ??= this.#hashChunks());
  }

  /** Base64, as the checksum's header carries it. */
  checksum(checksum: Checksum): string {
    let value = this.#checksums.get(checksum);
    if (value === undefined) this.#checksums.set(checksum, (value = checksumOf(this.#body, checksum)));
    return value;
  }

  #hashChunks(): string[] {
    const body = this.#body;
    return Array.from({ length: Math.ceil(body.length / chunkBytes) }, (_, at) =>
      hash('sha256', body.subarray(at * chunkBytes, (at + 1) * chunkBytes), 'hex'),
    );
  }
}

const hashOf = (name: string) => (bytes: Uint8Array) => hash(name, bytes, 'buffer');
const xxhashOf =
  ({ hash }: { hash(bytes: Buffer): Buffer }) =>
  (bytes: Uint8Array) =>
    hash(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));

/** Those that libraries take of a whole body at once. */
const oneShot: Partial<Record<Checksum, (bytes: Uint8Array) => Buffer>> = {
  sha1: hashOf('sha1'),
  sha256: hashOf('sha256'),
  sha512: hashOf('sha512'),
  md5: hashOf('md5'),
  xxhash64: xxhashOf(xxhash.XXHash64),
  xxhash3: xxhashOf(xxhash.XXHash3),
  xxhash128: xxhashOf(xxhash.XXHash128),
};

function checksumOf(bytes: Uint8Array, checksum: Checksum): string {
  const summed = oneShot[checksum]?.(bytes);
  if (summed !== undefined) return summed.toString('base64');
  if (checksum === 'crc64nvme') {
    const sum = Buffer.alloc(8);
    sum.writeBigUInt64BE(crc64(bytes));
    return sum.toString('base64');
  }
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(checksum === 'crc32' ? crc32(bytes) : crc32c(bytes));
  return sum.toString('base64');
}

let kernel: Kernel | undefined;

/** The kernel sums what lies in its own memory: the body goes through a window of it. */
function crc64(bytes: Uint8Array): bigint {
  kernel ??= openKernel();
  const window = new Uint8Array(kernel.memory, kernelBytes, windowBytes);
  let crc = 0n;
  for (let at = 0; at < bytes.length; at += windowBytes) {
    const piece = bytes.subarray(at, at + windowBytes);
    window.set(piece);
    crc = kernel.crc64(kernelBytes, piece.length, crc);
  }
  return crc;
}

function openKernel(): Kernel {
  const memory = createKernelMemory(windowBytes);
  try {
    return openSimdKernel(memory);
  } catch {
    return openPlainKernel(memory.buffer);
  }
}
