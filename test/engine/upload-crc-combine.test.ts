import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestsOf } from '../../engine/shards/digester.ts';
import { combineCrcs, isCombinable } from '../../engine/upload/crc-combine.ts';
import { seededBytes } from '../support/files.ts';

const names = ['CRC32', 'CRC32C', 'CRC64NVME'] as const;

test('the CRC of the whole comes from the CRCs of its pieces', () => {
  for (const name of names) {
    for (const lengths of [[1], [0], [5, 0, 7], [1000, 1000, 1000, 1], [65_537, 3, 999_983]]) {
      const pieces = lengths.map((length, at) => seededBytes(length, at + 1));
      const crcs = pieces.map((piece) => ({ crc: digestsOf([name], piece)[name]!, length: piece.length }));
      assert.deepEqual(combineCrcs(name, crcs), digestsOf([name], Buffer.concat(pieces))[name], `${name} of ${lengths}`);
    }
  }
});

test('known values: 123456789 in two pieces', () => {
  const expected = { CRC32: 'cbf43926', CRC32C: 'e3069283', CRC64NVME: 'ae8b14860a799888' };
  for (const name of names) {
    const crcs = ['1234', '56789'].map((text) => ({ crc: digestsOf([name], Buffer.from(text))[name]!, length: text.length }));
    assert.equal(combineCrcs(name, crcs).toString('hex'), expected[name]);
  }
});

test('pieces beyond 4 GiB, and ten thousand of them, take no time', () => {
  const crc = Buffer.from('00000001', 'hex');
  const huge = combineCrcs('CRC32', [
    { crc, length: 1 },
    { crc, length: 5 * 1024 ** 3 },
  ]);
  // The same in three steps whose lengths fit 32 bits.
  const zeros = (length: number) => ({ crc: Buffer.alloc(4), length });
  const stepped = combineCrcs('CRC32', [{ crc, length: 1 }, zeros(2 * 1024 ** 3), zeros(2 * 1024 ** 3), { crc, length: 1024 ** 3 }]);
  assert.deepEqual(huge, stepped);
  const begun = process.hrtime.bigint();
  combineCrcs(
    'CRC64NVME',
    Array.from({ length: 10_000 }, () => ({ crc: Buffer.alloc(8, 7), length: 5 * 1024 ** 2 })),
  );
  assert.ok(Number(process.hrtime.bigint() - begun) / 1e6 < 2000, 'ten thousand parts within two seconds');
  assert.equal(isCombinable('SHA256'), false);
});
