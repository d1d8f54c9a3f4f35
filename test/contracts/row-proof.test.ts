/** Rows are what was written, or they are found out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { proofBytes, sealed, unsealed, unsealTexts } from '../../snapshots/row-proof.ts';
import { seededBytes } from '../support/files.ts';
import { seededRandom } from '../support/seeded-random.ts';

const key = Buffer.from('heads\0bucket\0key');

test('a sealed row gives its value back, of any length', () => {
  const lengths = [0, 1, 2, 11, 15, 16, 17, 4096, 131_000, 131_071, 131_072, 131_073, 262_144, 300_001];
  for (const length of lengths) {
    const value = seededBytes(length, length);
    const row = sealed(key, value);
    assert.equal(row.length, length + proofBytes);
    assert.ok(unsealed(key, row)?.equals(value), `${length} bytes`);
  }
});

test('every flipped bit is found, in value and proof, and so is another key', () => {
  for (const length of [0, 3, 40, 250]) {
    const row = sealed(key, seededBytes(length, 7));
    for (let bit = 0; bit < length * 8; bit += 1) {
      const damaged = Buffer.from(row);
      damaged[bit >> 3] = damaged[bit >> 3]! ^ (1 << (bit & 7));
      assert.equal(unsealed(key, damaged), undefined, `bit ${bit} of ${length} bytes`);
    }
    for (let bit = 0; bit < key.length * 8; bit += 1) {
      const other = Buffer.from(key);
      other[bit >> 3] = other[bit >> 3]! ^ (1 << (bit & 7));
      assert.equal(unsealed(other, row), undefined);
    }
    assert.equal(unsealed(Buffer.concat([key, Buffer.alloc(1)]), row), undefined);
  }
});

test('zeros, cuts, swapped words and the row of another key are found', () => {
  const random = seededRandom(3);
  const at = (length: number): number => Math.floor(random() * length);
  for (let round = 0; round < 20_000; round += 1) {
    const value = seededBytes(20 + at(400), round);
    const row = sealed(key, value);
    const damaged = Buffer.from(row);
    const kind = round % 4;
    if (kind === 0) damaged.fill(0, at(row.length));
    if (kind === 1) for (let count = 0; count < 20; count += 1) damaged[at(row.length)]! ^= 1 << at(8);
    if (kind === 2) damaged.copy(damaged, at(row.length), at(row.length));
    const shown = kind === 3 ? damaged.subarray(0, at(row.length)) : damaged;
    if (!shown.equals(row)) {
      const read = unsealed(key, shown);
      // A bit of the proof that says nothing may be lost without harm.
      assert.ok(read === undefined || read.equals(value), `round ${round}`);
    }
  }
});

test('texts are proved like bytes, many at once, ASCII or not', () => {
  const word = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 20 }), fc.constant('x'.repeat(140_000)));
  fc.assert(
    fc.property(fc.array(fc.tuple(word, word), { maxLength: 30 }), fc.nat(), fc.boolean(), (rows, which, damage) => {
      const stored = rows.map(([name, value]): [string, string] => {
        const text = Buffer.from(value);
        return [name, sealed(Buffer.from(name), text).toString()];
      });
      const victim = stored[which % Math.max(1, stored.length)];
      if (damage && victim !== undefined && victim[1].length > proofBytes) {
        const first = victim[1].charCodeAt(0);
        victim[1] = String.fromCharCode(first === 0x61 ? 0x62 : 0x61) + victim[1].slice(1);
        assert.equal(unsealTexts(stored), false);
        return;
      }
      assert.equal(unsealTexts(stored), true);
      assert.deepEqual(
        stored.map(([, value]) => value),
        rows.map(([, value]) => Buffer.from(value).toString()),
      );
    }),
    { numRuns: 300 },
  );
});
