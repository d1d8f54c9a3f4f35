import { isRejection } from '../../engine/rejection.ts';
import { parseVersionId } from '../parameters/listing-parameters.ts';
import { versionHeader } from '../parameters/object-headers.ts';
import { objectTags, readTagging } from '../parameters/tag-sets.ts';
import type { Operation } from '../request/s3-request.ts';

export const putObjectTagging: Operation = {
  name: 'PutObjectTagging',
  async run(request, engine) {
    const version = parseVersionId(request);
    if (isRejection(version)) return version;
    const tags = await readTagging(request, objectTags);
    if (isRejection(tags)) return tags;
    const { bucket, key } = request;
    const put = await engine.putObjectTagging(request.caller, { bucket, key, ...version }, tags);
    if (isRejection(put)) return put;
    return { status: 200, headers: versionHeader(put.versionId) };
  },
};
