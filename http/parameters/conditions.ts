/** Conditional requests: If-Match and its family, read from headers. Dates that are none are ignored, as RFC 9110 asks. */
import { type Rejection, reject } from '../../engine/rejection.ts';
import type { DeleteConditions, ReadConditions, WriteConditions } from '../../engine/vocabulary.ts';
import type { S3Request } from '../request/s3-request.ts';

/** `prefix` is '' for the request's own conditions, `x-amz-copy-source-` for those on the source of a copy. */
export function parseReadConditions(request: S3Request, prefix: '' | 'x-amz-copy-source-' = ''): ReadConditions {
  const names = readConditions[prefix];
  return {
    ifMatch: etagsOf(request.header(names.ifMatch)),
    ifNoneMatch: etagsOf(request.header(names.ifNoneMatch)),
    ifModifiedSince: timeOf(request.header(names.ifModifiedSince)),
    ifUnmodifiedSince: timeOf(request.header(names.ifUnmodifiedSince)),
  };
}

const readConditions = { '': namesWith(''), 'x-amz-copy-source-': namesWith('x-amz-copy-source-') };

/** Names put together for each request would have to be hashed for each. */
function namesWith(prefix: string) {
  return {
    ifMatch: `${prefix}if-match`,
    ifNoneMatch: `${prefix}if-none-match`,
    ifModifiedSince: `${prefix}if-modified-since`,
    ifUnmodifiedSince: `${prefix}if-unmodified-since`,
  };
}

/** Rejection: NotImplemented for what S3 has no writes by (a list of tags, If-None-Match with a tag). */
export function parseWriteConditions(request: S3Request): WriteConditions | Rejection {
  const ifNoneMatch = request.header('if-none-match');
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') return reject('NotImplemented', { Header: 'If-None-Match' });
  const ifMatch = etagsOf(request.header('if-match'));
  if (ifMatch !== undefined && ifMatch.length > 1) return reject('NotImplemented', { Header: 'If-Match' });
  return { ...(ifNoneMatch && { ifNoneMatch }), ...(ifMatch && { ifMatch: ifMatch[0] }) };
}

/** Rejection: NotImplemented, InvalidArgument. */
export function parseDeleteConditions(request: S3Request): DeleteConditions | Rejection {
  if (request.header('if-none-match') !== undefined) return reject('NotImplemented', { Header: 'If-None-Match' });
  const ifMatch = etagsOf(request.header('if-match'));
  if (ifMatch !== undefined && ifMatch.length > 1) return reject('NotImplemented', { Header: 'If-Match' });
  return deleteConditions({
    etag: ifMatch?.[0],
    lastModified: request.header('x-amz-if-match-last-modified-time'),
    size: request.header('x-amz-if-match-size'),
  });
}

/** Conditions of one delete as sent: in headers, or as elements of DeleteObjects. Rejection: InvalidArgument. */
export function deleteConditions(sent: { etag?: string; lastModified?: string; size?: string }): DeleteConditions | Rejection {
  const ifMatchLastModified = timeOf(sent.lastModified);
  if (sent.lastModified !== undefined && ifMatchLastModified === undefined) {
    return reject('InvalidArgument', { ArgumentName: 'x-amz-if-match-last-modified-time', ArgumentValue: sent.lastModified });
  }
  if (sent.size !== undefined && !/^\d{1,15}$/.test(sent.size)) {
    return reject('InvalidArgument', { ArgumentName: 'x-amz-if-match-size', ArgumentValue: sent.size });
  }
  return {
    ...(sent.etag !== undefined && { ifMatch: unquoted(sent.etag) }),
    ...(ifMatchLastModified !== undefined && { ifMatchLastModified }),
    ...(sent.size !== undefined && { ifMatchSize: Number(sent.size) }),
  };
}

/** An ETag without its quotes; `W/` is dropped: S3's tags are all strong. */
export function unquoted(etag: string): string {
  return etag.trim().replace(/^(W\/)?"(.*)"$/s, '$2');
}

function etagsOf(header: string | undefined): string[] | undefined {
  if (header === undefined || header === '') return undefined;
  return header.split(',').map(unquoted);
}

function timeOf(header: string | undefined): number | undefined {
  const time = header === undefined ? Number.NaN : Date.parse(header);
  return Number.isNaN(time) ? undefined : time;
}
