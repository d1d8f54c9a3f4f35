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
  for (const name of names) {
    const crc = Buffer.alloc(name === 'CRC64NVME' ? 8 : 4, 7);
    // No two of a length: nothing that is made for one of them helps the next.
    const parts = Array.from({ length: 10_000 }, (_, at) => ({ crc, length: 5 * 1024 ** 2 + 7919 * at }));
    combineCrcs(name, parts);
    const before = process.cpuUsage();
    combineCrcs(name, parts);
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1000 < 500, `ten thousand ${name}s took ${(user + system) / 1000} ms of processor time`);
  }
  assert.equal(isCombinable('SHA256'), false);
});
