/** Events as positional arrays: format, type, fields. */
import { assert } from '../assert.ts';
import {
  type Packed,
  packBlob,
  packBucket,
  packContent,
  packManifest,
  packTags,
  packUpload,
  packVersion,
  packVersioning,
  packWritten,
  unpackBlob,
  unpackBucket,
  unpackContent,
  unpackManifest,
  unpackTags,
  unpackUpload,
  unpackVersion,
  unpackVersioning,
  unpackWritten,
} from './codec.ts';
import type { BucketEvent, Displaced, Released, RemovedPart } from './events.ts';

const format = 1;

export function encodeEvent(event: BucketEvent): unknown[] {
  return [format, event.type, ...fieldsOf(event)];
}

function fieldsOf(event: BucketEvent): Packed {
  switch (event.type) {
    case 'BucketCreated':
      return [packBucket(event.bucket)];
    case 'BucketVersioningSet':
      return [event.bucket, packVersioning(event.versioning)];
    case 'BucketTagged':
      return [event.bucket, packTags(event.tags)];
    case 'BucketDeleted':
      return [event.bucket, event.account];
    case 'ObjectPut': {
      const place = [event.bucket, event.key, packVersion(event.version), packDisplaced(event.displaced)];
      const manifest = event.manifest === undefined ? 0 : packManifest(event.manifest);
      return [...place, event.blobs.length === 0 ? 0 : event.blobs.map(packBlob), event.inline ?? 0, manifest];
    }
    case 'DeleteMarkerPlaced':
      return [event.bucket, event.key, packVersion(event.version), packDisplaced(event.displaced)];
    case 'VersionDeleted': {
      const flags = (event.fromHead ? 1 : 0) + (event.wasNull ? 2 : 0);
      return [event.bucket, event.key, packReleased(event.released), flags, event.promoted ?? 0, event.time];
    }
    case 'ObjectTagged':
      return [event.bucket, event.key, event.seq, event.inHead ? 1 : 0, packTags(event.tags)];
    case 'ObjectRestored':
      return [event.bucket, event.key, event.seq, event.inHead ? 1 : 0, event.restored];
    case 'UploadStarted':
      return [packUpload(event.upload)];
    case 'UploadCompleted':
      return [event.bucket, event.key, event.uploadId, packRemoved(event.parts), packWritten(event.answer)];
    case 'UploadAborted':
      return [event.bucket, event.key, event.uploadId, packRemoved(event.parts), event.time];
  }
}

export function decodeEvent(encoded: unknown[]): BucketEvent {
  assert(encoded[0] === format, `an event of format ${String(encoded[0])}, known is ${format}`);
  // biome-ignore lint/suspicious/noExplicitAny: fields have the types that fieldsOf gave them
  const [, type, first, second, third, fourth, fifth, sixth, seventh] = encoded as any[];
  const bucket = first;
  const key = second;
  switch (type as BucketEvent['type']) {
    case 'BucketCreated':
      return { type: 'BucketCreated', bucket: unpackBucket(first) };
    case 'BucketVersioningSet':
      return { type: 'BucketVersioningSet', bucket, versioning: unpackVersioning(second) };
    case 'BucketTagged':
      return { type: 'BucketTagged', bucket, tags: unpackTags(second) };
    case 'BucketDeleted':
      return { type: 'BucketDeleted', bucket, account: second };
    case 'ObjectPut': {
      const displaced = unpackDisplaced(fourth);
      const manifest = seventh === 0 ? undefined : unpackManifest(seventh);
      const blobs = fifth === 0 ? [] : fifth.map(unpackBlob);
      const inline = sixth === 0 ? undefined : sixth;
      return { type: 'ObjectPut', bucket, key, version: unpackVersion(third), displaced, blobs, inline, manifest };
    }
    case 'DeleteMarkerPlaced':
      return { type: 'DeleteMarkerPlaced', bucket, key, version: unpackVersion(third), displaced: unpackDisplaced(fourth) };
    case 'VersionDeleted': {
      const flags = { fromHead: (fourth & 1) !== 0, wasNull: (fourth & 2) !== 0 };
      const promoted = fifth === 0 ? undefined : fifth;
      return { type: 'VersionDeleted', bucket, key, released: unpackReleased(third), ...flags, promoted, time: sixth };
    }
    case 'ObjectTagged':
      return { type: 'ObjectTagged', bucket, key, seq: third, inHead: fourth === 1, tags: unpackTags(fifth) };
    case 'ObjectRestored':
      return { type: 'ObjectRestored', bucket, key, seq: third, inHead: fourth === 1, restored: fifth };
    case 'UploadStarted':
      return { type: 'UploadStarted', upload: unpackUpload(first) };
    case 'UploadCompleted':
      return { type: 'UploadCompleted', bucket, key, uploadId: third, parts: unpackRemoved(fourth), answer: unpackWritten(fifth) };
    case 'UploadAborted':
      return { type: 'UploadAborted', bucket, key, uploadId: third, parts: unpackRemoved(fourth), time: fifth };
  }
  throw new Error(`assertion failed: a bucket event of type ${String(type)}`);
}

function packDisplaced(displaced: Displaced): unknown {
  const { current, oldNull } = displaced;
  if (current === undefined && oldNull === undefined) return 0;
  const first = current === undefined ? 0 : current === 'kept' ? 1 : packReleased(current);
  return [first, oldNull === undefined ? 0 : packReleased(oldNull)];
}

function unpackDisplaced(packed: unknown): Displaced {
  if (packed === 0) return { current: undefined, oldNull: undefined };
  const [current, oldNull] = packed as unknown[];
  const first = current === 0 ? undefined : current === 1 ? 'kept' : unpackReleased(current);
  return { current: first, oldNull: oldNull === 0 ? undefined : unpackReleased(oldNull) };
}

function packReleased(released: Released): unknown {
  return [released.seq, packContent(released.content)];
}

function unpackReleased(packed: unknown): Released {
  const [seq, content] = packed as [number, unknown];
  return { seq, content: unpackContent(content) };
}

function packRemoved(parts: readonly RemovedPart[]): unknown[] {
  return parts.flatMap((part) => [part.partNumber, part.taken ? 1 : 0, part.blobs.length === 1 ? part.blobs[0] : part.blobs]);
}

function unpackRemoved(packed: unknown): RemovedPart[] {
  const flat = packed as unknown[];
  const parts: RemovedPart[] = [];
  for (let at = 0; at < flat.length; at += 3) {
    const blobs = flat[at + 2] as string | string[];
    parts.push({ partNumber: flat[at] as number, taken: flat[at + 1] === 1, blobs: typeof blobs === 'string' ? [blobs] : blobs });
  }
  return parts;
}
