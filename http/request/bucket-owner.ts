import type { Engine } from '../../engine/engine.ts';
import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { S3Request } from './s3-request.ts';

const noAccount = 'The value of the expected bucket owner parameter must be an AWS Account ID';

export type OwnerHeader = 'x-amz-expected-bucket-owner' | 'x-amz-source-expected-bucket-owner';

/** The header guards against a bucket that changed hands. Rejection: InvalidBucketOwnerAWSAccountID, AccessDenied, NoSuchBucket. */
export async function refuseOtherOwner(
  request: S3Request,
  engine: Engine,
  { header, bucket }: { readonly header: OwnerHeader; readonly bucket: string },
): Promise<Rejection | undefined> {
  const expected = request.header(header);
  if (expected === undefined) return undefined;
  const found = await engine.headBucket(request.caller, bucket);
  if (isRejection(found)) return found;
  if (found.account === expected) return undefined;
  if (/^\d{12}$/.test(expected)) return reject('AccessDenied');
  return reject('InvalidBucketOwnerAWSAccountID', { Message: `${noAccount}... [${expected}]` });
}
