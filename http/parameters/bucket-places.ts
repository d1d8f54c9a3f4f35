/** Where a bucket lies, and its name among all of AWS: read from a request, shown by an answer. */
import { type Rejection, reject } from '../../engine/rejection.ts';

/** us-east-1 has no name as a constraint. */
const unnamedRegion = 'us-east-1';
/** The oldest constraint, from before regions had names. */
const europe = { constraint: 'EU', region: 'eu-west-1' };

/**
 * A LocationConstraint as it is stored: '' for none and for us-east-1, which every deployment answers to; a constraint that can be kept is the deployment's
 * region. Rejection: InvalidLocationConstraint, IllegalLocationConstraintException.
 */
export function parseLocationConstraint(constraint: string, region: string): string | Rejection {
  if (constraint === '' || constraint === unnamedRegion) return '';
  if (constraint === region || constraint === europe.constraint) return keptConstraint(constraint, region);
  if (region === unnamedRegion && !/^[a-z]{2}(-[a-z]+)+-\d{1,2}$/.test(constraint)) {
    return reject('InvalidLocationConstraint', { LocationConstraint: constraint });
  }
  const Message = `The ${constraint} location constraint is incompatible for the region specific endpoint this request was sent to.`;
  return reject('IllegalLocationConstraintException', { Message });
}

/** What GetBucketLocation promises, signatures may name: a stored constraint that isn't the deployment's region counts as that. */
export function keptConstraint(constraint: string, region: string): string {
  if (constraint === '' || constraint === region || (constraint === europe.constraint && region === europe.region)) return constraint;
  return region === unnamedRegion ? '' : region;
}

export function bucketArn(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}
