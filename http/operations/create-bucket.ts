import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { CreateBucket } from '../../engine/vocabulary.ts';
import { bucketArn, parseLocationConstraint } from '../parameters/bucket-places.ts';
import { newBucketTags, tagsIn } from '../parameters/tag-sets.ts';
import type { Operation } from '../request/s3-request.ts';
import { childOf, readXml, textOf } from '../xml.ts';

const configurationBytesMax = 64 * 1024;

export const createBucket: Operation = {
  name: 'CreateBucket',
  async run(request, engine) {
    const body = await request.smallBody(configurationBytesMax);
    if (isRejection(body)) return body;
    const configuration = readConfiguration(body, request.region);
    if (isRejection(configuration)) return configuration;
    const created = await engine.createBucket(request.caller, { bucket: request.bucket, ...configuration });
    if (isRejection(created)) return created;
    return {
      status: 200,
      headers: [
        ['Location', `/${request.bucket}`],
        ['x-amz-bucket-arn', bucketArn(request.bucket)],
      ],
    };
  },
};

function readConfiguration(body: Buffer, region: string): Omit<CreateBucket, 'bucket'> | Rejection {
  if (body.length === 0) return { locationConstraint: '', tags: [] };
  const root = readXml(body, 'CreateBucketConfiguration');
  if (isRejection(root)) return root;
  for (const name of ['Location', 'Bucket']) if (childOf(root, name)) return reject('NotImplemented', { Header: name });
  const locationConstraint = parseLocationConstraint(textOf(root, 'LocationConstraint')?.trim() ?? '', region);
  if (isRejection(locationConstraint)) return locationConstraint;
  const set = childOf(root, 'Tags');
  const tags = set === undefined ? [] : tagsIn(set, newBucketTags);
  return isRejection(tags) ? tags : { locationConstraint, tags };
}
