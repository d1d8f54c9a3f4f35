/** Which upload, which part: read from the query. */
import { isRejection, type Rejection } from '../../engine/rejection.ts';
import type { UploadTarget } from '../../engine/vocabulary.ts';
import type { S3Request } from '../request/s3-request.ts';
import { noPartNumber, parsePartNumber } from './ranges.ts';

export function uploadTarget(request: S3Request): UploadTarget {
  return { bucket: request.bucket, key: request.key, uploadId: request.query.get('uploadId') ?? '' };
}

/** Rejection: InvalidArgument. */
export function parsePartTarget(request: S3Request): (UploadTarget & { readonly partNumber: number }) | Rejection {
  const partNumber = parsePartNumber(request);
  if (isRejection(partNumber)) return partNumber;
  if (partNumber === undefined) return noPartNumber('');
  return { ...uploadTarget(request), partNumber };
}
