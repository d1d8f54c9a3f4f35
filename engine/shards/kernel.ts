/**
 * The inner loops over shard bytes: GF(2^8) products and CRC-64/NVME, on places in one memory. The compiled kernel
 * (`kernel.as.ts`) runs them with SIMD; the plain one is its reference, and steps in where WebAssembly SIMD is missing.
 */
import { readFileSync } from 'node:fs';
import { multiply, productsOf } from './galois-field.ts';

export interface Kernel {
  readonly name: 'simd' | 'plain';
  /** Where stripe buffers lie; places are byte offsets into it, from `kernelBytes` up. Shared between threads. */
  readonly memory: SharedArrayBuffer;
  /** outputs[r] = sum of rows[r][j] * sources[j]. `rows` is row by row; `length` bytes, a multiple of `kernelStepBytes`. */
  code(rows: Uint8Array, sources: readonly number[], outputs: readonly number[], length: number): void;
  /** CRC-64/NVME of `length` bytes at `place`, going on from `crc` (0n at the beginning). */
  crc64(place: number, length: number, crc: bigint): bigint;
  /** MD5 of several bodies side by side; not in the plain kernel. */
  readonly md5?: Md5Blocks;
}

export interface Md5Blocks {
  /** Where a block can be put that doesn't lie in the memory. */
  readonly blockPlace: number;
  /** Takes `blocks` blocks of 64 bytes at each of `places` into the states (a, b, c, d) of as many bodies, at most eight. */
  take(states: readonly Uint32Array[], places: readonly number[], blocks: number): void;
}

/** First bytes of the memory, kept for the kernel's own tables. */
export const kernelBytes = 65_536;
/** Lengths given to `code` are multiples of this. */
export const kernelStepBytes = 32;

const wasmPageBytes = 65_536;
const sourcesPlace = 0;
const outputsPlace = 1024;
const tablesPlace = 2048;
/** The last words that CRC-64 folded: 16 KiB and 32 bytes. */
const foldPlace = 12_288;
const md5StepsPlace = 30_720;
const md5WordsPlace = 31_232;
const md5LanesPlace = 31_744;
const md5BlockPlace = 32_000;
const crcTablesPlace = 32_768;
const coefficientBytes = 32;
const coefficientsMax = (foldPlace - tablesPlace) / coefficientBytes;

/** A shared WebAssembly memory: can be posted to a thread, which then sees the same bytes. */
export interface KernelMemory {
  readonly buffer: SharedArrayBuffer;
}

// The part of the WebAssembly interface that is used here; the language library has it only among the browser's types.
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number; shared: true }) => KernelMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: { env: { memory: KernelMemory } }) => { readonly exports: unknown };
};

/** A memory of `kernelBytes` plus at least `bytes` for buffers. Pages count as used memory only once they are touched. */
export function createKernelMemory(bytes: number): KernelMemory {
  const pages = Math.ceil((kernelBytes + bytes) / wasmPageBytes);
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}

interface KernelExports {
  code(tables: number, sources: number, sourceCount: number, outputs: number, outputCount: number, length: number): void;
  fillCrc64Tables(tables: number): void;
  crc64(tables: number, window: number, from: number, length: number, crc: bigint): bigint;
  md5x1(steps: number, lanes: number, blocks: number): void;
  md5x4(steps: number, words: number, lanes: number, blocks: number): void;
  md5x8(steps: number, words: number, lanes: number, blocks: number): void;
}

let compiled: object | undefined;

/** The compiled kernel over `memory`. Throws when the file isn't built or the processor lacks SIMD. */
export function openSimdKernel(memory: KernelMemory): Kernel {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('./kernel.wasm', import.meta.url)));
  const exports = new WebAssembly.Instance(compiled, { env: { memory } }).exports as KernelExports;
  exports.fillCrc64Tables(crcTablesPlace);
  const buffer = memory.buffer;
  const bytes = new Uint8Array(buffer);
  const places = new Uint32Array(buffer, 0, tablesPlace / 4);
  const expanded = new WeakMap<Uint8Array, Uint8Array>();
  let loaded: Uint8Array | undefined;
  return {
    name: 'simd',
    memory: buffer,
    code(rows, sources, outputs, length) {
      if (rows !== loaded) {
        let tables = expanded.get(rows);
        if (tables === undefined) expanded.set(rows, (tables = nibbleTables(rows)));
        bytes.set(tables, tablesPlace);
        loaded = rows;
      }
      places.set(sources, sourcesPlace / 4);
      places.set(outputs, outputsPlace / 4);
      exports.code(tablesPlace, sourcesPlace, sources.length, outputsPlace, outputs.length, length);
    },
    crc64: (place, length, crc) => BigInt.asUintN(64, exports.crc64(crcTablesPlace, foldPlace, place, length, crc)),
    md5: md5Blocks(exports, buffer),
  };
}

/** `md5LanesPlace`: eight places, then eight words each of a, b, c and d. */
function md5Blocks(exports: KernelExports, buffer: SharedArrayBuffer): Md5Blocks {
  new Uint32Array(buffer, md5StepsPlace, 128).set(md5Steps());
  const lanes = new Uint32Array(buffer, md5LanesPlace, 40);
  return {
    blockPlace: md5BlockPlace,
    take(states, places, blocks) {
      // A lane that nobody needs repeats the first.
      for (let lane = 0; lane < 8; lane += 1) {
        const from = lane < states.length ? lane : 0;
        lanes[lane] = places[from]!;
        for (let word = 0; word < 4; word += 1) lanes[8 + 8 * word + lane] = states[from]![word]!;
      }
      if (states.length === 1) exports.md5x1(md5StepsPlace, md5LanesPlace, blocks);
      else if (states.length <= 4) exports.md5x4(md5StepsPlace, md5WordsPlace, md5LanesPlace, blocks);
      else exports.md5x8(md5StepsPlace, md5WordsPlace, md5LanesPlace, blocks);
      states.forEach((state, lane) => {
        for (let word = 0; word < 4; word += 1) state[word] = lanes[8 + 8 * word + lane]!;
      });
    },
  };
}

/** For each step its constant, and the place of its word among those of eight lanes. RFC 1321, 3.4. */
function md5Steps(): number[] {
  const wordOf = (step: number) => [step, 5 * step + 1, 3 * step + 5, 7 * step][step >> 4]! % 16;
  return Array.from({ length: 64 }, (_, step) => [Math.floor(Math.abs(Math.sin(step + 1)) * 2 ** 32), 32 * wordOf(step)]).flat();
}

function nibbleTables(rows: Uint8Array): Uint8Array {
  if (rows.length > coefficientsMax) throw new RangeError(`at most ${coefficientsMax} coefficients, not ${rows.length}`);
  const tables = new Uint8Array(rows.length * coefficientBytes);
  rows.forEach((coefficient, index) => {
    for (let nibble = 0; nibble < 16; nibble += 1) {
      tables[index * coefficientBytes + nibble] = multiply(coefficient, nibble);
      tables[index * coefficientBytes + 16 + nibble] = multiply(coefficient, nibble << 4);
    }
  });
  return tables;
}

/** The same in plain JavaScript, a table of products for each coefficient. */
export function openPlainKernel(memory: SharedArrayBuffer): Kernel {
  const bytes = new Uint8Array(memory);
  /** By coefficient, as far as they were needed. */
  const products: Uint8Array[] = [];
  return {
    name: 'plain',
    memory,
    code(rows, sources, outputs, length) {
      outputs.forEach((output, row) => {
        sources.forEach((source, column) => {
          const coefficient = rows[row * sources.length + column]!;
          const table = (products[coefficient] ??= productsOf(coefficient));
          for (let i = 0; i < length; i += 1) {
            const product = table[bytes[source + i]!]!;
            bytes[output + i] = column === 0 ? product : bytes[output + i]! ^ product;
          }
        });
      });
    },
    crc64: (place, length, crc) => plainCrc64(bytes.subarray(place, place + length), crc),
  };
}

const crc64Table = Array.from({ length: 256 }, (_, index) => {
  let crc = BigInt(index);
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1n ? (crc >> 1n) ^ 0x9a6c9329ac4bc9b5n : crc >> 1n;
  return crc;
});

/** CRC-64/NVME a byte at a time. */
export function plainCrc64(bytes: Uint8Array, crc: bigint): bigint {
  let value = crc ^ 0xffffffffffffffffn;
  for (const byte of bytes) value = crc64Table[Number((value ^ BigInt(byte)) & 255n)]! ^ (value >> 8n);
  return value ^ 0xffffffffffffffffn;
}
