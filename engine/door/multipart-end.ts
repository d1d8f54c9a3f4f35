/** The end of multipart uploads, under the seal: CompleteMultipartUpload and AbortMultipartUpload. */
import type { Row, RowRange } from '../../snapshots/state-store.ts';
import { bucketKind } from '../bucket/bucket-kind.ts';
import { unpack, unpackUpload } from '../bucket/codec.ts';
import type { NewObject } from '../bucket/commands.ts';
import type { RemovedPart } from '../bucket/events.ts';
import { findBucket, noSuchBucket } from '../bucket/queries.ts';
import { behind, headKey, tables } from '../bucket/row-keys.ts';
import { isRejection, type Rejection, reject } from '../rejection.ts';
import { digestsOf } from '../shards/digester.ts';
import { noSuchUpload } from '../upload/decide.ts';
import type { SealEnd } from '../upload/life-cycle.ts';
import type { Assembly } from '../upload/parts.ts';
import { findCompleted, findUpload } from '../upload/queries.ts';
import type * as v from '../vocabulary.ts';
import { type Door, entropyOf, type Outcome } from './door.ts';

interface Ended<T> {
  readonly end: SealEnd;
  readonly answer: T | Rejection;
}

export async function completeMultipartUpload(door: Door, caller: v.Caller, command: v.CompleteMultipartUpload): Outcome<v.Written> {
  const known = await door.reading(() => findBucket(door.rows, command.bucket));
  if (known === undefined) return noSuchBucket(command.bucket);
  return door.uploads.sealed(command.uploadId, () => completeSealed(door, caller, command));
}

async function completeSealed(door: Door, caller: v.Caller, command: v.CompleteMultipartUpload): Promise<Ended<v.Written>> {
  const { bucket, key, uploadId, conditions } = command;
  const upload = await door.reading(() => findUpload(door.rows, command));
  if (upload === undefined) return { end: 'REOPEN', answer: await door.reading(() => answerAgain(door, command)) };
  const { conditions: _, ...list } = command;
  const assembly = (await door.actors.tell(door.uploadKind, uploadId, { type: 'CompleteMultipartUpload', ...list } as const, caller)) as
    | Assembly
    | Rejection;
  if (isRejection(assembly)) return { end: 'REOPEN', answer: assembly };
  const object = objectOf(assembly, upload, command);
  if (isRejection(object)) return { end: 'REOPEN', answer: object };
  const complete = {
    type: 'CompleteMultipartUpload',
    key,
    uploadId,
    entropy: entropyOf(door),
    conditions,
    object,
    parts: assembly.removed,
  } as const;
  const answer = (await door.actors.tell(bucketKind, bucket, complete, caller)) as v.Written | Rejection;
  return { end: isRejection(answer) ? 'REOPEN' : 'COMPLETE', answer };
}

/** The same list again, because the answer got lost, gets the same answer: the list's ETags are the object's. */
function answerAgain(door: Door, command: v.CompleteMultipartUpload): v.Written | Rejection {
  const completed = findCompleted(door.rows, command);
  const md5s = command.parts.map((part) => part.etag);
  if (completed === undefined || !md5s.every((etag) => /^[0-9a-f]{32}$/.test(etag))) return noSuchUpload(command.uploadId);
  return etagOf(Buffer.from(md5s.join(''), 'hex')) === completed.etag ? completed : noSuchUpload(command.uploadId);
}

function objectOf(
  assembly: Assembly,
  upload: { metadata: v.ObjectMetadata; tags: v.Tags },
  command: v.CompleteMultipartUpload,
): NewObject | Rejection {
  const { size, refs, parts, md5s } = assembly;
  const checksum = finishChecksum(assembly);
  if (command.checksum !== undefined && !isClaimOf(checksum, command.checksum.value, parts.length)) {
    return reject('BadDigest', { Message: `The ${checksum.algorithm.toLowerCase()} you specified did not match the calculated checksum.` });
  }
  const manifest = { refs, parts, uploadId: command.uploadId };
  const { metadata, tags } = upload;
  return { size, etag: etagOf(md5s), checksum, metadata, tags, inline: undefined, refs, blobs: [], manifest };
}

/** A composite one is claimed with the number of parts behind it or without. */
function isClaimOf(checksum: v.Checksum, claimed: string, parts: number): boolean {
  return claimed === checksum.value || (checksum.type === 'COMPOSITE' && `${claimed}-${parts}` === checksum.value);
}

function etagOf(md5s: Buffer): string {
  return `${digestsOf(['MD5'], md5s).MD5!.toString('hex')}-${md5s.length / 16}`;
}

function finishChecksum({ checksum, parts }: Assembly): v.Checksum {
  if ('value' in checksum) return checksum;
  const { algorithm, digestOf } = checksum;
  const digest = digestsOf([algorithm], digestOf)[algorithm]!;
  return { algorithm, value: `${digest.toString('base64')}-${parts.length}`, type: 'COMPOSITE' };
}

export async function abortMultipartUpload(door: Door, caller: v.Caller, command: v.AbortMultipartUpload): Outcome<null> {
  const { bucket, key, uploadId, ifMatchInitiated } = command;
  const known = await door.reading(() => findBucket(door.rows, bucket));
  if (known === undefined) return noSuchBucket(bucket);
  return door.uploads.sealed(uploadId, async (): Promise<Ended<null>> => {
    const gather = { type: 'AbortMultipartUpload', bucket, key, uploadId } as const;
    const parts = (await door.actors.tell(door.uploadKind, uploadId, gather, caller)) as readonly RemovedPart[] | Rejection;
    if (isRejection(parts)) return { end: 'REOPEN', answer: parts };
    const abort = { type: 'AbortMultipartUpload', key, uploadId, parts, ifMatchInitiated } as const;
    const answer = (await door.actors.tell(bucketKind, bucket, abort, caller)) as null | Rejection;
    return { end: isRejection(answer) ? 'REOPEN' : 'ABORT', answer };
  });
}

/** Uploads aborted between two looks for more. */
const clearedUploadsMax = 100;

/** Clears a bucket that is about to go of unfinished uploads. Those that end by themselves meanwhile are as gone. */
export async function abortUploadsOf(door: Door, caller: v.Caller, bucket: string): Promise<void> {
  const all = headKey(bucket, '');
  let from: { gte: Buffer } | { gt: Buffer } = { gte: all };
  for (;;) {
    const range: RowRange = { ...from, lt: behind(all), limit: clearedUploadsMax };
    const rows: readonly Row[] = await door.reading(() => door.rows.range(tables.uploads, range));
    for (const row of rows) {
      const { key, uploadId } = unpackUpload(unpack(row.value));
      await abortMultipartUpload(door, caller, { bucket, key, uploadId });
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < clearedUploadsMax) return;
    from = { gt: last.key };
  }
}
