/** Commands and queries about buckets themselves. */
import { rangeRowsMax } from '../snapshots/state-store.ts';
import { bucketKind } from './bucket/bucket-kind.ts';
import { findBucket, noSuchBucket } from './bucket/queries.ts';
import { refuseBucketName } from './bucket/refusals.ts';
import { behind, ownedKey, startingWith, tables } from './bucket/row-keys.ts';
import type { Door, Outcome } from './door.ts';
import { abortUploadsOf } from './multipart-end.ts';
import { isRejection, type Rejection, reject } from './rejection.ts';
import type * as v from './vocabulary.ts';

/** Bucket creations under way, by account: they count against the account's limit before their rows are there. */
export type Creations = Map<string, number>;

export async function createBucket(door: Door, caller: v.Caller, command: v.CreateBucket, creations: Creations): Outcome<v.BucketInfo> {
  const { bucket, locationConstraint } = command;
  const { account } = caller;
  const refused = refuseBucketName(bucket);
  if (refused !== undefined) return refused;
  const under = creations.get(account) ?? 0;
  creations.set(account, under + 1);
  try {
    if (findBucket(door.rows, bucket) === undefined) {
      const limit = door.options.bucketsPerAccountMax;
      const owned = await door.rows.range(tables.owned, { ...startingWith(ownedKey(account, ''), limit), keysOnly: true });
      if (owned.length + under >= limit) return reject('TooManyBuckets', {});
    }
    const create = { type: 'CreateBucket', locationConstraint } as const;
    return (await door.actors.tell(bucketKind, bucket, create, caller)) as v.BucketInfo | Rejection;
  } finally {
    const left = creations.get(account)! - 1;
    if (left === 0) creations.delete(account);
    else creations.set(account, left);
  }
}

export async function headBucket(door: Door, bucket: string): Outcome<v.BucketInfo> {
  return findBucket(door.rows, bucket) ?? noSuchBucket(bucket);
}

/** Times DeleteBucket clears away uploads that were started meanwhile, before it gives up. */
const clearingAttemptsMax = 4;

/** Unfinished uploads are aborted when nothing else is in the bucket. */
export async function deleteBucket(door: Door, caller: v.Caller, bucket: string): Outcome<null> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = (await door.actors.tell(bucketKind, bucket, { type: 'DeleteBucket' } as const, caller)) as null | Rejection;
    if (!isRejection(answer) || answer.rejected !== 'OperationAborted' || attempt === clearingAttemptsMax) return answer;
    await abortUploadsOf(door, caller, bucket);
  }
}

export async function listBuckets(door: Door, caller: v.Caller, query: v.ListBuckets): Outcome<v.BucketPage> {
  const all = ownedKey(caller.account, query.prefix);
  const after = ownedKey(caller.account, query.after);
  const from = query.after === '' || Buffer.compare(after, all) < 0 ? { gte: all } : { gt: after };
  // An account has no more buckets than one range gives rows: the largest page is never followed by another.
  const limit = Math.min(query.max + 1, rangeRowsMax);
  const rows = await door.rows.range(tables.owned, { ...from, lt: behind(all), limit, keysOnly: true });
  const shown = rows.slice(0, query.max).map((row) => row.key.toString('utf8', ownedKey(caller.account, '').length));
  const buckets = shown.map((name) => findBucket(door.rows, name)).filter((bucket) => bucket !== undefined);
  return { buckets, next: rows.length > query.max ? shown.at(-1) : undefined };
}

export async function putBucketVersioning(
  door: Door,
  caller: v.Caller,
  bucket: string,
  versioning: 'enabled' | 'suspended',
): Outcome<null> {
  const command = { type: 'PutBucketVersioning', versioning } as const;
  return (await door.actors.tell(bucketKind, bucket, command, caller)) as null | Rejection;
}

export async function putBucketTagging(door: Door, caller: v.Caller, bucket: string, tags: v.Tags): Outcome<null> {
  return (await door.actors.tell(bucketKind, bucket, { type: 'PutBucketTagging', tags } as const, caller)) as null | Rejection;
}
