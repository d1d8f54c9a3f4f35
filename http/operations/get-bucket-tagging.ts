import { isRejection, reject } from '../../engine/rejection.ts';
import { taggingXml } from '../parameters/tag-sets.ts';
import type { Operation } from '../request/s3-request.ts';

export const getBucketTagging: Operation = {
  name: 'GetBucketTagging',
  async run(request, engine) {
    const info = await engine.headBucket(request.caller, request.bucket);
    if (isRejection(info)) return info;
    if (info.tags.length === 0) return reject('NoSuchTagSet', { BucketName: request.bucket });
    return { status: 200, headers: [], xml: taggingXml(info.tags) };
  },
};
