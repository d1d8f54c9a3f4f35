import { isRejection, reject } from '../../engine/rejection.ts';
import type { ObjectInfo } from '../../engine/vocabulary.ts';
import { parseEncodingType, parseMax } from '../parameters/listing-parameters.ts';
import { commonPrefixesXml, type KeyText, objectFields, ownerXml } from '../parameters/listing-xml.ts';
import { isoTime } from '../parameters/object-headers.ts';
import type { Operation } from '../request/s3-request.ts';
import { element, keyText, s3Namespace } from '../xml.ts';

export const listObjectVersions: Operation = {
  name: 'ListObjectVersions',
  async run(request, engine) {
    const { query, bucket } = request;
    const max = parseMax(query, 'max-keys');
    if (isRejection(max)) return max;
    const encodingType = parseEncodingType(query);
    if (isRejection(encodingType)) return encodingType;
    const prefix = query.get('prefix') ?? '';
    const delimiter = query.get('delimiter') ?? '';
    const keyMarker = query.get('key-marker') ?? '';
    const marker = query.get('version-id-marker') ?? '';
    if (marker !== '' && keyMarker === '') {
      const Message = 'A version-id marker cannot be specified without a key marker.';
      return reject('InvalidArgument', { ArgumentName: 'version-id-marker', ArgumentValue: marker, Message });
    }
    const versionIdMarker = marker === '' ? undefined : marker;
    const page = await engine.listObjectVersions(request.caller, { bucket, prefix, delimiter, keyMarker, versionIdMarker, max });
    if (isRejection(page)) return page;
    const show = keyText(encodingType);
    const head =
      element('Name', bucket) +
      element('Prefix', show(prefix)) +
      element('KeyMarker', show(keyMarker)) +
      element('VersionIdMarker', marker) +
      element('NextKeyMarker', page.next && show(page.next.key)) +
      element('NextVersionIdMarker', page.next?.versionId) +
      element('MaxKeys', max) +
      element('Delimiter', delimiter === '' ? undefined : show(delimiter)) +
      element('EncodingType', encodingType) +
      element('IsTruncated', page.next !== undefined);
    const versions = page.versions.map((version) => versionXml(version, show)).join('');
    return {
      status: 200,
      headers: [],
      xml: `<ListVersionsResult xmlns="${s3Namespace}">${head}${versions}${commonPrefixesXml(page.commonPrefixes, show)}</ListVersionsResult>`,
    };
  },
};

function versionXml(version: ObjectInfo, show: KeyText): string {
  const names = element('Key', show(version.key)) + element('VersionId', version.versionId) + element('IsLatest', version.isLatest);
  const owner = ownerXml(version.owner);
  return version.deleteMarker
    ? `<DeleteMarker>${names}${element('LastModified', isoTime(version.lastModified))}${owner}</DeleteMarker>`
    : `<Version>${names}${objectFields(version)}${owner}</Version>`;
}
