/** Drives whose file systems take no writes: read from like any other, written to again when they can be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../engine/fault.ts';
import { probeMilliseconds } from '../../engine/shards/drive.ts';
import { roomOf } from '../../engine/shards/drive-room.ts';
import type { Disk } from '../../journal/disk.ts';
import { memoryDisk } from '../../journal/memory-disk.ts';
import { openHouse, seeded, until } from '../engine/shards-fixture.ts';
import { seededBytes } from '../support/files.ts';

const unavailable = (error: unknown) => error instanceof Fault && error.kind === 'unavailable';
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

interface Switchable extends Disk {
  readOnly: boolean;
}

/** The disk, and what its kernel would say while it is mounted read-only: also to files that are open. */
function switchableDisk(name: string, seed: number): Switchable {
  const disk = memoryDisk(name, seeded(seed));
  const refuse = () => Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' });
  const writing = <Args extends unknown[], T>(call: (...args: Args) => Promise<T>): ((...args: Args) => Promise<T>) => {
    return (...args) => (switchable.readOnly ? Promise.reject(refuse()) : call(...args));
  };
  const switchable: Switchable = {
    name,
    readOnly: false,
    open: async (path, mode, writes) => {
      if (switchable.readOnly && mode !== 'read') throw refuse();
      const file = await disk.open(path, mode, writes);
      const { read, size, close } = file;
      return {
        read: (target, position) => read.call(file, target, position),
        size: () => size.call(file),
        close: () => close.call(file),
        write: writing((chunks: readonly Uint8Array[], position: number) => file.write(chunks, position)),
        sync: writing(() => file.sync()),
        truncate: writing((bytes: number) => file.truncate(bytes)),
      };
    },
    list: (directory) => disk.list(directory),
    exists: (path) => disk.exists(path),
    freeBytes: () => disk.freeBytes(),
    lock: writing((path: string) => disk.lock(path)),
    pin: (path) => disk.pin(path),
    makeDirectory: writing((directory: string) => disk.makeDirectory(directory)),
    remove: writing((path: string) => disk.remove(path)),
    removeTree: writing((directory: string) => disk.removeTree(directory)),
    rename: writing((from: string, to: string) => disk.rename(from, to)),
    syncDirectory: writing((directory: string) => disk.syncDirectory(directory)),
  };
  return switchable;
}

test('read-only drives: two are gone without, three or all are too few to write to, and every one is read from', async () => {
  const disks = Array.from({ length: 6 }, (_, at) => switchableDisk(`memory${at}`, at));
  const house = await openHouse(disks, 0);
  const drives = house.drives.sets[0]!;
  const room = roomOf(house.drives);
  const bytes = seededBytes(3_000_000, 1);
  const blob = await house.put(bytes);
  for (const count of [2, 3, 6]) {
    for (const disk of disks.slice(0, count)) disk.readOnly = true;
    // What is under way when it happens, and what comes later.
    const during = house.put(bytes);
    if (count === 2) {
      const taken = await during;
      assert.ok((await house.get(taken)).equals(bytes));
    } else await assert.rejects(during, (error: unknown) => error instanceof Fault);
    await until(() => drives.filter((drive) => drive.readOnly).length === count, `${count} drives are known as read-only`);
    await pause(4 * probeMilliseconds);
    assert.deepEqual(
      drives.map(({ state }) => state),
      Array(6).fill('online'),
      'it is no trouble of theirs',
    );
    assert.ok(drives.every(({ readable }) => readable));
    assert.ok((await house.get(blob)).equals(bytes));
    if (count > 2) assert.throws(() => room.forRecords(), unavailable);
    else room.forGrowth();
    for (const disk of disks) disk.readOnly = false;
    await until(() => drives.every((drive) => drive.writable), 'they can be written to again');
    room.forGrowth();
    assert.ok((await house.get(await house.put(bytes))).equals(bytes));
  }
  await house.close();
});
