/** PutObject, DeleteObject, PutObjectTagging. */
import { bucketKind } from '../bucket/bucket-kind.ts';
import type { NewObject } from '../bucket/commands.ts';
import { type Announced, refusePut } from '../bucket/decide-put.ts';
import { findBucket, findHead, noSuchBucket } from '../bucket/queries.ts';
import { isRejection, type Rejection } from '../rejection.ts';
import type * as v from '../vocabulary.ts';
import { type Door, entropyOf, type Outcome } from './door.ts';
import { type StoredUpload, storeBody, wholeChecksum } from './store-body.ts';

/** Bytes first, event second, answer third. What cannot succeed is refused before a byte of the body is read. */
export async function putObject(door: Door, caller: v.Caller, command: v.PutObject): Outcome<v.Written> {
  const { bucket, key, conditions, body } = command;
  const refused = await door.reading(() => refuseEarly(door, bucket, command));
  if (refused !== undefined) return refused;
  const stored = await storeBody(door, body, { inlineBytesMax: door.options.inlineBytesMax, algorithms: [] });
  if (isRejection(stored)) return stored;
  const put = { type: 'PutObject', key, entropy: entropyOf(door), conditions, object: newObject(command, stored) } as const;
  return (await door.actors.tell(bucketKind, bucket, put, caller)) as v.Written | Rejection;
}

export function refuseEarly(door: Door, bucket: string, announced: Announced): Rejection | undefined {
  if (findBucket(door.rows, bucket) === undefined) return noSuchBucket(bucket);
  const { ifMatch, ifNoneMatch } = announced.conditions;
  const unconditional = ifMatch === undefined && ifNoneMatch === undefined;
  const refused = refusePut(undefined, { ...announced, conditions: {} });
  return refused ?? (unconditional ? undefined : refusePut(findHead(door.rows, bucket, announced.key), announced));
}

function newObject(command: v.PutObject, stored: StoredUpload): NewObject {
  const { blob, inline, length, etag, digests, algorithm } = stored;
  const { metadata, tags } = command;
  return {
    size: length,
    etag,
    checksum: wholeChecksum(algorithm, digests),
    metadata,
    tags,
    inline,
    refs: blob === undefined ? [] : [{ blob: blob.id, offset: 0, length }],
    blobs: blob === undefined ? [] : [blob],
    manifest: undefined,
  };
}

export async function deleteObject(door: Door, caller: v.Caller, command: v.DeleteObject): Outcome<v.Deleted> {
  const { bucket, key, versionId, conditions } = command;
  const remove = { type: 'DeleteObject', key, versionId, entropy: entropyOf(door), conditions } as const;
  return (await door.actors.tell(bucketKind, bucket, remove, caller)) as v.Deleted | Rejection;
}

export async function restoreObject(door: Door, caller: v.Caller, command: v.RestoreObject): Outcome<v.Restored> {
  const { bucket, key, versionId, days } = command;
  const restore = { type: 'RestoreObject', key, versionId, days } as const;
  return (await door.actors.tell(bucketKind, bucket, restore, caller)) as v.Restored | Rejection;
}

export async function putObjectTagging(door: Door, caller: v.Caller, target: v.ObjectTarget, tags: v.Tags): Outcome<v.ObjectTags> {
  const { bucket, key, versionId } = target;
  const tag = { type: 'PutObjectTagging', key, versionId, tags } as const;
  return (await door.actors.tell(bucketKind, bucket, tag, caller)) as v.ObjectTags | Rejection;
}
