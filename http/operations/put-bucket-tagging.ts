import { isRejection } from '../../engine/rejection.ts';
import { bucketTags, readTagging } from '../parameters/tag-sets.ts';
import type { Operation } from '../request/s3-request.ts';

export const putBucketTagging: Operation = {
  name: 'PutBucketTagging',
  async run(request, engine) {
    const tags = await readTagging(request, bucketTags);
    if (isRejection(tags)) return tags;
    const put = await engine.putBucketTagging(request.caller, request.bucket, tags);
    if (isRejection(put)) return put;
    return { status: 204, headers: [] };
  },
};
