/** What an event does to the rows: one pure function, used live and on rebuild. */
import type { RowChange } from '../../snapshots/state-store.ts';
import type { RowView } from '../actor/decider.ts';
import { assert } from '../assert.ts';
import { restoreHeader } from './archive.ts';
import { blobRows, handOverBlobs, holdBlobs, partReferrer, releaseBlobs, versionReferrer } from './blob-rows.ts';
import { bucketOf, manifestRefs, pack, packBucket, packManifest, packUpload, packWritten, unpack, versionOf, versionRow } from './codec.ts';
import type {
  BucketEvent,
  DeleteMarkerPlaced,
  ObjectPut,
  ObjectRestored,
  ObjectTagged,
  Released,
  RemovedPart,
  VersionDeleted,
} from './events.ts';
import { contentKey, headKey, nameKey, numberValue, ownedKey, partKey, tables, uploadKey, versionKey } from './row-keys.ts';
import { bucketSequenceFirst, type Version } from './version.ts';

export function rowsOf(event: BucketEvent, rows: RowView): RowChange[] {
  switch (event.type) {
    case 'BucketCreated': {
      const { account, name } = event.bucket;
      return [
        { table: tables.buckets, key: nameKey(name), value: pack(packBucket(event.bucket)) },
        { table: tables.owned, key: ownedKey(account, name), value: new Uint8Array(0) },
      ];
    }
    case 'BucketVersioningSet':
      return [changedBucket(rows, event.bucket, { versioning: event.versioning })];
    case 'BucketTagged':
      return [changedBucket(rows, event.bucket, { tags: event.tags })];
    case 'BucketDeleted':
      return [
        { table: tables.buckets, key: nameKey(event.bucket), value: null },
        { table: tables.owned, key: ownedKey(event.account, event.bucket), value: null },
        { table: tables.sequences, key: nameKey(event.bucket), value: null },
      ];
    case 'ObjectPut':
      return objectPut(event, rows);
    case 'DeleteMarkerPlaced':
      return deleteMarkerPlaced(event, rows);
    case 'VersionDeleted':
      return versionDeleted(event, rows);
    case 'ObjectTagged':
    case 'ObjectRestored':
      return [changedVersion(event, rows)];
    case 'UploadStarted': {
      const { bucket, key, uploadId } = event.upload;
      return [{ table: tables.uploads, key: uploadKey(bucket, key, uploadId), value: pack(packUpload(event.upload)) }];
    }
    case 'UploadCompleted':
      return [
        ...contentRowsOf(event, rows),
        { table: tables.completed, key: nameKey(event.uploadId), value: pack([event.bucket, event.key, packWritten(event.answer)]) },
      ];
    case 'UploadAborted':
      return contentRowsOf(event, rows);
  }
}

/**
 * The part of `rowsOf` that says where bytes are and who refers to them. Of rows it reads those of `manifests` alone, and only where this
 * event deletes them: what is proved from the journal needs no others.
 */
export function contentRowsOf(event: BucketEvent, rows: Pick<RowView, 'get'>): RowChange[] {
  switch (event.type) {
    case 'ObjectPut':
      return [...displacedGone(event, rows), ...contentPut(event)];
    case 'DeleteMarkerPlaced':
      return displacedGone(event, rows);
    case 'VersionDeleted':
      return contentGone(event, event.released, event.time, rows);
    case 'UploadCompleted':
      return uploadGone(event, event.answer.lastModified);
    case 'UploadAborted':
      return uploadGone(event, event.time);
    default:
      return [];
  }
}

function changedBucket(rows: RowView, name: string, change: Partial<ReturnType<typeof bucketOf>>): RowChange {
  const row = rows.get(tables.buckets, nameKey(name));
  assert(row !== undefined, `bucket ${name} has its row`);
  return { table: tables.buckets, key: nameKey(name), value: pack(packBucket({ ...bucketOf(row), ...change })) };
}

function objectPut(event: ObjectPut, rows: RowView): RowChange[] {
  const { bucket, key, version } = event;
  const changes = makeRoom(event, rows);
  changes.push({ table: tables.heads, key: headKey(bucket, key), value: versionRow(version) });
  for (const change of contentRowsOf(event, rows)) changes.push(change);
  return changes;
}

function contentPut(event: ObjectPut): RowChange[] {
  const { bucket, key, version, inline, manifest } = event;
  const changes: RowChange[] = [];
  if (inline !== undefined) changes.push({ table: tables.bodies, key: contentKey(bucket, key, version.seq), value: inline });
  for (const blob of event.blobs) changes.push(...blobRows(blob));
  const refs = manifest?.refs ?? (typeof version.content === 'string' ? [] : version.content);
  if (refs.length > 0) {
    const blobs = refs.map((ref) => ref.blob);
    changes.push(...holdBlobs(blobs, versionReferrer(bucket, key, version.seq)));
  }
  if (manifest !== undefined) {
    changes.push({ table: tables.manifests, key: contentKey(bucket, key, version.seq), value: pack(packManifest(manifest)) });
  }
  return changes;
}

function deleteMarkerPlaced(event: DeleteMarkerPlaced, rows: RowView): RowChange[] {
  const { bucket, key, version } = event;
  const changes = makeRoom(event, rows);
  if (event.displaced.current !== undefined) changes.push({ table: tables.heads, key: headKey(bucket, key), value: null });
  changes.push({ table: tables.versions, key: versionKey(bucket, key, version.seq), value: versionRow(version) });
  if (version.entropy === '') changes.push(nullRow(bucket, key, version.seq));
  for (const change of contentRowsOf(event, rows)) changes.push(change);
  return changes;
}

/** The current version steps back or goes, an old null version goes, the bucket's sequence moves on. */
function makeRoom(event: ObjectPut | DeleteMarkerPlaced, rows: RowView): RowChange[] {
  const { bucket, key, version } = event;
  const { current, oldNull } = event.displaced;
  const changes: RowChange[] = [];
  if (version.seq >= bucketSequenceFirst) changes.push({ table: tables.sequences, key: nameKey(bucket), value: numberValue(version.seq) });
  if (oldNull !== undefined) {
    changes.push({ table: tables.versions, key: versionKey(bucket, key, oldNull.seq), value: null });
    changes.push(nullRow(bucket, key, undefined));
  }
  if (current === 'kept') {
    const head = rows.get(tables.heads, headKey(bucket, key));
    assert(head !== undefined, `${bucket}/${key} has a current version to keep`);
    const { seq, entropy } = versionOf(head);
    changes.push({ table: tables.versions, key: versionKey(bucket, key, seq), value: head });
    if (entropy === '') changes.push(nullRow(bucket, key, seq));
  }
  return changes;
}

/** What the versions held that go because of a new one. */
function displacedGone(event: ObjectPut | DeleteMarkerPlaced, rows: Pick<RowView, 'get'>): RowChange[] {
  const { current, oldNull } = event.displaced;
  const gone = [oldNull, current === 'kept' ? undefined : current].filter((released) => released !== undefined);
  return gone.flatMap((released) => contentGone(event, released, event.version.lastModified, rows));
}

function versionDeleted(event: VersionDeleted, rows: RowView): RowChange[] {
  const { bucket, key, released, promoted } = event;
  const head = headKey(bucket, key);
  const changes = contentRowsOf(event, rows);
  if (event.fromHead) changes.push({ table: tables.heads, key: head, value: null });
  else {
    changes.push({ table: tables.versions, key: versionKey(bucket, key, released.seq), value: null });
    if (event.wasNull) changes.push(nullRow(bucket, key, undefined));
  }
  if (promoted !== undefined) {
    const place = versionKey(bucket, key, promoted);
    const row = rows.get(tables.versions, place);
    assert(row !== undefined, `${bucket}/${key} has version ${promoted} to promote`);
    changes.push({ table: tables.versions, key: place, value: null }, { table: tables.heads, key: head, value: row });
    if (versionOf(row).entropy === '') changes.push(nullRow(bucket, key, undefined));
  }
  return changes;
}

/** What a version held besides its own row. */
function contentGone(place: { bucket: string; key: string }, gone: Released, time: number, rows: Pick<RowView, 'get'>): RowChange[] {
  const { bucket, key } = place;
  const row = contentKey(bucket, key, gone.seq);
  const referrer = versionReferrer(bucket, key, gone.seq);
  if (gone.content === 'none') return [];
  if (gone.content === 'inline') return [{ table: tables.bodies, key: row, value: null }];
  if (gone.content !== 'manifest') return releaseBlobs(blobsOf(gone.content), referrer, time);
  const packed = rows.get(tables.manifests, row);
  assert(packed !== undefined, `${bucket}/${key} has its manifest`);
  const manifest = unpack(packed);
  const changes = releaseBlobs(blobsOf(manifestRefs(manifest)), referrer, time);
  changes.push({ table: tables.manifests, key: row, value: null });
  const uploadId = manifest[3] as string;
  if (uploadId !== '') changes.push({ table: tables.completed, key: nameKey(uploadId), value: null });
  return changes;
}

function* blobsOf(refs: readonly { blob: string }[]): Iterable<string> {
  for (const ref of refs) yield ref.blob;
}

/** The version's row in its place, changed. */
function changedVersion(event: ObjectTagged | ObjectRestored, rows: RowView): RowChange {
  const { bucket, key, seq, inHead } = event;
  const table = inHead ? tables.heads : tables.versions;
  const place = inHead ? headKey(bucket, key) : versionKey(bucket, key, seq);
  const row = rows.get(table, place);
  assert(row !== undefined, `${bucket}/${key} has the version to change`);
  const before = versionOf(row);
  const version: Version = event.type === 'ObjectTagged' ? { ...before, tags: event.tags } : restored(before, event.restored);
  return { table, key: place, value: versionRow(version) };
}

function restored(version: Version, value: string): Version {
  const { headers, user } = version.metadata;
  return { ...version, metadata: { headers: { ...headers, [restoreHeader]: value }, user } };
}

/** The rows of a finished upload and its parts. */
function uploadGone(event: { bucket: string; key: string; uploadId: string; parts: readonly RemovedPart[] }, time: number): RowChange[] {
  const { bucket, key, uploadId } = event;
  const changes: RowChange[] = [{ table: tables.uploads, key: uploadKey(bucket, key, uploadId), value: null }];
  for (const { partNumber, blobs, taken } of event.parts) {
    const referrer = partReferrer(uploadId, partNumber);
    changes.push({ table: tables.parts, key: partKey(uploadId, partNumber), value: null });
    changes.push(...(taken ? handOverBlobs(blobs, referrer) : releaseBlobs(blobs, referrer, time)));
  }
  return changes;
}

function nullRow(bucket: string, key: string, seq: number | undefined): RowChange {
  return { table: tables.nulls, key: headKey(bucket, key), value: seq === undefined ? null : numberValue(seq) };
}
