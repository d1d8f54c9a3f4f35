import { type Rejection, reject } from '../../engine/rejection.ts';
import type { Resource } from '../router.ts';
import { bucketNameRejection } from './bucket-name.ts';
import { decodePercent } from './percent-encoding.ts';

/** What a request line and its Host header point at. */
export interface RequestTarget {
  readonly resource: Resource;
  readonly bucket: string;
  readonly key: string;
  /** The path as sent, decoded once: what the signature covers. */
  readonly path: string;
  /** The path as sent, with the bucket in front of it in either style: what signature version 2 covers. */
  readonly resourcePath: string;
}

/** Longest object key, in bytes of UTF-8. */
export const keyBytesMax = 1024;

const brokenEscape = /%(?![0-9A-Fa-f]{2})/;
const outsideAscii = /[^\u0021-\u007e]/;

/**
 * Path style (`/bucket/key`) and, below one of `domains`, virtual-host style (`bucket.domain/key`). Everything behind the
 * bucket's slash is the key as it stands: `//`, `.`, `..` and `+` mean themselves.
 * Rejection: InvalidURI, InvalidBucketName, InvalidObjectName, KeyTooLongError.
 */
export function parseTarget(rawPath: string, host: string, domains: readonly string[]): RequestTarget | Rejection {
  if (!rawPath.startsWith('/') || outsideAscii.test(rawPath) || brokenEscape.test(rawPath)) return reject('InvalidURI', { URI: rawPath });
  const path = decodePercent(rawPath);
  if (path === undefined) return reject('InvalidObjectName');
  const hostBucket = bucketOfHost(host, domains);
  if (hostBucket !== undefined) {
    return checked({ resource: 'BUCKET', bucket: hostBucket, key: path.slice(1), path, resourcePath: `/${hostBucket}${rawPath}` });
  }
  if (path === '/') return { resource: 'SERVICE', bucket: '', key: '', path, resourcePath: rawPath };
  const slash = path.indexOf('/', 1);
  const bucket = slash < 0 ? path.slice(1) : path.slice(1, slash);
  const key = slash < 0 ? '' : path.slice(slash + 1);
  return checked({ resource: 'BUCKET', bucket, key, path, resourcePath: rawPath });
}

function checked(target: RequestTarget): RequestTarget | Rejection {
  const badName = bucketNameRejection(target.bucket);
  if (badName) return badName;
  if (target.key === '') return target;
  return keyRejection(target.key) ?? { ...target, resource: 'OBJECT' };
}

/** Why a key can't be an object's: InvalidObjectName or KeyTooLongError. For keys from bodies and headers too. */
export function keyRejection(key: string): Rejection | undefined {
  if (key === '' || key.includes('\0')) return reject('InvalidObjectName', { Key: key });
  // No UTF-16 unit takes more than three bytes: most keys need no counting.
  if (key.length * 3 <= keyBytesMax) return undefined;
  const bytes = Buffer.byteLength(key);
  return bytes > keyBytesMax ? reject('KeyTooLongError', { Size: bytes, MaxSizeAllowed: keyBytesMax }) : undefined;
}

/** Below one of `domains` (lower case) a host name begins with its bucket. */
export function bucketOfHost(host: string, domains: readonly string[]): string | undefined {
  if (domains.length === 0) return undefined;
  // A name that ends in a dot is the same one, told from the root of all names.
  const name = host.replace(/\.?(:\d*)?$/, '').toLowerCase();
  for (const domain of domains) {
    if (name.length > domain.length + 1 && name.endsWith(domain) && name[name.length - domain.length - 1] === '.') {
      return name.slice(0, -domain.length - 1);
    }
  }
  return undefined;
}
