import { isRejection } from '../../engine/rejection.ts';
import type { Operation } from '../s3-request.ts';
import { uploadTarget } from '../upload-targets.ts';

export const abortMultipartUpload: Operation = {
  name: 'AbortMultipartUpload',
  async run(request, engine) {
    const aborted = await engine.abortMultipartUpload(request.caller, uploadTarget(request));
    if (isRejection(aborted)) return aborted;
    return { status: 204, headers: [] };
  },
};
