/** Byte ranges and part numbers, read from requests. */
import { type Rejection, reject } from '../../engine/rejection.ts';
import type { RangeRequest } from '../../engine/vocabulary.ts';
import type { S3Request } from '../request/s3-request.ts';

export const partNumberMax = 10_000;

/** `Range` of a read. Several ranges, another unit or bad syntax ask for the whole object, as RFC 9110 lets a server do. */
export function parseRange(header: string | undefined): RangeRequest | undefined {
  if (header === undefined) return undefined;
  const found = /^bytes\s*=\s*(\d*)\s*-\s*(\d*)$/i.exec(header);
  if (!found) return undefined;
  const [, first = '', last = ''] = found;
  if (first === '') return last === '' ? undefined : { kind: 'suffix', length: position(last), raw: header };
  if (last === '') return { kind: 'from', first: position(first), raw: header };
  if (position(last) < position(first)) return undefined;
  return { kind: 'from', first: position(first), last: position(last), raw: header };
}

/** Beyond exact integers no object ends: the nearest one stands for all of them. */
function position(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}

/** `x-amz-copy-source-range`, both ends included; S3 takes this one form only. Rejection: InvalidArgument. */
export function parseCopyRange(header: string | undefined): { first: number; last: number } | undefined | Rejection {
  if (header === undefined) return undefined;
  const found = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header);
  const first = Number(found?.[1]);
  const last = Number(found?.[2]);
  if (found && first <= last) return { first, last };
  const Message =
    'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy';
  return reject('InvalidArgument', { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: header, Message });
}

/** `partNumber` of the query. Rejection: InvalidArgument. */
export function parsePartNumber(request: S3Request): number | undefined | Rejection {
  const sent = request.query.get('partNumber');
  if (sent === undefined) return undefined;
  const number = /^\d{1,5}$/.test(sent) ? Number(sent) : 0;
  return number < 1 || number > partNumberMax ? noPartNumber(sent) : number;
}

export function noPartNumber(sent: string): Rejection {
  const Message = `Part number must be an integer between 1 and ${partNumberMax}, inclusive`;
  return reject('InvalidArgument', { ArgumentName: 'partNumber', ArgumentValue: sent, Message });
}
