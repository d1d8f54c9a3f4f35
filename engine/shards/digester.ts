/** Digests of a body, of several names at once. */
import { createHash, type Hash } from 'node:crypto';
import { crc32, crc32c } from '@node-rs/crc32';
import xxhash, { type XXHash } from 'xxhash-addon';
import type { DigestName, Digests } from '../body.ts';
import { openKernel } from './erasure-code.ts';
import { createKernelMemory, type Kernel, kernelBytes } from './kernel.ts';

/** Takes a body piece by piece, each lying in the kernel's memory. */
export interface Digester {
  /** `bytes` is what lies at `place`. */
  update(bytes: Buffer, place: number): void;
  digests(): Digests;
}

const hashNames = { MD5: 'md5', SHA1: 'sha1', SHA256: 'sha256', SHA512: 'sha512' } as const;
const xxhashes = { XXHASH64: xxhash.XXHash64, XXHASH3: xxhash.XXHash3, XXHASH128: xxhash.XXHash128 } as const;
/** S3's have no other. */
const xxhashSeed = Buffer.alloc(8);

interface Running {
  update(bytes: Buffer, place: number): void;
  digest(): Buffer;
}

export function openDigester(names: readonly DigestName[], kernel: Kernel): Digester {
  const running = names.map((name) => ({ name, digest: openDigest(name, kernel) }));
  return {
    update(bytes, place) {
      for (const { digest } of running) digest.update(bytes, place);
    },
    digests: () => Object.fromEntries(running.map(({ name, digest }) => [name, digest.digest()])),
  };
}

function openDigest(name: DigestName, kernel: Kernel): Running {
  switch (name) {
    case 'MD5':
    case 'SHA1':
    case 'SHA256':
    case 'SHA512': {
      const hash: Hash = createHash(hashNames[name]);
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
    }
    case 'XXHASH64':
    case 'XXHASH3':
    case 'XXHASH128': {
      const hash: XXHash = new xxhashes[name](xxhashSeed);
      return { update: (bytes) => hash.update(bytes), digest: () => hash.digest() };
    }
    case 'CRC32':
    case 'CRC32C': {
      const next = name === 'CRC32' ? crc32 : crc32c;
      let crc = 0;
      return { update: (bytes) => void (crc = next(bytes, crc)), digest: () => bigEndian32(crc) };
    }
    case 'CRC64NVME': {
      let crc = 0n;
      return { update: (bytes, place) => void (crc = kernel.crc64(place, bytes.length, crc)), digest: () => bigEndian64(crc) };
    }
  }
}

/** From a worker's message: buffers lose their class on the way through a port. */
export function receivedDigests(digests: Digests): Digests {
  return Object.fromEntries(Object.entries(digests).map(([name, bytes]) => [name, Buffer.from(bytes)]));
}

function bigEndian32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function bigEndian64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** Bytes of a small body that are hashed at once. */
const scratchBytes = 64 * 1024;
let scratch: { readonly kernel: Kernel; readonly bytes: Buffer } | undefined;

/** Digests of bytes that lie anywhere: for small bodies, on the caller's thread. */
export function digestsOf(names: readonly DigestName[], bytes: Uint8Array): Digests {
  if (scratch === undefined) {
    const { kernel } = openKernel(createKernelMemory(scratchBytes));
    scratch = { kernel, bytes: Buffer.from(kernel.memory, kernelBytes, scratchBytes) };
  }
  const { kernel, bytes: window } = scratch;
  const digester = openDigester(names, kernel);
  for (let from = 0; from < bytes.length; from += scratchBytes) {
    const piece = bytes.subarray(from, from + scratchBytes);
    window.set(piece);
    digester.update(window.subarray(0, piece.length), kernelBytes);
  }
  return digester.digests();
}
