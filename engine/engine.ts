/** The door: one method per S3 operation. Refusals come back as Rejection values, trouble is thrown as Fault. */
import type { Journal } from '../journal/journal.ts';
import type { StateStore } from '../snapshots/state-store.ts';
import { openActorSystem } from './actor/actor-system.ts';
import { bucketKind } from './bucket/bucket-kind.ts';
import type { Clock, Randomness } from './clock.ts';
import * as buckets from './door/bucket-commands.ts';
import { copyObject } from './door/copy-object.ts';
import { type Door, Gate, type Outcome } from './door/door.ts';
import { FewAtOnce } from './door/few-at-once.ts';
import { listObjects } from './door/list-objects.ts';
import { listMultipartUploads, listParts } from './door/list-uploads.ts';
import { listObjectVersions } from './door/list-versions.ts';
import * as multipart from './door/multipart.ts';
import { abortMultipartUpload, completeMultipartUpload } from './door/multipart-end.ts';
import * as commands from './door/object-commands.ts';
import * as queries from './door/object-queries.ts';
import { type EngineOptions, engineOptions } from './engine-options.ts';
import { type ActorLimits, listingsAtOnceMax } from './limits.ts';
import type { Log } from './log.ts';
import type { Room } from './room.ts';
import type { Blob, BlobStore } from './shards/blob-store.ts';
import { Reclaimer, type SegmentStore } from './upkeep/reclaimer.ts';
import { storeKind, tellStore } from './upkeep/store-kind.ts';
import { UploadLives } from './upload/life-cycle.ts';
import { uploadKind } from './upload/upload-kind.ts';
import type * as v from './vocabulary.ts';

export type { Outcome } from './door/door.ts';

export interface Engine {
  createBucket(caller: v.Caller, command: v.CreateBucket): Outcome<v.BucketInfo>;
  /** HeadBucket, GetBucketLocation, GetBucketVersioning, GetBucketTagging read this. */
  headBucket(caller: v.Caller, bucket: string): Outcome<v.BucketInfo>;
  deleteBucket(caller: v.Caller, bucket: string): Outcome<null>;
  listBuckets(caller: v.Caller, query: v.ListBuckets): Outcome<v.BucketPage>;
  putBucketVersioning(caller: v.Caller, bucket: string, versioning: 'enabled' | 'suspended'): Outcome<null>;
  /** Empty tags remove the tag set. */
  putBucketTagging(caller: v.Caller, bucket: string, tags: v.Tags): Outcome<null>;

  putObject(caller: v.Caller, command: v.PutObject): Outcome<v.Written>;
  getObject(caller: v.Caller, query: v.ReadObject): Outcome<v.ObjectContent>;
  headObject(caller: v.Caller, query: v.ReadObject): Outcome<v.ObjectHead>;
  deleteObject(caller: v.Caller, command: v.DeleteObject): Outcome<v.Deleted>;
  copyObject(caller: v.Caller, command: v.CopyObject): Outcome<v.Copied>;
  getObjectAttributes(caller: v.Caller, query: v.GetObjectAttributes): Outcome<v.ObjectAttributes>;
  getObjectTagging(caller: v.Caller, target: v.ObjectTarget): Outcome<v.ObjectTags>;
  /** Empty tags remove the tag set (DeleteObjectTagging). */
  putObjectTagging(caller: v.Caller, target: v.ObjectTarget, tags: v.Tags): Outcome<v.ObjectTags>;
  restoreObject(caller: v.Caller, command: v.RestoreObject): Outcome<v.Restored>;

  listObjects(caller: v.Caller, query: v.ListObjects): Outcome<v.ObjectPage>;
  listObjectVersions(caller: v.Caller, query: v.ListObjectVersions): Outcome<v.VersionPage>;

  createMultipartUpload(caller: v.Caller, command: v.CreateMultipartUpload): Outcome<{ readonly uploadId: string }>;
  uploadPart(caller: v.Caller, command: v.UploadPart): Outcome<v.PartInfo>;
  uploadPartCopy(caller: v.Caller, command: v.UploadPartCopy): Outcome<v.PartInfo & { readonly sourceVersionId: string | undefined }>;
  completeMultipartUpload(caller: v.Caller, command: v.CompleteMultipartUpload): Outcome<v.Written>;
  abortMultipartUpload(caller: v.Caller, command: v.AbortMultipartUpload): Outcome<null>;
  listParts(caller: v.Caller, query: v.ListParts): Outcome<v.PartPage>;
  listMultipartUploads(caller: v.Caller, query: v.ListMultipartUploads): Outcome<v.UploadPage>;

  /** From the healer: the drive in that slot has what it missed of the blob. */
  blobHealed(blob: Blob, slot: number): Promise<void>;
  /** Waits for what is under way, then closes actors, journal, state store and drives. */
  close(): Promise<void>;
}

/** What an engine stands on. All of it is the engine's from here on: `close` closes it. */
export interface EngineParts {
  /** Opened with `headOf(store, ...)`. */
  readonly journal: Journal;
  readonly store: StateStore;
  readonly blobs: BlobStore;
  /** Where space is given back; undefined: nothing is reclaimed. */
  readonly segments?: SegmentStore;
  /** The rows of `store` are not those that the journal leads to, for this reason: others are to take their place. */
  readonly distrust?: (reason: string) => void;
  /** undefined: there is always room. */
  readonly room?: Room;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Log;
  readonly options?: Partial<EngineOptions>;
  readonly actorLimits?: Partial<ActorLimits>;
}

/**
 * Replays what the state store lacks of the journal, then serves.
 * @throws what `openActorSystem` throws.
 */
export async function openEngine(parts: EngineParts): Promise<Engine> {
  const { journal, store, blobs, clock, randomness, log, actorLimits } = parts;
  const options = { ...engineOptions, ...parts.options };
  const kind = uploadKind(options.partBytesMin);
  const limits = actorLimits ?? {};
  const kinds = [bucketKind, kind, storeKind];
  const actors = await openActorSystem({ journal, store, kinds, clock, log, limits });
  const { rows, reading } = actors;
  const door: Door = { actors, rows, reading, blobs, randomness, options, uploadKind: kind, uploads: new UploadLives() };
  const gate = new Gate(options.commandsInFlightMax, parts.room);
  const { segments } = parts;
  const distrust = (reason: string): void => {
    log('error', 'the state store is wrong, nothing is given back', { reason });
    parts.distrust?.(reason);
  };
  const reclaimer =
    segments === undefined ? undefined : new Reclaimer({ actors, journal, store, kinds, segments, clock, log, options, distrust });
  return {
    ...bucketMethods(door, gate),
    ...objectMethods(door, gate),
    ...multipartMethods(door, gate),
    async blobHealed(blob, slot) {
      await tellStore(actors, { type: 'RecordHealed', blob, slot }, clock.now());
    },
    async close() {
      await gate.close();
      await reclaimer?.close();
      // The healer reads rows and tells the actors what it healed: it ends before they do.
      await blobs.close();
      await actors.close();
      await journal.close();
      await store.close();
    },
  };
}

/** To take tags away is no growth. */
function passTags(gate: Gate, tags: v.Tags): Gate['pass'] {
  return tags.length === 0 ? (work) => gate.pass(work) : (work) => gate.grow(work);
}

type BucketMethod = 'createBucket' | 'headBucket' | 'deleteBucket' | 'listBuckets' | 'putBucketVersioning' | 'putBucketTagging';

function bucketMethods(door: Door, gate: Gate): Pick<Engine, BucketMethod> {
  const counts = new buckets.BucketCounts();
  return {
    createBucket: (caller, command) => gate.grow(() => buckets.createBucket(door, caller, command, counts)),
    headBucket: (_caller, bucket) => door.reading(() => buckets.headBucket(door, bucket)),
    deleteBucket: (caller, bucket) => gate.pass(() => buckets.deleteBucket(door, caller, bucket)),
    listBuckets: (caller, query) => door.reading(() => buckets.listBuckets(door, caller, query)),
    putBucketVersioning: (caller, bucket, versioning) => gate.grow(() => buckets.putBucketVersioning(door, caller, bucket, versioning)),
    putBucketTagging: (caller, bucket, tags) => passTags(gate, tags)(() => buckets.putBucketTagging(door, caller, bucket, tags)),
  };
}

type MultipartMethod =
  | 'createMultipartUpload'
  | 'uploadPart'
  | 'uploadPartCopy'
  | 'completeMultipartUpload'
  | 'abortMultipartUpload'
  | 'listParts'
  | 'listMultipartUploads';

function objectMethods(door: Door, gate: Gate): Omit<Engine, BucketMethod | MultipartMethod | 'blobHealed' | 'close'> {
  const listings = new FewAtOnce(listingsAtOnceMax);
  return {
    putObject: (caller, command) => gate.growWith(command.body, () => commands.putObject(door, caller, command)),
    getObject: (caller, query) => door.reading(() => queries.getObject(door, query, caller.time)),
    headObject: (_caller, query) => door.reading(() => queries.headObject(door, query)),
    deleteObject: (caller, command) => gate.pass(() => commands.deleteObject(door, caller, command)),
    copyObject: (caller, command) => gate.grow(() => copyObject(door, caller, command)),
    getObjectAttributes: (_caller, query) => door.reading(() => queries.getObjectAttributes(door, query)),
    getObjectTagging: (_caller, target) => door.reading(() => queries.getObjectTagging(door, target)),
    restoreObject: (caller, command) => gate.grow(() => commands.restoreObject(door, caller, command)),
    putObjectTagging: (caller, target, tags) => passTags(gate, tags)(() => commands.putObjectTagging(door, caller, target, tags)),
    listObjects: (_caller, query) => listings.run(() => door.reading(() => listObjects(door, query))),
    listObjectVersions: (_caller, query) => listings.run(() => door.reading(() => listObjectVersions(door, query))),
  };
}

function multipartMethods(door: Door, gate: Gate): Pick<Engine, MultipartMethod> {
  return {
    createMultipartUpload: (caller, command) => gate.grow(() => multipart.createMultipartUpload(door, caller, command)),
    uploadPart: (caller, command) => gate.growWith(command.body, () => multipart.uploadPart(door, caller, command)),
    uploadPartCopy: (caller, command) => gate.grow(() => multipart.uploadPartCopy(door, caller, command)),
    completeMultipartUpload: (caller, command) => gate.pass(() => completeMultipartUpload(door, caller, command)),
    abortMultipartUpload: (caller, command) => gate.pass(() => abortMultipartUpload(door, caller, command)),
    listParts: (_caller, query) => door.reading(() => listParts(door, query)),
    listMultipartUploads: (_caller, query) => door.reading(() => listMultipartUploads(door, query)),
  };
}
