import { isRejection } from '../../engine/rejection.ts';
import type { Operation } from '../request/s3-request.ts';
import { s3Namespace } from '../xml.ts';

const status = { unversioned: '', enabled: '<Status>Enabled</Status>', suspended: '<Status>Suspended</Status>' } as const;

export const getBucketVersioning: Operation = {
  name: 'GetBucketVersioning',
  async run(request, engine) {
    const info = await engine.headBucket(request.caller, request.bucket);
    if (isRejection(info)) return info;
    return {
      status: 200,
      headers: [],
      xml: `<VersioningConfiguration xmlns="${s3Namespace}">${status[info.versioning]}</VersioningConfiguration>`,
    };
  },
};
