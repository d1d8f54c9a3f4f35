import type { Decision } from '../actor/decider.ts';
import type { BucketInfo, Deleted, ObjectTags, Restored, Written } from '../vocabulary.ts';
import type { BucketEvent } from './events.ts';

/** By command: PutObject and CompleteMultipartUpload answer Written, CreateBucket BucketInfo, DeleteObject Deleted, PutObjectTagging ObjectTags, RestoreObject Restored. */
export type BucketReply = Written | BucketInfo | Deleted | ObjectTags | Restored | null;
export type BucketDecision = Decision<BucketEvent, BucketReply>;
