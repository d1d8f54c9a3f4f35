/** The rules of a bucket: a command meets the state and becomes events and an answer, or is refused. */
import { isRejection, type Rejection, reject } from '../rejection.ts';
import type { BucketInfo, Caller } from '../vocabulary.ts';
import { isArchived, isRestored, restoreText } from './archive.ts';
import type { BucketCommand } from './commands.ts';
import type { BucketState } from './consult.ts';
import { deleteNamed, deleteNewest } from './decide-delete.ts';
import { completeUpload, putVersion } from './decide-put.ts';
import type { BucketDecision } from './decision.ts';
import type { BucketEvent } from './events.ts';
import { refuseAbort } from './preconditions.ts';
import { malformedVersionId, noSuchBucket } from './queries.ts';
import { bucketTagsMax, objectTagsMax, refuseBucketName, refuseKey, refuseMetadata, refuseTags } from './refusals.ts';
import { parseVersionId, shownVersionId } from './version.ts';

export function decide(state: BucketState, command: BucketCommand, caller: Caller): BucketDecision {
  if (command.type === 'CreateBucket') return createBucket(state, command, caller);
  const { bucket } = state;
  if (bucket === undefined) return noSuchBucket(state.name);
  switch (command.type) {
    case 'DeleteBucket':
      return deleteBucket(state, bucket);
    case 'PutBucketVersioning': {
      if (bucket.versioning === command.versioning) return { events: [], reply: null };
      return { events: [{ type: 'BucketVersioningSet', bucket: bucket.name, versioning: command.versioning }], reply: null };
    }
    case 'PutBucketTagging': {
      const refused = refuseTags(command.tags, bucketTagsMax);
      return refused ?? { events: [{ type: 'BucketTagged', bucket: bucket.name, tags: command.tags }], reply: null };
    }
    case 'PutObject':
      return putVersion(state, bucket, command, caller);
    case 'DeleteObject':
      return command.versionId === undefined ? deleteNewest(state, bucket, command, caller) : deleteNamed(state, bucket, command, caller);
    case 'RestoreObject':
      return restoreObject(state, bucket, command, caller);
    case 'PutObjectTagging':
      return putObjectTagging(state, bucket, command);
    case 'CreateMultipartUpload': {
      const { key, metadata, tags } = command.upload;
      const refused = refuseKey(key) ?? refuseMetadata(metadata) ?? refuseTags(tags, objectTagsMax);
      return refused ?? { events: [{ type: 'UploadStarted', upload: { ...command.upload, current: state.head?.seq ?? 0 } }], reply: null };
    }
    case 'CompleteMultipartUpload':
      return completeUpload(state, bucket, command, caller);
    case 'AbortMultipartUpload': {
      const { key, uploadId, parts } = command;
      if (state.upload === undefined) return reject('NoSuchUpload', { UploadId: uploadId });
      const refused = refuseAbort(state.upload.initiated, command.ifMatchInitiated);
      if (refused !== undefined) return refused;
      return { events: [{ type: 'UploadAborted', bucket: bucket.name, key, uploadId, parts, time: caller.time }], reply: null };
    }
  }
}

function createBucket(state: BucketState, command: Extract<BucketCommand, { type: 'CreateBucket' }>, caller: Caller): BucketDecision {
  const { locationConstraint, tags = [] } = command;
  const refused = refuseBucketName(state.name) ?? refuseTags(tags, bucketTagsMax);
  if (refused !== undefined) return refused;
  if (state.bucket !== undefined) {
    const own = state.bucket.account === caller.account;
    return reject(own ? 'BucketAlreadyOwnedByYou' : 'BucketAlreadyExists', { BucketName: state.name });
  }
  const { account, owner, time } = caller;
  const bucket: BucketInfo = {
    name: state.name,
    account,
    owner,
    created: time,
    locationConstraint,
    versioning: 'unversioned',
    tags,
  };
  return { events: [{ type: 'BucketCreated', bucket }], reply: bucket };
}

/** Unfinished uploads don't keep a bucket, but go before it does: the door aborts them and asks again. */
function deleteBucket(state: BucketState, bucket: BucketInfo): BucketDecision {
  if (state.holdsVersions) return notEmpty(bucket);
  if (state.holdsUploads) return reject('OperationAborted', { BucketName: bucket.name });
  return { events: [{ type: 'BucketDeleted', bucket: bucket.name, account: bucket.account }], reply: null };
}

function notEmpty({ name, versioning }: BucketInfo): Rejection {
  const Message = 'The bucket you tried to delete is not empty. You must delete all versions in the bucket.';
  return reject('BucketNotEmpty', { BucketName: name, ...(versioning !== 'unversioned' && { Message }) });
}

function putObjectTagging(
  state: BucketState,
  bucket: BucketInfo,
  command: Extract<BucketCommand, { type: 'PutObjectTagging' }>,
): BucketDecision {
  const { key, tags } = command;
  const target = namedVersion(state, command, 'PUT');
  if (isRejection(target)) return target;
  const refused = refuseTags(tags, objectTagsMax);
  if (refused !== undefined) return refused;
  const { version, inHead } = target;
  const events: BucketEvent[] = [{ type: 'ObjectTagged', bucket: bucket.name, key, seq: version.seq, inHead, tags }];
  return { events, reply: { tags, versionId: shownVersionId(bucket, version) } };
}

/** The bytes lie where all others lie: they may be read at once. */
function restoreObject(
  state: BucketState,
  bucket: BucketInfo,
  command: Extract<BucketCommand, { type: 'RestoreObject' }>,
  caller: Caller,
): BucketDecision {
  const { key, days } = command;
  const target = namedVersion(state, command, 'POST');
  if (isRejection(target)) return target;
  const { version, inHead } = target;
  if (!isArchived(version)) {
    const StorageClass = version.metadata.headers['x-amz-storage-class'] ?? 'STANDARD';
    return reject('InvalidObjectState', { StorageClass, Message: "Restore is not allowed for the object's current storage class" });
  }
  const restored = restoreText(caller.time, days);
  const events: BucketEvent[] = [{ type: 'ObjectRestored', bucket: bucket.name, key, seq: version.seq, inHead, restored }];
  return { events, reply: { already: isRestored(version, caller.time), versionId: shownVersionId(bucket, version) } };
}

/** `method`: what the operation is asked by. */
function namedVersion(
  state: BucketState,
  { key, versionId }: { readonly key: string; readonly versionId: string | undefined },
  method: 'PUT' | 'POST',
): Rejection | NonNullable<BucketState['target']> {
  if (versionId === undefined) {
    if (state.head !== undefined) return { version: state.head, inHead: true };
    return state.newest?.[0]?.deleteMarker ? markerRefused(method) : reject('NoSuchKey', { Key: key });
  }
  if (parseVersionId(versionId) === undefined) return malformedVersionId(versionId);
  if (state.target === undefined) return reject('NoSuchVersion', { Key: key, VersionId: versionId });
  return state.target.version.deleteMarker ? markerRefused(method) : state.target;
}

function markerRefused(method: string): Rejection {
  return reject('MethodNotAllowed', { Method: method, ResourceType: 'DeleteMarker', 'header:Allow': 'DELETE' });
}
