import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { Operation } from '../request/s3-request.ts';
import { childOf, readXml, textOf } from '../xml.ts';

const configurationBytesMax = 64 * 1024;

export const createBucket: Operation = {
  name: 'CreateBucket',
  async run(request, engine) {
    const body = await request.smallBody(configurationBytesMax);
    if (isRejection(body)) return body;
    const locationConstraint = locationIn(body);
    if (isRejection(locationConstraint)) return locationConstraint;
    const created = await engine.createBucket(request.caller, { bucket: request.bucket, locationConstraint });
    if (isRejection(created)) return created;
    return { status: 200, headers: [['Location', `/${request.bucket}`]] };
  },
};

/** '' without a body or without a constraint, and for us-east-1, which has no name as a constraint. */
function locationIn(body: Buffer): string | Rejection {
  if (body.length === 0) return '';
  const root = readXml(body, 'CreateBucketConfiguration');
  if (isRejection(root)) return root;
  for (const name of ['Location', 'Bucket', 'Tags']) if (childOf(root, name)) return reject('NotImplemented', { Header: name });
  const constraint = textOf(root, 'LocationConstraint')?.trim() ?? '';
  if (!/^[A-Za-z0-9-]{0,64}$/.test(constraint)) return reject('InvalidLocationConstraint', { LocationConstraint: constraint });
  return constraint === 'us-east-1' ? '' : constraint;
}
