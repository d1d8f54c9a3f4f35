import { isRejection } from '../../engine/rejection.ts';
import { checksumHeaders } from '../parameters/object-checksums.ts';
import { quoted } from '../parameters/object-headers.ts';
import { parsePartTarget } from '../parameters/upload-targets.ts';
import type { Operation } from '../request/s3-request.ts';

export const uploadPart: Operation = {
  name: 'UploadPart',
  async run(request, engine) {
    const target = parsePartTarget(request);
    if (isRejection(target)) return target;
    const body = request.uploadBody();
    if (isRejection(body)) return body;
    const part = await engine.uploadPart(request.caller, { ...target, body });
    if (isRejection(part)) return part;
    // A part has no type of checksum: that is the whole upload's.
    return { status: 200, headers: [['ETag', quoted(part.etag)], ...checksumHeaders(part.checksum).slice(0, 1)] };
  },
};
