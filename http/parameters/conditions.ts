/** Conditional requests: If-Match and its family, read from headers. Dates that are none are ignored, as RFC 9110 asks. */
import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { DeleteConditions, RangeCondition, ReadConditions, WriteConditions } from '../../engine/vocabulary.ts';
import type { S3Request } from '../request/s3-request.ts';
import { notAnInteger } from './listing-parameters.ts';

/** `prefix` is '' for the request's own conditions, `x-amz-copy-source-` for those on the source of a copy. */
export function parseReadConditions(request: S3Request, prefix: '' | 'x-amz-copy-source-' = ''): ReadConditions {
  const names = readConditions[prefix];
  return {
    ifMatch: etagsOf(request.header(names.ifMatch)),
    ifNoneMatch: etagsOf(request.header(names.ifNoneMatch)),
    ifModifiedSince: pastOf(request.header(names.ifModifiedSince), request.caller.time),
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

/** `If-Range`: a strong ETag or a date, compared as it stands; `never` for a weak tag and for what is neither. */
export function parseRangeCondition(request: S3Request): RangeCondition | undefined {
  const sent = request.header('if-range');
  if (sent === undefined) return undefined;
  if (/^"[^"]*"$/.test(sent)) return { etag: sent.slice(1, -1) };
  const lastModified = timeOf(sent);
  return lastModified === undefined ? 'never' : { lastModified };
}

/** Rejection: NotImplemented for what S3 has no writes by: two conditions, a list of tags, If-None-Match with a tag, If-Match without one, times. */
export function parseWriteConditions(request: S3Request): WriteConditions | Rejection {
  const ifNoneMatch = request.header('if-none-match');
  const ifMatch = request.header('if-match');
  if (ifNoneMatch !== undefined && ifMatch !== undefined) {
    return unservedCondition('If-Match,If-None-Match', 'Multiple conditional request headers present in the request');
  }
  const time = timeOfRead(request);
  if (time !== undefined) return time;
  if (ifNoneMatch !== undefined)
    return ifNoneMatch === '*' ? { ifNoneMatch } : unservedCondition('If-None-Match', unservedValue('If-None-Match'));
  if (ifMatch === undefined) return {};
  const [etag = '', ...others] = ifMatch.split(',').map(unquoted);
  return etag === '' || etag === '*' || others.length > 0 ? unservedCondition('If-Match', unservedValue('If-Match')) : { ifMatch: etag };
}

const timesOfReads = ['If-Modified-Since', 'If-Unmodified-Since'] as const;

/** A write that went through without looking at its condition would be a lost update. */
function timeOfRead(request: S3Request): Rejection | undefined {
  const name = timesOfReads.find((header) => request.header(header.toLowerCase()) !== undefined);
  return name === undefined ? undefined : reject('NotImplemented', { Header: name });
}

function unservedCondition(name: string, additionalMessage: string): Rejection {
  return reject('NotImplemented', { Header: name, additionalMessage });
}

function unservedValue(name: string): string {
  return `We don't accept the provided value of ${name} header for this API`;
}

/** `x-amz-if-match-initiated-time` of an abort. Rejection: InvalidArgument. */
export function parseInitiatedTime(request: S3Request): number | undefined | Rejection {
  return parseTime(request.header(initiatedTime), initiatedTime);
}

const initiatedTime = 'x-amz-if-match-initiated-time';
const lastModifiedTime = 'x-amz-if-match-last-modified-time';

function parseTime(sent: string | undefined, name: string): number | undefined | Rejection {
  const time = timeOf(sent);
  if (sent === undefined || time !== undefined) return time;
  return reject('InvalidArgument', { ArgumentName: name, ArgumentValue: sent, Message: `The value of ${name} is not a valid timestamp` });
}

/** Rejection: NotImplemented, InvalidArgument. */
export function parseDeleteConditions(request: S3Request): DeleteConditions | Rejection {
  if (request.header('if-none-match') !== undefined) return reject('NotImplemented', { Header: 'If-None-Match' });
  const time = timeOfRead(request);
  if (time !== undefined) return time;
  const ifMatch = etagsOf(request.header('if-match'));
  if (ifMatch !== undefined && ifMatch.length > 1) return reject('NotImplemented', { Header: 'If-Match' });
  return deleteConditions({
    etag: ifMatch?.[0],
    lastModified: request.header(lastModifiedTime),
    size: request.header('x-amz-if-match-size'),
  });
}

/** Conditions of one delete as sent: in headers, or as elements of DeleteObjects. Rejection: InvalidArgument. */
export function deleteConditions(sent: { etag?: string; lastModified?: string; size?: string }): DeleteConditions | Rejection {
  const ifMatchLastModified = parseTime(sent.lastModified, lastModifiedTime);
  if (isRejection(ifMatchLastModified)) return ifMatchLastModified;
  if (sent.size !== undefined && !/^\d{1,15}$/.test(sent.size)) {
    return notAnInteger('x-amz-if-match-size', sent.size);
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

/** To S3 a time that has not come yet is none: a client's fast clock must not hide a change. */
function pastOf(header: string | undefined, now: number): number | undefined {
  const time = timeOf(header);
  return time !== undefined && time > now ? undefined : time;
}

function timeOf(header: string | undefined): number | undefined {
  const time = header === undefined ? Number.NaN : Date.parse(header);
  return Number.isNaN(time) ? undefined : time;
}
