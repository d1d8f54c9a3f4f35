import { type Rejection, reject } from '../../engine/rejection.ts';
import { checksumFormOfHeader } from './checksum-headers.ts';

const any = (): boolean => true;

/** Request headers that ask for something S3 has and this server does not, and which of their values ask for it. */
const unserved: ReadonlyMap<string, (value: string) => boolean> = new Map<string, (value: string) => boolean>([
  // Buckets here are private and owned whole by their account: what says just that is no wish.
  ['x-amz-acl', (value) => value !== 'private' && value !== 'bucket-owner-full-control' && value !== 'bucket-owner-read'],
  ['x-amz-object-ownership', (value) => value !== 'BucketOwnerEnforced'],
  ['x-amz-bucket-object-lock-enabled', (value) => value.toLowerCase() !== 'false'],
  ['x-amz-mfa', any],
  ['x-amz-write-offset-bytes', any],
  ['x-amz-rename-source', any],
]);

const unservedPrefixes = ['x-amz-server-side-encryption', 'x-amz-copy-source-server-side-encryption', 'x-amz-object-lock-', 'x-amz-grant-'];

const checksumDirectives: ReadonlySet<string> = new Set(['x-amz-checksum-algorithm', 'x-amz-checksum-mode', 'x-amz-checksum-type']);

/** Rejection: NotImplemented, naming the header. Dropping such a wish in silence would store data unprotected. */
export function unservedHeader(headers: ReadonlyMap<string, string>): Rejection | undefined {
  for (const [name, value] of headers) {
    if (!name.startsWith('x-amz-')) continue;
    if (unserved.get(name)?.(value) || unservedPrefixes.some((prefix) => name.startsWith(prefix)) || isUnknownChecksum(name)) {
      return reject('NotImplemented', { Header: name });
    }
  }
  return undefined;
}

function isUnknownChecksum(name: string): boolean {
  return name.startsWith('x-amz-checksum-') && !checksumFormOfHeader(name) && !checksumDirectives.has(name);
}
