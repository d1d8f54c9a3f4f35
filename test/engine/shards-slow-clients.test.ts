/** Stripe buffers among slow clients: nobody is turned away, a quick one is served meanwhile, and what was stored in short stripes reads like anything else. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Body } from '../../engine/body.ts';
import type { Blob } from '../../engine/shards/blob-store.ts';
import { stripeAt, stripeCountOf, stripePlaceOf } from '../../engine/shards/block.ts';
import { StripePool } from '../../engine/shards/stripe-pool.ts';
import { manualClock } from '../support/manual-clock.ts';
import { bodyOf, openHouse, until, withDirectories } from './shards-fixture.ts';

const bodyBytes = 2_200_000;
const chunkBytes = 300_000;
/** Bytes after which the client of a slow body stops, twice: each time the body holds a buffer by then. */
const stopsAtBytes = [300_000, 900_000];
/** After so many a buffer that others want goes on without its client: one look for more, and one for the end. */
const patienceMilliseconds = 200;
const largeBuffers = 8;
const slowBodies = 2 * largeBuffers;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Clients that stop, all at the same places, until they are told to go on. */
class SlowClients {
  /** Reads that wait for a client. */
  stopped = 0;
  #gate = deferred();

  bodyOf(bytes: Buffer): Body {
    const body = bodyOf(bytes, chunkBytes);
    let given = 0;
    return {
      read: async () => {
        if (stopsAtBytes.includes(given)) await this.#stop();
        const chunk = await body.read();
        given += chunk?.length ?? 0;
        return chunk;
      },
      cancel: () => body.cancel(),
    };
  }

  /** Who waits goes on to the next stop. */
  goOn(): void {
    this.stopped = 0;
    this.#gate.resolve();
    this.#gate = deferred();
  }

  #stop(): Promise<void> {
    this.stopped += 1;
    return this.#gate.promise;
  }
}

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}

/** Every byte lies in the stripe that says so, and the stripes in their order make up the blob. */
function assertStripes(blob: Blob): void {
  let position = 0;
  for (let stripe = 0; stripe < stripeCountOf(blob); stripe += 1) {
    const place = stripePlaceOf(blob, stripe);
    assert.deepEqual(stripeAt(blob, position), { stripe: place, from: 0 });
    assert.deepEqual(stripeAt(blob, position + place.stripeBytes - 1), { stripe: place, from: place.stripeBytes - 1 });
    position += place.stripeBytes;
  }
  assert.equal(position, blob.length);
  assert.throws(() => stripePlaceOf(blob, stripeCountOf(blob)), RangeError);
  assert.throws(() => stripeAt(blob, blob.length), RangeError);
}

test('slow writers make room for others by short stripes', { timeout: 60_000 }, async () => {
  await withDirectories(6, async (disks, root) => {
    const time = manualClock();
    const house = await openHouse(disks, 1, { stripeMemoryBytes: 1, clock: time });
    try {
      const free = house.store.freeBuffers;
      const bytes = randomBytes(bodyBytes);
      const clients = new SlowClients();
      const writes = Array.from({ length: slowBodies }, (_, index) =>
        house.store.write(clients.bodyOf(bytes), {
          digests: ['MD5'],
          inlineBytesMax: 0,
          length: index % 2 === 0 ? bodyBytes : undefined,
        }),
      );
      await until(() => clients.stopped === largeBuffers, 'slow clients hold all large buffers');
      let served: Buffer | undefined;
      const quick = house.put(bytes).then(async (blob) => {
        served = await house.get(blob);
      });
      // Whoever waits for it in vain says so below.
      quick.catch(() => undefined);
      await time.advance(patienceMilliseconds);
      await until(() => clients.stopped === slowBodies, 'those that held a buffer made room for the others');
      await time.advance(patienceMilliseconds);
      await until(() => served !== undefined, 'a quick client is served among slow ones');
      assert.ok(served?.equals(bytes));
      assert.equal(clients.stopped, slowBodies, 'none of the slow ones has got a byte meanwhile');
      clients.goOn();
      await until(() => clients.stopped === largeBuffers, 'slow clients hold all large buffers again');
      await time.advance(patienceMilliseconds);
      await until(() => clients.stopped === slowBodies, 'those that held a buffer made room again');
      clients.goOn();
      const blobs = (await Promise.all(writes)).map(({ blob }) => blob!);
      assert.ok(
        blobs.some((blob) => stripeCountOf(blob) > 3),
        'some had to give way',
      );
      assert.equal(house.store.freeBuffers, free);
      for (const blob of blobs) {
        assertStripes(blob);
        assert.ok((await house.get(blob)).equals(bytes));
        assert.ok((await house.get(blob, 290_000, 1_500_001)).equals(bytes.subarray(290_000, 1_790_001)));
      }
      rmSync(join(root, 'drive1/segments/0'), { recursive: true });
      for (const blob of blobs) assert.ok((await house.get(blob)).equals(bytes), 'rebuilt from the others');
    } finally {
      await house.close();
    }
  });
});

test('slow readers hold at most half of the buffers', { timeout: 60_000 }, async () => {
  await withDirectories(6, async (disks) => {
    const house = await openHouse(disks, 1, { stripeMemoryBytes: 1 });
    try {
      const free = house.store.freeBuffers;
      const bytes = randomBytes(bodyBytes);
      const blob = await house.put(bytes);
      const bodies = await Promise.all(Array.from({ length: slowBodies }, () => house.store.read(blob, 0, bodyBytes)));
      const taken = await Promise.all(bodies.map(async (body) => Buffer.from((await body.read())!)));
      // Everybody has bytes in hand, and nobody asks for more.
      assert.ok(free - house.store.freeBuffers <= 4, `${free - house.store.freeBuffers} buffers are held`);
      assert.ok((await house.get(blob)).equals(bytes));
      await pause(300);
      for (const [index, body] of bodies.entries()) {
        const chunks = [taken[index]!];
        for (let chunk = await body.read(); chunk !== null; chunk = await body.read()) chunks.push(Buffer.from(chunk));
        assert.ok(Buffer.concat(chunks).equals(bytes));
      }
      assert.equal(house.store.freeBuffers, free);
    } finally {
      await house.close();
    }
  });
});

test('whoever reads waits for a buffer while they come back, and not when nothing moves', async () => {
  const time = manualClock();
  const pool = new StripePool({ dataShards: 4, parityShards: 2, smallBuffers: 2, largeBuffers: 4 }, time);
  const size = 1024 * 1024;
  // Long after the last reader: the first of many who come at once have just begun.
  await time.advance(60_000);
  assert.equal(pool.isScarce(size), false);
  const first = pool.tryLend(size)!;
  const second = pool.tryLend(size)!;
  const early = pool.lend(size);
  await time.advance(51);
  assert.equal(await pool.lend(size), undefined, 'nothing has come back since');
  pool.give(second);
  const third = await early;
  assert.equal(third, second);
  const waiting = [pool.lend(size), pool.lend(size), pool.lend(size)];
  assert.equal(pool.tryLend(size), undefined);
  pool.give(first);
  assert.equal(await waiting[0], first);
  const taken = [await pool.take(size, 0), await pool.take(size, 0)];
  const needed = pool.take(size, 0);
  pool.give(first);
  assert.equal(await needed, first, 'whoever needs one comes before whoever borrows one');
  await time.advance(250);
  assert.deepEqual(await Promise.all(waiting.slice(1)), [undefined, undefined]);
  for (const place of [...taken, first, third!]) pool.give(place);
  const all = [pool.tryLend(size)!, pool.tryLend(size)!];
  const closing = pool.lend(size);
  assert.ok(closing instanceof Promise, 'it waits');
  pool.close();
  assert.equal(await closing, undefined);
  for (const place of all) pool.give(place);
  assert.equal(pool.freeBuffers, 6);
});
