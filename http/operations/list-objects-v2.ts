import { isRejection, reject } from '../../engine/rejection.ts';
import { parseEncodingType, parseMax, parseToken, tokenOf } from '../parameters/listing-parameters.ts';
import { commonPrefixesXml, contentsXml } from '../parameters/listing-xml.ts';
import type { Operation } from '../request/s3-request.ts';
import { element, keyText, s3Namespace } from '../xml.ts';

export const listObjectsV2: Operation = {
  name: 'ListObjectsV2',
  async run(request, engine) {
    const { query, bucket } = request;
    const listType = query.get('list-type') ?? '';
    if (listType !== '2') {
      return reject('InvalidArgument', {
        ArgumentName: 'list-type',
        ArgumentValue: listType,
        Message: 'Invalid List Type specified in Request',
      });
    }
    const max = parseMax(query, 'max-keys');
    if (isRejection(max)) return max;
    const encodingType = parseEncodingType(query);
    if (isRejection(encodingType)) return encodingType;
    const place = parseToken(query);
    if (isRejection(place)) return place;
    const prefix = query.get('prefix') ?? '';
    const delimiter = query.get('delimiter') ?? '';
    const startAfter = query.get('start-after') ?? '';
    const after = place === '' ? startAfter : place;
    const page = await engine.listObjects(request.caller, { bucket, prefix, delimiter, after, max });
    if (isRejection(page)) return page;
    const show = keyText(encodingType);
    const head =
      element('Name', bucket) +
      element('Prefix', show(prefix)) +
      element('StartAfter', startAfter === '' ? undefined : show(startAfter)) +
      element('ContinuationToken', query.get('continuation-token')) +
      element('NextContinuationToken', page.next === undefined ? undefined : tokenOf(page.next)) +
      element('KeyCount', page.objects.length + page.commonPrefixes.length) +
      element('MaxKeys', max) +
      element('Delimiter', delimiter === '' ? undefined : show(delimiter)) +
      element('EncodingType', encodingType) +
      element('IsTruncated', page.next !== undefined);
    const owner = query.get('fetch-owner') === 'true';
    const row = { show, owner };
    const contents = page.objects.map((object) => contentsXml(object, row));
    return {
      status: 200,
      headers: [['x-amz-bucket-region', request.region]],
      xml: [
        `<ListBucketResult xmlns="${s3Namespace}">${head}`,
        ...contents,
        `${commonPrefixesXml(page.commonPrefixes, show)}</ListBucketResult>`,
      ],
    };
  },
};
