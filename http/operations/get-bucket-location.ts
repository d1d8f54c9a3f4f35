import { isRejection } from '../../engine/rejection.ts';
import { keptConstraint } from '../parameters/bucket-places.ts';
import type { Operation } from '../request/s3-request.ts';
import { escapeXml, s3Namespace } from '../xml.ts';

export const getBucketLocation: Operation = {
  name: 'GetBucketLocation',
  async run(request, engine) {
    const info = await engine.headBucket(request.caller, request.bucket);
    if (isRejection(info)) return info;
    const constraint = escapeXml(keptConstraint(info.locationConstraint, request.region));
    return {
      status: 200,
      headers: [],
      xml: `<LocationConstraint xmlns="${s3Namespace}">${constraint}</LocationConstraint>`,
    };
  },
};
