/** The objects that micro benchmarks work on: as the server makes them of a PUT of 4 KiB, kept inline, and of one of 128 KiB, on drives. */
import { randomBytes } from 'node:crypto';
import type { NewObject, PutVersion } from '../../engine/bucket/commands.ts';
import type { BucketEvent } from '../../engine/bucket/events.ts';
import type { Content } from '../../engine/bucket/version.ts';
import type { Caller } from '../../engine/vocabulary.ts';

export const sampleCaller: Caller = {
  account: 'liteio',
  owner: { id: 'a'.repeat(64), displayName: 'liteio' },
  accessKey: 'AKIAIOSFODNN7EXAMPLE',
  requestId: '4442587FB7D0A2F9',
  sourceAddress: '127.0.0.1',
  time: 1_700_000_000_000,
};

export const sampleBucket = 'photos';
export const inlineBytes = 4096;
const blobBytes = 128 * 1024;

const shared = {
  etag: 'd41d8cd98f00b204e9800998ecf8427e',
  checksum: { algorithm: 'CRC64NVME', value: 'rosUhgp4mYg=', type: 'FULL_OBJECT' },
  metadata: { headers: { 'content-type': 'application/octet-stream' }, user: {} },
  tags: [],
  manifest: undefined,
} as const;

export function inlineObject(): NewObject {
  return { ...shared, size: inlineBytes, inline: randomBytes(inlineBytes), refs: [], blobs: [] };
}

export function blobObject(): NewObject {
  const id = randomBytes(16).toString('hex');
  const extents = [{ segment: 7, offset: 4096, length: blobBytes }];
  const blob = { id, length: blobBytes, set: 0, dataShards: 4, parityShards: 2, extents, missed: [] };
  return { ...shared, size: blobBytes, inline: undefined, refs: [{ blob: id, offset: 0, length: blobBytes }], blobs: [blob] };
}

export function putCommand(key: string, object: NewObject): PutVersion {
  return { type: 'PutObject', key, entropy: randomBytes(8).toString('hex'), conditions: {}, object };
}

/** What the bucket's actor makes of such a command for a key that was not there. */
export function putEvent(key: string, object: NewObject): BucketEvent & { type: 'ObjectPut' } {
  const { size, etag, checksum, metadata, tags, refs, inline, blobs, manifest } = object;
  const seq = sampleCaller.time * 1024 + 17;
  const content: Content = inline === undefined ? refs : 'inline';
  const dated = { seq, entropy: '', deleteMarker: false, lastModified: sampleCaller.time, owner: undefined, partCount: 0 };
  const version = { ...dated, size, etag, content, metadata, tags, checksum };
  const displaced = { current: undefined, oldNull: undefined };
  return { type: 'ObjectPut', bucket: sampleBucket, key, version, displaced, blobs, inline, manifest };
}
