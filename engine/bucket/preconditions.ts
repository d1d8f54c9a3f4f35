/** Conditions of reads (RFC 9110, section 13.2.2), copies, writes and deletes. Each answers with the rejection or undefined. */
import { type Rejection, reject } from '../rejection.ts';
import type { DeleteConditions, RangeCondition, ReadConditions, WriteConditions } from '../vocabulary.ts';
import type { Version } from './version.ts';

/** `headers`: what "not modified" says beside the validators. */
export function refuseRead(
  version: Version,
  conditions: ReadConditions,
  headers: () => Readonly<Record<string, string>>,
): Rejection | undefined {
  const failed = failedCondition(version, conditions);
  if (failed === undefined) return undefined;
  if (failed === 'If-Match' || failed === 'If-Unmodified-Since') return reject('PreconditionFailed', { Condition: failed });
  const validators = { 'header:ETag': `"${version.etag}"`, 'header:Last-Modified': new Date(version.lastModified).toUTCString() };
  return reject('NotModified', { ...validators, ...headers() });
}

/** Strong comparison (RFC 9110, section 13.1.5): a time has to be the very same one. */
export function holdsRange(version: Version, condition: RangeCondition | undefined): boolean {
  if (condition === undefined) return true;
  if (condition === 'never') return false;
  return 'etag' in condition ? condition.etag === version.etag : inSeconds(condition.lastModified) === inSeconds(version.lastModified);
}

/** The source of a copy: whatever fails is a precondition failed. */
export function refuseCopy(source: Version, conditions: ReadConditions): Rejection | undefined {
  const failed = failedCondition(source, conditions);
  return failed === undefined ? undefined : reject('PreconditionFailed', { Condition: `x-amz-copy-source-${failed}` });
}

type ReadCondition = 'If-Match' | 'If-Unmodified-Since' | 'If-None-Match' | 'If-Modified-Since';

function failedCondition(version: Version, conditions: ReadConditions): ReadCondition | undefined {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, version.etag)) return 'If-Match';
  } else if (ifUnmodifiedSince !== undefined && inSeconds(version.lastModified) > inSeconds(ifUnmodifiedSince)) {
    return 'If-Unmodified-Since';
  }
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, version.etag)) return 'If-None-Match';
  } else if (ifModifiedSince !== undefined && inSeconds(version.lastModified) <= inSeconds(ifModifiedSince)) {
    return 'If-Modified-Since';
  }
  return undefined;
}

/** `current` is undefined where there is no object or its current version is a delete marker. */
export function refuseWrite(current: Version | undefined, key: string, conditions: WriteConditions): Rejection | undefined {
  if (conditions.ifNoneMatch === '*' && current !== undefined) return reject('PreconditionFailed', { Condition: 'If-None-Match' });
  if (conditions.ifMatch === undefined) return undefined;
  if (current === undefined) return reject('NoSuchKey', { Key: key });
  return matches([conditions.ifMatch], current.etag) ? undefined : reject('PreconditionFailed', { Condition: 'If-Match' });
}

/**
 * A condition speaks of what its writer saw, at the latest when the upload began: whatever the key holds now, it is not known to be that when it was
 * written or deleted meanwhile. `before`: sequence of the version that was current then, 0 without one; undefined where it isn't known.
 */
export function refuseOvertaken(
  current: Version | undefined,
  before: number | undefined,
  { key, conditions }: { readonly key: string; readonly conditions: WriteConditions },
): Rejection | undefined {
  const { ifMatch, ifNoneMatch } = conditions;
  if (before === undefined || (ifMatch === undefined && ifNoneMatch === undefined)) return undefined;
  if ((current?.seq ?? 0) === before) return undefined;
  return reject('ConditionalRequestConflict', { Condition: ifMatch === undefined ? 'If-None-Match' : 'If-Match', Key: key });
}

/** Only If-Match needs an object to be there; size and time hold for one that isn't. */
export function refuseDelete(target: Version | undefined, key: string, conditions: DeleteConditions): Rejection | undefined {
  if (target === undefined) return conditions.ifMatch === undefined ? undefined : reject('NoSuchKey', { Key: key });
  const { ifMatch, ifMatchLastModified, ifMatchSize } = conditions;
  if (ifMatch !== undefined && !matches([ifMatch], target.etag)) return reject('PreconditionFailed', { Condition: 'If-Match' });
  if (ifMatchLastModified !== undefined && inSeconds(ifMatchLastModified) !== inSeconds(target.lastModified)) {
    return reject('PreconditionFailed', { Condition: 'x-amz-if-match-last-modified-time' });
  }
  if (ifMatchSize !== undefined && ifMatchSize !== target.size) return reject('PreconditionFailed', { Condition: 'x-amz-if-match-size' });
  return undefined;
}

export function refuseAbort(initiated: number, ifMatchInitiated: number | undefined): Rejection | undefined {
  if (ifMatchInitiated === undefined || inSeconds(ifMatchInitiated) === inSeconds(initiated)) return undefined;
  return reject('PreconditionFailed', { Condition: 'x-amz-if-match-initiated-time' });
}

function matches(tags: readonly string[], etag: string): boolean {
  return tags.some((tag) => tag === '*' || tag === etag);
}

/** HTTP dates know whole seconds. */
function inSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
