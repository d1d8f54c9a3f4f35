/** New versions: PutObject, CopyObject, CompleteMultipartUpload. */
import { assert } from '../assert.ts';
import { type Rejection, reject } from '../rejection.ts';
import type { BucketInfo, Caller, ObjectMetadata, Tags, WriteConditions, Written } from '../vocabulary.ts';
import type { CompleteUpload, NewObject, PutVersion } from './commands.ts';
import type { BucketState } from './consult.ts';
import type { BucketDecision } from './decision.ts';
import type { Displaced, ObjectPut } from './events.ts';
import { refuseOvertaken, refuseWrite } from './preconditions.ts';
import { objectTagsMax, refuseKey, refuseMetadata, refuseTags } from './refusals.ts';
import { bucketSequenceFirst, type Content, sequenceAt, shownVersionId, type Version } from './version.ts';

/** What a put says of its object before its bytes are there. */
export interface Announced {
  readonly key: string;
  readonly metadata: ObjectMetadata;
  readonly tags: Tags;
  readonly conditions: WriteConditions;
}

/** Asked before a byte of the body is stored, and again at the commit. */
export function refusePut(current: Version | undefined, announced: Announced): Rejection | undefined {
  return (
    refuseKey(announced.key) ??
    refuseMetadata(announced.metadata) ??
    refuseTags(announced.tags, objectTagsMax) ??
    refuseWrite(current, announced.key, announced.conditions)
  );
}

export function putVersion(state: BucketState, bucket: BucketInfo, command: PutVersion, caller: Caller): BucketDecision {
  const { key, conditions, object } = command;
  const refused = refusePut(state.head, { key, conditions, metadata: object.metadata, tags: object.tags });
  if (refused !== undefined) return refused;
  const put = objectPut(state, bucket, command, caller);
  return { events: [put], reply: writtenOf(bucket, put.version) };
}

/** One record, so that the object appears and the upload goes at the same moment. */
export function completeUpload(state: BucketState, bucket: BucketInfo, command: CompleteUpload, caller: Caller): BucketDecision {
  const { key, uploadId, parts } = command;
  if (state.upload === undefined) return reject('NoSuchUpload', { UploadId: uploadId });
  const refused = refuseWrite(state.head, key, command.conditions) ?? refuseOvertaken(state.head, state.upload.current, command);
  if (refused !== undefined) return refused;
  const put = objectPut(state, bucket, command, caller);
  const answer = writtenOf(bucket, put.version);
  return { events: [put, { type: 'UploadCompleted', bucket: bucket.name, key, uploadId, parts, answer }], reply: answer };
}

function objectPut(
  state: BucketState,
  bucket: BucketInfo,
  command: { key: string; entropy: string; object: NewObject },
  caller: Caller,
): ObjectPut {
  const { key, object } = command;
  const { size, etag, checksum, metadata, tags, inline, blobs, manifest } = object;
  const { seq, entropy } = nextId(state, bucket, command.entropy, caller.time);
  const version: Version = {
    seq,
    entropy,
    deleteMarker: false,
    size,
    etag,
    lastModified: caller.time,
    content: contentOf(object),
    metadata,
    tags,
    checksum,
    owner: caller.owner.id === bucket.owner.id ? undefined : caller.owner,
    partCount: manifest?.parts.length ?? 0,
  };
  const displaced = displacedBy(state, bucket);
  return {
    type: 'ObjectPut',
    bucket: bucket.name,
    key,
    version,
    displaced,
    blobs,
    inline: version.content === 'inline' ? inline : undefined,
    manifest,
  };
}

function contentOf(object: NewObject): Content {
  if (object.manifest !== undefined) return 'manifest';
  if (object.refs.length > 0) return object.refs;
  return object.inline === undefined || object.inline.length === 0 ? 'none' : 'inline';
}

/** @param entropy 16 hex digits */
export function nextId(state: BucketState, bucket: BucketInfo, entropy: string, time: number): { seq: number; entropy: string } {
  assert(/^[0-9a-f]{16}$/.test(entropy), 'entropy has 16 hex digits');
  if (bucket.versioning === 'unversioned') {
    const seq = state.head === undefined ? sequenceAt(time, entropy) : state.head.seq + 1;
    assert(seq < bucketSequenceFirst, 'the clock is below the year 2109');
    return { seq, entropy: '' };
  }
  assert(state.sequence !== undefined, 'a bucket with versioning has its sequence');
  return { seq: state.sequence + 1, entropy: bucket.versioning === 'enabled' ? entropy : '' };
}

/** Enabled: all stay. Suspended and unversioned: the null version is replaced, wherever it is. */
export function displacedBy(state: BucketState, bucket: BucketInfo): Displaced {
  const { head, oldNull } = state;
  const released = oldNull === undefined ? undefined : { seq: oldNull.seq, content: oldNull.content };
  if (head === undefined) return { current: undefined, oldNull: released };
  if (bucket.versioning === 'enabled' || head.entropy !== '') return { current: 'kept', oldNull: released };
  return { current: { seq: head.seq, content: head.content }, oldNull: released };
}

function writtenOf(bucket: BucketInfo, version: Version): Written {
  const { etag, checksum, size, lastModified } = version;
  return { etag, versionId: shownVersionId(bucket, version), checksum, size, lastModified };
}
