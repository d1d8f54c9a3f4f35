import { isRejection } from '../../engine/rejection.ts';
import { parseWriteConditions } from '../conditions.ts';
import { checksumHeaders } from '../object-checksums.ts';
import { parseMetadata, quoted, versionHeader } from '../object-headers.ts';
import type { Operation } from '../s3-request.ts';
import { parseTaggingHeader } from '../tag-sets.ts';

export const putObject: Operation = {
  name: 'PutObject',
  async run(request, engine) {
    const conditions = parseWriteConditions(request);
    if (isRejection(conditions)) return conditions;
    const metadata = parseMetadata(request);
    if (isRejection(metadata)) return metadata;
    const tags = parseTaggingHeader(request);
    if (isRejection(tags)) return tags;
    const body = request.uploadBody();
    if (isRejection(body)) return body;
    const { bucket, key } = request;
    const written = await engine.putObject(request.caller, { bucket, key, metadata, tags, conditions, body });
    if (isRejection(written)) return written;
    return {
      status: 200,
      headers: [['ETag', quoted(written.etag)], ...versionHeader(written.versionId), ...checksumHeaders(written.checksum)],
    };
  },
};
