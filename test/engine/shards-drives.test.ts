import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDrives } from '../../engine/shards/open-drives.ts';
import type { Disk } from '../../journal/disk.ts';
import { memoryDisk } from '../../journal/memory-disk.ts';
import { nodeDisk } from '../../journal/node-disk.ts';
import { accepted, driveParts, openedDrives, openHouse, seeded, until, withDirectories } from './shards-fixture.ts';

async function refusal(disks: readonly Disk[], parity?: number): Promise<string> {
  const opened = await openDrives(driveParts(disks, parity));
  if (!('refused' in opened)) {
    await opened.close();
    throw new Error('the drives were opened');
  }
  return opened.refused;
}

/** Everything below a directory. */
function treeOf(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
}

test('missing directories are created for a new deployment, and any order of them will do later', async () => {
  await withDirectories(6, async (disks) => {
    const first = await openedDrives(disks);
    const names = first.sets[0]!.map((drive) => drive.disk.name);
    assert.ok(first.sets[0]!.every((drive) => drive.state === 'online'));
    assert.deepEqual(first.notices, []);
    await first.close();
    const shuffled = [4, 2, 0, 5, 1, 3].map((index) => disks[index]!);
    const second = await openedDrives(shuffled);
    assert.equal(second.deployment, first.deployment);
    assert.deepEqual(
      second.sets[0]!.map((drive) => drive.disk.name),
      names,
    );
    await second.close();
  });
});

test('a drive of another deployment, a copy, a wrong count and a wrong parity are refused without a trace', async () => {
  await withDirectories(7, async (disks, root) => {
    await (await openedDrives(disks.slice(0, 3))).close();
    await (await openedDrives(disks.slice(3, 6))).close();
    const before = treeOf(root);
    assert.match(await refusal([disks[0]!, disks[1]!, disks[3]!]), /drive4 belongs to another deployment than .*drive1$/);
    assert.match(await refusal(disks.slice(0, 2)), /^2 drives are configured, the deployment on .*drive1 has 3$/);
    assert.match(await refusal(disks.slice(0, 3), 0), /^parity 0 is configured, the deployment on .*drive1 has 1$/);
    assert.match(await refusal([disks[0]!, disks[0]!, disks[1]!]), /both claim slot 0 of set 0/);
    assert.match(
      await refusal([disks[0]!, disks[6]!, nodeDisk(join(root, 'nowhere'))]),
      /^1 of the 2 drives that set 0 needs are there: look after .*drive7, .*nowhere$/,
    );
    assert.deepEqual(treeOf(root), before);
  });
});

test('directories with files of somebody else are not taken', async () => {
  await withDirectories(3, async (disks, root) => {
    mkdirSync(join(root, 'drive2'));
    writeFileSync(join(root, 'drive2', 'thesis.txt'), 'precious');
    const before = treeOf(root);
    assert.match(await refusal(disks), /drive2 is not empty and is no drive of a deployment: name an empty directory$/);
    assert.deepEqual(treeOf(root), before);
  });
});

test('a directory that is missing leaves its drive offline and is not created; it is taken in when it comes', async () => {
  await withDirectories(4, async (disks, root) => {
    await (await openedDrives(disks)).close();
    renameSync(join(root, 'drive3'), join(root, 'aside'));
    const house = await openHouse(disks, 0);
    const drive = house.drives.sets[0]![2]!;
    assert.equal(drive.disk.name, join(root, 'drive3'));
    assert.equal(drive.state, 'offline');
    assert.equal(house.drives.notices.length, 1);
    assert.ok(!existsSync(join(root, 'drive3')));
    const bytes = randomBytes(70_000);
    const blob = await house.put(bytes);
    assert.deepEqual(blob.missed, [2]);
    renameSync(join(root, 'aside'), join(root, 'drive3'));
    await until(() => drive.state === 'online', 'the drive is taken in and healed');
    await house.close();
    rmSync(join(root, 'drive1'), { recursive: true });
    rmSync(join(root, 'drive2'), { recursive: true });
    const next = await openHouse(disks, 0);
    assert.ok((await next.get(blob)).equals(bytes));
    await next.close();
  });
});

test('an empty directory takes the free slot and is healed', async () => {
  await withDirectories(4, async (disks, root) => {
    const first = await openHouse(disks, 0);
    const bytes = [0, 1, 2, 3].map((index) => randomBytes(3_000_000 * index + 10_000));
    const blobs = await Promise.all(bytes.map((each) => first.put(each)));
    await first.close();
    rmSync(join(root, 'drive1'), { recursive: true });
    const fresh = nodeDisk(join(root, 'fresh'));
    mkdirSync(join(root, 'fresh'));
    const house = await openHouse([disks[1]!, fresh, disks[2]!, disks[3]!], 1);
    const drive = house.drives.sets[0]![0]!;
    assert.equal(drive.disk, fresh);
    assert.match(house.drives.notices[0]!, /fresh is empty: it takes slot 0 of set 0 and is healed$/);
    await until(() => drive.state === 'online', 'healed');
    await house.close();
    rmSync(join(root, 'drive2'), { recursive: true });
    rmSync(join(root, 'drive3'), { recursive: true });
    const next = await openHouse([fresh, ...disks.slice(1)], 1);
    for (const [index, blob] of blobs.entries()) assert.ok((await next.get(blob)).equals(bytes[index]!));
    await next.close();
  });
});

test('while running: removed, re-created empty, and moved away and back', async () => {
  await withDirectories(4, async (disks, root) => {
    const house = await openHouse(disks, 1);
    const drives = house.drives.sets[0]!;
    const changes: string[] = [];
    drives[1]!.onChange((drive) => changes.push(drive.state));
    const bytes = randomBytes(2_500_000);
    const blob = await house.put(bytes);
    rmSync(join(root, 'drive2'), { recursive: true });
    await until(() => drives[1]!.state === 'offline', 'the removal is noticed');
    mkdirSync(join(root, 'drive2'));
    await until(() => drives[1]!.state === 'online', 'the new directory is adopted and healed');
    assert.deepEqual(changes, ['offline', 'healing', 'online']);
    renameSync(join(root, 'drive1'), join(root, 'aside'));
    await until(() => drives[0]!.state === 'offline', 'the move is noticed');
    const during = await house.put(bytes);
    assert.deepEqual(during.missed, [0]);
    renameSync(join(root, 'aside'), join(root, 'drive1'));
    await until(() => drives[0]!.state === 'online', 'the drive is back');
    assert.deepEqual((await house.put(bytes)).missed, []);
    await house.close();
    rmSync(join(root, 'drive3'), { recursive: true });
    rmSync(join(root, 'drive4'), { recursive: true });
    const next = await openHouse(disks, 1);
    assert.ok((await next.get(blob)).equals(bytes), 'what was written before is on the healed drives');
    assert.ok((await next.get(during)).equals(bytes), 'what was missed too');
    await next.close();
  });
});

test('a drive is held by one process, whatever is believed of it, until that one ends', async () => {
  await withDirectories(2, async (disks, root) => {
    const first = await openedDrives(disks);
    const before = treeOf(root);
    const parts = driveParts(disks);
    // As it looks from another container, and from another host: nobody sees the process that has the drives.
    for (const elsewhere of [{ space: 'other' }, { boot: 'other', host: 'other' }]) {
      const second = await openDrives({ ...parts, holder: { ...parts.holder, ...elsewhere }, isAlive: () => false });
      assert.deepEqual(second, { refused: `${disks[0]!.name} is in use by process ${process.pid} of here` });
      assert.deepEqual(treeOf(root), before);
    }
    await first.close();
    const third = accepted(await openDrives({ ...parts, isAlive: () => true }));
    await third.close();
    assert.deepEqual(treeOf(root), before, 'the file stays, for another one may have opened it');
  });
});

test('a refused start removes nothing of the one that was faster', async () => {
  await withDirectories(3, async (disks) => {
    const both = await Promise.all([openDrives(driveParts(disks)), openDrives(driveParts(disks))]);
    for (const opened of both) if (!('refused' in opened)) for (const disk of disks) assert.ok(await disk.exists('.liteio/format.json'));
    assert.ok(both.filter((opened) => !('refused' in opened)).length <= 1);
    for (const opened of both) if (!('refused' in opened)) await opened.close();
    await (await openedDrives(disks)).close();
  });
});

test("a drive that can't be written to: refused when new, left out when the others suffice", async () => {
  const random = seeded(5);
  const disks = [0, 1, 2, 3].map((index) => memoryDisk(`memory${index}`, random));
  const readOnly = (operation: string) =>
    ['makeDirectory', 'exclusive', 'write', 'truncate', 'rename', 'remove', 'sync'].includes(operation) ? 'EROFS' : undefined;
  disks[2]!.fail(readOnly);
  assert.match(await refusal(disks), /^memory2 can't be written to: EROFS/);
  for (const disk of [disks[0]!, disks[1]!, disks[3]!]) assert.ok(!(await disk.exists('.liteio')), `${disk.name} has no trace`);
  disks[2]!.fail(undefined);
  await (await openedDrives(disks)).close();
  disks[2]!.fail(readOnly);
  const drives = await openedDrives(disks);
  assert.deepEqual(
    drives.sets[0]!.map((drive) => drive.state),
    ['online', 'online', 'offline', 'online'],
  );
  assert.equal(drives.notices.length, 1);
  await drives.close();
});

test('a first start that was cut short is finished by the next', async () => {
  const random = seeded(6);
  const disks = [0, 1, 2, 3, 4, 5].map((index) => memoryDisk(`memory${index}`, random));
  const first = await openedDrives(disks);
  await first.close();
  // As a crash leaves it when one format file was there already.
  for (const disk of disks.slice(1)) for (const path of ['.liteio/format.json', 'segments/format.json']) await disk.remove(path);
  const drives = await openedDrives(disks);
  assert.ok(drives.sets[0]!.every((drive) => drive.state === 'online' || drive.state === 'healing'));
  assert.equal(drives.deployment, first.deployment);
  await drives.close();
});
