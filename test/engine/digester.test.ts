/** Every checksum against values that other programs gave, however the bytes are cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChecksumAlgorithm, checksumAlgorithms } from '../../engine/body.ts';
import { digestsOf, openDigester } from '../../engine/shards/digester.ts';
import { openKernel } from '../../engine/shards/erasure-code.ts';
import { createKernelMemory, kernelBytes } from '../../engine/shards/kernel.ts';

/** Of nothing, of '123456789' and of 0..255 over and over, from Python's hashlib, the catalogue of CRCs and xxHash 0.8.3. */
const known: Readonly<Record<ChecksumAlgorithm, readonly string[]>> = {
  CRC32: ['00000000', 'cbf43926'],
  CRC32C: ['00000000', 'e3069283'],
  CRC64NVME: ['0000000000000000', 'ae8b14860a799888'],
  SHA1: ['da39a3ee5e6b4b0d3255bfef95601890afd80709', 'f7c3bc1d808e04732adf679965ccc34ca7ae3441'],
  SHA256: [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
  ],
  SHA512: [
    'cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
    'd9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274ad27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85',
  ],
  MD5: ['d41d8cd98f00b204e9800998ecf8427e', '25f9e794323b453885f5181f1b624d0b'],
  XXHASH64: ['ef46db3751d8e999', '8cb841db40e6ae83', 'c1034584416aa22c'],
  XXHASH3: ['2d06800538d394c2', '72dcb18b67a17dff', 'f34cc5c9153c3287'],
  XXHASH128: ['99aa06d3014798d86001c324468d497f', '33119477ede5dcd5e9716427681d5860', '63637e9b9c5891c0f34cc5c9153c3287'],
};
const bodies = [Buffer.alloc(0), Buffer.from('123456789'), Buffer.alloc(262_144, Buffer.from(Array.from({ length: 256 }, (_, at) => at)))];

test('known values', () => {
  for (const name of checksumAlgorithms) {
    for (const [at, expected] of known[name].entries()) {
      assert.equal(digestsOf([name], bodies[at]!)[name]!.toString('hex'), expected, `${name} of ${bodies[at]!.length} bytes`);
    }
  }
});

test('cut anywhere, from the memory that threads share, the digest is the same', () => {
  const { kernel } = openKernel(createKernelMemory(512 * 1024));
  const whole = bodies[2]!;
  const memory = Buffer.from(kernel.memory, kernelBytes);
  whole.copy(memory);
  const expected = digestsOf(checksumAlgorithms, whole);
  for (const piece of [1, 63, 65, 1000, 4096, 100_003]) {
    const digester = openDigester(checksumAlgorithms, kernel);
    const end = piece === 1 ? 1000 : whole.length;
    for (let at = 0; at < end; at += piece) digester.update(memory.subarray(at, Math.min(at + piece, end)), kernelBytes + at);
    assert.deepEqual(digester.digests(), end === whole.length ? expected : digestsOf(checksumAlgorithms, whole.subarray(0, end)));
  }
});
