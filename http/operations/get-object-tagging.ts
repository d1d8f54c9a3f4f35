import { isRejection } from '../../engine/rejection.ts';
import { parseVersionId } from '../parameters/listing-parameters.ts';
import { versionHeader } from '../parameters/object-headers.ts';
import { taggingXml } from '../parameters/tag-sets.ts';
import type { Operation } from '../request/s3-request.ts';

export const getObjectTagging: Operation = {
  name: 'GetObjectTagging',
  async run(request, engine) {
    const version = parseVersionId(request);
    if (isRejection(version)) return version;
    const { bucket, key } = request;
    const found = await engine.getObjectTagging(request.caller, { bucket, key, ...version });
    if (isRejection(found)) return found;
    return { status: 200, headers: versionHeader(found.versionId), xml: taggingXml(found.tags) };
  },
};
