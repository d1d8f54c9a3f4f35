/** Whose trouble an error of the file system is: one place decides it. */

/**
 * What a call fails with for want of something that belongs to this process or its host: descriptors, memory, time. The drive that was
 * asked has no part in it, and the same call succeeds once there is some again.
 */
const ownShortages: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ENOBUFS', 'ESTALLED']);

/** No drive of a set was on time: it is the host that is slow. */
export class NobodyOnTime extends Error {
  override readonly name = 'NobodyOnTime';
  readonly code = 'ESTALLED';
}

export function isTroubleOfDrive(error: Error): boolean {
  return !ownShortages.has((error as NodeJS.ErrnoException).code);
}
