import type { Engine } from '../../engine/engine.ts';
import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { CopySource } from '../../engine/vocabulary.ts';
import { refuseOtherOwner } from '../request/bucket-owner.ts';
import { decodePercent } from '../request/percent-encoding.ts';
import { keyRejection } from '../request/request-target.ts';
import type { S3Request } from '../request/s3-request.ts';
import { parseReadConditions } from './conditions.ts';

const header = 'x-amz-copy-source';
const versionMark = '?versionId=';

/** What to copy from, in a bucket of the owner that the client expects. Rejection: as parseCopySource, AccessDenied, NoSuchBucket. */
export async function readCopySource(request: S3Request, engine: Engine): Promise<CopySource | Rejection> {
  const source = parseCopySource(request);
  if (isRejection(source)) return source;
  const owner = { header: 'x-amz-source-expected-bucket-owner', bucket: source.bucket } as const;
  return (await refuseOtherOwner(request, engine, owner)) ?? source;
}

/**
 * `x-amz-copy-source: /bucket/key?versionId=...`, percent-encoded, the first slash optional. The mark of a version is looked
 * for as sent first, so that a key may hold an encoded one, then in the decoded text: some clients encode it along.
 * Rejection: InvalidArgument, InvalidObjectName, KeyTooLongError.
 */
function parseCopySource(request: S3Request): CopySource | Rejection {
  const sent = request.header(header) ?? '';
  const invalid = reject('InvalidArgument', { ArgumentName: header, ArgumentValue: sent });
  const mark = sent.lastIndexOf(versionMark);
  const decoded = decodePercent(mark < 0 ? sent : sent.slice(0, mark));
  const decodedVersion = mark < 0 ? undefined : decodePercent(sent.slice(mark + versionMark.length));
  if (decoded === undefined || (mark >= 0 && decodedVersion === undefined)) return invalid;
  const lateMark = mark < 0 ? decoded.lastIndexOf(versionMark) : -1;
  const path = (lateMark < 0 ? decoded : decoded.slice(0, lateMark)).replace(/^\//, '');
  const versionId = lateMark < 0 ? decodedVersion : decoded.slice(lateMark + versionMark.length);
  const slash = path.indexOf('/');
  if (slash < 1 || versionId === '') return invalid;
  const key = path.slice(slash + 1);
  const badKey = keyRejection(key);
  if (badKey) return badKey;
  return {
    bucket: path.slice(0, slash),
    key,
    ...(versionId !== undefined && { versionId }),
    conditions: parseReadConditions(request, 'x-amz-copy-source-'),
  };
}
