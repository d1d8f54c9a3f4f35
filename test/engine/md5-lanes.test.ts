import assert from 'node:assert/strict';
import { createHash, type Hash } from 'node:crypto';
import { test } from 'node:test';
import { openKernel } from '../../engine/shards/erasure-code.ts';
import { createKernelMemory, type Kernel, kernelBytes, openPlainKernel, plainCrc64 } from '../../engine/shards/kernel.ts';
import { Md5Lanes } from '../../engine/shards/md5-lanes.ts';

const memoryBytes = 1024 * 1024;

function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function filledKernel(random: (below: number) => number): Kernel {
  const { kernel, reason } = openKernel(createKernelMemory(memoryBytes));
  assert.equal(reason, undefined);
  const bytes = new Uint8Array(kernel.memory, kernelBytes);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = random(256);
  return kernel;
}

/** Bodies of pieces of any length, each sent when the one before is taken, or right behind it. */
async function hashBodies(lanes: Md5Lanes, memory: Buffer, random: (below: number) => number, bodies: number): Promise<void> {
  const hashOne = async (): Promise<void> => {
    const stream = lanes.open();
    const expected: Hash = createHash('md5');
    const taken: Promise<void>[] = [];
    for (let piece = random(6); piece >= 0; piece -= 1) {
      const place = kernelBytes + random(memoryBytes / 2);
      const bytes = random(4) === 0 ? random(400_000) : random(200);
      expected.update(memory.subarray(place, place + bytes));
      taken.push(stream.update(place, bytes));
      if (random(2) === 0) await taken.at(-1);
    }
    await Promise.all(taken);
    assert.equal(stream.digest().toString('hex'), expected.digest('hex'));
  };
  await Promise.all(Array.from({ length: bodies }, hashOne));
}

test('MD5 of any number of bodies side by side is what it is of each alone', async () => {
  const random = randomFrom(7);
  const kernel = filledKernel(random);
  const memory = Buffer.from(kernel.memory);
  for (const bodies of [1, 2, 3, 4, 5, 8, 9, 20]) {
    await hashBodies(new Md5Lanes(kernel, setImmediate), memory, random, bodies);
    await hashBodies(new Md5Lanes(kernel, queueMicrotask), memory, random, bodies);
  }
});

test('without the fast kernel MD5 comes out the same', async () => {
  const random = randomFrom(11);
  const kernel = filledKernel(random);
  await hashBodies(new Md5Lanes(openPlainKernel(kernel.memory), setImmediate), Buffer.from(kernel.memory), random, 3);
});

test('a folded CRC-64 is that of the bytes one by one, wherever they begin and whatever came before', () => {
  const random = randomFrom(13);
  const kernel = filledKernel(random);
  const memory = Buffer.from(kernel.memory);
  for (const length of [65_535, 65_536, 65_537, 65_567, 70_000, 131_072]) {
    const place = kernelBytes + random(1000);
    const before = BigInt(random(2 ** 32));
    assert.equal(kernel.crc64(place, length, before), plainCrc64(memory.subarray(place, place + length), before), `${length} bytes`);
  }
});
