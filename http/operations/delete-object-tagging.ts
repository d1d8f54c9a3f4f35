import { isRejection } from '../../engine/rejection.ts';
import { parseVersionId } from '../parameters/listing-parameters.ts';
import { versionHeader } from '../parameters/object-headers.ts';
import type { Operation } from '../request/s3-request.ts';

export const deleteObjectTagging: Operation = {
  name: 'DeleteObjectTagging',
  async run(request, engine) {
    const version = parseVersionId(request);
    if (isRejection(version)) return version;
    const { bucket, key } = request;
    const put = await engine.putObjectTagging(request.caller, { bucket, key, ...version }, []);
    // To the engine it is the putting of no tags.
    if (isRejection(put)) return put.rejected === 'MethodNotAllowed' ? { ...put, facts: { ...put.facts, Method: 'DELETE' } } : put;
    return { status: 204, headers: versionHeader(put.versionId) };
  },
};
