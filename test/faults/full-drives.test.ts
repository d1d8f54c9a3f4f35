/** Drives without room: what grows is refused early and says why, what shrinks has a reserve, and room that comes back is used. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../engine/fault.ts';
import type { Room } from '../../engine/room.ts';
import { Ballast, ballastBytes, ballastPath } from '../../engine/shards/ballast.ts';
import { roomBytesMin } from '../../engine/shards/drive.ts';
import { roomOf } from '../../engine/shards/drive-room.ts';
import { type MemoryDisk, memoryDisk } from '../../journal/memory-disk.ts';
import { bodyOf, openHouse, seeded, until } from '../engine/shards-fixture.ts';
import { accepted, putCommand, testEngine, uploadBody } from '../support/engine.ts';
import { seededBytes } from '../support/files.ts';

const mebibyte = 1024 * 1024;
const full = (error: unknown) => error instanceof Fault && error.kind === 'full';

function memoryDisks(count: number, capacityBytes: number): MemoryDisk[] {
  const disks = Array.from({ length: count }, (_, at) => memoryDisk(`memory${at}`, seeded(at)));
  for (const disk of disks) disk.capacityBytes = capacityBytes;
  return disks;
}

test('a body that was begun while there was room ends before it takes the reserve', async () => {
  const disks = memoryDisks(6, roomBytesMin + 8 * mebibyte);
  const house = await openHouse(disks, 0);
  await until(() => house.drives.sets[0]!.every((drive) => drive.roomBytes < 9 * mebibyte), 'their room is known');
  const body = seededBytes(60 * mebibyte, 1);
  for (const length of [body.length, undefined]) {
    const written = house.store.write(bodyOf(body, mebibyte), { digests: [], inlineBytesMax: 0, length });
    await assert.rejects(written, full, `length ${length}`);
    for (const disk of disks) assert.ok((await disk.freeBytes()) > roomBytesMin - mebibyte, `${await disk.freeBytes()} bytes are left`);
  }
  await house.close();
});

test('one full drive of six is gone without, also in the middle of a body; three are too few', async () => {
  const disks = memoryDisks(6, 1024 * mebibyte);
  disks[2]!.capacityBytes = roomBytesMin + 2 * mebibyte;
  const house = await openHouse(disks, 0);
  await until(() => house.drives.sets[0]![2]!.roomBytes < 9 * mebibyte, 'its room is known');
  const bytes = seededBytes(40 * mebibyte, 2);
  const blob = await house.put(bytes);
  assert.deepEqual(blob.missed, [2]);
  assert.ok((await house.get(blob)).equals(bytes));
  assert.ok((await disks[2]!.freeBytes()) > roomBytesMin - mebibyte);
  for (const at of [3, 4]) disks[at]!.capacityBytes = roomBytesMin;
  await until(() => house.drives.sets[0]!.filter((drive) => drive.full).length === 3, 'two more are full');
  await assert.rejects(house.put(bytes), full);
  for (const at of [2, 3, 4]) disks[at]!.capacityBytes = 1024 * mebibyte;
  await until(() => house.drives.sets[0]!.every((drive) => drive.writable), 'they have room again');
  assert.deepEqual((await house.put(bytes)).missed, []);
  await house.close();
});

test('what has room is said by the drives: growth ends before records do', async () => {
  const disks = memoryDisks(6, 1024 * mebibyte);
  const house = await openHouse(disks, 0);
  const room = roomOf(house.drives);
  const setAll = async (count: number, bytes: number, seen: () => boolean) => {
    for (const disk of disks.slice(0, count)) disk.capacityBytes = bytes;
    await until(seen, `${count} drives have ${bytes} bytes`);
  };
  const drives = house.drives.sets[0]!;
  room.forGrowth();
  await setAll(2, roomBytesMin - 1, () => drives.filter((drive) => drive.full).length === 2);
  room.forGrowth();
  await setAll(3, roomBytesMin - 1, () => drives.filter((drive) => drive.full).length === 3);
  assert.throws(() => room.forGrowth(), full);
  room.forRecords();
  await setAll(3, mebibyte, () => drives.filter((drive) => drive.takesRecords).length === 3);
  assert.throws(() => room.forRecords(), full);
  await setAll(6, 1024 * mebibyte, () => drives.every((drive) => drive.writable && drive.takesRecords));
  room.forGrowth();
  await house.close();
});

test('without room: what grows is refused before its body is read; reads, deletes, ends of uploads and fewer tags go on', async () => {
  let hasRoom = true;
  const room: Room = {
    forGrowth: () => {
      if (!hasRoom) throw new Fault('full', 'as the test wishes');
    },
    forRecords: () => undefined,
  };
  const house = await testEngine({ room });
  const { engine } = house;
  const caller = () => house.caller();
  const at = (key: string) => ({ bucket: 'photos', key });
  const described = { metadata: { headers: {}, user: {} }, tags: [] };
  await accepted(engine.createBucket(caller(), { bucket: 'photos', locationConstraint: '' }));
  for (const key of ['a', 'b']) await accepted(engine.putObject(caller(), putCommand('photos', key, seededBytes(5000, 1))));
  const begin = () => accepted(engine.createMultipartUpload(caller(), { ...at('up'), ...described, checksum: undefined }));
  const [finished, aborted] = [await begin(), await begin()];
  const part = (uploadId: string) => ({ ...at('up'), uploadId, partNumber: 1, body: uploadBody(seededBytes(3000, 2)) });
  const { etag } = await accepted(engine.uploadPart(caller(), part(finished.uploadId)));
  await accepted(engine.uploadPart(caller(), part(aborted.uploadId)));
  hasRoom = false;
  const put = putCommand('photos', 'c', 'small');
  const source = { ...at('a'), conditions: {} };
  const copy = { source, conditions: {}, metadata: undefined, placement: undefined, tags: undefined, algorithm: undefined };
  const grows: (readonly [string, () => Promise<unknown>])[] = [
    ['PutObject', () => engine.putObject(caller(), put)],
    ['CopyObject', () => engine.copyObject(caller(), { ...at('d'), ...copy })],
    ['CreateBucket', () => engine.createBucket(caller(), { bucket: 'more', locationConstraint: '' })],
    ['PutBucketVersioning', () => engine.putBucketVersioning(caller(), 'photos', 'enabled')],
    ['PutBucketTagging', () => engine.putBucketTagging(caller(), 'photos', [['a', 'b']])],
    ['PutObjectTagging', () => engine.putObjectTagging(caller(), at('a') as never, [['a', 'b']])],
    ['CreateMultipartUpload', () => begin()],
    ['UploadPart', () => engine.uploadPart(caller(), part(finished.uploadId))],
  ];
  for (const [name, call] of grows) await assert.rejects(call(), full, name);
  assert.equal((put.body as ReturnType<typeof uploadBody>).bytesTaken, 0);
  await accepted(engine.getObject(caller(), { ...at('a'), conditions: {} } as never));
  await accepted(engine.putObjectTagging(caller(), at('a') as never, []));
  await accepted(engine.deleteObject(caller(), { ...at('a'), conditions: {} }));
  const end = { ...at('up'), parts: [{ partNumber: 1, etag, checksum: undefined }], conditions: {}, checksum: undefined };
  await accepted(
    engine.completeMultipartUpload(caller(), { ...end, uploadId: finished.uploadId, objectSize: undefined, checksumType: undefined }),
  );
  await accepted(engine.abortMultipartUpload(caller(), { ...at('up'), uploadId: aborted.uploadId }));
  hasRoom = true;
  await accepted(engine.putObject(caller(), putCommand('photos', 'c', 'small')));
  await engine.close();
});

test('ballast: made while room is scarce, given up at its end, and only then is the drive full for longer', async () => {
  const [disk] = memoryDisks(1, 256 * mebibyte);
  await disk!.makeDirectory('.liteio');
  const ballast = new Ballast(disk!);
  const free = async () => ballast.follow(await disk!.freeBytes());
  await free();
  assert.equal(await disk!.freeBytes(), 256 * mebibyte - ballastBytes);
  await free();
  assert.equal(await disk!.freeBytes(), 256 * mebibyte - ballastBytes, 'once');
  disk!.capacityBytes = ballastBytes + 1;
  await free();
  assert.equal(await disk!.exists(ballastPath), false);
  assert.deepEqual([await disk!.freeBytes(), ballast.givenUp], [ballastBytes + 1, true]);
  disk!.capacityBytes = 256 * mebibyte;
  await free();
  assert.deepEqual([await disk!.exists(ballastPath), ballast.givenUp], [true, false]);
  disk!.capacityBytes = ballastBytes + 1;
  const next = new Ballast(disk!);
  await next.makeRoomToStart();
  assert.deepEqual([await disk!.exists(ballastPath), next.givenUp], [false, true], 'a start makes room for itself');
});

test('ballast that a process before gave up still counts as given up after a start, until there is room to make it', async () => {
  const start = async (disk: MemoryDisk) => {
    const ballast = new Ballast(disk);
    await ballast.makeRoomToStart();
    return ballast;
  };
  const [disk, never] = memoryDisks(2, 256 * mebibyte);
  for (const each of [disk!, never!]) await each.makeDirectory('.liteio');
  await (await start(disk!)).follow(256 * mebibyte);
  disk!.capacityBytes = ballastBytes;
  await (await start(disk!)).follow(0);
  const before = disk!.crash(seeded(9));
  for (const each of [before, never!]) each.capacityBytes = 96 * mebibyte;
  assert.equal(await before.freeBytes(), 96 * mebibyte, 'what is left takes no room');
  for (const [each, givenUp] of [[before, true] as const, [never!, false] as const]) {
    const ballast = await start(each);
    await ballast.follow(96 * mebibyte);
    assert.equal(ballast.givenUp, givenUp, `it had one: ${givenUp}`);
  }
  for (const capacityBytes of [256 * mebibyte, 8 * 1024 * mebibyte]) {
    before.capacityBytes = ballastBytes;
    const ballast = await start(before);
    before.capacityBytes = capacityBytes;
    await ballast.follow(await before.freeBytes());
    assert.deepEqual([await before.exists(ballastPath), ballast.givenUp], [true, false], `with ${capacityBytes} bytes`);
    assert.equal((await start(before)).givenUp, false);
  }
});
