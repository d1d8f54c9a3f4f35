/**
 * Systematic Reed-Solomon code over GF(2^8): K data shards, M parity shards, any K of them bring back the rest. The parity
 * rows are a Cauchy matrix scaled so that the first row is all ones: 1 + 1 is a plain mirror, one parity is XOR.
 */
import { createHash } from 'node:crypto';
import { assert } from '../assert.ts';
import { inverse, invertMatrix, multiply } from './galois-field.ts';
import {
  createKernelMemory,
  type Kernel,
  type KernelMemory,
  kernelBytes,
  kernelStepBytes,
  openPlainKernel,
  openSimdKernel,
} from './kernel.ts';
import { Md5Lanes } from './md5-lanes.ts';

/** Shards of one stripe, data and parity together. */
export const shardsMax = 16;
/** Bytes of a CRC-64 that is folded; half of them is not. */
const foldedBytes = 96 * 1024;
/** Recovery matrices remembered by an ErasureCode, one for each pattern of loss. */
const recoveriesMax = 64;

export interface ErasureCode {
  readonly dataShards: number;
  readonly parityShards: number;
  /** Fills the M parity places from the K data places; `length` bytes each, a multiple of `kernelStepBytes`. */
  encode(data: readonly number[], parity: readonly number[], length: number): void;
  /**
   * Fills the places of `wanted` shards from the shards named in `present` (at least K shard numbers).
   * `places` has one for each of the K+M shards.
   */
  reconstruct(recovery: Recovery): void;
}

export interface Recovery {
  readonly places: readonly number[];
  readonly present: readonly number[];
  readonly wanted: readonly number[];
  /** Bytes of each shard. */
  readonly length: number;
}

export function openErasureCode(dataShards: number, parityShards: number, kernel: Kernel): ErasureCode {
  assert(dataShards >= 1 && parityShards >= 0 && dataShards + parityShards <= shardsMax, `impossible code ${dataShards}+${parityShards}`);
  const parityRows = parityMatrix(dataShards, parityShards);
  const recoveries = new Map<string, Uint8Array>();

  function recoveryRows(used: readonly number[], wanted: readonly number[]): Uint8Array {
    const name = `${used}/${wanted}`;
    const known = recoveries.get(name);
    if (known !== undefined) return known;
    const rows = recoveryMatrix(parityRows, dataShards, used, wanted);
    if (recoveries.size >= recoveriesMax) recoveries.delete(recoveries.keys().next().value!);
    recoveries.set(name, rows);
    return rows;
  }

  return {
    dataShards,
    parityShards,
    encode(data, parity, length) {
      assert(length % kernelStepBytes === 0, 'shards are padded');
      if (parityShards > 0) kernel.code(parityRows, data, parity, length);
    },
    reconstruct({ places, present, wanted, length }) {
      assert(length % kernelStepBytes === 0, 'shards are padded');
      assert(present.length >= dataShards, `${present.length} of ${dataShards} shards can't bring back the others`);
      if (wanted.length === 0) return;
      const used = present.slice(0, dataShards);
      const from = used.map((shard) => places[shard]!);
      const to = wanted.map((shard) => places[shard]!);
      kernel.code(recoveryRows(used, wanted), from, to, length);
    },
  };
}

/** M rows of K coefficients. */
function parityMatrix(dataShards: number, parityShards: number): Uint8Array {
  const rows = new Uint8Array(parityShards * dataShards);
  for (let row = 0; row < parityShards; row += 1) {
    for (let column = 0; column < dataShards; column += 1) {
      const cauchy = inverse((dataShards + row) ^ column);
      rows[row * dataShards + column] = multiply(cauchy, dataShards ^ column);
    }
  }
  return rows;
}

/** Rows that turn the `used` shards into the `wanted` ones. */
function recoveryMatrix(parityRows: Uint8Array, size: number, used: readonly number[], wanted: readonly number[]): Uint8Array {
  const generator = (shard: number, column: number) =>
    shard < size ? Number(shard === column) : parityRows[(shard - size) * size + column]!;
  const kept = new Uint8Array(size * size);
  used.forEach((shard, row) => {
    for (let column = 0; column < size; column += 1) kept[row * size + column] = generator(shard, column);
  });
  const inverted = invertMatrix(kept, size);
  assert(inverted !== undefined, `shards ${used} are not independent`);
  const rows = new Uint8Array(wanted.length * size);
  wanted.forEach((shard, row) => {
    for (let column = 0; column < size; column += 1) {
      let sum = 0;
      for (let i = 0; i < size; i += 1) sum ^= multiply(generator(shard, i), inverted[i * size + column]!);
      rows[row * size + column] = sum;
    }
  });
  return rows;
}

/** The fast kernel over `memory` when it is there and proves itself, else the plain one with the reason why. */
export function openKernel(memory: KernelMemory): { readonly kernel: Kernel; readonly reason: string | undefined } {
  const plain = openPlainKernel(memory.buffer);
  try {
    const kernel = openSimdKernel(memory);
    const failure = kernelFailure();
    return failure === undefined ? { kernel, reason: undefined } : { kernel: plain, reason: failure };
  } catch (error) {
    return { kernel: plain, reason: `the SIMD kernel can't be loaded: ${(error as Error).message}` };
  }
}

let proven: { readonly failure: string | undefined } | undefined;

/** Compares the fast kernel with the plain one, once a thread: what is wrong with it, or undefined. */
function kernelFailure(): string | undefined {
  proven ??= { failure: findFailure() };
  return proven.failure;
}

function findFailure(): string | undefined {
  const length = 256;
  const memory = createKernelMemory(foldedBytes);
  const fast = openSimdKernel(memory);
  const plain = openPlainKernel(fast.memory);
  const bytes = new Uint8Array(fast.memory, kernelBytes);
  // A fixed pseudo-random sequence: the same proof on every start.
  const words = new Uint32Array(fast.memory, kernelBytes);
  for (let i = 0, x = 0x9e3779b9; i < words.length; i += 1) words[i] = x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + i;
  for (let parity = 1; parity <= 8; parity += 1) {
    const data = shardsMax - parity;
    const place = (index: number) => kernelBytes + index * length;
    const sources = Array.from({ length: data }, (_, index) => place(index));
    const outputs = Array.from({ length: parity }, (_, index) => place(shardsMax + index));
    const expected = Array.from({ length: parity }, (_, index) => place(2 * shardsMax + index));
    openErasureCode(data, parity, fast).encode(sources, outputs, length);
    openErasureCode(data, parity, plain).encode(sources, expected, length);
    for (let i = 0; i < parity * length; i += 1) {
      if (bytes[shardsMax * length + i] !== bytes[2 * shardsMax * length + i])
        return `the SIMD kernel computes a wrong ${data}+${parity} parity`;
    }
  }
  if (fast.crc64(kernelBytes, 1000, 0n) !== plain.crc64(kernelBytes, 1000, 0n)) return 'the SIMD kernel computes a wrong CRC-64';
  const half = foldedBytes / 2;
  const halves = fast.crc64(kernelBytes + half, half, fast.crc64(kernelBytes, half, 0n));
  if (fast.crc64(kernelBytes, foldedBytes, 0n) !== halves) return 'the SIMD kernel folds a CRC-64 wrongly';
  return [1, 4, 8].every((lanes) => isMd5Right(fast, lanes)) ? undefined : 'the SIMD kernel computes a wrong MD5';
}

function isMd5Right(kernel: Kernel, lanes: number): boolean {
  const tasks: (() => void)[] = [];
  const md5Lanes = new Md5Lanes(kernel, (task) => tasks.push(task));
  const streams = Array.from({ length: lanes }, () => md5Lanes.open());
  const bytesOf = (lane: number) => 1000 + 40 * lane;
  streams.forEach((stream, lane) => void stream.update(kernelBytes + lane, bytesOf(lane)));
  for (const task of tasks) task();
  return streams.every((stream, lane) => {
    const bytes = Buffer.from(kernel.memory, kernelBytes + lane, bytesOf(lane));
    return stream.digest().equals(createHash('md5').update(bytes).digest());
  });
}
