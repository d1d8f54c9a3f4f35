import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { ObjectMetadata, Tags } from '../../engine/vocabulary.ts';
import { parseWriteConditions } from '../parameters/conditions.ts';
import { readCopySource } from '../parameters/copy-source.ts';
import { checksumElements, parseAlgorithm } from '../parameters/object-checksums.ts';
import { isoTime, parseMetadata, parsePlacement, quoted, writtenHeader } from '../parameters/object-headers.ts';
import { parseTaggingHeader } from '../parameters/tag-sets.ts';
import type { Operation, S3Request } from '../request/s3-request.ts';
import { element, s3Namespace } from '../xml.ts';

export const copyObject: Operation = {
  name: 'CopyObject',
  async run(request, engine) {
    const source = await readCopySource(request, engine);
    if (isRejection(source)) return source;
    const conditions = parseWriteConditions(request);
    if (isRejection(conditions)) return conditions;
    const metadata = replacedMetadata(request);
    if (isRejection(metadata)) return metadata;
    const placement = parsePlacement(request);
    if (isRejection(placement)) return placement;
    const tags = replacedTags(request);
    if (isRejection(tags)) return tags;
    const algorithm = parseAlgorithm(request, 'x-amz-checksum-algorithm');
    if (isRejection(algorithm)) return algorithm;
    const { bucket, key } = request;
    const copied = await engine.copyObject(request.caller, { bucket, key, source, metadata, placement, tags, conditions, algorithm });
    if (isRejection(copied)) return copied;
    const fields =
      element('LastModified', isoTime(copied.lastModified)) + element('ETag', quoted(copied.etag)) + checksumElements(copied.checksum);
    return {
      status: 200,
      headers: [
        ...writtenHeader(copied.versionId),
        ...(copied.sourceVersionId === undefined ? [] : [['x-amz-copy-source-version-id', copied.sourceVersionId] as const]),
      ],
      xml: `<CopyObjectResult xmlns="${s3Namespace}">${fields}</CopyObjectResult>`,
    };
  },
};

/** undefined: the source's are kept. */
function replacedMetadata(request: S3Request): ObjectMetadata | undefined | Rejection {
  const replace = isReplace(request, 'x-amz-metadata-directive');
  if (isRejection(replace)) return replace;
  return replace ? parseMetadata(request) : undefined;
}

function replacedTags(request: S3Request): Tags | undefined | Rejection {
  const replace = isReplace(request, 'x-amz-tagging-directive');
  if (isRejection(replace)) return replace;
  return replace ? parseTaggingHeader(request) : undefined;
}

function isReplace(request: S3Request, header: 'x-amz-metadata-directive' | 'x-amz-tagging-directive'): boolean | Rejection {
  const sent = request.header(header) ?? 'COPY';
  if (sent === 'COPY' || sent === 'REPLACE') return sent === 'REPLACE';
  const Message = `Unknown ${header === 'x-amz-metadata-directive' ? 'metadata' : 'tagging'} directive.`;
  return reject('InvalidArgument', { ArgumentName: header, ArgumentValue: sent, Message });
}
