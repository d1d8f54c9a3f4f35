import assert from 'node:assert/strict';
import { randomFillSync, randomInt } from 'node:crypto';
import { test } from 'node:test';
import { openErasureCode, openKernel } from '../../engine/shards/erasure-code.ts';
import { createKernelMemory, type Kernel, kernelBytes, openPlainKernel, openSimdKernel } from '../../engine/shards/kernel.ts';

function withoutShards(shards: number, lost: number): { present: number[]; wanted: number[] } {
  const present = Array.from({ length: shards }, (_, shard) => shard);
  const wanted: number[] = [];
  while (wanted.length < lost) wanted.push(...present.splice(randomInt(present.length), 1));
  return { present, wanted };
}

test('the kernel in use is the SIMD one', () => {
  const { kernel, reason } = openKernel(createKernelMemory(0));
  assert.equal(reason, undefined);
  assert.equal(kernel.name, 'simd');
});

for (const name of ['simd', 'plain'] as const) {
  test(`${name}: every K+M up to 16 brings back any M lost shards`, () => {
    const length = 1088;
    const memory = createKernelMemory(32 * length);
    const kernel = name === 'simd' ? openSimdKernel(memory) : openPlainKernel(memory.buffer);
    const places = Array.from({ length: 16 }, (_, index) => kernelBytes + index * length);
    const bytes = Buffer.from(kernel.memory);
    for (let data = 1; data <= 15; data += 1) {
      for (let parity = 0; parity <= Math.min(data, 16 - data, 8); parity += 1) {
        const code = openErasureCode(data, parity, kernel);
        randomFillSync(bytes, kernelBytes, data * length);
        code.encode(places.slice(0, data), places.slice(data, data + parity), length);
        const whole = Buffer.from(bytes.subarray(kernelBytes, kernelBytes + (data + parity) * length));
        for (let round = 0; round < 4; round += 1) {
          const { present, wanted } = withoutShards(data + parity, parity);
          for (const shard of wanted) bytes.fill(0xaa, places[shard]!, places[shard]! + length);
          code.reconstruct({ places, present, wanted, length });
          assert.ok(
            bytes.subarray(kernelBytes, kernelBytes + (data + parity) * length).equals(whole),
            `${data}+${parity} without ${wanted}`,
          );
        }
      }
    }
  });
}

test('1+1 is a mirror and one parity is XOR', () => {
  const kernel = openSimdKernel(createKernelMemory(4096));
  const bytes = Buffer.from(kernel.memory);
  randomFillSync(bytes, kernelBytes, 96);
  const place = (index: number) => kernelBytes + index * 32;
  openErasureCode(1, 1, kernel).encode([place(0)], [place(4)], 32);
  assert.ok(bytes.subarray(place(4), place(5)).equals(bytes.subarray(place(0), place(1))));
  openErasureCode(3, 1, kernel).encode([place(0), place(1), place(2)], [place(4)], 32);
  for (let i = 0; i < 32; i += 1) assert.equal(bytes[place(4) + i], bytes[place(0) + i]! ^ bytes[place(1) + i]! ^ bytes[place(2) + i]!);
});

test('CRC-64/NVME: the published check value, pieces, and the plain reference', () => {
  const kernel = openSimdKernel(createKernelMemory(65_536));
  const bytes = Buffer.from(kernel.memory);
  bytes.write('123456789', kernelBytes);
  assert.equal(kernel.crc64(kernelBytes, 9, 0n), 0xae8b14860a799888n);
  const plain = openPlainKernel(kernel.memory);
  assert.equal(plain.crc64(kernelBytes, 9, 0n), 0xae8b14860a799888n);
  randomFillSync(bytes, kernelBytes, 5000);
  const whole = plain.crc64(kernelBytes, 5000, 0n);
  for (const cut of [0, 1, 15, 16, 17, 2500, 4999, 5000]) {
    assert.equal(kernel.crc64(kernelBytes + cut, 5000 - cut, kernel.crc64(kernelBytes, cut, 0n)), whole);
  }
});

test('the SIMD kernel is at least 5 times as fast as the plain one', (context) => {
  const shardBytes = 256 * 1024;
  const memory = createKernelMemory(6 * shardBytes);
  const simd = openSimdKernel(memory);
  const plain = openPlainKernel(simd.memory);
  const fast = gigabytesPerSecond(simd, shardBytes, 40);
  const slow = gigabytesPerSecond(plain, shardBytes, 3);
  context.diagnostic(`4+2: SIMD ${fast.toFixed(2)} GB/s of data, plain ${slow.toFixed(3)} GB/s: ${(fast / slow).toFixed(1)} times`);
  assert.ok(fast >= 5 * slow, `${fast} against ${slow} GB/s`);
});

/** Best of a few rounds: the machine may be shared. */
function gigabytesPerSecond(kernel: Kernel, shardBytes: number, rounds: number): number {
  const code = openErasureCode(4, 2, kernel);
  const places = Array.from({ length: 6 }, (_, index) => kernelBytes + index * shardBytes);
  randomFillSync(Buffer.from(kernel.memory), kernelBytes, 4 * shardBytes);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const start = process.hrtime.bigint();
    code.encode(places.slice(0, 4), places.slice(4), shardBytes);
    best = Math.min(best, Number(process.hrtime.bigint() - start));
  }
  return (4 * shardBytes) / best;
}
