import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { checksumAlgorithms } from '../../engine/body.ts';
import type { Blob } from '../../engine/shards/blob-store.ts';
import { digestsOf } from '../../engine/shards/digester.ts';
import { bodyOf, collect, md5, openHouse, withDirectories } from './shards-fixture.ts';

const sizes = [1, 63, 8 * 1024, 65_535, 65_536, 65_537, 128 * 1024 + 1, 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 5 * 1024 * 1024 + 7];

for (const threads of [0, 2]) {
  for (const drives of [1, 2, 3, 6, 16]) {
    test(`${drives} drives, ${threads} threads: bodies of every size come back, whole and in slices`, async () => {
      await withDirectories(drives, async (disks) => {
        const house = await openHouse(disks, threads);
        try {
          for (const size of sizes) {
            const bytes = randomBytes(size);
            const blob = await house.put(bytes);
            assert.equal(blob.length, size);
            assert.deepEqual(blob.missed, []);
            assert.ok((await house.get(blob)).equals(bytes), `${size} bytes`);
            const slices = [
              [0, 1],
              [size - 1, 1],
              [Math.floor(size / 3), Math.floor(size / 2)],
              [Math.max(0, size - 70_000), Math.min(size, 60_000)],
              [size, 0],
            ];
            for (const [offset, length] of slices as [number, number][]) {
              const slice = await house.get(blob, offset, length);
              assert.ok(slice.equals(bytes.subarray(offset, offset + length)), `${length} bytes from ${offset} of ${size}`);
            }
          }
        } finally {
          await house.close();
        }
      });
    });
  }
}

for (const threads of [0, 2]) {
  test(`${threads} threads: digests of blobs are taken where they are read, and a failed one leaves nothing held`, async () => {
    await withDirectories(6, async (disks) => {
      const house = await openHouse(disks, threads);
      try {
        const bytes = [randomBytes(3 * 1024 * 1024 + 5), randomBytes(10), randomBytes(70_000)];
        const blobs = await Promise.all(bytes.map((each) => house.put(each)));
        const [large, small, middle] = blobs as [Blob, Blob, Blob];
        const slices = [
          { blob: large, offset: 1_000_001, length: 2_000_000 },
          { blob: small, offset: 0, length: 10 },
          { blob: middle, offset: 5, length: 0 },
          { blob: middle, offset: 69_999, length: 1 },
        ];
        const whole = Buffer.concat(
          slices.map(({ blob, offset, length }) => bytes[blobs.indexOf(blob)]!.subarray(offset, offset + length)),
        );
        const expected = digestsOf(checksumAlgorithms, whole);
        const { freeBuffers } = house.store;
        const all = await Promise.all(Array.from({ length: 20 }, () => house.store.digest(slices, checksumAlgorithms)));
        for (const digests of all) assert.deepEqual(digests, expected);
        assert.deepEqual(await house.store.digest([], ['MD5', 'CRC32']), digestsOf(['MD5', 'CRC32'], Buffer.alloc(0)));
        const unknown = { blob: { ...small, id: 'f'.repeat(32) }, offset: 0, length: 10 };
        await assert.rejects(house.store.digest([slices[0]!, unknown], ['MD5']), { kind: 'unavailable' });
        assert.deepEqual(
          [house.store.freeBuffers, ...house.workers.links.map((link) => link.readers)],
          [freeBuffers, ...house.workers.links.map(() => 0)],
        );
        assert.deepEqual(await house.store.digest(slices, ['MD5']), { MD5: expected.MD5 }, 'the next one is none the worse');
      } finally {
        await house.close();
      }
    });
  });
}

test('readers are spread over the workers, and each is counted until it ends', async () => {
  await withDirectories(6, async (disks) => {
    const house = await openHouse(disks, 2);
    try {
      const bytes = randomBytes(2 * 1024 * 1024);
      const blob = await house.put(bytes);
      const readers = () => house.workers.links.map((link) => link.readers);
      const bodies = [];
      for (let index = 0; index < 6; index += 1) bodies.push(await house.store.read(blob, 0, blob.length));
      assert.deepEqual(readers(), [3, 3]);
      for (const body of bodies.slice(0, 3)) assert.ok((await collect(body)).equals(bytes));
      for (const body of [...bodies, ...bodies]) body.cancel();
      assert.deepEqual(readers(), [0, 0]);
      await assert.rejects(house.store.read({ ...blob, id: 'f'.repeat(32) }, 0, blob.length));
      assert.deepEqual(readers(), [0, 0], 'one that never began');
    } finally {
      await house.close();
    }
  });
});

test('bodies of unknown length, in odd chunks, and many at once', async () => {
  await withDirectories(6, async (disks) => {
    const house = await openHouse(disks, 2);
    try {
      const work = Array.from({ length: 40 }, async (_, index) => {
        const bytes = randomBytes(index % 4 === 0 ? 2 * 1024 * 1024 : 40_000 * index + 1);
        const stored = await house.store.write(bodyOf(bytes, 7_777 * (1 + (index % 5))), {
          digests: ['MD5'],
          inlineBytesMax: 100,
          length: undefined,
        });
        assert.equal(stored.length, bytes.length);
        if (stored.blob === undefined) return assert.ok(stored.inline?.equals(bytes));
        assert.equal(stored.digests.MD5?.toString('hex'), md5(bytes));
        assert.equal(md5(await house.get(stored.blob)), md5(bytes));
      });
      await Promise.all(work);
    } finally {
      await house.close();
    }
  });
});

test('every digest, inline and through a worker', async () => {
  await withDirectories(2, async (disks) => {
    const house = await openHouse(disks, 1);
    try {
      for (const size of [9, 3 * 1024 * 1024 + 5]) {
        const bytes = size === 9 ? Buffer.from('123456789') : randomBytes(size);
        const digests = ['MD5', 'SHA1', 'SHA256', 'CRC32', 'CRC32C', 'CRC64NVME'] as const;
        const stored = await house.store.write(bodyOf(bytes), { digests, inlineBytesMax: 9, length: size });
        assert.equal(stored.inline !== undefined, size === 9);
        for (const [name, algorithm] of [
          ['MD5', 'md5'],
          ['SHA1', 'sha1'],
          ['SHA256', 'sha256'],
        ] as const) {
          assert.ok(stored.digests[name]?.equals(createHash(algorithm).update(bytes).digest()), name);
        }
        if (size !== 9) continue;
        assert.equal(stored.digests.CRC32?.toString('hex'), 'cbf43926');
        assert.equal(stored.digests.CRC32C?.toString('hex'), 'e3069283');
        assert.equal(stored.digests.CRC64NVME?.toString('hex'), 'ae8b14860a799888');
      }
    } finally {
      await house.close();
    }
  });
});

test('the empty body is inline, whatever the limit', async () => {
  await withDirectories(1, async (disks) => {
    const house = await openHouse(disks, 0);
    const stored = await house.store.write(bodyOf(Buffer.alloc(0)), { digests: ['MD5'], inlineBytesMax: 0, length: undefined });
    assert.equal(stored.blob, undefined);
    assert.equal(stored.inline?.length, 0);
    assert.equal(stored.digests.MD5?.toString('hex'), 'd41d8cd98f00b204e9800998ecf8427e');
    await house.close();
  });
});

test('a body that breaks off fails the write, is cancelled, and gives every buffer back', async () => {
  await withDirectories(6, async (disks) => {
    const house = await openHouse(disks, 1, { stripeMemoryBytes: 1 });
    try {
      // More rounds than there are buffers: a leak would leave the last ones without.
      for (let round = 0; round < 30; round += 1) {
        const body = bodyOf(randomBytes(1_500_000));
        const { read } = body;
        let left = 12;
        body.read = async () => {
          if ((left -= 1) === 0) throw new Error('the client has gone');
          return read();
        };
        await assert.rejects(house.store.write(body, { digests: ['MD5'], inlineBytesMax: 0, length: 1_500_000 }), /the client has gone/);
        assert.ok(body.cancelled);
      }
      const bytes = randomBytes(1_500_000);
      assert.ok((await house.get(await house.put(bytes))).equals(bytes));
    } finally {
      await house.close();
    }
  });
});

test('memory is a fixed number of buffers: many readers and writers take turns, abandoned readers give theirs back', async () => {
  await withDirectories(4, async (disks) => {
    const house = await openHouse(disks, 1, { stripeMemoryBytes: 1 });
    try {
      const bytes = randomBytes(3 * 1024 * 1024);
      const blob = await house.put(bytes);
      const free = house.store.freeBuffers;
      await Promise.all(
        Array.from({ length: 60 }, async (_, index) => {
          const body = await house.store.read(blob, 0, bytes.length);
          if (index % 3 === 0) {
            await body.read();
            body.cancel();
            body.cancel();
            assert.equal(await body.read(), null);
          } else assert.ok((await collect(body)).equals(bytes));
        }),
      );
      const again = await Promise.all(Array.from({ length: 20 }, () => house.put(bytes)));
      for (const other of again) assert.equal(md5(await house.get(other)), md5(bytes));
      assert.equal(house.store.freeBuffers, free);
    } finally {
      await house.close();
    }
  });
});

test('a segment is never appended to by a later process', async () => {
  await withDirectories(3, async (disks) => {
    const first = await openHouse(disks, 2);
    const before = await first.put(randomBytes(100_000));
    await first.close();
    const second = await openHouse(disks, 2);
    try {
      const bytes = randomBytes(100_000);
      const after = await second.put(bytes);
      assert.ok(after.extents[0]!.segment > before.extents[0]!.segment);
      assert.equal((await second.get(before)).length, 100_000);
      assert.ok((await second.get(after)).equals(bytes));
    } finally {
      await second.close();
    }
  });
});
