import { isRejection } from '../../engine/rejection.ts';
import type { PartInfo } from '../../engine/vocabulary.ts';
import { notAnInteger, parseEncodingType, parseMax } from '../parameters/listing-parameters.ts';
import { ownerXml } from '../parameters/listing-xml.ts';
import { checksumElement } from '../parameters/object-checksums.ts';
import { isoTime, quoted, storageClassOf } from '../parameters/object-headers.ts';
import { partNumberMax } from '../parameters/ranges.ts';
import { uploadTarget } from '../parameters/upload-targets.ts';
import type { Operation } from '../request/s3-request.ts';
import { element, keyText, s3Namespace } from '../xml.ts';

export const listParts: Operation = {
  name: 'ListParts',
  async run(request, engine) {
    const { query } = request;
    const max = parseMax(query, 'max-parts');
    if (isRejection(max)) return max;
    const marker = query.get('part-number-marker') || '0';
    if (!/^\d{1,9}$/.test(marker)) return notAnInteger('part-number-marker', marker);
    const encodingType = parseEncodingType(query);
    if (isRejection(encodingType)) return encodingType;
    const target = uploadTarget(request);
    const after = Math.min(Number(marker), partNumberMax);
    const page = await engine.listParts(request.caller, { ...target, after, max });
    if (isRejection(page)) return page;
    const { upload, parts } = page;
    const head =
      element('Bucket', target.bucket) +
      element('Key', keyText(encodingType)(target.key)) +
      element('UploadId', target.uploadId) +
      ownerXml(upload.owner, 'Initiator') +
      ownerXml(upload.owner) +
      element('StorageClass', storageClassOf(upload)) +
      element('PartNumberMarker', after) +
      element('NextPartNumberMarker', page.next ?? parts.at(-1)?.partNumber ?? after) +
      element('MaxParts', max) +
      element('EncodingType', encodingType) +
      element('IsTruncated', page.next !== undefined) +
      element('ChecksumAlgorithm', upload.checksum?.algorithm) +
      element('ChecksumType', upload.checksum?.type);
    return {
      status: 200,
      headers: [],
      xml: `<ListPartsResult xmlns="${s3Namespace}">${head}${parts.map(partXml).join('')}</ListPartsResult>`,
    };
  },
};

function partXml(part: PartInfo): string {
  const fields = element('PartNumber', part.partNumber) + element('LastModified', isoTime(part.lastModified));
  return `<Part>${fields}${element('ETag', quoted(part.etag))}${element('Size', part.size)}${checksumElement(part.checksum)}</Part>`;
}
