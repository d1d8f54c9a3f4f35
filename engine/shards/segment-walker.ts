/**
 * Finds the stripes of a segment by the heads on the drives, in order of their place. Runs that were allotted and never
 * filled are holes; where every drive's head is damaged the stripe is lost to the walk (a reader would not find it either).
 */
import { type DriveTimer, inTime } from '../../journal/disk.ts';
import { blockBytesOf, pieceBytes, type StripePlace, segmentBytesMax, stripeOfHead } from './block.ts';
import { answerMilliseconds } from './patient-disk.ts';
import type { ReadableDrive } from './stripe-reader.ts';

/** Blocks begin at multiples of this. */
const blockAlignmentBytes = 64;
/** Bytes read at once in search of heads. */
const windowBytes = pieceBytes;
/** Room for the longest head. */
const headRoomBytes = 192;

export interface WalkRange {
  readonly set: number;
  readonly segment: number;
  readonly offset: number;
  readonly stripesMax: number;
}

/** Stripes from `offset` on, and where to go on; `next` is undefined at the end. `drives`: whom to ask. */
export async function walkSegment(
  drives: readonly ReadableDrive[],
  range: WalkRange,
  { deployment, timer }: { readonly deployment: Buffer; readonly timer: DriveTimer },
): Promise<{ readonly stripes: StripePlace[]; readonly next: number | undefined }> {
  const stripes: StripePlace[] = [];
  let offset = range.offset;
  while (offset < segmentBytesMax && stripes.length < range.stripesMax) {
    const windows = await Promise.all(drives.map((drive) => readWindow(drive, { ...range, offset }, timer)));
    const end = Math.max(0, ...windows.map((window) => window.length));
    if (end === 0) return { stripes, next: undefined };
    let at = 0;
    // A head that the window may cut off is looked at again in the next one.
    const stop = end < windowBytes ? end : windowBytes - headRoomBytes;
    while (at < stop && stripes.length < range.stripesMax) {
      const stripe = stripeAt(windows, at, { set: range.set, segment: range.segment, offset: offset + at }, deployment);
      if (stripe !== undefined) stripes.push(stripe);
      at += stripe === undefined ? blockAlignmentBytes : blockBytesOf(stripe.stripeBytes, stripe.dataShards);
    }
    offset += at;
  }
  return { stripes, next: offset };
}

function stripeAt(
  windows: readonly Buffer[],
  at: number,
  where: { set: number; segment: number; offset: number },
  deployment: Buffer,
): StripePlace | undefined {
  for (const window of windows) {
    const stripe = at < window.length ? stripeOfHead(window.subarray(at, at + headRoomBytes), where, deployment) : undefined;
    if (stripe !== undefined) return stripe;
  }
  return undefined;
}

async function readWindow(drive: ReadableDrive, range: WalkRange, timer: DriveTimer): Promise<Buffer> {
  if (!drive.readable) return Buffer.alloc(0);
  const window = Buffer.allocUnsafeSlow(windowBytes);
  try {
    const limit = { timer, milliseconds: answerMilliseconds, name: 'the drive' };
    return window.subarray(0, await inTime(drive.files.read(range, window, range.offset), limit));
  } catch {
    // The stripes of this drive are found on the others.
    return Buffer.alloc(0);
  }
}
