/**
 * A drive whose file system stops answering, in the kernel, while clients read and write: the others serve on, starts and stops end,
 * the drive comes back by itself. Each hanging drive is a FUSE mount of its own.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { S3Client } from '../../bench/client/s3-client.ts';
import { seededBytes, temporaryDirectory } from '../support/files.ts';
import { FuseDrive, filesOpenBelow, fuseMissing, threadsInFuse } from '../support/fuse-drive.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const missing = fuseMissing();
if (missing !== undefined) console.log(`NOT RUN: drives that hang in the kernel need a FUSE mount, and ${missing}`);

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const bucket = 'hanging';
const objects = 40;
/** What a client waits for one answer. */
const answerMillisecondsMax = 40_000;

interface Place {
  readonly root: string;
  readonly fuse: ReadonlyMap<number, FuseDrive>;
  drive(number: number): string;
}

/** Six drives, those of `numbers` on FUSE. */
async function withPlace(numbers: readonly number[], work: (place: Place) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory('hanging');
  const fuse = new Map<number, FuseDrive>();
  const drive = (number: number) => join(directory.path, `drive${number}`);
  try {
    for (const number of numbers) fuse.set(number, await FuseDrive.mount(drive(number), join(directory.path, `backing${number}`)));
    await work({ root: directory.path, fuse, drive });
  } finally {
    for (const each of fuse.values()) await each.end();
    directory.remove();
  }
}

const clientOf = ({ endpoint, accessKey, secretKey }: RunningServer) =>
  new S3Client({ endpoint, accessKey, secretKey, region: 'us-east-1' }, 8);
const bodyOf = (number: number): Buffer => seededBytes([600, 60_000, 300_000][number % 3] ?? 0, number);

async function fill(client: S3Client): Promise<void> {
  await client.must({ method: 'PUT', bucket });
  for (let number = 0; number < objects; number += 1)
    await client.must({ method: 'PUT', bucket, key: `o/${number}`, body: bodyOf(number) });
}

interface Second {
  readonly ok: number;
  readonly refused: number;
  readonly slowest: number;
}

/** Reads and writes by several clients for so long; what was answered, second by second. */
async function load(client: S3Client, seconds: number): Promise<Second[]> {
  const begun = performance.now();
  const tally = Array.from({ length: seconds }, () => ({ ok: 0, refused: 0, slowest: 0 }));
  const one = async (worker: number): Promise<void> => {
    for (let turn = worker; performance.now() - begun < seconds * 1000; turn += 7) {
      const sent = performance.now();
      const write = turn % 3 === 0;
      const call = write
        ? { method: 'PUT' as const, bucket, key: `w/${worker}/${turn % 11}`, body: bodyOf(turn) }
        : { method: 'GET' as const, bucket, key: `o/${turn % objects}` };
      const answer = await Promise.race([client.call(call), pause(answerMillisecondsMax).then(() => undefined)]);
      const taken = performance.now() - sent;
      const second = tally[Math.min(seconds - 1, Math.floor((performance.now() - begun) / 1000))]!;
      second.slowest = Math.max(second.slowest, Math.round(taken));
      if (answer?.status === 200) {
        second.ok += 1;
        if (!write) assert.ok(answer.body.equals(bodyOf(turn % objects)), `o/${turn % objects} has other bytes`);
      } else second.refused += 1;
      if (answer === undefined) return;
    }
  };
  await Promise.all(Array.from({ length: 6 }, (_, worker) => one(worker)));
  return tally;
}

const show = (seconds: readonly Second[]): string =>
  seconds.map(({ ok, refused, slowest }) => `${ok}${refused > 0 ? `-${refused}` : ''}(${slowest})`).join(' ');

test('one drive hangs under load for a minute, comes back by itself', { skip: missing !== undefined, timeout: 300_000 }, async () => {
  await withPlace([3], async ({ root, fuse }) => {
    const server = await startServer({ directory: root });
    const client = clientOf(server);
    try {
      await fill(client);
      console.log(`before: ${show(await load(client, 5))}`);
      fuse.get(3)!.freeze();
      const samples: number[] = [];
      const sampler = setInterval(() => samples.push(threadsInFuse(server.pid)), 5_000);
      const during = await load(client, 60);
      clearInterval(sampler);
      console.log(`during: ${show(during)}; threads in FUSE every 5 s: ${samples.join(' ')}`);
      assert.ok(
        during.slice(5).every(({ ok }) => ok > 20),
        'served on',
      );
      assert.ok(
        during.slice(5).every(({ refused }) => refused === 0),
        'and refused nothing',
      );
      fuse.get(3)!.thaw();
      await server.logged(/drive healing[\s\S]*a drive is healed|drive online/, 60_000);
      console.log(`after: ${show(await load(client, 5))}`);
    } finally {
      client.close();
      fuse.get(3)!.thaw();
      await server.kill();
      if (process.env.TRIAL_SHOW) console.log(server.output);
    }
  });
});

test('parity many hang: a stop ends, a start goes on without them and says so, they come back', {
  skip: missing !== undefined,
  timeout: 300_000,
}, async () => {
  await withPlace([3, 6], async ({ root, fuse, drive }) => {
    const first = await startServer({ directory: root });
    const filling = clientOf(first);
    await fill(filling);
    for (const each of fuse.values()) each.freeze();
    await pause(3_000);
    filling.close();
    const stopping = performance.now();
    await first.end();
    console.log(`stop with two drives hanging: ${Math.round(performance.now() - stopping)} ms`);
    assert.ok(performance.now() - stopping < 22_000, 'within the drain limit and ten seconds');
    const starting = performance.now();
    const server = await startServer({ directory: root, readyMilliseconds: 60_000 });
    const client = clientOf(server);
    try {
      console.log(`start with two drives hanging: ${Math.round(performance.now() - starting)} ms`);
      for (const number of [3, 6]) assert.match(server.output, new RegExp(`${drive(number)} is offline: ${drive(number)} does not answer`));
      const without = await load(client, 5);
      console.log(`without them: ${show(without)}`);
      assert.ok(without.every(({ ok, refused }) => ok > 20 && refused === 0));
      for (const each of fuse.values()) each.thaw();
      await server.logged(/(a drive is healed[\s\S]*){2}/, 60_000);
      console.log(`back: ${show(await load(client, 3))}`);
    } finally {
      client.close();
      for (const each of fuse.values()) each.thaw();
      await server.kill();
      if (process.env.TRIAL_SHOW) console.log(server.output);
    }
  });
});

test('more than parity hang: a start is refused in bounded time, and says why', {
  skip: missing !== undefined,
  timeout: 300_000,
}, async () => {
  await withPlace([1, 3, 6], async ({ root, fuse }) => {
    const first = await startServer({ directory: root });
    await first.stop();
    for (const each of fuse.values()) each.freeze();
    const starting = performance.now();
    await assert.rejects(startServer({ directory: root, readyMilliseconds: 60_000 }), (error: Error) => {
      assert.match(error.message, /3 of the 4 drives that set 0 needs are there: look after .*drive1.*drive3.*drive6/);
      return true;
    });
    console.log(`refused after ${Math.round(performance.now() - starting)} ms`);
    assert.ok(performance.now() - starting < 30_000);
  });
});

test('a dead drive can be unmounted: nothing in it is open', { skip: missing !== undefined, timeout: 300_000 }, async () => {
  await withPlace([2], async ({ root, fuse, drive }) => {
    const server = await startServer({ directory: root });
    const client = clientOf(server);
    try {
      await fill(client);
      await load(client, 2);
      const before = filesOpenBelow(server.pid, drive(2));
      assert.ok(before.length > 0, 'files in it are open');
      fuse.get(2)!.freeze();
      await load(client, 12);
      fuse.get(2)!.thaw();
      await fuse.get(2)!.crash();
      await server.logged(/drive offline/, 20_000);
      await pause(3_000);
      assert.deepEqual(filesOpenBelow(server.pid, drive(2)), [], `open before: ${before.length}`);
      fuse.get(2)!.unmount();
      assert.ok((await load(client, 3)).every(({ ok, refused }) => ok > 20 && refused === 0));
    } finally {
      client.close();
      await server.kill();
      if (process.env.TRIAL_SHOW) console.log(server.output);
    }
  });
});

test('the drive with the state store hangs: the standby takes over, and it comes back', {
  skip: missing !== undefined,
  timeout: 300_000,
}, async () => {
  await withPlace([1], async ({ root, fuse }) => {
    const server = await startServer({ directory: root });
    const client = clientOf(server);
    try {
      await fill(client);
      await load(client, 3);
      fuse.get(1)!.freeze();
      const during = await load(client, 30);
      console.log(`state store's drive hangs: ${show(during)}; threads in FUSE: ${threadsInFuse(server.pid)}`);
      assert.match(server.output, /state store took over/);
      assert.ok(during.slice(12).every(({ ok, refused }) => ok > 20 && refused === 0));
      fuse.get(1)!.thaw();
      await server.logged(/a drive is healed/, 60_000);
      console.log(`back: ${show(await load(client, 3))}`);
    } finally {
      client.close();
      fuse.get(1)!.thaw();
      await server.kill();
      if (process.env.TRIAL_SHOW) console.log(server.output);
    }
  });
});

test('rows that are read of a drive that hangs: the process ends and says why, the next start serves without the drive', {
  skip: missing !== undefined,
  timeout: 300_000,
}, async () => {
  await withPlace([1], async ({ root, fuse, drive }) => {
    const filling = await startServer({ directory: root });
    const filler = clientOf(filling);
    await filler.must({ method: 'PUT', bucket });
    const body = seededBytes(4_000, 1);
    const put = (number: number) => filler.must({ method: 'PUT', bucket, key: `row/${number}`, body });
    for (let first = 0; first < 3_000; first += 8) await Promise.all(Array.from({ length: 8 }, (_, index) => put(first + index)));
    filler.close();
    await filling.stop();
    const stuck = await startServer({ directory: root });
    const readers = clientOf(stuck);
    const begun = performance.now();
    // Rows are mapped files: what the kernel still has of them needs no drive.
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    fuse.get(1)!.freeze();
    const reading = Array.from({ length: 8 }, (_, index) =>
      readers.call({ method: 'GET', bucket, key: `row/${index * 300}` }).catch(() => undefined),
    );
    await stuck.logged(/the main thread has waited 15 seconds/, 60_000);
    await Promise.all(reading);
    console.log(`a main thread that hangs: ended after ${Math.round(performance.now() - begun)} ms`);
    await stuck.kill();
    readers.close();
    const server = await startServer({ directory: root, readyMilliseconds: 60_000 });
    const client = clientOf(server);
    try {
      assert.match(server.output, new RegExp(`${drive(1)} is offline`));
      for (let number = 0; number < 3_000; number += 100) {
        const { status, body: found } = await client.call({ method: 'GET', bucket, key: `row/${number}` });
        assert.ok(status === 200 && found.equals(body), `row/${number}: ${status}`);
      }
    } finally {
      client.close();
      fuse.get(1)!.thaw();
      await server.kill();
      if (process.env.TRIAL_SHOW) console.log(server.output);
    }
  });
});
