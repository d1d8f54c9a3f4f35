import type { ActorKind } from '../actor/decider.ts';
import type { BucketCommand } from './commands.ts';
import { type BucketState, consult } from './consult.ts';
import { decide } from './decide.ts';
import type { BucketReply } from './decision.ts';
import { decodeEvent, encodeEvent } from './event-codec.ts';
import type { BucketEvent } from './events.ts';
import { rowsOf } from './evolve.ts';

/** One actor a bucket, named after it: every change of its objects, versions and tags, and the beginning and end of its uploads. */
export const bucketKind: ActorKind<BucketCommand, BucketState, BucketEvent, BucketReply> = {
  name: 'bucket',
  consult,
  decide,
  rowsOf,
  encode: encodeEvent,
  decode: decodeEvent,
};
