import { isRejection } from '../../engine/rejection.ts';
import { parseVersionId } from '../listing-parameters.ts';
import { versionHeader } from '../object-headers.ts';
import type { Operation } from '../s3-request.ts';
import { objectTagsMax, readTagging } from '../tag-sets.ts';

export const putObjectTagging: Operation = {
  name: 'PutObjectTagging',
  async run(request, engine) {
    const version = parseVersionId(request);
    if (isRejection(version)) return version;
    const tags = await readTagging(request, objectTagsMax);
    if (isRejection(tags)) return tags;
    const { bucket, key } = request;
    const put = await engine.putObjectTagging(request.caller, { bucket, key, ...version }, tags);
    if (isRejection(put)) return put;
    return { status: 200, headers: versionHeader(put.versionId) };
  },
};
