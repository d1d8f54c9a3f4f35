import type { Engine } from '../../engine/engine.ts';
import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { S3Request } from './s3-request.ts';

export type OwnerHeader = 'x-amz-expected-bucket-owner' | 'x-amz-source-expected-bucket-owner';

/** The header guards against a bucket that changed hands. Rejection: AccessDenied, NoSuchBucket. */
export async function refuseOtherOwner(
  request: S3Request,
  engine: Engine,
  { header, bucket }: { readonly header: OwnerHeader; readonly bucket: string },
): Promise<Rejection | undefined> {
  const expected = request.header(header);
  if (expected === undefined) return undefined;
  const found = await engine.headBucket(request.caller, bucket);
  if (isRejection(found)) return found;
  return found.account === expected ? undefined : reject('AccessDenied');
}
