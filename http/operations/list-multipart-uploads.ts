import { isRejection } from '../../engine/rejection.ts';
import type { UploadInfo, UploadPage } from '../../engine/vocabulary.ts';
import { parseEncodingType, parseMax } from '../parameters/listing-parameters.ts';
import { commonPrefixesXml, type KeyText, ownerXml } from '../parameters/listing-xml.ts';
import { isoTime, storageClassOf } from '../parameters/object-headers.ts';
import type { Operation } from '../request/s3-request.ts';
import { element, keyText, s3Namespace } from '../xml.ts';

export const listMultipartUploads: Operation = {
  name: 'ListMultipartUploads',
  async run(request, engine) {
    const { query, bucket } = request;
    const max = parseMax(query, 'max-uploads');
    if (isRejection(max)) return max;
    const encodingType = parseEncodingType(query);
    if (isRejection(encodingType)) return encodingType;
    const prefix = query.get('prefix') ?? '';
    const delimiter = query.get('delimiter') ?? '';
    const keyMarker = query.get('key-marker') ?? '';
    // Without a key the marker of an upload says nothing, and S3 overlooks it.
    const marker = keyMarker === '' ? '' : (query.get('upload-id-marker') ?? '');
    const uploadIdMarker = marker === '' ? undefined : marker;
    const page = await engine.listMultipartUploads(request.caller, { bucket, prefix, delimiter, keyMarker, uploadIdMarker, max });
    if (isRejection(page)) return page;
    const show = keyText(encodingType);
    const next = nextMarkers(page);
    const head =
      element('Bucket', bucket) +
      element('KeyMarker', show(keyMarker)) +
      element('UploadIdMarker', marker) +
      element('NextKeyMarker', show(next.key)) +
      element('NextUploadIdMarker', next.uploadId) +
      element('Prefix', show(prefix)) +
      element('Delimiter', delimiter === '' ? undefined : show(delimiter)) +
      element('EncodingType', encodingType) +
      element('MaxUploads', max) +
      element('IsTruncated', page.next !== undefined);
    const uploads = page.uploads.map((upload) => uploadXml(upload, show)).join('');
    return {
      status: 200,
      headers: [],
      xml: `<ListMultipartUploadsResult xmlns="${s3Namespace}">${head}${uploads}${commonPrefixesXml(page.commonPrefixes, show)}</ListMultipartUploadsResult>`,
    };
  },
};

/** S3 shows them on the last page too, empty where no upload is on it. */
function nextMarkers({ next, uploads }: UploadPage): { readonly key: string; readonly uploadId: string } {
  const { key = '', uploadId = '' } = next ?? uploads.at(-1) ?? {};
  return { key, uploadId };
}

function uploadXml(upload: UploadInfo, show: KeyText): string {
  const fields =
    element('Key', show(upload.key)) +
    element('UploadId', upload.uploadId) +
    ownerXml(upload.owner, 'Initiator') +
    ownerXml(upload.owner) +
    element('StorageClass', storageClassOf(upload)) +
    element('Initiated', isoTime(upload.initiated)) +
    element('ChecksumAlgorithm', upload.checksum?.algorithm) +
    element('ChecksumType', upload.checksum?.type);
  return `<Upload>${fields}</Upload>`;
}
