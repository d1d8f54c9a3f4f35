import { isRejection } from '../../engine/rejection.ts';
import { bucketArn } from '../parameters/bucket-places.ts';
import type { Operation } from '../request/s3-request.ts';

export const headBucket: Operation = {
  name: 'HeadBucket',
  async run(request, engine) {
    const info = await engine.headBucket(request.caller, request.bucket);
    if (isRejection(info)) return info;
    // The region to sign for, which is the deployment's: a LocationConstraint moves nothing.
    return {
      status: 200,
      headers: [
        ['x-amz-bucket-region', request.region],
        ['x-amz-bucket-arn', bucketArn(request.bucket)],
        ['x-amz-access-point-alias', 'false'],
      ],
      contentLength: 0,
    };
  },
};
