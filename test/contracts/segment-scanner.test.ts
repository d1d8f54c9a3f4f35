/** A scan that goes on behind what it shares with the one before finds what a scan from the beginning finds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiskFile } from '../../journal/disk.ts';
import { encodeGroupHeader } from '../../journal/embedded/segment.ts';
import { SegmentScanner } from '../../journal/embedded/segment-scanner.ts';
import { emptyStream } from '../../journal/journal.ts';
import { memoryDisk } from '../../journal/memory-disk.ts';
import { encodeRecord } from '../../journal/record.ts';
import { seededRandom } from '../support/seeded-random.ts';

const groups = 40;
const rounds = 300;
const pieceBytes = 64;

/** A segment of groups with up to two records each; groups from `turn` on are of another epoch. */
function segment(random: () => number, turn = groups): Buffer {
  const chunks: Buffer[] = [];
  let offset = 0;
  let firstSequence = 1;
  for (let index = 1; index <= groups; index++) {
    const epoch = index < turn ? 1 : 2;
    const frames = Array.from({ length: index % 3 }, (_, place) => {
      const payload = Buffer.alloc(1 + Math.floor(random() * 90), index);
      const previousHash = emptyStream.hash;
      return encodeRecord({ sequence: firstSequence + place, stream: 'bucket/b', position: 1, previousHash, time: 1, payload }).frame;
    });
    const bodyBytes = frames.reduce((sum, frame) => sum + frame.length, 0);
    const settled = index - 1 - (index % 4 === 0 ? 2 : 0);
    const header = encodeGroupHeader({ index, epoch, settled, firstSequence, records: frames.length, bodyBytes, offset });
    chunks.push(header, ...frames);
    offset += header.length + bodyBytes;
    firstSequence += frames.length;
  }
  return Buffer.concat(chunks);
}

/** What another mirror may hold: the same, less of it, damaged, with more behind it, or another turn of the log. */
function twin(bytes: Buffer, random: () => number): Buffer {
  const at = Math.floor(random() * bytes.length);
  const choice = Math.floor(random() * 5);
  if (choice === 0) return bytes;
  if (choice === 1) return bytes.subarray(0, at);
  if (choice === 2) return Buffer.concat([bytes, bytes.subarray(0, at)]);
  if (choice === 3) return segment(seededRandom(1), 1 + Math.floor(random() * groups));
  const damaged = Buffer.from(bytes);
  damaged[at]! ^= 0xff;
  return damaged;
}

async function fileOf(name: string, bytes: Buffer): Promise<DiskFile> {
  const file = await memoryDisk(name, seededRandom(1)).open('segment', 'create');
  await file.write([bytes], 0);
  return file;
}

test('segments that share a beginning are scanned as if each were the first', async () => {
  const random = seededRandom(20);
  const whole = segment(seededRandom(1));
  let apart = 0;
  for (let round = 0; round < rounds; round++) {
    const scanner = new SegmentScanner(pieceBytes);
    for (const bytes of [twin(whole, random), twin(whole, random), twin(whole, random)]) {
      const file = await fileOf(`round ${round}`, bytes);
      const expected = await new SegmentScanner().scan(file, 1);
      assert.deepEqual(await scanner.scan(file, 1), expected, `round ${round}`);
      if (expected.holes.length > 0 || expected.validBytes < bytes.length) apart++;
    }
  }
  assert.ok(apart > rounds / 4, 'damage and torn ends were among them');
});

test('what is shared is not scanned again', async () => {
  const whole = segment(seededRandom(1));
  const scanner = new SegmentScanner(pieceBytes);
  await scanner.scan(await fileOf('first', whole), 1);
  const file = await fileOf('second', whole);
  let largest = 0;
  const watched: DiskFile = {
    ...file,
    size: () => file.size(),
    read: (target, position) => {
      largest = Math.max(largest, (target as Uint8Array).length);
      return file.read(target, position);
    },
  };
  assert.equal((await scanner.scan(watched, 1)).validBytes, whole.length);
  assert.equal(largest, pieceBytes);
});
