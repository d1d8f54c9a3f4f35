/** DeleteObject: a marker on top, or one version for good. */
import { reject } from '../rejection.ts';
import type { BucketInfo, Caller } from '../vocabulary.ts';
import type { DeleteVersion } from './commands.ts';
import type { BucketState } from './consult.ts';
import { displacedBy, nextId } from './decide-put.ts';
import type { BucketDecision } from './decision.ts';
import type { VersionDeleted } from './events.ts';
import { refuseDelete } from './preconditions.ts';
import { malformedVersionId } from './queries.ts';
import { refuseKey } from './refusals.ts';
import { noMetadata, parseVersionId, type Version, versionIdOf } from './version.ts';

export function deleteNewest(state: BucketState, bucket: BucketInfo, command: DeleteVersion, caller: Caller): BucketDecision {
  const { key, conditions } = command;
  const refused = refuseKey(key) ?? refuseDelete(state.head, key, conditions);
  if (refused !== undefined) return refused;
  if (bucket.versioning === 'unversioned') {
    const reply = { versionId: undefined, deleteMarker: false, markerPlaced: false };
    if (state.head === undefined) return { events: [], reply };
    return { events: [deleted(state, key, { version: state.head, inHead: true }, caller.time)], reply };
  }
  const version: Version = {
    ...nextId(state, bucket, command.entropy, caller.time),
    deleteMarker: true,
    size: 0,
    etag: '',
    lastModified: caller.time,
    content: 'none',
    metadata: noMetadata,
    tags: [],
    checksum: undefined,
    owner: caller.owner.id === bucket.owner.id ? undefined : caller.owner,
    partCount: 0,
  };
  const displaced = displacedBy(state, bucket);
  return {
    events: [{ type: 'DeleteMarkerPlaced', bucket: bucket.name, key, version, displaced }],
    reply: { versionId: versionIdOf(version), deleteMarker: true, markerPlaced: true },
  };
}

/** Deleting a version that isn't there succeeds, as often as you like. */
export function deleteNamed(state: BucketState, bucket: BucketInfo, command: DeleteVersion, caller: Caller): BucketDecision {
  const { key, conditions } = command;
  const versionId = command.versionId!;
  const refused = refuseKey(key) ?? (parseVersionId(versionId) === undefined ? malformedVersionId(versionId) : undefined);
  if (refused !== undefined) return refused;
  const shown = bucket.versioning === 'unversioned' ? undefined : versionId;
  const { target } = state;
  if (target === undefined) {
    if (conditions.ifMatch !== undefined) return reject('NoSuchVersion', { Key: key, VersionId: versionId });
    return { events: [], reply: { versionId: shown, deleteMarker: false, markerPlaced: false } };
  }
  const unmet = refuseDelete(target.version, key, conditions);
  if (unmet !== undefined) return unmet;
  const reply = { versionId: shown, deleteMarker: target.version.deleteMarker, markerPlaced: false };
  return { events: [deleted(state, key, target, caller.time)], reply };
}

function deleted(state: BucketState, key: string, target: NonNullable<BucketState['target']>, time: number): VersionDeleted {
  const { version, inHead } = target;
  const next = nextCurrent(state, target);
  return {
    type: 'VersionDeleted',
    bucket: state.name,
    key,
    released: { seq: version.seq, content: version.content },
    fromHead: inHead,
    wasNull: version.entropy === '',
    promoted: next === undefined || next.deleteMarker ? undefined : next.seq,
    time,
  };
}

/** `newest` was read where the current version goes: of an object the next is the first row, of a delete marker the second. */
function nextCurrent(state: BucketState, target: NonNullable<BucketState['target']>): Version | undefined {
  const [first, second] = state.newest ?? [];
  if (target.inHead) return first;
  return first?.seq === target.version.seq ? second : undefined;
}
