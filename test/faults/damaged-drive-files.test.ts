/** Format, journal-kind and what is left when journal and state are gone: damaged or missing they are mended, or the start is refused and nothing is touched. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { type Drives, openDrives } from '../../engine/shards/open-drives.ts';
import { nodeDisk } from '../../journal/node-disk.ts';
import { driveParts } from '../engine/shards-fixture.ts';
import { seededBytes, temporaryDirectory, treeDigest } from '../support/files.ts';
import { cleanEnvironment, serverProgram, startServer } from '../support/server.ts';

const own = '.liteio/format.json';
const copy = 'segments/format.json';

async function withDrives(count: number, use: (paths: string[], root: string) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory('files');
  try {
    const paths = Array.from({ length: count }, (_, index) => join(directory.path, `drive${index + 1}`));
    await (await opened(paths)).close();
    // A drive that holds something is not taken for one whose formatting was cut short.
    for (const path of paths) writeFileSync(join(path, 'segments/0/00000001.seg'), 'bytes');
    await use(paths, directory.path);
  } finally {
    directory.remove();
  }
}

async function opened(paths: readonly string[]): Promise<Drives> {
  const drives = await openDrives(driveParts(paths.map((path) => nodeDisk(path))));
  if ('refused' in drives) throw new Error(drives.refused);
  return drives;
}

/** What a drive's seat is called, in the order of `paths`, and whether all of them are there. */
async function seatsOf(paths: readonly string[]): Promise<string[]> {
  const drives = await opened(paths);
  try {
    const all = drives.sets.flat();
    return paths.map((path) => all.filter(({ disk }) => disk.name === path).map(({ slot, state }) => `${slot} ${state}`)[0] ?? 'none');
  } finally {
    await drives.close();
  }
}

function damages(path: string): Record<string, () => void> {
  const bytes = readFileSync(path);
  return {
    removed: () => rmSync(path),
    emptied: () => truncateSync(path, 0),
    cut: () => truncateSync(path, bytes.length >> 1),
    zeroed: () => writeFileSync(path, Buffer.alloc(4096)),
    doubled: () => writeFileSync(path, Buffer.concat([bytes, bytes])),
    'a digit of the deployment flipped': () => writeFileSync(path, flipped(bytes, bytes.indexOf('"deployment":"') + 15)),
    'its slot flipped': () => writeFileSync(path, flipped(bytes, bytes.indexOf('"slot":') + 7)),
    'its newline flipped': () => writeFileSync(path, flipped(bytes, bytes.indexOf('\n'))),
    'its checksum flipped': () => writeFileSync(path, flipped(bytes, bytes.length - 3)),
  };
}

function flipped(bytes: Buffer, at: number): Buffer {
  const damaged = Buffer.from(bytes);
  damaged[at] = (damaged[at] ?? 0) ^ 1;
  return damaged;
}

test('one of the two format files damaged, on every drive: each keeps its seat and has both again', async () => {
  for (const count of [1, 4]) {
    await withDrives(count, async (paths) => {
      const seats = paths.map((_, slot) => `${slot} online`);
      const whole = paths.map((path) => readFileSync(join(path, own)));
      for (const file of [own, copy]) {
        for (const what of Object.keys(damages(join(paths[0] as string, file)))) {
          for (const path of paths) damages(join(path, file))[what]?.();
          assert.deepEqual(await seatsOf(paths), seats, `${file} ${what}`);
          for (const name of [own, copy]) {
            const now = paths.map((path) => readFileSync(join(path, name)));
            assert.deepEqual(now, whole, `${name} after ${file} was ${what}`);
          }
        }
      }
    });
  }
});

test('both format files of some drives are damaged: they stay away and say why, none becomes a new one', async () => {
  await withDrives(4, async (paths) => {
    for (const path of paths.slice(0, 2)) for (const file of [own, copy]) writeFileSync(join(path, file), Buffer.alloc(100));
    const before = treeDigest(paths[0] as string);
    const drives = await opened(paths);
    assert.deepEqual(
      drives.sets[0]?.map(({ state }) => state),
      ['offline', 'offline', 'online', 'online'],
    );
    assert.match(drives.notices.join('\n'), /drive1 is offline: its format file is damaged/);
    await drives.close();
    assert.deepEqual(treeDigest(paths[0] as string), before);
  });
});

test('format files that changed places between drives: the copy says whose directory it is', async () => {
  await withDrives(4, async (paths) => {
    const [one, other] = [join(paths[1] as string, own), join(paths[3] as string, own)];
    const bytes = readFileSync(one);
    writeFileSync(one, readFileSync(other));
    writeFileSync(other, bytes);
    assert.deepEqual(await seatsOf(paths), ['0 online', '1 online', '2 online', '3 online']);
  });
});

test('a format file of an earlier version, without checksum and copy, is read, and written anew', async () => {
  await withDrives(4, async (paths) => {
    for (const path of paths) {
      const [text = ''] = readFileSync(join(path, own), 'utf8').split('\n');
      writeFileSync(join(path, own), text);
      rmSync(join(path, copy));
    }
    assert.deepEqual(await seatsOf(paths), ['0 online', '1 online', '2 online', '3 online']);
    for (const path of paths) assert.deepEqual(readFileSync(join(path, own)), readFileSync(join(path, copy)));
    assert.match(readFileSync(join(paths[0] as string, own), 'utf8'), /^\{.*\}\n[0-9a-f]{16}\n$/);
  });
});

/** Starts a server that has to refuse; what it said. */
function refusedStart(directory: string, drives: number, ...args: string[]): string {
  const paths = join(directory, drives === 1 ? 'drive1' : `drive{1...${drives}}`);
  const program = [serverProgram, 'server', '--drives', paths, '--address', '127.0.0.1:0', ...args];
  const { status, stderr } = spawnSync(process.execPath, program, { encoding: 'utf8', env: cleanEnvironment(), timeout: 30_000 });
  assert.equal(status, 2, stderr);
  return stderr;
}

/** A server on `drives` drives that stored a large and a small object, and was stopped. */
async function stored(directory: string, drives: number): Promise<void> {
  const server = await startServer({ directory, drives });
  const client = server.client();
  await client.send(new CreateBucketCommand({ Bucket: 'kept' }));
  await client.send(new PutObjectCommand({ Bucket: 'kept', Key: 'large', Body: seededBytes(300_000, 1) }));
  await client.send(new PutObjectCommand({ Bucket: 'kept', Key: 'small', Body: seededBytes(900, 2) }));
  await server.stop();
}

async function assertStored(directory: string, drives: number): Promise<void> {
  const server = await startServer({ directory, drives });
  try {
    const client = server.client();
    for (const [key, bytes] of [
      ['large', seededBytes(300_000, 1)],
      ['small', seededBytes(900, 2)],
    ] as const) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: 'kept', Key: key }));
      assert.deepEqual(Buffer.from(await Body!.transformToByteArray()), bytes, key);
    }
    assert.equal((await client.send(new ListObjectsV2Command({ Bucket: 'kept' }))).KeyCount, 2);
  } finally {
    await server.stop();
  }
}

test('no journal and no state beside segments with bytes is no new deployment', { timeout: 60_000 }, async () => {
  for (const drives of [1, 4]) {
    const directory = temporaryDirectory('lost');
    try {
      await stored(directory.path, drives);
      const paths = Array.from({ length: drives }, (_, index) => join(directory.path, `drive${index + 1}`));
      for (const path of paths) {
        renameSync(join(path, 'journal'), join(directory.path, `${path.slice(-1)}-journal`));
        rmSync(join(path, '.liteio/state'), { recursive: true, force: true });
      }
      const before = treeDigest(directory.path);
      const said = refusedStart(directory.path, drives);
      assert.match(said, /^liteio: .*drive1\/segments\/0\/\d+\.seg has bytes of objects.*this is no new deployment/);
      assert.deepEqual(treeDigest(directory.path), before);
      for (const path of paths) renameSync(join(directory.path, `${path.slice(-1)}-journal`), join(path, 'journal'));
      await assertStored(directory.path, drives);
    } finally {
      directory.remove();
    }
  }
});

test('the end of the journal is missing: said with its place, nothing overwritten, and with the bytes back all is there', {
  timeout: 60_000,
}, async () => {
  const directory = temporaryDirectory('end');
  try {
    await stored(directory.path, 1);
    const journal = join(directory.path, 'drive1/journal');
    const segment = join(journal, readdirSync(journal).find((name) => name.endsWith('.log')) as string);
    const bytes = readFileSync(segment);
    // The last record, the small object, is zeroed from its middle.
    writeFileSync(segment, Buffer.concat([bytes.subarray(0, -400), Buffer.alloc(400)]));
    const before = treeDigest(journal);
    const said = refusedStart(directory.path, 1);
    assert.match(said, /the journal ends with record \d+, but it was closed with record \d+/);
    assert.match(said, /bytes \d+ to \d+ of .*drive1\/journal\/0000000000000001\.log are no whole group/);
    assert.doesNotMatch(said, /--journal/);
    assert.deepEqual(treeDigest(journal), before);
    writeFileSync(segment, bytes);
    await assertStored(directory.path, 1);
  } finally {
    directory.remove();
  }
});

test('format files gone beside small objects alone: refused, never formatted anew', { timeout: 60_000 }, async () => {
  const directory = temporaryDirectory('small');
  try {
    const server = await startServer({ directory: directory.path, drives: 4 });
    await server.client().send(new CreateBucketCommand({ Bucket: 'kept' }));
    await server.stop();
    const paths = [1, 2, 3, 4].map((number) => join(directory.path, `drive${number}`));
    for (const path of paths) for (const file of [own, copy]) rmSync(join(path, file));
    for (const path of paths.slice(0, 3)) rmSync(join(path, 'journal'), { recursive: true });
    assert.ok(paths.some((path) => existsSync(join(path, '.liteio/state'))));
    const before = treeDigest(directory.path);
    assert.match(refusedStart(directory.path, 4), /is not empty and is no drive of a deployment/);
    assert.deepEqual(treeDigest(directory.path), before);
  } finally {
    directory.remove();
  }
});

test('the kind of the journal is damaged on every drive: told again, and another kind is still refused', { timeout: 60_000 }, async () => {
  const directory = temporaryDirectory('kind');
  try {
    await stored(directory.path, 4);
    const kinds = [1, 2, 3, 4].map((number) => join(directory.path, `drive${number}/.liteio/journal-kind`));
    const whole = kinds.map((path) => readFileSync(path, 'utf8'));
    for (const path of kinds) writeFileSync(path, flipped(readFileSync(path), 3));
    await assertStored(directory.path, 4);
    assert.deepEqual(
      kinds.map((path) => readFileSync(path, 'utf8')),
      whole,
    );
    assert.match(refusedStart(directory.path, 4, '--journal', 'nats'), /written with --journal embedded/);
  } finally {
    directory.remove();
  }
});
