import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Fault } from '../../engine/fault.ts';
import type { Blob } from '../../engine/shards/blob-store.ts';
import { blockBytesOf, type StripePlace, segmentPath, slotOf, stripePlaceOf } from '../../engine/shards/block.ts';
import { laggardMilliseconds } from '../../engine/shards/drive-votes.ts';
import { readPatienceMilliseconds } from '../../engine/shards/stripe-reader.ts';
import type { Disk, DiskFile, DiskOpenMode } from '../../journal/disk.ts';
import { type MemoryDisk, memoryDisk } from '../../journal/memory-disk.ts';
import { bodyOf, openHouse, seeded, until } from '../engine/shards-fixture.ts';
import { hangingDisk } from '../support/hanging-disk.ts';

const mebibyte = 1024 * 1024;
const unavailable = (error: unknown) => error instanceof Fault && error.kind === 'unavailable';

function memoryDisks(count: number, seed = 1): MemoryDisk[] {
  const random = seeded(seed);
  return Array.from({ length: count }, (_, index) => memoryDisk(`memory${index}`, random));
}

function pathOf(blob: Blob): string {
  return segmentPath(blob.set, blob.extents[0]!.segment);
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`power cut ${seed}: what was sealed survives the crash of all drives at once`, async () => {
    const random = seeded(seed);
    const disks = memoryDisks(6, seed);
    const house = await openHouse(disks, 0);
    const sealed: [Blob, Buffer][] = [];
    const writing = Array.from({ length: 30 }, async () => {
      const bytes = randomBytes(1 + Math.floor(random() ** 3 * 2.5 * mebibyte));
      await new Promise((resolve) => setTimeout(resolve, random() * 60));
      await house.put(bytes).then(
        (blob) => sealed.push([blob, bytes]),
        () => undefined,
      );
    });
    await until(() => sealed.length >= 5 + 2 * seed, 'some blobs are sealed');
    const survived = [...sealed];
    const after = disks.map((disk) => disk.crash(random));
    await Promise.all(writing);
    await house.close();
    const next = await openHouse(after, 0);
    for (const [blob, bytes] of survived) assert.ok((await next.get(blob)).equals(bytes), `${bytes.length} bytes after the crash`);
    const more = randomBytes(200_000);
    assert.ok((await next.get(await next.put(more))).equals(more));
    await next.close();
  });
}

test('any two of six drives may be lost, and a third is one too many', async () => {
  const disks = memoryDisks(6);
  const house = await openHouse(disks, 0);
  const bodies = await Promise.all(
    [100, 65_537, 2 * mebibyte + 5].map(async (size) => ({ bytes: randomBytes(size), blob: undefined as Blob | undefined })),
  );
  for (const body of bodies) body.blob = await house.put(body.bytes);
  for (let first = 0; first < 6; first += 1) {
    for (let second = first + 1; second < 6; second += 1) {
      for (const index of [first, second])
        disks[index]!.fail((operation, path) => (operation === 'read' && path.startsWith('segments') ? 'EIO' : undefined));
      for (const { blob, bytes } of bodies) {
        assert.ok((await house.get(blob!)).equals(bytes), `without drives ${first} and ${second}`);
        const from = Math.floor(bytes.length / 3);
        assert.ok((await house.get(blob!, from, 50)).equals(bytes.subarray(from, from + 50)));
      }
      for (const index of [first, second]) disks[index]!.fail(undefined);
    }
  }
  for (const index of [0, 1, 2]) disks[index]!.fail('EIO');
  await assert.rejects(house.get(bodies[2]!.blob!), unavailable);
  await assert.rejects(house.put(randomBytes(100_000)), unavailable);
  for (const disk of disks) disk.fail(undefined);
  assert.ok((await house.get(bodies[2]!.blob!)).equals(bodies[2]!.bytes));
  await house.close();
});

test('flipped bits are found, kept from the reader, and repaired in place', async () => {
  const disks = memoryDisks(6);
  const house = await openHouse(disks, 0);
  const bytes = randomBytes(3 * mebibyte + 11);
  const blob = await house.put(bytes);
  const random = seeded(7);
  const flipped: { disk: MemoryDisk; stripe: number; before: Buffer }[] = [];
  for (const stripe of [0, 1, 2, 3]) {
    const place = stripePlaceOf(blob, stripe);
    // A reader meets data shards; parity only when it needs it.
    for (const shard of [0, 2]) {
      const disk = disks[slotOf(place, shard)]!;
      const before = await blockAt(disk, place);
      disk.rot(pathOf(blob), place.offset + Math.floor(random() * before.length));
      assert.ok(!(await blockAt(disk, place)).equals(before));
      flipped.push({ disk, stripe, before });
    }
  }
  assert.ok((await house.get(blob)).equals(bytes));
  await until(async () => {
    const now = await Promise.all(
      flipped.map(async ({ disk, stripe, before }) => (await blockAt(disk, stripePlaceOf(blob, stripe))).equals(before)),
    );
    return now.every(Boolean);
  }, 'every block is as it was');
  assert.ok((await house.get(blob)).equals(bytes));
  await house.close();
});

async function blockAt(disk: MemoryDisk, place: StripePlace): Promise<Buffer> {
  const block = Buffer.alloc(blockBytesOf(place.stripeBytes, place.dataShards));
  const file = await disk.open(segmentPath(place.set, place.segment), 'read');
  await file.read(block, place.offset);
  await file.close();
  return block;
}

test('a head that is damaged, and a file that is cut short, are repaired too', async () => {
  const disks = memoryDisks(3);
  const house = await openHouse(disks, 0);
  const bytes = randomBytes(300_000);
  const blob = await house.put(bytes);
  // A drive that has data: a reader meets parity only when it needs it.
  disks[slotOf(stripePlaceOf(blob, 0), 0)]!.rot(pathOf(blob), blob.extents[0]!.offset + 20);
  assert.ok((await house.get(blob)).equals(bytes));
  await house.close();
  const file = await disks[slotOf(stripePlaceOf(blob, 0), 1)]!.open(pathOf(blob), 'write');
  await file.truncate(1000);
  const next = await openHouse(disks, 0);
  assert.ok((await next.get(blob)).equals(bytes));
  await next.store.healingDone();
  assert.ok((await file.size()) > 100_000, 'the start noticed the short file and healed it');
  await next.close();
});

test('a block from another place does not pass for the one that belongs here', async () => {
  const disks = memoryDisks(2);
  const house = await openHouse(disks, 0);
  const first = randomBytes(64_000);
  const blob = await house.put(first);
  const other = await house.put(randomBytes(64_000));
  const file = await disks[0]!.open(pathOf(blob), 'write');
  const block = Buffer.alloc(64_128);
  await file.read(block, other.extents[0]!.offset);
  await file.write([block], blob.extents[0]!.offset);
  assert.ok((await house.get(blob)).equals(first));
  await house.close();
});

test('a write goes on without a drive that vanishes; when it is back it gets what it missed', async () => {
  const disks = memoryDisks(6);
  const missing: Blob[] = [];
  const house = await openHouse(disks, 0, {
    async *missedBlobs(_set, slot) {
      yield* missing.filter((blob) => blob.missed.includes(slot));
    },
  });
  const bytes = Array.from({ length: 4 }, () => randomBytes(mebibyte + 9));
  const before = await house.put(bytes[0]!);
  disks[2]!.vanish();
  const unnoticed = await house.put(bytes[1]!);
  const drive = house.drives.sets[0]!.find((each) => each.disk === disks[2])!;
  await until(() => drive.state === 'offline', 'the probe notices');
  const during = await house.put(bytes[2]!);
  assert.deepEqual(during.missed, [drive.slot]);
  missing.push(during);
  disks[2]!.restore();
  await until(() => drive.state === 'online', 'the drive is healed');
  assert.deepEqual(
    house.healed.map(([blob, slot]) => [blob.id, slot]),
    [[during.id, drive.slot]],
  );
  const after = await house.put(bytes[3]!);
  assert.deepEqual(after.missed, []);
  // Whatever else is lost now, drive 2 carries its share of all of them.
  for (const index of [0, 1]) disks[index]!.fail('EIO');
  for (const [index, blob] of [before, unnoticed, during, after].entries())
    assert.ok((await house.get(blob)).equals(bytes[index]!), `body ${index}`);
  for (const disk of disks) disk.fail(undefined);
  await house.close();
});

test('below write quorum a body is refused, and nothing of it counts', async () => {
  const disks = memoryDisks(4);
  const house = await openHouse(disks, 0);
  for (const index of [0, 1])
    disks[index]!.fail((operation, path) => (operation === 'sync' && path.startsWith('segments') ? 'EIO' : undefined));
  const body = bodyOf(randomBytes(500_000));
  await assert.rejects(house.store.write(body, { digests: ['MD5'], inlineBytesMax: 0, length: 500_000 }), unavailable);
  assert.ok(body.cancelled);
  for (const disk of disks) disk.fail(undefined);
  await until(() => house.drives.sets[0]!.every((drive) => drive.state === 'online'), 'the drives are trusted again');
  const bytes = randomBytes(500_000);
  const blob = await house.put(bytes);
  assert.deepEqual(blob.missed, []);
  await house.close();
});

test('a full drive misses the write; when all are full it fails, and with room it goes on', async () => {
  const disks = memoryDisks(6);
  const house = await openHouse(disks, 0);
  const capacities = disks.map((disk) => disk.capacityBytes);
  disks[5]!.capacityBytes = 1000;
  const bytes = randomBytes(mebibyte);
  const blob = await house.put(bytes);
  assert.equal(blob.missed.length, 1);
  assert.ok((await house.get(blob)).equals(bytes));
  for (const disk of disks) disk.capacityBytes = 1000;
  await assert.rejects(house.put(randomBytes(2 * mebibyte)), unavailable);
  assert.ok((await house.get(blob)).equals(bytes));
  for (const [index, disk] of disks.entries()) disk.capacityBytes = capacities[index]!;
  await until(() => house.drives.sets[0]!.every((drive) => drive.writable), 'there is room again');
  assert.deepEqual((await house.put(bytes)).missed, []);
  await house.close();
});

/** A disk whose segment files stop answering from some moment on: the operations neither fail nor end. */
interface Hanging extends Disk {
  hang: (operation: 'read' | 'write' | 'sync') => boolean;
  /** Reads go here from now on, and are answered from here. */
  late: Late[] | undefined;
}

interface Late {
  readonly target: Uint8Array | readonly Uint8Array[];
  answer(bytes: number): void;
}

function hanging(disk: Disk): Hanging {
  const never = new Promise<never>(() => undefined);
  const wrapped: Hanging = {
    hang: () => false,
    late: undefined,
    name: disk.name,
    async open(path: string, mode: DiskOpenMode): Promise<DiskFile> {
      const file = await disk.open(path, mode);
      if (!path.startsWith('segments')) return file;
      return {
        read: (target, position) => {
          const { late } = wrapped;
          if (late !== undefined) return new Promise((answer) => late.push({ target, answer }));
          return wrapped.hang('read') ? never : file.read(target, position);
        },
        write: (chunks, position) => (wrapped.hang('write') ? never : file.write(chunks, position)),
        sync: () => (wrapped.hang('sync') ? never : file.sync()),
        size: () => file.size(),
        truncate: (bytes) => file.truncate(bytes),
        close: () => file.close(),
      };
    },
    list: (directory: string) => disk.list(directory),
    makeDirectory: (directory: string) => disk.makeDirectory(directory),
    exists: (path: string) => disk.exists(path),
    remove: (path: string) => disk.remove(path),
    removeTree: (directory: string) => disk.removeTree(directory),
    rename: (from: string, to: string) => disk.rename(from, to),
    syncDirectory: (directory: string) => disk.syncDirectory(directory),
    freeBytes: () => disk.freeBytes(),
    lock: (path: string) => disk.lock(path),
    pin: (path: string) => disk.pin(path),
  };
  return wrapped;
}

test('a drive that hangs stalls a write for two seconds and a read for one, not for ever', async () => {
  const disks = memoryDisks(4).map(hanging);
  const house = await openHouse(disks, 0);
  const bytes = randomBytes(3 * mebibyte);
  const keepAlive = setInterval(() => undefined, 100);
  try {
    const whole = await house.put(bytes);
    disks[1]!.hang = (operation) => operation !== 'read';
    const started = Date.now();
    const blob = await house.put(bytes);
    assert.deepEqual(blob.missed, [1]);
    const took = Date.now() - started;
    assert.ok(took >= laggardMilliseconds - 50 && took < 3 * laggardMilliseconds, `${took} ms`);
    disks[1]!.hang = () => true;
    const reading = Date.now();
    assert.ok((await house.get(whole)).equals(bytes));
    assert.ok(Date.now() - reading < 5 * readPatienceMilliseconds, `${Date.now() - reading} ms`);
  } finally {
    clearInterval(keepAlive);
  }
});

test('reads that come back late touch no buffer that serves again, and a drive that owes them is asked no more', async () => {
  const disks = memoryDisks(6).map(hanging);
  const house = await openHouse(disks, 0, { stripeMemoryBytes: 1 });
  const keepAlive = setInterval(() => undefined, 100);
  try {
    const free = house.store.freeBuffers;
    const bodies = Array.from({ length: 12 }, () => randomBytes(2 * mebibyte + 100_000));
    const blobs = await Promise.all(bodies.map((bytes) => house.put(bytes)));
    const held: Late[] = [];
    disks[1]!.late = held;
    const same = async (index: number) => assert.ok((await house.get(blobs[index]!)).equals(bodies[index]!));
    const started = Date.now();
    await Promise.all(blobs.map((_, index) => same(index)));
    assert.ok(Date.now() - started < 5 * readPatienceMilliseconds, `${Date.now() - started} ms`);
    const owed = held.length;
    assert.ok(owed > 0);
    assert.ok(house.store.freeBuffers >= free / 2 && house.store.freeBuffers < free, `${house.store.freeBuffers} of ${free} free`);
    const again = Date.now();
    await Promise.all(blobs.map((_, index) => same(index)));
    assert.ok(Date.now() - again < readPatienceMilliseconds, `${Date.now() - again} ms`);
    assert.equal(held.length, owed);
    const reading = Promise.all(blobs.map((_, index) => same(index)));
    for (const { target, answer } of held) {
      for (const part of target instanceof Uint8Array ? [target] : target) part.fill(0xff);
      answer(0);
    }
    disks[1]!.late = undefined;
    await reading;
    await Promise.all(blobs.map((_, index) => same(index)));
    assert.equal(house.store.freeBuffers, free);
  } finally {
    clearInterval(keepAlive);
    await house.close();
  }
});

test('several sets: bodies spread over them, and a set below write quorum is passed over', async () => {
  const disks = memoryDisks(20);
  const house = await openHouse(disks, 0);
  assert.equal(house.drives.sets.length, 2);
  const stored = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const bytes = randomBytes(200_000);
      return { bytes, blob: await house.put(bytes) };
    }),
  );
  assert.deepEqual([...new Set(stored.map(({ blob }) => blob.set))].sort(), [0, 1]);
  const away = house.drives.sets[1]!.slice(0, 5).map((drive) => drive.disk as MemoryDisk);
  for (const disk of away) disk.vanish();
  await until(() => house.drives.sets[1]!.filter((drive) => drive.writable).length === 5, 'five drives of one set are gone');
  for (let round = 0; round < 4; round += 1) assert.equal((await house.put(randomBytes(200_000))).set, 0);
  for (const { blob, bytes } of stored) {
    if (blob.set === 0) assert.ok((await house.get(blob)).equals(bytes));
    else await assert.rejects(house.get(blob), unavailable);
  }
  for (const disk of away) disk.restore();
  await until(() => house.drives.sets[1]!.every((drive) => drive.state === 'online'), 'they are back');
  for (const { blob, bytes } of stored) assert.ok((await house.get(blob)).equals(bytes));
  await house.close();
});

test('all drives of a set late together: none is to blame, and all take the next body', async () => {
  const disks = memoryDisks(6).map((disk) => hangingDisk(disk));
  const house = await openHouse(disks, 0);
  const keepAlive = setInterval(() => undefined, 100);
  try {
    const bytes = randomBytes(2 * mebibyte);
    const blob = await house.put(bytes);
    const changes: string[] = [];
    for (const drive of house.drives.sets[0]!) drive.onChange(({ slot, state, reason }) => changes.push(`${slot} ${state}: ${reason}`));
    for (const disk of disks) disk.hangs = true;
    const reading = house.get(blob).catch(() => undefined);
    const writing = house.put(bytes).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, readPatienceMilliseconds + laggardMilliseconds));
    for (const disk of disks) disk.answer();
    await Promise.all([reading, writing]);
    assert.deepEqual(changes, []);
    assert.ok((await house.get(blob)).equals(bytes));
    assert.deepEqual((await house.put(bytes)).missed, []);
  } finally {
    clearInterval(keepAlive);
    await house.close();
  }
});

test('the files of a drive that was late are closed once it answers, while their segment is open on the others', async () => {
  const disks = memoryDisks(6).map((disk) => hangingDisk(disk));
  const house = await openHouse(disks, 0);
  const keepAlive = setInterval(() => undefined, 100);
  try {
    await house.put(randomBytes(mebibyte));
    await until(() => disks.every(({ openFiles }) => openFiles === 2), 'the lock of each drive and its segment are open, and no probe');
    disks[3]!.hangs = true;
    assert.deepEqual((await house.put(randomBytes(mebibyte))).missed, [3]);
    disks[3]!.answer();
    await until(() => disks[3]!.openFiles === 1, 'its segment is closed');
    await until(() => disks[2]!.openFiles === 2, 'that of another one is open');
  } finally {
    clearInterval(keepAlive);
    await house.close();
  }
});
