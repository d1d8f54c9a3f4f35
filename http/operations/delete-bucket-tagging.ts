import { isRejection } from '../../engine/rejection.ts';
import type { Operation } from '../request/s3-request.ts';

export const deleteBucketTagging: Operation = {
  name: 'DeleteBucketTagging',
  async run(request, engine) {
    const put = await engine.putBucketTagging(request.caller, request.bucket, []);
    if (isRejection(put)) return put;
    return { status: 204, headers: [] };
  },
};
