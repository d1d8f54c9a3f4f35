import { isRejection } from '../../engine/rejection.ts';
import { parseInitiatedTime } from '../parameters/conditions.ts';
import { uploadTarget } from '../parameters/upload-targets.ts';
import type { Operation } from '../request/s3-request.ts';

export const abortMultipartUpload: Operation = {
  name: 'AbortMultipartUpload',
  async run(request, engine) {
    const ifMatchInitiated = parseInitiatedTime(request);
    if (isRejection(ifMatchInitiated)) return ifMatchInitiated;
    const condition = ifMatchInitiated === undefined ? {} : { ifMatchInitiated };
    const aborted = await engine.abortMultipartUpload(request.caller, { ...uploadTarget(request), ...condition });
    if (isRejection(aborted)) return aborted;
    return { status: 204, headers: [] };
  },
};
