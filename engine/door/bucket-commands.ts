/** Commands and queries about buckets themselves. */
import { rangeRowsMax } from '../../snapshots/state-store.ts';
import type { RowView } from '../actor/decider.ts';
import { bucketKind } from '../bucket/bucket-kind.ts';
import { findBucket, noSuchBucket } from '../bucket/queries.ts';
import { refuseBucketName } from '../bucket/refusals.ts';
import { behind, ownedKey, startingWith, tables } from '../bucket/row-keys.ts';
import { isRejection, type Rejection, reject } from '../rejection.ts';
import type * as v from '../vocabulary.ts';
import type { Door, Outcome } from './door.ts';
import { abortUploadsOf } from './multipart-end.ts';

/** Below the limit by so much nobody counts. */
const estimateSlack = 256;
/** Accounts with an estimate. */
const estimatesMax = 4_096;

/**
 * The limit of buckets of an account. Far from it creations go side by side, by an estimate that deletions don't lower; near it they go one
 * after the other, and rows are counted.
 */
export class BucketCounts {
  private readonly estimates = new Map<string, number>();
  /** Creations under way side by side. */
  private readonly abreast = new Map<string, number>();
  /** The end of each account's queue. */
  private readonly queues = new Map<string, Promise<unknown>>();

  /** Runs `create` unless the account has its buckets. */
  async within<T>(account: string, door: Door, create: () => Outcome<T>): Outcome<T> {
    const abreast = this.abreast.get(account) ?? 0;
    const estimate = this.estimates.get(account);
    if (estimate === undefined || estimate + abreast + estimateSlack >= door.options.bucketsPerAccountMax) {
      return this.inTurn(account, () => this.counted(account, door, create));
    }
    this.abreast.set(account, abreast + 1);
    try {
      return await this.noted(account, create);
    } finally {
      this.abreast.set(account, this.abreast.get(account)! - 1);
      if (this.abreast.get(account) === 0) this.abreast.delete(account);
    }
  }

  private async counted<T>(account: string, door: Door, create: () => Outcome<T>): Outcome<T> {
    const limit = door.options.bucketsPerAccountMax;
    const range = { ...startingWith(ownedKey(account, ''), limit), keysOnly: true };
    const owned = await door.reading(() => door.rows.range(tables.owned, range));
    if (this.estimates.size >= estimatesMax) this.estimates.clear();
    this.estimates.set(account, owned.length);
    if (owned.length + (this.abreast.get(account) ?? 0) >= limit) return reject('TooManyBuckets');
    return this.noted(account, create);
  }

  /** An outcome that is not known ends the estimate. */
  private async noted<T>(account: string, create: () => Outcome<T>): Outcome<T> {
    try {
      const answer = await create();
      const estimate = this.estimates.get(account);
      if (!isRejection(answer) && estimate !== undefined) this.estimates.set(account, estimate + 1);
      return answer;
    } catch (error) {
      this.estimates.delete(account);
      throw error;
    }
  }

  /** The queue is as long as commands under way may be many. */
  private inTurn<T>(account: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.queues.get(account) ?? Promise.resolve()).then(work);
    const end = turn.then(
      () => undefined,
      () => undefined,
    );
    this.queues.set(account, end);
    void end.then(() => {
      if (this.queues.get(account) === end) this.queues.delete(account);
    });
    return turn;
  }
}

export async function createBucket(door: Door, caller: v.Caller, command: v.CreateBucket, counts: BucketCounts): Outcome<v.BucketInfo> {
  const { bucket, locationConstraint, tags = [] } = command;
  const refused = refuseBucketName(bucket);
  if (refused !== undefined) return refused;
  const create = async () => {
    const command = { type: 'CreateBucket', locationConstraint, tags } as const;
    return (await door.actors.tell(bucketKind, bucket, command, caller)) as v.BucketInfo | Rejection;
  };
  // A name that is taken is that, whatever the count.
  const known = await door.reading(() => findBucket(door.rows, bucket));
  return known === undefined ? counts.within(caller.account, door, create) : create();
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

export function listBuckets(door: Door, caller: v.Caller, query: v.ListBuckets): Outcome<v.BucketPage> {
  return door.rows.view((rows) => bucketPage(rows, caller, query));
}

async function bucketPage(rows: RowView, caller: v.Caller, query: v.ListBuckets): Outcome<v.BucketPage> {
  const all = ownedKey(caller.account, query.prefix);
  const after = ownedKey(caller.account, query.after);
  const from = query.after === '' || Buffer.compare(after, all) < 0 ? { gte: all } : { gt: after };
  // An account has no more buckets than one range gives rows: the largest page is never followed by another.
  const limit = Math.min(query.max + 1, rangeRowsMax);
  const owned = await rows.range(tables.owned, { ...from, lt: behind(all), limit, keysOnly: true });
  const shown = owned.slice(0, query.max).map((row) => row.key.toString('utf8', ownedKey(caller.account, '').length));
  const buckets = shown.map((name) => findBucket(rows, name)).filter((bucket) => bucket !== undefined);
  return { buckets, next: owned.length > query.max ? shown.at(-1) : undefined };
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
