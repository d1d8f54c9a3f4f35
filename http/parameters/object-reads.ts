/** What GET and HEAD of an object have in common. */
import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { ObjectHead, ReadObject } from '../../engine/vocabulary.ts';
import type { S3Request } from '../request/s3-request.ts';
import type { ResponseHeaders } from '../transport/listener.ts';
import { parseRangeCondition, parseReadConditions } from './conditions.ts';
import { parseVersionId } from './listing-parameters.ts';
import { checksumHeaders, parseChecksumMode } from './object-checksums.ts';
import { objectHeaders } from './object-headers.ts';
import { parsePartNumber, parseRange } from './ranges.ts';

export interface Read {
  readonly query: ReadObject;
  /** Stored header name -> value that the query puts in its place. */
  readonly overrides: ReadonlyMap<string, string>;
  readonly showChecksum: boolean;
}

/** Query parameter -> the stored header it stands for. */
const overridable = ['content-type', 'content-language', 'expires', 'cache-control', 'content-disposition', 'content-encoding'].map(
  (name) => [`response-${name}`, name] as const,
);
const noOverrides: ReadonlyMap<string, string> = new Map();

/** Rejection: InvalidArgument, InvalidRequest, NotImplemented. */
export function parseRead(request: S3Request): Read | Rejection {
  const version = parseVersionId(request);
  if (isRejection(version)) return version;
  const partNumber = parsePartNumber(request);
  if (isRejection(partNumber)) return partNumber;
  const range = parseRange(request.header('range'));
  if (range && partNumber !== undefined) {
    return reject('InvalidRequest', { Message: 'Cannot specify both Range header and partNumber query parameter' });
  }
  const overrides = parseOverrides(request);
  if (isRejection(overrides)) return overrides;
  if (overrides.size > 0 && request.caller.accessKey === '') {
    return reject('InvalidRequest', { Message: 'Request specific response headers cannot be used for anonymous GET requests.' });
  }
  const showChecksum = parseChecksumMode(request);
  if (isRejection(showChecksum)) return showChecksum;
  const { bucket, key } = request;
  const ifRange = parseRangeCondition(request);
  return {
    query: { bucket, key, ...version, conditions: parseReadConditions(request), range, ifRange, partNumber },
    overrides,
    showChecksum,
  };
}

function parseOverrides({ query }: S3Request): ReadonlyMap<string, string> | Rejection {
  if (query.parameters.length === 0) return noOverrides;
  const overrides = new Map<string, string>();
  for (const [parameter, name] of overridable) {
    const value = query.get(parameter);
    if (value === undefined) continue;
    if (/[^\u0000-\u00ff]/.test(value)) {
      const Message = 'Header value cannot be represented using ISO-8859-1.';
      return reject('InvalidArgument', { ArgumentName: parameter, ArgumentValue: value, Message });
    }
    overrides.set(name, value);
  }
  return overrides;
}

/** No Content-Range can say "none of nothing": the only part of an empty object is the whole of it. */
function isPartial({ slice }: ObjectHead): boolean {
  return slice.partial && slice.length > 0;
}

export function readStatus(found: ObjectHead): 200 | 206 {
  return isPartial(found) ? 206 : 200;
}

export function readHeaders(found: ObjectHead, read: Read): ResponseHeaders {
  const { object, slice } = found;
  const headers = objectHeaders(object, read.overrides);
  if (isPartial(found)) headers.push(['Content-Range', `bytes ${slice.offset}-${slice.offset + slice.length - 1}/${object.size}`]);
  if (read.showChecksum) headers.push(...checksumHeaders(found.checksum).map(([name, value]): [string, string] => [name, value]));
  if (read.query.partNumber !== undefined && object.partCount > 0) headers.push(['x-amz-mp-parts-count', String(object.partCount)]);
  return headers;
}
