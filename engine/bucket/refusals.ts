/** What a bucket refuses by the look of it, before any state is asked. */
import { type Rejection, reject } from '../rejection.ts';
import type { ObjectMetadata, Tags } from '../vocabulary.ts';

export const keyBytesMax = 1024;
export const userMetadataBytesMax = 2048;
export const objectTagsMax = 10;
export const bucketTagsMax = 50;

/** The shape that rows rely on: no NUL, no upper case, 3 to 63 characters. The finer naming rules are the front end's. */
export function refuseBucketName(bucket: string): Rejection | undefined {
  return /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) ? undefined : reject('InvalidBucketName', { BucketName: bucket });
}

export function refuseKey(key: string): Rejection | undefined {
  if (key === '' || key.includes('\0') || /\p{Surrogate}/u.test(key)) return reject('InvalidObjectName', { Key: key });
  if (key.length * 3 <= keyBytesMax) return undefined;
  const bytes = Buffer.byteLength(key);
  return bytes <= keyBytesMax ? undefined : reject('KeyTooLongError', { Size: bytes, MaxSizeAllowed: keyBytesMax });
}

/** Names and values of x-amz-meta-* in UTF-8, 2 KB together. */
export function refuseMetadata(metadata: ObjectMetadata): Rejection | undefined {
  let bytes = 0;
  for (const name in metadata.user) bytes += Buffer.byteLength(name) + Buffer.byteLength(metadata.user[name]!);
  if (bytes <= userMetadataBytesMax) return undefined;
  return reject('MetadataTooLarge', { Size: bytes, MaxSizeAllowed: userMetadataBytesMax });
}

/** Counts; lengths and letters of tags are checked where they are parsed. */
export function refuseTags(tags: Tags, most: number): Rejection | undefined {
  if (tags.length === 0) return undefined;
  if (new Set(tags.map(([key]) => key)).size < tags.length) {
    return reject('InvalidTag', { Message: 'Cannot provide multiple Tags with the same key' });
  }
  return tags.length <= most ? undefined : reject('InvalidTag', { Message: `Tags cannot be greater than ${most}` });
}
