/** The real disk and its twin answer alike; the twin loses what was not synced, and nothing else. */
import assert from 'node:assert/strict';
import { constants, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Disk } from '../../journal/disk.ts';
import { type MemoryDisk, memoryDisk } from '../../journal/memory-disk.ts';
import { nodeDisk } from '../../journal/node-disk.ts';
import { seededRandom } from '../support/seeded-random.ts';

const makers: Record<string, (context: TestContext) => Disk> = {
  node: (context) => {
    const root = mkdtempSync(join(tmpdir(), 'liteio-disk-'));
    context.after(() => rmSync(root, { recursive: true, force: true }));
    return nodeDisk(root);
  },
  memory: () => memoryDisk('memory', seededRandom(1)),
};

test('node disk: the kernel syncs each write of a file that was opened for it, and of no other', {
  skip: process.platform !== 'linux',
}, async (context) => {
  const disk = makers.node!(context);
  const flagsOf = (path: string): number => {
    const descriptor = readdirSync('/proc/self/fd').find((entry) => linkOf(`/proc/self/fd/${entry}`) === join(disk.name, path));
    return Number.parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))![1]!, 8);
  };
  const synced = await disk.open('synced', 'create', 'eachSynced');
  const plain = await disk.open('plain', 'create');
  assert.equal(flagsOf('synced') & constants.O_DSYNC, constants.O_DSYNC);
  assert.equal(flagsOf('plain') & constants.O_DSYNC, 0);
  await synced.close();
  await plain.close();
});

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

for (const [kind, make] of Object.entries(makers)) {
  test(`${kind} disk: a locked file is nobody else's until it is closed`, async (context) => {
    const disk = make(context);
    const first = await disk.lock('lock');
    assert.ok(first?.kernel, first?.why);
    assert.equal(await disk.lock('lock'), undefined);
    await first.write([Buffer.from('mine')], 0);
    const reader = await disk.open('lock', 'read');
    assert.equal(await reader.read(Buffer.alloc(8), 0), 4, 'others may read it');
    await reader.close();
    assert.equal(await disk.lock('lock'), undefined, 'another open file that was closed took nothing away');
    await first.close();
    const second = await disk.lock('lock');
    assert.ok(second?.kernel);
    await disk.remove('lock');
    const third = await disk.lock('lock');
    assert.ok(third?.kernel, 'the file of that name is another one now');
    assert.deepEqual([await second.isCurrent(), await third.isCurrent()], [false, true]);
    await second.close();
    assert.equal(await disk.lock('lock'), undefined);
    await third.close();
  });

  test(`${kind} disk: a pinned file knows when its name leads elsewhere`, async (context) => {
    const disk = make(context);
    const write = async (path: string): Promise<void> => {
      const file = await disk.open(path, 'create');
      await file.write([Buffer.from(path)], 0);
      await file.close();
    };
    await assert.rejects(disk.pin('one'), { code: 'ENOENT' });
    await write('one');
    const pinned = await disk.pin('one');
    await write('one');
    assert.ok(await pinned.isCurrent(), 'written to, it is the same file');
    const again = await disk.pin('one');
    assert.notEqual(again.keptItsNames(), false);
    await write('two');
    await disk.rename('two', 'one');
    assert.ok(!(await pinned.isCurrent()));
    assert.notEqual(pinned.keptItsNames(), true);
    assert.notEqual(again.keptItsNames(), true);
    await again.close();
    const target = Buffer.alloc(3);
    await pinned.read(target, 0);
    assert.equal(target.toString(), 'one');
    await disk.remove('one');
    assert.ok(!(await pinned.isCurrent()));
    await pinned.close();
  });

  test(`${kind} disk: files are written, gathered, read, cut and measured`, async (context) => {
    const disk = make(context);
    await disk.makeDirectory('a/b');
    const file = await disk.open('a/b/one', 'exclusive');
    await file.write([Buffer.from('hello '), Buffer.alloc(0), Buffer.from('world')], 0);
    await file.write([Buffer.from('!')], 12);
    await file.sync();
    assert.equal(await file.size(), 13);
    const target = Buffer.alloc(20, 'x');
    assert.equal(await file.read(target, 0), 13);
    assert.equal(target.toString('latin1'), 'hello world\0!xxxxxxx');
    assert.equal(await file.read(target, 13), 0);
    const scattered = [Buffer.alloc(4), Buffer.alloc(0), Buffer.alloc(6), Buffer.alloc(5, 'x')];
    assert.equal(await file.read(scattered, 2), 11);
    assert.deepEqual(
      scattered.map((part) => part.toString('latin1')),
      ['llo ', '', 'world\0', '!xxxx'],
    );
    await file.truncate(5);
    await file.write([Buffer.from('.')], 7);
    assert.equal(await file.read(target, 0), 8);
    assert.equal(target.toString('latin1', 0, 8), 'hello\0\0.');
    await file.close();
    const again = await disk.open('a/b/one', 'read');
    await assert.rejects(again.write([Buffer.from('x')], 0), { code: 'EBADF' });
    await again.close();
    assert.ok((await disk.freeBytes()) > 0);
  });

  test(`${kind} disk: many buffers go out in one gather write`, async (context) => {
    const disk = make(context);
    const file = await disk.open('many', 'create');
    const chunks = Array.from({ length: 2500 }, (_, index) => Buffer.from(`${index},`));
    await file.write(chunks, 3);
    const whole = Buffer.concat(chunks);
    const target = Buffer.alloc(whole.length);
    assert.equal(await file.read(target, 3), whole.length);
    assert.deepEqual(target, whole);
    await file.close();
  });

  test(`${kind} disk: a file whose every write is synced is written, cut and read like any other`, async (context) => {
    const disk = make(context);
    const file = await disk.open('log', 'create', 'eachSynced');
    for (const [at, text] of ['one', 'two', 'six'].entries()) {
      await file.write([Buffer.from(text)], at * 3);
      await file.sync();
    }
    await file.truncate(4);
    await file.sync();
    const target = Buffer.alloc(9);
    assert.equal(await file.read(target, 0), 4);
    assert.equal(target.toString('latin1', 0, 4), 'onet');
    await file.close();
  });

  test(`${kind} disk: names are made, listed, moved and removed`, async (context) => {
    const disk = make(context);
    await assert.rejects(disk.open('d/x', 'create'), { code: 'ENOENT' });
    await disk.makeDirectory('d/e');
    await disk.makeDirectory('d/e');
    for (const name of ['z', 'a', 'm']) await (await disk.open(`d/${name}`, 'create')).close();
    assert.deepEqual(await disk.list('d'), ['a', 'e', 'm', 'z']);
    assert.deepEqual(await disk.list('nowhere'), []);
    await assert.rejects(disk.open('d/a', 'exclusive'), { code: 'EEXIST' });
    await assert.rejects(disk.open('d/none', 'read'), { code: 'ENOENT' });
    await assert.rejects(disk.open('d/none', 'write'), { code: 'ENOENT' });
    await disk.rename('d/z', 'd/a');
    await disk.syncDirectory('d');
    await disk.remove('d/m');
    await disk.remove('d/m');
    assert.deepEqual(await disk.list('d'), ['a', 'e']);
    assert.equal(await disk.exists('d/e'), true);
    assert.equal(await disk.exists('d/m'), false);
    assert.equal(await disk.exists(''), true);
    await disk.removeTree('d');
    await disk.removeTree('d');
    assert.equal(await disk.exists('d/a'), false);
    assert.deepEqual(await disk.list(''), []);
  });

  test(`${kind} disk: paths stay below the root`, async (context) => {
    const disk = make(context);
    for (const path of ['../x', 'a/../../x', '/etc/passwd', 'a//b', './a', 'a/']) {
      await assert.rejects(async () => disk.open(path, 'create'), { code: 'EACCES' }, path);
      await assert.rejects(async () => disk.list(path), { code: 'EACCES' }, path);
      await assert.rejects(async () => disk.rename('a', path), { code: /EACCES|ENOENT/ }, path);
    }
  });
}

test('node disk: the root of a drive that went away is not made again', async (context) => {
  const root = mkdtempSync(join(tmpdir(), 'liteio-disk-'));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  const disk = nodeDisk(join(root, 'drive'));
  await assert.rejects(disk.makeDirectory('journal'), { code: 'ENOENT' });
  assert.equal(await disk.exists(''), false);
  await disk.makeDirectory('');
  assert.equal(await disk.exists(''), true);
});

async function written(disk: Disk, path: string, bytes: Buffer, sync: boolean): Promise<void> {
  const file = await disk.open(path, 'create');
  await file.write([bytes], 0);
  if (sync) await file.sync();
  await file.close();
}

async function contentOf(disk: Disk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read');
  const bytes = Buffer.alloc(await file.size());
  await file.read(bytes, 0);
  await file.close();
  return bytes;
}

test('memory disk: a power cut keeps what was synced', async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seededRandom(seed);
    const disk = memoryDisk('twin', random);
    await disk.makeDirectory('d');
    await disk.syncDirectory('');
    await written(disk, 'd/kept', Buffer.alloc(5000, 'k'), true);
    await disk.syncDirectory('d');
    const left = disk.crash(random);
    assert.deepEqual(await contentOf(left, 'd/kept'), Buffer.alloc(5000, 'k'), `seed ${seed}`);
    await assert.rejects(disk.list('d'), { code: 'EIO' });
  }
});

test('memory disk: a power cut drops, tears at sectors and forgets names, and each of it happens', async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const disk = memoryDisk('twin', random);
    await written(disk, 'file', Buffer.alloc(2048, 'a'), true);
    await disk.syncDirectory('');
    await written(disk, 'file', Buffer.alloc(4096, 'b'), false);
    await written(disk, 'unsynced', Buffer.alloc(10, 'c'), true);
    await disk.rename('unsynced', 'renamed');
    const left = disk.crash(random);
    const content = await contentOf(left, 'file');
    for (let from = 0; from < content.length; from += 512) {
      const sector = content.toString('latin1', from, from + 512);
      assert.ok(/^(a+|b+|\0+)$/.test(sector), `seed ${seed}: a sector is torn inside`);
    }
    const text = content.toString('latin1');
    seen.add(text.includes('a') ? (text.includes('b') ? 'torn' : 'dropped') : 'whole');
    seen.add((await left.list('')).join());
  }
  assert.deepEqual([...seen].sort(), ['dropped', 'file', 'file,renamed', 'file,unsynced', 'torn', 'whole'].sort());
});

test('memory disk: failures are injected, the drive vanishes and returns, bits rot', async () => {
  const disk: MemoryDisk = memoryDisk('twin', seededRandom(9));
  await written(disk, 'file', Buffer.from('abc'), true);
  disk.fail((operation, path) => (operation === 'write' && path === 'file' ? 'ENOSPC' : undefined));
  await assert.rejects(written(disk, 'file', Buffer.from('xyz'), true), { code: 'ENOSPC' });
  disk.fail('EIO');
  await assert.rejects(disk.exists('file'), { code: 'EIO' });
  disk.fail(undefined);
  const open = await disk.open('file', 'write');
  disk.vanish();
  assert.equal(await disk.exists(''), false);
  await assert.rejects(disk.open('file', 'create'), { code: 'ENOENT' });
  await assert.rejects(disk.makeDirectory('d'), { code: 'ENOENT' });
  await open.write([Buffer.from('A')], 0);
  await open.sync();
  disk.restore();
  disk.rot('file', 1);
  assert.notEqual((await contentOf(disk, 'file'))[1], 'b'.charCodeAt(0));
  assert.equal((await contentOf(disk, 'file'))[0], 'A'.charCodeAt(0));
  disk.capacityBytes = 5;
  await assert.rejects(open.write([Buffer.from('123456')], 0), { code: 'ENOSPC' });
});
