/** Archived objects: kept, listed, deleted as any other, but not read until they are restored for some days. */
import { type Rejection, reject } from '../rejection.ts';
import type { Version } from './version.ts';

const archivedClasses: ReadonlySet<string | undefined> = new Set(['GLACIER', 'DEEP_ARCHIVE']);
const dayMilliseconds = 86_400_000;

/** Kept with an object's headers, and shown as it is. */
export const restoreHeader = 'x-amz-restore';

export function isArchived({ metadata }: Version): boolean {
  return archivedClasses.has(metadata.headers['x-amz-storage-class']);
}

/** A restored copy goes at the midnight after its days. */
export function restoreText(time: number, days: number): string {
  const expires = Math.ceil((time + days * dayMilliseconds) / dayMilliseconds) * dayMilliseconds;
  return `ongoing-request="false", expiry-date="${new Date(expires).toUTCString()}"`;
}

/** Whether a restored copy is there at a time (ms). */
export function isRestored({ metadata }: Version, time: number): boolean {
  const [, expires] = /expiry-date="([^"]*)"/.exec(metadata.headers[restoreHeader] ?? '') ?? [];
  return expires !== undefined && time < Date.parse(expires);
}

/** Rejection: InvalidObjectState. */
export function refuseArchived(version: Version, time: number, Message?: string): Rejection | undefined {
  if (!isArchived(version) || isRestored(version, time)) return undefined;
  const StorageClass = version.metadata.headers['x-amz-storage-class'] ?? '';
  return reject('InvalidObjectState', { StorageClass, ...(Message !== undefined && { Message }) });
}
