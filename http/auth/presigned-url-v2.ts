/**
 * URLs of signature version 2: what boto3 and the AWS CLI 1 still make by default in us-east-1 and a dozen older regions.
 * Only URLs are taken, and only with parameters the signature covers (https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Rejection, reject } from '../../engine/rejection.ts';
import { decodeBase64 } from '../request/checksum-headers.ts';
import type { Query } from '../request/query.ts';
import { isoSeconds } from './amz-time.ts';
import type { SignedRequest } from './claim.ts';
import { signatureDoesNotMatch } from './signature.ts';

/** Sub-resources the signature covers, of those that are served. */
const signedParameters: ReadonlySet<string> = new Set([
  'delete',
  'location',
  'partNumber',
  'tagging',
  'uploadId',
  'uploads',
  'versionId',
  'versioning',
  'versions',
]);

/** Parameters of the signature itself, and those that change nothing. */
const ownParameters: ReadonlySet<string> = new Set(['AWSAccessKeyId', 'Signature', 'Expires', 'x-id']);

const signatureBytes = 20;

export interface ClaimV2 {
  readonly accessKey: string;
  readonly signature: string;
  readonly stringToSign: string;
  readonly sessionToken: string | undefined;
  untimely(now: number): Rejection | undefined;
}

export function isPresignedV2(query: Query): boolean {
  return query.has('AWSAccessKeyId') && query.has('Signature');
}

/** Rejection: AccessDenied for a missing or unreadable Expires, InvalidRequest for parameters that aren't covered. */
export function readPresignedUrlV2(request: SignedRequest): ClaimV2 | Rejection {
  const { query, headers } = request;
  const expires = query.get('Expires') ?? '';
  if (!/^\d{1,12}$/.test(expires)) return reject('AccessDenied', { Message: `Invalid date (should be seconds since epoch): ${expires}` });
  const uncovered = query.parameters.find(({ name }) => !isCovered(name) && !ownParameters.has(name));
  if (uncovered) {
    return reject('InvalidRequest', {
      Message: `Signature version 2 does not cover the parameter ${uncovered.name}. Please use AWS4-HMAC-SHA256.`,
    });
  }
  // Fields are told apart by line ends alone.
  if (query.parameters.some((parameter) => parameter.value.includes('\n'))) {
    return reject('InvalidRequest', {
      Message: 'Signature version 2 does not cover line ends in parameters. Please use AWS4-HMAC-SHA256.',
    });
  }
  const moved = new Map<string, string>();
  for (const { name, value } of query.parameters) if (isMovedHeader(name)) moved.set(name.toLowerCase(), value);
  const value = (name: string): string => headers.get(name) ?? moved.get(name) ?? '';
  const lines = [request.method, value('content-md5'), value('content-type'), expires];
  const names = [...new Set([...headers.keys(), ...moved.keys()])].filter((name) => name.startsWith('x-amz-')).sort();
  for (const name of names) lines.push(`${name}:${value(name)}`);
  return {
    accessKey: query.get('AWSAccessKeyId') as string,
    signature: query.get('Signature') as string,
    stringToSign: `${lines.join('\n')}\n${request.resourcePath}${signedQuery(query)}`,
    sessionToken: value('x-amz-security-token') || undefined,
    untimely: (now) => expired(Number(expires) * 1000, now),
  };
}

/** Rejection: InvalidSignature, SignatureDoesNotMatch. */
export function verifyPresignedUrlV2({ accessKey, signature, stringToSign }: ClaimV2, secretKey: string): Rejection | undefined {
  const provided = decodeBase64(signature, signatureBytes);
  if (!provided) return reject('InvalidSignature', { AWSAccessKeyId: accessKey, SignatureProvided: signature });
  const expected = createHmac('sha1', secretKey).update(stringToSign).digest();
  return timingSafeEqual(expected, provided) ? undefined : signatureDoesNotMatch({ accessKey, signature, stringToSign });
}

function isMovedHeader(name: string): boolean {
  const header = name.toLowerCase();
  return header.startsWith('x-amz-') || header === 'content-md5' || header === 'content-type';
}

function isSubResource(name: string): boolean {
  return signedParameters.has(name) || name.startsWith('response-');
}

function isCovered(name: string): boolean {
  return isSubResource(name) || isMovedHeader(name);
}

/** Sub-resources sorted by name, values as they mean. */
function signedQuery(query: Query): string {
  const pairs = query.parameters.filter(({ name }) => isSubResource(name));
  pairs.sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  const text = pairs.map(({ name, value }) => (value === '' ? name : `${name}=${value}`)).join('&');
  return text === '' ? '' : `?${text}`;
}

function expired(expires: number, now: number): Rejection | undefined {
  if (now <= expires) return undefined;
  return reject('AccessDenied', { Message: 'Request has expired', Expires: isoSeconds(expires), ServerTime: isoSeconds(now) });
}
