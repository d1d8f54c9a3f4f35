/** What listings are asked by: limits, encoding, opaque tokens. */
import { crc32 } from '@node-rs/crc32';
import { type Rejection, reject } from '../../engine/rejection.ts';
import type { Query } from '../request/query.ts';
import type { S3Request } from '../request/s3-request.ts';

export const listingRowsMax = 1000;

/** `max-keys` and its like: absent or empty is the most, more is clamped. Rejection: InvalidArgument. */
export function parseMax(query: Query, name: string, most = listingRowsMax): number | Rejection {
  const sent = query.get(name);
  if (sent === undefined || sent === '') return most;
  if (name === 'max-keys' && /^-\d{1,10}$/.test(sent)) return negativeMaxKeys(sent);
  if (!/^\d{1,10}$/.test(sent)) return notAnInteger(name, sent);
  return Math.min(Number(sent), most);
}

export function notAnInteger(name: string, sent: string): Rejection {
  const Message = `Provided ${name} not an integer or within integer range`;
  return reject('InvalidArgument', { ArgumentName: name, ArgumentValue: sent, Message });
}

/** S3 spells this one as a word of its own. */
function negativeMaxKeys(sent: string): Rejection {
  const Message = 'Argument maxKeys must be an integer between 0 and 2147483647';
  return reject('InvalidArgument', { ArgumentName: 'maxKeys', ArgumentValue: sent, Message });
}

/** Rejection: InvalidArgument, for an empty one too. */
export function parseEncodingType(query: Query): 'url' | undefined | Rejection {
  const sent = query.get('encoding-type');
  if (sent === undefined || sent === 'url') return sent;
  return reject('InvalidArgument', {
    ArgumentName: 'encoding-type',
    ArgumentValue: sent,
    Message: 'Invalid Encoding Method specified in Request',
  });
}

/** `versionId` of the query. Rejection: InvalidArgument when it is empty. */
export function parseVersionId(request: S3Request): { readonly versionId?: string } | Rejection {
  const versionId = request.query.get('versionId');
  if (versionId === undefined) return {};
  return versionId === '' ? emptyVersionId() : { versionId };
}

export function emptyVersionId(): Rejection {
  return reject('InvalidArgument', { ArgumentName: 'versionId', ArgumentValue: '', Message: 'Version id cannot be the empty string' });
}

/** A place in a listing as a continuation token: text only we can read, with a sum so that others' texts are refused. */
export function tokenOf(place: string): string {
  const text = Buffer.from(place);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(text, tokenSeed));
  return Buffer.concat([sum, text]).toString('base64url');
}

/** '' (the beginning) when no token was sent. Rejection: InvalidArgument. */
export function parseToken(query: Query): string | Rejection {
  const token = query.get('continuation-token');
  if (token === undefined) return '';
  const place = Buffer.from(token, 'base64url').subarray(4).toString();
  if (place !== '' && tokenOf(place) === token) return place;
  return reject('InvalidArgument', { ArgumentName: 'continuation-token', Message: 'The continuation token provided is incorrect' });
}

/** Starting value of the sum, so that a plain CRC of a text is no token. */
const tokenSeed = 0x1107;
