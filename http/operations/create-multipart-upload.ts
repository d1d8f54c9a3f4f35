import { multipartTypes } from '../../engine/body.ts';
import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { CreateMultipartUpload } from '../../engine/vocabulary.ts';
import { parseAlgorithm, parseChecksumType } from '../parameters/object-checksums.ts';
import { parseMetadata } from '../parameters/object-headers.ts';
import { parseTaggingHeader } from '../parameters/tag-sets.ts';
import type { Operation, S3Request } from '../request/s3-request.ts';
import { element, s3Namespace } from '../xml.ts';

export const createMultipartUpload: Operation = {
  name: 'CreateMultipartUpload',
  async run(request, engine) {
    const metadata = parseMetadata(request);
    if (isRejection(metadata)) return metadata;
    const tags = parseTaggingHeader(request);
    if (isRejection(tags)) return tags;
    const checksum = parseUploadChecksum(request);
    if (isRejection(checksum)) return checksum;
    const { bucket, key } = request;
    const created = await engine.createMultipartUpload(request.caller, { bucket, key, metadata, tags, checksum });
    if (isRejection(created)) return created;
    const fields = element('Bucket', bucket) + element('Key', key) + element('UploadId', created.uploadId);
    return {
      status: 200,
      headers: checksum
        ? [
            ['x-amz-checksum-algorithm', checksum.algorithm],
            ['x-amz-checksum-type', checksum.type],
          ]
        : [],
      xml: `<InitiateMultipartUploadResult xmlns="${s3Namespace}">${fields}</InitiateMultipartUploadResult>`,
    };
  },
};

function parseUploadChecksum(request: S3Request): CreateMultipartUpload['checksum'] | Rejection {
  const algorithm = parseAlgorithm(request, 'x-amz-checksum-algorithm');
  if (isRejection(algorithm)) return algorithm;
  const type = parseChecksumType(request);
  if (isRejection(type)) return type;
  if (algorithm === undefined) {
    if (type === undefined) return undefined;
    return reject('InvalidRequest', {
      Message: 'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    });
  }
  return { algorithm, type: type ?? multipartTypes[algorithm][0] };
}
