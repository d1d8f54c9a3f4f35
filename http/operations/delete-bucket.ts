import { isRejection } from '../../engine/rejection.ts';
import type { Operation } from '../request/s3-request.ts';

export const deleteBucket: Operation = {
  name: 'DeleteBucket',
  async run(request, engine) {
    const deleted = await engine.deleteBucket(request.caller, request.bucket);
    if (isRejection(deleted)) return deleted;
    return { status: 204, headers: [] };
  },
};
