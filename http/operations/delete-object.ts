import { isRejection } from '../../engine/rejection.ts';
import { parseDeleteConditions } from '../parameters/conditions.ts';
import { parseVersionId } from '../parameters/listing-parameters.ts';
import { versionHeader } from '../parameters/object-headers.ts';
import type { Operation } from '../request/s3-request.ts';

export const deleteObject: Operation = {
  name: 'DeleteObject',
  async run(request, engine) {
    const version = parseVersionId(request);
    if (isRejection(version)) return version;
    const conditions = parseDeleteConditions(request);
    if (isRejection(conditions)) return conditions;
    const { bucket, key } = request;
    const deleted = await engine.deleteObject(request.caller, { bucket, key, ...version, conditions });
    if (isRejection(deleted)) return deleted;
    const marker: [string, string][] = deleted.deleteMarker ? [['x-amz-delete-marker', 'true']] : [];
    return { status: 204, headers: [...marker, ...versionHeader(deleted.versionId)] };
  },
};
