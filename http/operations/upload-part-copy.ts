import { isRejection } from '../../engine/rejection.ts';
import { readCopySource } from '../parameters/copy-source.ts';
import { checksumElement } from '../parameters/object-checksums.ts';
import { isoTime, quoted } from '../parameters/object-headers.ts';
import { parseCopyRange } from '../parameters/ranges.ts';
import { parsePartTarget } from '../parameters/upload-targets.ts';
import type { Operation } from '../request/s3-request.ts';
import { element, s3Namespace } from '../xml.ts';

export const uploadPartCopy: Operation = {
  name: 'UploadPartCopy',
  async run(request, engine) {
    const target = parsePartTarget(request);
    if (isRejection(target)) return target;
    const source = await readCopySource(request, engine);
    if (isRejection(source)) return source;
    const range = parseCopyRange(request.header('x-amz-copy-source-range'));
    if (isRejection(range)) return range;
    const part = await engine.uploadPartCopy(request.caller, { ...target, source, range });
    if (isRejection(part)) return part;
    const fields =
      element('LastModified', isoTime(part.lastModified)) + element('ETag', quoted(part.etag)) + checksumElement(part.checksum);
    return {
      status: 200,
      headers: part.sourceVersionId === undefined ? [] : [['x-amz-copy-source-version-id', part.sourceVersionId]],
      xml: `<CopyPartResult xmlns="${s3Namespace}">${fields}</CopyPartResult>`,
    };
  },
};
