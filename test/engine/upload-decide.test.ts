/** The rules of one upload, without an actor: given, when, then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bucketKind } from '../../engine/bucket/bucket-kind.ts';
import type { UploadRow } from '../../engine/bucket/events.ts';
import { digestsOf } from '../../engine/shards/digester.ts';
import type { Assembly, PartRow, UploadCommand } from '../../engine/upload/parts.ts';
import { uploadKind } from '../../engine/upload/upload-kind.ts';
import type { CompletedPart } from '../../engine/vocabulary.ts';
import { alice, Given } from './given-bucket.ts';

const uploadId = 'c'.repeat(32);
const target = { bucket: 'photos', key: 'film', uploadId };
const kind = uploadKind(100);
type GivenUpload = Given<UploadCommand, Awaited<ReturnType<typeof kind.consult>>, Parameters<typeof kind.encode>[0], unknown>;

async function givenUpload(checksum?: UploadRow['checksum']): Promise<GivenUpload> {
  const bucket = new Given(bucketKind);
  await bucket.accept('photos', { type: 'CreateBucket', locationConstraint: '' });
  const metadata = { headers: {}, user: {} };
  const upload = { ...target, initiated: alice.time, owner: alice.owner, metadata, tags: [], checksum };
  await bucket.accept('photos', { type: 'CreateMultipartUpload', upload });
  return new Given(kind, bucket.store) as unknown as GivenUpload;
}

function part(partNumber: number, size = 100, more: Partial<PartRow> = {}): PartRow {
  const bytes = Buffer.alloc(size, partNumber);
  const digests = digestsOf(['MD5', 'CRC64NVME', 'SHA256', 'CRC32'], bytes);
  const blob = partNumber.toString(16).padStart(32, '0');
  return {
    partNumber,
    size,
    etag: digests.MD5!.toString('hex'),
    lastModified: alice.time,
    checksum: { algorithm: 'SHA256', value: digests.SHA256!.toString('base64'), type: 'FULL_OBJECT' },
    crc64: digests.CRC64NVME!.toString('base64'),
    refs: [{ blob, offset: 0, length: size }],
    ...more,
  };
}

const upload = (row: PartRow): UploadCommand => ({ type: 'UploadPart', ...target, part: row, blobs: [] });
const named = (row: PartRow, more: Partial<CompletedPart> = {}): CompletedPart => ({
  partNumber: row.partNumber,
  etag: row.etag,
  checksum: undefined,
  ...more,
});
const complete = (parts: readonly CompletedPart[], more = {}): UploadCommand => ({
  type: 'CompleteMultipartUpload',
  ...target,
  parts,
  objectSize: undefined,
  checksum: undefined,
  checksumType: undefined,
  ...more,
});

test('UploadPart: accepted, replaced, refused', async () => {
  const given = await givenUpload();
  const { events } = await given.accept(uploadId, upload(part(7)));
  assert.deepEqual(events[0]?.replaced, []);
  const again = await given.accept(uploadId, upload(part(7, 50, { refs: [{ blob: 'd'.repeat(32), offset: 0, length: 50 }] })));
  assert.deepEqual(again.events[0]?.replaced, [part(7).refs[0]!.blob]);
  assert.equal((await given.keysOf('parts')).length, 1);
  assert.equal((await given.keysOf('orphans')).length, 1);
  for (const number of [0, 10_001, 1.5, -1]) await given.refused(uploadId, upload(part(1, 10, { partNumber: number })), 'InvalidArgument');
  for (const other of [{ key: 'other' }, { bucket: 'other' }, { uploadId: 'other' }]) {
    await given.refused(uploadId, { ...upload(part(1)), ...other } as UploadCommand, 'NoSuchUpload');
  }
});

test('CompleteMultipartUpload: the list must be right', async () => {
  const given = await givenUpload();
  const rows = [part(1), part(3, 99), part(9, 5)] as const;
  for (const row of rows) await given.accept(uploadId, upload(row));
  const [one, three, nine] = rows;
  const facts = { UploadId: uploadId };
  await given.refused(uploadId, complete([]), 'InvalidRequest');
  await given.refused(uploadId, complete([named(nine), named(one)]), 'InvalidPartOrder', facts);
  await given.refused(uploadId, complete([named(one), named(one)]), 'InvalidPartOrder', facts);
  await given.refused(uploadId, complete([named(one), named(part(2))]), 'InvalidPart', { ...facts, PartNumber: 2, ETag: part(2).etag });
  await given.refused(uploadId, complete([named(one, { etag: 'wrong' })]), 'InvalidPart', { ...facts, PartNumber: 1, ETag: 'wrong' });
  const wrong = { algorithm: 'SHA256', value: 'AAAA' } as const;
  await given.refused(uploadId, complete([named(one, { checksum: wrong })]), 'InvalidPart');
  await given.refused(uploadId, complete([named(one, { checksum: { algorithm: 'CRC32', value: 'AAAA' } })]), 'InvalidPart');
  const small = { PartNumber: 3, ETag: three.etag, ProposedSize: 99, MinSizeAllowed: 100 };
  await given.refused(uploadId, complete([named(one), named(three), named(nine)]), 'EntityTooSmall', small);
  await given.refused(uploadId, complete([named(one)], { objectSize: 99 }), 'InvalidRequest');
  await given.refused(uploadId, complete([named(one)], { checksumType: 'COMPOSITE' }), 'InvalidRequest');
  await given.refused(uploadId, complete([named(one)], { checksum: { algorithm: 'CRC32', value: 'x' } }), 'InvalidRequest');
  const { events, reply } = await given.accept(uploadId, complete([named(one), named(nine)], { objectSize: 105 }));
  assert.deepEqual(events, [], 'the end is an event of the bucket');
  const assembly = reply as Assembly;
  assert.deepEqual([assembly.size, assembly.refs], [105, [...one.refs, ...nine.refs]]);
  assert.deepEqual(
    assembly.removed.map(({ partNumber, taken }) => [partNumber, taken]),
    [
      [1, true],
      [3, false],
      [9, true],
    ],
  );
  assert.equal(assembly.md5s.toString('hex'), one.etag + nine.etag);
  const whole = Buffer.concat([Buffer.alloc(100, 1), Buffer.alloc(5, 9)]);
  const value = digestsOf(['CRC64NVME'], whole).CRC64NVME!.toString('base64');
  assert.deepEqual(assembly.checksum, { algorithm: 'CRC64NVME', value, type: 'FULL_OBJECT' });
});

test('CompleteMultipartUpload: a composite checksum is the digest of the parts, a full one of the bytes', async () => {
  const composite = await givenUpload({ algorithm: 'SHA256', type: 'COMPOSITE' });
  const rows = [part(1, 100, { crc64: '' }), part(2, 5, { crc64: '' })];
  for (const row of rows) await composite.accept(uploadId, upload(row));
  const { algorithm, value } = rows[0]!.checksum!;
  const list = rows.map((row) => named(row, { checksum: { algorithm, value: row.checksum!.value } }));
  const missing = 'The upload was created using a sha256 checksum. The complete request must include the checksum for each part.';
  await composite.refused(uploadId, complete([list[0]!, named(rows[1]!)]), 'InvalidRequest', {
    Message: `${missing} It was missing for part 2 in the request.`,
  });
  await composite.refused(uploadId, complete([named(rows[0]!, { checksum: { algorithm: 'CRC32', value: 'AAAAAA==' } })]), 'BadDigest', {
    Message: 'The crc32 you specified for part 1 did not match what we received.',
  });
  await composite.refused(uploadId, complete([list[0]!, named(rows[1]!, { checksum: { algorithm, value } })]), 'InvalidPart', {
    PartNumber: 2,
  });
  const assembly = (await composite.accept(uploadId, complete(list, { checksumType: 'COMPOSITE' }))).reply as Assembly;
  const digestOf = Buffer.concat(rows.map((row) => Buffer.from(row.checksum!.value, 'base64')));
  assert.deepEqual(assembly.checksum, { algorithm: 'SHA256', digestOf });
  assert.deepEqual(
    assembly.parts.map((each) => each.checksum),
    rows.map((row) => row.checksum),
  );
  const full = await givenUpload({ algorithm: 'CRC32', type: 'FULL_OBJECT' });
  const crcOf = (bytes: Buffer): string => digestsOf(['CRC32'], bytes).CRC32!.toString('base64');
  const bytes = [Buffer.alloc(100, 1), Buffer.alloc(5, 2)];
  for (const [at, piece] of bytes.entries()) {
    const checksum = { algorithm: 'CRC32', value: crcOf(piece), type: 'FULL_OBJECT' } as const;
    await full.accept(uploadId, upload(part(at + 1, piece.length, { checksum, crc64: '' })));
  }
  const whole = (await full.accept(uploadId, complete([named(part(1)), named(part(2, 5))]))).reply as Assembly;
  assert.deepEqual(whole.checksum, { algorithm: 'CRC32', value: crcOf(Buffer.concat(bytes)), type: 'FULL_OBJECT' });
  assert.deepEqual(
    whole.parts.map((each) => each.checksum),
    [undefined, undefined],
  );
});

test('AbortMultipartUpload gathers every part', async () => {
  const given = await givenUpload();
  await given.accept(uploadId, upload(part(2)));
  await given.accept(uploadId, upload(part(1, 0, { refs: [] })));
  const { reply } = await given.accept(uploadId, { type: 'AbortMultipartUpload', ...target });
  assert.deepEqual(reply, [
    { partNumber: 1, blobs: [], taken: false },
    { partNumber: 2, blobs: [part(2).refs[0]!.blob], taken: false },
  ]);
  await given.refused(uploadId, { type: 'AbortMultipartUpload', ...target, key: 'x' }, 'NoSuchUpload');
});
