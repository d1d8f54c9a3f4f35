/** From a body to a worker: small bodies stay here, larger ones go stripe by stripe, as fast as buffers come free. */
import { assert } from '../assert.ts';
import type { Body } from '../body.ts';
import type { Blob, StoredBody, WriteOptions } from './blob-store.ts';
import { stripeBytesMax } from './block.ts';
import { digestsOf } from './digester.ts';
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

/** A body, and what was read of it already. */
class StripeSource {
  private readonly body: Body;
  private held: Uint8Array | null;

  constructor(body: Body, begun: Uint8Array | null) {
    this.body = body;
    this.held = begun;
  }

  /** Fills `target` as far as the body goes; answers the bytes filled. */
  async fill(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      if (this.held === null || this.held.length === 0) this.held = await this.body.read();
      if (this.held === null) break;
      const taken = Math.min(this.held.length, target.length - filled);
      target.set(this.held.subarray(0, taken), filled);
      filled += taken;
      this.held = this.held.subarray(taken);
    }
    return filled;
  }

  /** True when there is no more. Must not be called before the last bytes were taken over. */
  async ended(): Promise<boolean> {
    while (this.held !== null && this.held.length === 0) this.held = await this.body.read();
    return this.held === null;
  }
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
    return await writeStripes(new StripeSource(body, begun ?? empty), options, target());
  } catch (error) {
    body.cancel();
    throw error;
  }
}

const empty = Buffer.alloc(0);

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

async function writeStripes(source: StripeSource, options: WriteOptions, target: BlobTarget): Promise<StoredBody> {
  const { link } = target;
  const ticket = link.startWrite();
  try {
    const length = await sendStripes(source, options, target, ticket);
    const sealed = await ticket.sealed;
    return { length, digests: rawDigests(sealed), inline: undefined, blob: blobOf(target, length, sealed) };
  } catch (error) {
    link.abortWrite(ticket.writer);
    throw error;
  }
}

async function sendStripes(source: StripeSource, options: WriteOptions, target: BlobTarget, ticket: WriteTicket): Promise<number> {
  const { link, blob, set } = target;
  let begin: BeginWrite | undefined = { blob, set, digests: options.digests, length: options.length };
  let total = 0;
  let last = false;
  let failed = false;
  ticket.sealed.catch(() => (failed = true));
  while (!last && !failed) {
    const room = Math.min(stripeBytesMax, options.length === undefined ? stripeBytesMax : options.length - total);
    await link.stripeCredit(ticket.writer);
    const place = await link.pool.take(room);
    let sent = false;
    try {
      const bytes = await source.fill(link.memory.subarray(place, place + room));
      total += bytes;
      // Where the length is known the last stripe goes ahead of the trailers; where it isn't the end must be seen first.
      last = bytes < room || (options.length === undefined ? await source.ended() : total === options.length);
      assert(bytes > 0, 'a body that is stored has bytes');
      link.post({ kind: 'write', writer: ticket.writer, begin, place, bytes, last });
      sent = true;
      begin = undefined;
    } finally {
      if (!sent) link.pool.give(place);
    }
  }
  if (!failed) assert(await source.ended(), 'the body is no longer than it was declared');
  return total;
}

function blobOf(target: BlobTarget, length: number, sealed: WriteSealed): Blob {
  const { blob: id, set, dataShards, parityShards } = target;
  return { id, length, set, dataShards, parityShards, extents: sealed.extents, missed: sealed.missed };
}

/** Buffers lose their class on the way through a port. */
function rawDigests(sealed: WriteSealed): StoredBody['digests'] {
  return Object.fromEntries(Object.entries(sealed.digests).map(([name, bytes]) => [name, Buffer.from(bytes)]));
}
