import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import { bucketArn } from '../parameters/bucket-places.ts';
import { parseToken, tokenOf } from '../parameters/listing-parameters.ts';
import { isoTime } from '../parameters/object-headers.ts';
import type { Query } from '../request/query.ts';
import type { Operation } from '../request/s3-request.ts';
import { element, s3Namespace } from '../xml.ts';

const bucketsMax = 10_000;

export const listBuckets: Operation = {
  name: 'ListBuckets',
  async run(request, engine) {
    const { query, caller } = request;
    const max = parseMaxBuckets(query);
    if (isRejection(max)) return max;
    const after = parseToken(query);
    if (isRejection(after)) return after;
    const prefix = query.get('prefix') ?? '';
    const page = await engine.listBuckets(caller, { prefix, after, max });
    if (isRejection(page)) return page;
    // One deployment is one region: asked for another, there is nothing to show.
    const region = query.get('bucket-region') ?? request.region;
    const shown = region === request.region ? page.buckets : [];
    const buckets = shown.map((bucket) => {
      const names = element('Name', bucket.name) + element('CreationDate', isoTime(bucket.created));
      return `<Bucket>${names}${element('BucketRegion', request.region)}${element('BucketArn', bucketArn(bucket.name))}</Bucket>`;
    });
    const owner = `<Owner>${element('ID', caller.owner.id)}${element('DisplayName', caller.owner.displayName)}</Owner>`;
    const rest = element('ContinuationToken', page.next && tokenOf(page.next)) + element('Prefix', prefix === '' ? undefined : prefix);
    return {
      status: 200,
      headers: [],
      xml: `<ListAllMyBucketsResult xmlns="${s3Namespace}">${owner}<Buckets>${buckets.join('')}</Buckets>${rest}</ListAllMyBucketsResult>`,
    };
  },
};

function parseMaxBuckets(query: Query): number | Rejection {
  const sent = query.get('max-buckets') ?? String(bucketsMax);
  const max = /^\d{1,10}$/.test(sent) ? Number(sent) : 0;
  if (max >= 1 && max <= bucketsMax) return max;
  const Message = `Argument max-buckets must be an integer between 1 and ${bucketsMax}.`;
  return reject('InvalidArgument', { ArgumentName: 'max-buckets', ArgumentValue: sent, Message });
}
