/** Conditions of reads in the order of RFC 9110, ranges and parts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseCopy, refuseRead } from '../../engine/bucket/preconditions.ts';
import { partSlice, rangeSlice } from '../../engine/bucket/queries.ts';
import { behind, parseVersionKey, versionKey } from '../../engine/bucket/row-keys.ts';
import { noMetadata, type Version } from '../../engine/bucket/version.ts';
import { isRejection } from '../../engine/rejection.ts';
import type { ReadConditions } from '../../engine/vocabulary.ts';

const modified = Date.UTC(2024, 0, 1, 12, 0, 0, 500);
const version: Version = {
  seq: 1,
  entropy: '',
  deleteMarker: false,
  size: 10,
  etag: 'tag',
  lastModified: modified,
  content: 'none',
  metadata: noMetadata,
  tags: [],
  checksum: undefined,
  owner: undefined,
  partCount: 0,
};

test('conditions of a read', () => {
  const before = modified - 60_000;
  const same = modified - 500;
  const cases: readonly (readonly [ReadConditions, string | undefined])[] = [
    [{}, undefined],
    [{ ifMatch: ['tag'] }, undefined],
    [{ ifMatch: ['other', '*'] }, undefined],
    [{ ifMatch: ['other'] }, 'PreconditionFailed'],
    [{ ifUnmodifiedSince: same }, undefined],
    [{ ifUnmodifiedSince: before }, 'PreconditionFailed'],
    [{ ifMatch: ['tag'], ifUnmodifiedSince: before }, undefined],
    [{ ifMatch: ['other'], ifUnmodifiedSince: same }, 'PreconditionFailed'],
    [{ ifNoneMatch: ['other'] }, undefined],
    [{ ifNoneMatch: ['tag'] }, 'NotModified'],
    [{ ifNoneMatch: ['*'] }, 'NotModified'],
    [{ ifModifiedSince: same }, 'NotModified'],
    [{ ifModifiedSince: before }, undefined],
    [{ ifNoneMatch: ['other'], ifModifiedSince: same }, undefined],
    [{ ifNoneMatch: ['tag'], ifModifiedSince: before }, 'NotModified'],
    [{ ifMatch: ['other'], ifNoneMatch: ['tag'] }, 'PreconditionFailed'],
  ];
  for (const [conditions, code] of cases) {
    assert.equal(refuseRead(version, conditions, () => ({}))?.rejected, code, JSON.stringify(conditions));
    const copied = code === 'NotModified' ? 'PreconditionFailed' : code;
    assert.equal(refuseCopy(version, conditions)?.rejected, copied, `copy ${JSON.stringify(conditions)}`);
  }
  const facts = refuseRead(version, { ifNoneMatch: ['tag'] }, () => ({ 'header:x-amz-version-id': 'v' }))?.facts;
  assert.deepEqual(facts, {
    'header:ETag': '"tag"',
    'header:Last-Modified': 'Mon, 01 Jan 2024 12:00:00 GMT',
    'header:x-amz-version-id': 'v',
  });
});

test('ranges', () => {
  const from = (first: number, last?: number) => ({ kind: 'from', first, ...(last !== undefined && { last }), raw: 'raw' }) as const;
  const suffix = (length: number) => ({ kind: 'suffix', length, raw: 'raw' }) as const;
  assert.deepEqual(rangeSlice(10, undefined), { offset: 0, length: 10, partial: false });
  assert.deepEqual(rangeSlice(10, from(2, 4)), { offset: 2, length: 3, partial: true });
  assert.deepEqual(rangeSlice(10, from(9)), { offset: 9, length: 1, partial: true });
  assert.deepEqual(rangeSlice(10, from(0, 100)), { offset: 0, length: 10, partial: true });
  assert.deepEqual(rangeSlice(10, suffix(3)), { offset: 7, length: 3, partial: true });
  assert.deepEqual(rangeSlice(10, suffix(30)), { offset: 0, length: 10, partial: true });
  for (const [size, range] of [
    [10, from(10)],
    [10, suffix(0)],
    [0, from(0)],
    [0, suffix(5)],
  ] as const) {
    const refused = rangeSlice(size, range);
    assert.ok(isRejection(refused));
    assert.deepEqual(refused.facts, { ActualObjectSize: size, RangeRequested: 'raw', 'header:Content-Range': `bytes */${size}` });
  }
});

test('parts', () => {
  assert.deepEqual(partSlice(10, [4, 4, 2], 3), { offset: 8, length: 2, partial: true });
  assert.deepEqual(partSlice(10, [], 1), { offset: 0, length: 10, partial: true });
  assert.deepEqual(partSlice(0, [], 1), { offset: 0, length: 0, partial: false });
  for (const [sizes, number] of [
    [[4, 6], 3],
    [[], 2],
  ] as const) {
    const refused = partSlice(10, sizes, number);
    assert.equal(isRejection(refused) && refused.rejected, 'InvalidPartNumber');
  }
});

test('rows of versions sort newest first and lie together', () => {
  const rows = [
    versionKey('b', 'a', 2 ** 52 + 2),
    versionKey('b', 'a', 2 ** 52 + 1),
    versionKey('b', 'a', 2 ** 32),
    versionKey('b', 'a', 2 ** 32 - 1),
    versionKey('b', 'a', 1),
    versionKey('b', 'a\u0001', 9),
    versionKey('b', 'ab', 9),
    versionKey('b', 'ä', 9),
    versionKey('b', '\uffff', 9),
    versionKey('b', '\u{10000}', 9),
  ];
  assert.deepEqual([...rows].sort(Buffer.compare), rows);
  assert.deepEqual(parseVersionKey(rows[0]!, 1), { key: 'a', seq: 2 ** 52 + 2 });
  assert.deepEqual(parseVersionKey(rows[3]!, 1), { key: 'a', seq: 2 ** 32 - 1 });
  assert.deepEqual(parseVersionKey(rows[9]!, 1), { key: '\u{10000}', seq: 9 });
  assert.ok(Buffer.compare(behind(Buffer.from('\u{10ffff}')), Buffer.from('\u{10ffff}\u{10ffff}')) > 0);
});
