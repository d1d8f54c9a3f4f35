/**
 * Digests of blobs that are there. A shard worker reads stripe after stripe and hashes it where it lies: no byte of it comes to
 * the store's thread.
 */
import { assert } from '../assert.ts';
import type { DigestName, Digests } from '../body.ts';
import type { BlobSlice } from './blob-store.ts';
import { type StripePlace, stripeAt } from './block.ts';
import { receivedDigests } from './digester.ts';
import type { WorkerLink } from './worker-link.ts';

/** Of all slices, one behind the other. Fault 'unavailable' below read quorum. */
export async function digestBlobs(slices: Iterable<BlobSlice>, names: readonly DigestName[], link: WorkerLink): Promise<Digests> {
  link.readers += 1;
  let digest: number | undefined;
  try {
    digest = (await link.ask({ kind: 'hash', digest, names, place: 0, bytes: 0, last: false })).value;
    let stripesHad = 0;
    for (const piece of piecesOf(slices)) {
      const place = await link.pool.take(piece.stripe.stripeBytes, stripesHad++);
      try {
        const { value } = await link.ask({ kind: 'read', place, ...piece, direct: false });
        await link.ask({ kind: 'hash', digest, names, place: value, bytes: piece.length, last: false });
      } finally {
        link.pool.give(place);
      }
    }
    const { digests } = await link.ask({ kind: 'hash', digest, names, place: 0, bytes: 0, last: true });
    assert(digests !== undefined, 'the last answer brings the digests');
    digest = undefined;
    return receivedDigests(digests);
  } finally {
    link.readers -= 1;
    // The worker forgets a digest that failed on the way; if it has died, there is nothing to forget.
    if (digest !== undefined) link.ask({ kind: 'hash', digest, names, place: 0, bytes: 0, last: true }).catch(() => undefined);
  }
}

interface Piece {
  readonly stripe: StripePlace;
  readonly from: number;
  readonly length: number;
}

/** Cut at the ends of stripes. */
function* piecesOf(slices: Iterable<BlobSlice>): Iterable<Piece> {
  for (const { blob, offset, length } of slices) {
    for (let at = offset; at < offset + length; ) {
      const { stripe, from } = stripeAt(blob, at);
      const bytes = Math.min(offset + length - at, stripe.stripeBytes - from);
      yield { stripe, from, length: bytes };
      at += bytes;
    }
  }
}
