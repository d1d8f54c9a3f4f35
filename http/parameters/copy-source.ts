import type { Engine } from '../../engine/engine.ts';
import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { CopySource } from '../../engine/vocabulary.ts';
import { bucketNameRejection } from '../request/bucket-name.ts';
import { refuseOtherOwner } from '../request/bucket-owner.ts';
import { decodeField, parseQuery } from '../request/query.ts';
import { bucketOfHost, keyRejection } from '../request/request-target.ts';
import type { S3Request } from '../request/s3-request.ts';
import { parseReadConditions } from './conditions.ts';
import { emptyVersionId } from './listing-parameters.ts';

const header = 'x-amz-copy-source';

/** What to copy from, in a bucket of the owner that the client expects. Rejection: as parseCopySource, AccessDenied, NoSuchBucket. */
export async function readCopySource(request: S3Request, engine: Engine): Promise<CopySource | Rejection> {
  const source = parseCopySource(request);
  if (isRejection(source)) return source;
  const owner = { header: 'x-amz-source-expected-bucket-owner', bucket: source.bucket } as const;
  return (await refuseOtherOwner(request, engine, owner)) ?? source;
}

/**
 * `x-amz-copy-source: /bucket/key?versionId=...`, the first slash optional, or an absolute URL, as S3 reads it: encoded like a form, so that `+` is a
 * space; only a `?` that is sent as such separates the version, an encoded one is part of the key.
 * Rejection: InvalidArgument, InvalidObjectName, KeyTooLongError, NotImplemented.
 */
function parseCopySource(request: S3Request): CopySource | Rejection {
  const sent = request.header(header) ?? '';
  const mark = sent.indexOf('?');
  const place = parsePlace(mark < 0 ? sent : sent.slice(0, mark), request.domains);
  if (isRejection(place)) return place;
  const version = mark < 0 ? {} : parseVersion(sent, mark + 1);
  if (isRejection(version)) return version;
  return { ...place, ...version, conditions: parseReadConditions(request, 'x-amz-copy-source-') };
}

const absolute = /^https?:\/\/([^/]*)(.*)$/i;

function parsePlace(sent: string, domains: readonly string[]): { readonly bucket: string; readonly key: string } | Rejection {
  const decoded = decodeField(sent);
  if (decoded === undefined) return invalid('Invalid copy source encoding', sent);
  if (decoded.startsWith('arn:')) return reject('NotImplemented', { Header: header });
  const [, host = '', rest] = absolute.exec(decoded) ?? [];
  const hostBucket = bucketOfHost(host, domains);
  const path = (rest ?? decoded).replace(/^\//, '');
  const slash = hostBucket === undefined ? path.indexOf('/') : -1;
  if (hostBucket === undefined && slash < 0) return invalid('Invalid copy source object key', header);
  const bucket = hostBucket ?? path.slice(0, slash);
  if (bucketNameRejection(bucket)) return invalid('Invalid copy source bucket name', bucket);
  const key = path.slice(slash + 1);
  return keyRejection(key) ?? { bucket, key };
}

/** What stands behind the `?`: a version and nothing else, or a `?` of a key was not encoded. */
function parseVersion(sent: string, at: number): { readonly versionId: string } | Rejection {
  const query = parseQuery(sent.slice(at));
  if (query === undefined) return invalid('Invalid copy source encoding', sent);
  const [version] = query.parameters;
  if (version?.name !== 'versionId' || query.parameters.length > 1) return invalid('Unsupported copy source parameter.', sent);
  if (version.value !== '') return { versionId: version.value };
  return emptyVersionId();
}

function invalid(Message: string, ArgumentValue: string): Rejection {
  return reject('InvalidArgument', { ArgumentName: header, ArgumentValue, Message });
}
