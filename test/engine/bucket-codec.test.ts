/** What rows and events weigh. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pack, packUpload, unpack, unpackUpload, versionOf, versionRow } from '../../engine/bucket/codec.ts';
import { decodeEvent, encodeEvent } from '../../engine/bucket/event-codec.ts';
import type { Version } from '../../engine/bucket/version.ts';
import { journalPayloadBytesMax } from '../../journal/journal.ts';

const version: Version = {
  seq: 1_700_000_000_000 * 1024,
  entropy: '',
  deleteMarker: false,
  size: 4096,
  etag: 'e'.repeat(32),
  lastModified: 1_700_000_000_000,
  content: 'inline',
  metadata: { headers: { 'content-type': 'application/octet-stream' }, user: {} },
  tags: [],
  checksum: { algorithm: 'CRC64NVME', value: 'A'.repeat(12), type: 'FULL_OBJECT' },
  owner: undefined,
  partCount: 0,
};

test('a row of heads is small', () => {
  const row = versionRow(version);
  assert.deepEqual(versionOf(row), version);
  assert.ok(row.length < 140, `${row.length} bytes`);
});

test('an upload that began before it was noted what its key held', () => {
  const owner = { id: 'a'.repeat(64), displayName: 'alice' };
  const place = { bucket: 'photos', key: 'film', uploadId: 'u', initiated: 1_700_000_000_000, owner };
  const upload = { ...place, metadata: { headers: {}, user: {} }, tags: [], checksum: undefined };
  const row = ['photos', 'film', 'u', 1_700_000_000_000, owner.id, 'alice', 0, 0, 0, 0];
  const earlier = unpackUpload([1, ...row]);
  assert.deepEqual(earlier, { ...upload, current: undefined });
  assert.deepEqual(packUpload(earlier), [1, ...row]);
  for (const current of [0, 5]) assert.deepEqual(unpackUpload(unpack(pack(packUpload({ ...upload, current })))), { ...upload, current });
});

test('the largest completion fits into one record: ten thousand parts of four pieces with a SHA-256 each', () => {
  const checksum = { algorithm: 'SHA256', value: 'A'.repeat(44), type: 'FULL_OBJECT' } as const;
  const numbers = Array.from({ length: 10_000 }, (_, at) => at + 1);
  const blobs = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(32));
  const place = { bucket: 'b'.repeat(63), key: 'k'.repeat(1024) };
  const uploadId = 'u'.repeat(32);
  const manifest = {
    refs: numbers.flatMap(() => blobs.map((blob) => ({ blob, offset: 2 ** 40, length: 2 ** 33 }))),
    parts: numbers.map((partNumber) => ({ partNumber, size: 2 ** 33, etag: 'e'.repeat(32), checksum })),
    uploadId,
  };
  const displaced = { current: undefined, oldNull: undefined };
  const put = { type: 'ObjectPut', ...place, version, displaced, blobs: [], inline: undefined, manifest } as const;
  const parts = numbers.map((partNumber) => ({ partNumber, blobs, taken: true }));
  const answer = { etag: version.etag, versionId: undefined, checksum: undefined, size: 1, lastModified: 1 };
  const end = { type: 'UploadCompleted', ...place, uploadId, parts, answer } as const;
  const bytes = pack([encodeEvent(put), encodeEvent(end)]).length;
  assert.ok(bytes < journalPayloadBytesMax * 0.75, `${bytes} bytes`);
});

test('a restored version comes out of the journal as it went in', () => {
  const restored = 'ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"';
  for (const inHead of [true, false]) {
    const event = { type: 'ObjectRestored', bucket: 'b', key: 'k', seq: 7, inHead, restored } as const;
    assert.deepEqual(decodeEvent(unpack(pack([encodeEvent(event)]))[0] as unknown[]), event);
  }
});
