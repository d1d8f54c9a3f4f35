import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Fault } from '../../engine/fault.ts';
import type { Blob } from '../../engine/shards/blob-store.ts';
import { segmentPath } from '../../engine/shards/block.ts';
import { restMilliseconds } from '../../engine/shards/reclaimer.ts';
import { clock, diskModule, openHouse, until, withDirectories } from './shards-fixture.ts';

test('a blob moves to another segment, its old one is removed from every drive, its number never comes again', async () => {
  await withDirectories(4, async (disks) => {
    const bytes = randomBytes(2_500_000);
    const first = await openHouse(disks, 1);
    const blob = await first.put(bytes);
    const old = blob.extents[0]!.segment;
    assert.deepEqual(
      (await first.store.listSegments(0)).map(({ segment, removable }) => [segment, removable]),
      [[old, false]],
    );
    assert.deepEqual(await first.store.removeSegments(0, [old]), [], 'it is open');
    await first.close();
    const second = await openHouse(disks, 1);
    const moved = await second.store.moveBlob(blob);
    assert.equal(moved.id, blob.id);
    assert.equal(moved.length, blob.length);
    assert.notEqual(moved.extents[0]!.segment, old);
    assert.ok((await second.get(blob)).equals(bytes), 'the old place is good until it is removed');
    assert.deepEqual(await second.store.removeSegments(0, [old, 999]), [old]);
    for (const disk of disks) assert.equal(await disk.exists(segmentPath(0, old)), false);
    assert.ok((await second.get(moved)).equals(bytes));
    await assert.rejects(second.get(blob), (error) => error instanceof Fault && error.kind === 'unavailable');
    await second.close();
  });
});

test('a segment rests before it may be removed: its last blobs may not be journaled yet', async () => {
  await withDirectories(3, async (disks, root) => {
    let shift = 0;
    const house = await openHouse(disks, 0, { clock: { ...clock, now: () => Date.now() + shift } });
    const blob = await house.put(randomBytes(100_000));
    const old = blob.extents[0]!.segment;
    const drive = house.drives.sets[0]![0]!;
    renameSync(drive.disk.name, join(root, 'aside'));
    await until(() => drive.state === 'offline', 'it is missed');
    renameSync(join(root, 'aside'), drive.disk.name);
    await until(() => drive.state === 'online', 'it is back');
    const next = await house.put(randomBytes(100_000));
    assert.ok(next.extents[0]!.segment > old, 'a drive that is back is taken into a new segment');
    assert.deepEqual(await house.store.removeSegments(0, [old]), []);
    shift = restMilliseconds + 1;
    assert.deepEqual(await house.store.removeSegments(0, [old, next.extents[0]!.segment]), [old]);
    await house.close();
  });
});

test('a drive that was away while segments were removed gives its left-overs up', async () => {
  await withDirectories(3, async (disks) => {
    const first = await openHouse(disks, 0);
    const blob = await first.put(randomBytes(100_000));
    await first.close();
    const path = segmentPath(0, blob.extents[0]!.segment);
    for (const disk of disks.slice(0, 2)) await disk.remove(path);
    const second = await openHouse(disks, 0);
    await second.store.healingDone();
    assert.equal(await disks[2]!.exists(path), false);
    await second.close();
  });
});

test('where one drive is enough to read from, the last copy of a segment is no left-over', async () => {
  await withDirectories(2, async (disks) => {
    const first = await openHouse(disks, 0);
    const bytes = randomBytes(100_000);
    const blob = await first.put(bytes);
    await first.close();
    await disks[0]!.remove(segmentPath(0, blob.extents[0]!.segment));
    const second = await openHouse(disks, 0);
    let healed = false;
    void second.store.healingDone().then(() => (healed = true));
    await until(() => healed, 'both drives are looked at');
    assert.ok((await second.get(blob)).equals(bytes));
    for (const disk of disks) assert.equal(await disk.exists(segmentPath(0, blob.extents[0]!.segment)), true, disk.name);
    await second.close();
  });
});

test('what a drive missed while it was there is swept up, and reported', async () => {
  await withDirectories(4, async (disks) => {
    const first = await openHouse(disks, 0);
    const bytes = randomBytes(3_000_000);
    const whole = await first.put(bytes);
    await first.close();
    const blob: Blob = { ...whole, missed: [1] };
    // As if the drive had lost the middle of its file: the size shows nothing.
    const file = await disks[1]!.open(segmentPath(0, blob.extents[0]!.segment), 'write');
    await file.write([Buffer.alloc(1_000_000)], 200_000);
    await file.close();
    const missedBlobs = async function* (_set: number, slot: number) {
      if (slot === 1) yield blob;
    };
    const second = await openHouse(disks, 1, { missedBlobs });
    await until(() => second.healed.length === 1, 'the blob is reported');
    assert.deepEqual(second.healed[0], [blob, 1]);
    await second.close();
    const third = await openHouse(disks, 0);
    for (const index of [0, 2]) rmSync(disks[index]!.name, { recursive: true });
    await until(() => [0, 2].every((index) => third.drives.sets[0]![index]!.state === 'offline'), 'two drives are gone');
    assert.ok((await third.get(blob)).equals(bytes));
    await third.close();
  });
});

test('a worker that dies takes its bodies with it and is replaced', async () => {
  await withDirectories(2, async (disks, root) => {
    const signal = join(root, 'die');
    const source = `
      import { existsSync } from 'node:fs';
      import { nodeDisk as real } from '${diskModule}';
      export function nodeDisk(root) {
        const disk = real(root);
        return { ...disk, open(path, mode) {
          if (existsSync(${JSON.stringify(signal)})) setTimeout(() => { throw new Error('as the test wishes'); });
          return disk.open(path, mode);
        } };
      }`;
    const house = await openHouse(disks, 1, { diskModule: `data:text/javascript,${encodeURIComponent(source)}` });
    const bytes = randomBytes(300_000);
    const blob = await house.put(bytes);
    writeFileSync(signal, '');
    await house.get(blob).catch(() => undefined);
    await assert.rejects(
      (async () => {
        for (;;) await house.put(bytes);
      })(),
      (error) => error instanceof Fault,
    );
    rmSync(signal);
    assert.ok(!existsSync(signal));
    let after: Blob | undefined;
    await until(async () => (after = await house.put(bytes).catch(() => undefined)) !== undefined, 'the successor works');
    assert.ok(after!.extents[0]!.segment > blob.extents[0]!.segment);
    assert.ok((await house.get(blob)).equals(bytes));
    assert.ok((await house.get(after!)).equals(bytes));
    await house.close();
  });
});
