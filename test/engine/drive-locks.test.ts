/** Who has a drive: what a lock file says, a kernel's lock, and the beat that decides where no kernel does. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Clock } from '../../engine/clock.ts';
import { beatMilliseconds, type LockParts, lockPath } from '../../engine/drives/drive-lock.ts';
import { DriveLocks } from '../../engine/drives/drive-locks.ts';
import { encodeOwner, judge, type LockOwner, ownerBytes, parseOwner } from '../../engine/drives/lock-owner.ts';
import { openDrives } from '../../engine/shards/open-drives.ts';
import type { Disk } from '../../journal/disk.ts';
import { accepted, driveParts, openedDrives, until, withDirectories } from './shards-fixture.ts';

const self = { pid: 7, mark: 'b1/100', host: 'alpha', boot: 'b1', space: 'p1' };
const owner: LockOwner = { ...self, pid: 8, id: 'other', kernel: true, beat: 4 };

test('what a lock file says is believed as far as it can be true', () => {
  const facts = { holder: self, id: 'own', isAlive: () => true, kernel: true, ofOneHost: true };
  const cases: readonly (readonly [LockOwner | 'none' | 'unreadable', Partial<typeof facts>, string])[] = [
    ['none', {}, 'free'],
    [{ ...owner, id: 'own' }, { kernel: false }, 'free'],
    // The kernel gave us what it had given him: he is gone, whatever else may look alive.
    [owner, {}, 'free'],
    [{ ...owner, space: 'p2' }, {}, 'free'],
    [{ ...owner, boot: 'b0' }, {}, 'free'],
    [{ ...owner, space: 'p2' }, { ofOneHost: false }, 'free'],
    // Another kernel may have its own idea of the same file.
    [{ ...owner, boot: 'b0' }, { ofOneHost: false }, 'watch'],
    // Names of hosts collide, and say nothing.
    [{ ...owner, boot: 'b0', host: 'alpha' }, { ofOneHost: false }, 'watch'],
    [{ ...owner, boot: 'b0' }, { kernel: false }, 'watch'],
    // He had no lock of the kernel: whoever can't see him watches.
    [{ ...owner, kernel: false, space: 'p2' }, {}, 'watch'],
    [{ ...owner, kernel: false }, {}, 'held'],
    [{ ...owner, kernel: false }, { isAlive: () => false }, 'free'],
    [owner, { kernel: false }, 'held'],
    [owner, { kernel: false, isAlive: () => false }, 'free'],
    [{ ...owner, space: 'p2' }, { kernel: false, isAlive: () => false }, 'watch'],
    ['unreadable', {}, 'free'],
    ['unreadable', { ofOneHost: false }, 'watch'],
    ['unreadable', { kernel: false }, 'watch'],
  ];
  for (const [content, given, expected] of cases) {
    assert.equal(judge(content, { ...facts, ...given }), expected, JSON.stringify([content, given]));
  }
});

test('without a boot id, machines are told apart by name', () => {
  const facts = { holder: { ...self, boot: '' }, id: 'own', isAlive: () => false, kernel: true, ofOneHost: false };
  assert.equal(judge({ ...owner, boot: '' }, facts), 'free');
  assert.equal(judge({ ...owner, boot: '', host: 'beta' }, facts), 'watch');
});

test('an owner is written to one length and read back, older files too, and damage says nothing', () => {
  const bytes = encodeOwner({ ...owner, host: `"\\ü${'x'.repeat(300)}` });
  assert.equal(bytes.length, ownerBytes);
  const read = parseOwner(bytes.toString(), self);
  assert.deepEqual(read, { ...owner, host: `"\\?${'x'.repeat(61)}` });
  const older = parseOwner('{"pid":12,"mark":"b1/5"}', self);
  assert.deepEqual(older, { pid: 12, mark: 'b1/5', host: '', boot: 'b1', space: 'p1', id: '', kernel: false, beat: 0 });
  assert.equal(parseOwner('', self), 'none');
  for (const text of ['{', 'null', '[]', '{"pid":"1","mark":"x"}', '\0'.repeat(512), '{"pid":1,"mark":"x","id":3}']) {
    assert.equal(parseOwner(text, self), 'unreadable', text);
  }
});

/** A disk as another host sees it: its kernel knows nothing of the locks of others. */
function shared(disk: Disk): Disk {
  const lock: Disk['lock'] = async (path) => {
    const file = await disk.open(path, 'create');
    const pinned = await disk.pin(path);
    return {
      read: (target, position) => file.read(target, position),
      write: (chunks, position) => file.write(chunks, position),
      sync: () => file.sync(),
      size: () => file.size(),
      truncate: (bytes) => file.truncate(bytes),
      close: async () => {
        await file.close();
        await pinned.close();
      },
      isCurrent: () => pinned.isCurrent(),
      keptItsNames: () => undefined,
      kernel: false,
      why: 'this host has none',
      ofOneHost: false,
    };
  };
  return { ...disk, lock };
}

const hurry = 20;

/** The seconds of the locks pass in twentieths. Stopped, nothing happens, as in a process that was stopped. */
function hurriedClock(): Clock & { stopped: boolean } {
  const hurried = {
    stopped: false,
    now: () => Date.now(),
    after(milliseconds: number, task: () => void): () => void {
      const timer = setTimeout(() => {
        if (!hurried.stopped) task();
        else hurried.after(milliseconds, task);
      }, milliseconds / hurry);
      return () => clearTimeout(timer);
    },
  };
  return hurried;
}

interface Host {
  readonly locks: DriveLocks;
  readonly clock: { stopped: boolean };
  readonly lost: string[];
}

function hostOf(boot: string): Host {
  const lost: string[] = [];
  const hurried = hurriedClock();
  const holder = { pid: 9, mark: `${boot}/1`, host: `host-${boot}`, boot, space: 'p1' };
  const parts: LockParts = { holder, id: randomBytes(8).toString('hex'), isAlive: () => false, clock: hurried };
  return { locks: new DriveLocks(parts, (sentence) => lost.push(sentence)), clock: hurried, lost };
}

test('two hosts: a beat that moves keeps the other out; one that stands still is taken over, and its owner learns of it', async () => {
  await withDirectories(1, async ([drive]) => {
    const disk = shared(drive!);
    await drive!.makeDirectory('');
    const one = hostOf('one');
    const two = hostOf('two');
    assert.equal(await one.locks.take(disk), undefined);
    one.locks.keep();
    assert.equal(one.locks.displaced, false);
    assert.match(one.locks.notices[0]!, /^the kernel keeps no other process from the drives, only the beat .*: this host has none$/);
    for (let tries = 0; tries < 3; tries += 1) {
      assert.deepEqual(await two.locks.take(disk), { inUse: `${drive!.name} is in use by process 9 of host-one` });
    }
    one.clock.stopped = true;
    assert.equal(await two.locks.take(disk), undefined);
    assert.equal(two.locks.displaced, true);
    two.locks.keep();
    assert.deepEqual(one.lost, []);
    one.clock.stopped = false;
    await until(() => one.lost.length > 0, 'who was stopped looks before he says that he lives');
    assert.deepEqual(one.lost[0], `${drive!.name} is in use by process 9 of host-two`);
    await one.locks.close();
    assert.equal((parseOwner(readFileSync(join(drive!.name, lockPath), 'utf8'), self) as LockOwner).host, 'host-two');
    assert.deepEqual(two.lost, []);
    await two.locks.close();
    assert.equal(readFileSync(join(drive!.name, lockPath), 'utf8'), '');
    assert.equal(await one.locks.take(disk), undefined, 'given back, it is taken at once');
    await one.locks.close();
  });
});

test('two hosts that come at once: one has the drive', async () => {
  for (let round = 0; round < 10; round += 1) {
    await withDirectories(1, async ([drive]) => {
      const disk = shared(drive!);
      await drive!.makeDirectory('');
      const hosts = [hostOf('one'), hostOf('two')];
      const taken = await Promise.all(hosts.map(({ locks }) => locks.take(disk)));
      for (const { locks } of hosts) locks.keep();
      // Whoever was slow between looking and writing has it, and the other one learns of it with his next beat.
      const owners = () => hosts.filter(({ lost }, at) => taken[at] === undefined && lost.length === 0);
      await until(() => owners().length <= 1, 'one is left');
      assert.equal(owners().length, 1, JSON.stringify(taken));
      for (const { locks } of hosts) await locks.close();
    });
  }
});

test('a lock file that is removed, exchanged or overwritten while its owner lives is his again within a beat', async () => {
  await withDirectories(1, async ([disk]) => {
    const drives = await openedDrives([disk!]);
    const path = join(disk!.name, lockPath);
    const ours = () => existsSync(path) && typeof parseOwner(readFileSync(path, 'utf8'), self) === 'object';
    const patience = async () => {
      await new Promise((resolve) => setTimeout(resolve, beatMilliseconds));
      await until(ours, 'it says whose it is');
      assert.match(JSON.stringify(await openDrives(driveParts([disk!]))), /is in use by process/);
    };
    rmSync(path);
    writeFileSync(path, '');
    await patience();
    writeFileSync(path, 'garbage');
    await patience();
    writeFileSync(`${path}.copy`, readFileSync(path));
    renameSync(`${path}.copy`, path);
    await patience();
    await drives.close();
  });
});

test('a drive that comes back in the hands of another process stays away', async () => {
  await withDirectories(4, async (disks, root) => {
    await (await openedDrives(disks)).close();
    renameSync(join(root, 'drive3'), join(root, 'aside'));
    const drives = accepted(await openDrives(driveParts(disks)));
    const drive = drives.sets[0]![2]!;
    assert.equal(drive.state, 'offline');
    renameSync(join(root, 'aside'), join(root, 'drive3'));
    const elsewhere = await disks[2]!.lock(lockPath);
    await elsewhere!.write([encodeOwner({ ...owner, host: 'beta' })], 0);
    await until(() => /in use by process 8 of beta$/.test(drive.reason ?? ''), 'it is looked at');
    assert.equal(drive.state, 'offline');
    await elsewhere!.close();
    await until(() => drive.readable, 'it is free, and taken');
    assert.equal(await disks[2]!.lock(lockPath), undefined);
    await drives.close();
  });
});
