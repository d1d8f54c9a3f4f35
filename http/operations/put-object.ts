import { isRejection } from '../../engine/rejection.ts';
import { parseWriteConditions } from '../parameters/conditions.ts';
import { checksumHeaders } from '../parameters/object-checksums.ts';
import { parseMetadata, quoted, writtenHeader } from '../parameters/object-headers.ts';
import { parseTaggingHeader } from '../parameters/tag-sets.ts';
import type { Operation } from '../request/s3-request.ts';

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
      headers: [['ETag', quoted(written.etag)], ...writtenHeader(written.versionId), ...checksumHeaders(written.checksum)],
    };
  },
};
