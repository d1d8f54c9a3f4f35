import { isRejection } from '../../engine/rejection.ts';
import { parseEncodingType, parseMax } from '../parameters/listing-parameters.ts';
import { commonPrefixesXml, contentsXml } from '../parameters/listing-xml.ts';
import type { Operation } from '../request/s3-request.ts';
import { element, keyText, s3Namespace } from '../xml.ts';

/** The first version of the listing: goes on by `marker`, and names the next one only where a delimiter hides it. */
export const listObjects: Operation = {
  name: 'ListObjects',
  async run(request, engine) {
    const { query, bucket } = request;
    const max = parseMax(query, 'max-keys');
    if (isRejection(max)) return max;
    const encodingType = parseEncodingType(query);
    if (isRejection(encodingType)) return encodingType;
    const prefix = query.get('prefix') ?? '';
    const delimiter = query.get('delimiter') ?? '';
    const marker = query.get('marker') ?? '';
    const page = await engine.listObjects(request.caller, { bucket, prefix, delimiter, after: marker, max });
    if (isRejection(page)) return page;
    const show = keyText(encodingType);
    const head =
      element('Name', bucket) +
      element('Prefix', show(prefix)) +
      element('Marker', show(marker)) +
      element('NextMarker', delimiter === '' || page.next === undefined ? undefined : show(page.next)) +
      element('MaxKeys', max) +
      element('Delimiter', delimiter === '' ? undefined : show(delimiter)) +
      element('EncodingType', encodingType) +
      element('IsTruncated', page.next !== undefined);
    const row = { show, owner: true };
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
