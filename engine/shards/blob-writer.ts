/** From a body to a worker: small bodies stay here, larger ones go stripe by stripe, as fast as buffers come free. */
import { assert } from '../assert.ts';
import type { Body } from '../body.ts';
import type { Blob, StoredBody, WriteOptions } from './blob-store.ts';
import { stripeBytesMax } from './block.ts';
import { BodySource, shortStripeBytesMin } from './body-source.ts';
import { digestsOf, receivedDigests } from './digester.ts';
import type { BeginWrite, WriteSealed } from './shard-messages.ts';
import type { WorkerLink, WriteTicket } from './worker-link.ts';

export interface BlobTarget {
  /** 32 hex digits. */
  readonly blob: string;
  readonly set: number;
  readonly dataShards: number;
  readonly parityShards: number;
  readonly link: WorkerLink;
}

/**
 * Stores a body. `target` is asked only when the body doesn't stay inline.
 * Throws what the body throws, and Fault 'unavailable' or 'overloaded'; the body is cancelled then.
 */
export async function writeBlob(body: Body, options: WriteOptions, target: () => BlobTarget): Promise<StoredBody> {
  try {
    const { inlineBytesMax, length } = options;
    let begun: Buffer | null = null;
    if (length === undefined || length <= inlineBytesMax || length === 0) {
      const small = await readSmall(body, inlineBytesMax);
      if (small.whole) {
        return { length: small.bytes.length, digests: digestsOf(options.digests, small.bytes), inline: small.bytes, blob: undefined };
      }
      begun = small.bytes;
    }
    const chosen = target();
    return await writeStripes(new BodySource(body, begun, chosen.link.clock), options, chosen);
  } catch (error) {
    body.cancel();
    throw error;
  }
}

/** The whole body when it has at most `bytesMax` bytes, else what was read of it. */
async function readSmall(body: Body, bytesMax: number): Promise<{ readonly whole: boolean; readonly bytes: Buffer }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  while (bytes <= bytesMax) {
    const chunk = await body.read();
    if (chunk === null) return { whole: true, bytes: Buffer.concat(chunks) };
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
  }
  return { whole: false, bytes: Buffer.concat(chunks) };
}

async function writeStripes(source: BodySource, options: WriteOptions, target: BlobTarget): Promise<StoredBody> {
  const { link } = target;
  const ticket = link.startWrite();
  try {
    const length = await sendStripes(source, options, target, ticket);
    const sealed = await ticket.sealed;
    return { length, digests: receivedDigests(sealed.digests), inline: undefined, blob: blobOf(target, length, sealed) };
  } catch (error) {
    link.abortWrite(ticket.writer);
    throw error;
  }
}

async function sendStripes(source: BodySource, options: WriteOptions, target: BlobTarget, ticket: WriteTicket): Promise<number> {
  const { link, blob, set } = target;
  let begin: BeginWrite | undefined = { blob, set, digests: options.digests, length: options.length };
  let total = 0;
  let last = false;
  let failed = false;
  ticket.sealed.catch(() => (failed = true));
  while (!last && !failed) {
    const left = options.length === undefined ? undefined : options.length - total;
    const room = Math.min(stripeBytesMax, left ?? stripeBytesMax);
    const isWanted = () => link.pool.isWanted(room);
    if (link.pool.isScarce(room)) await source.gather(Math.min(room, shortStripeBytesMin));
    await link.stripeCredit(ticket.writer);
    let sent = false;
    const place = await link.pool.take(room, Math.floor(total / stripeBytesMax));
    try {
      const stripe = await fillStripe(source, link.memory.subarray(place, place + room), { left, isWanted });
      if (stripe.bytes === 0) continue;
      total += stripe.bytes;
      last = stripe.last;
      link.post({ kind: 'write', writer: ticket.writer, begin, place, ...stripe });
      sent = true;
      begin = undefined;
    } finally {
      if (!sent) link.returnUnused(ticket.writer, place);
    }
  }
  if (!failed) assert(await source.ended(), 'the body is no longer than it was declared');
  return total;
}

/** Body bytes that are left, when known, and whether others want the buffer. */
interface StripeTerms {
  readonly left: number | undefined;
  isWanted(): boolean;
}

/** Brings the next stripe into a buffer. No bytes: it took too long, and the buffer goes to somebody else first. */
async function fillStripe(source: BodySource, buffer: Buffer, terms: StripeTerms): Promise<{ bytes: number; last: boolean }> {
  const bytes = await source.fill(buffer, terms.isWanted);
  // Where the length is known the last stripe goes ahead of the trailers; where it isn't the end must be seen first.
  const last = bytes === terms.left || (terms.left === undefined ? await source.ended(terms.isWanted) : source.isOver);
  assert(bytes > 0 || last !== true, 'a body that is stored has bytes');
  if (last === true) return { bytes, last };
  if (bytes < Math.min(buffer.length, shortStripeBytesMin)) {
    source.takeBack(buffer.subarray(0, bytes));
    return { bytes: 0, last: false };
  }
  if (last === false) return { bytes, last };
  // The end may come with the next read: a byte is kept for the last stripe.
  source.takeBack(buffer.subarray(bytes - 1, bytes));
  return { bytes: bytes - 1, last: false };
}

function blobOf(target: BlobTarget, length: number, sealed: WriteSealed): Blob {
  const { blob: id, set, dataShards, parityShards } = target;
  return { id, length, set, dataShards, parityShards, extents: sealed.extents, missed: sealed.missed };
}
