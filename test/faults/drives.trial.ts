/**
 * 4+2, drives taken away while clients read and write: any two of six may go (the one with the state store, those with the
 * journal), every object reads back and writes go on; a third gone is SlowDown with the process alive; back again, it serves.
 */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { S3Client } from '../../bench/client/s3-client.ts';
import { temporaryDirectory } from '../support/files.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { Witness } from '../support/witness.ts';

const pairs = [1, 2, 3, 4, 5, 6].flatMap((a) => [1, 2, 3, 4, 5, 6].filter((b) => b > a).map((b) => [a, b] as const));
const settleMillisecondsMax = 20_000;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

interface House {
  readonly server: RunningServer;
  readonly client: S3Client;
  readonly witness: Witness;
  drive(number: number): string;
}

async function withHouse(work: (house: House) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory('drives');
  const server = await startServer({ directory: directory.path });
  const client = new S3Client(
    { endpoint: server.endpoint, accessKey: server.accessKey, secretKey: server.secretKey, region: 'us-east-1' },
    16,
  );
  try {
    await client.must({ method: 'PUT', bucket: 'drives' });
    await work({ server, client, witness: new Witness(client, 'drives'), drive: (number) => join(directory.path, `drive${number}`) });
  } finally {
    client.close();
    await server.stop();
    directory.remove();
  }
}

/** Retries a write until it succeeds: the time the house takes to settle after a change. */
async function settled(client: S3Client): Promise<number> {
  const begun = performance.now();
  for (;;) {
    const answers = await Promise.all(
      Array.from({ length: 4 }, (_, i) =>
        client.call({ method: 'PUT', bucket: 'drives', key: `settle/${i}`, body: Buffer.alloc(100_000, i) }),
      ),
    );
    const taken = performance.now() - begun;
    if (answers.every((answer) => answer.status === 200)) return taken;
    assert.ok(taken < settleMillisecondsMax, `still ${answers.map((answer) => `${answer.status}`)} after ${taken.toFixed(0)} ms`);
    await pause(100);
  }
}

test('any two of six drives removed under load, then brought back', { timeout: 900_000 }, async () => {
  await withHouse(async ({ server, client, witness, drive }) => {
    const random = seededRandom(7);
    for (let i = 0; i < 60; i += 1) await witness.put(`before/${i}`, [500, 9000, 300_000, 2_500_000][i % 4] ?? 0, i);
    for (const [a, b] of pairs) {
      const load = [1, 2, 3, 4].map((writer) => witness.write(writer, 20, random));
      await pause(150);
      renameSync(drive(a), `${drive(a)}.gone`);
      renameSync(drive(b), `${drive(b)}.gone`);
      await pause(2500);
      witness.stop();
      await Promise.all(load);
      assert.deepEqual(await witness.check(true), [], `drives ${a} and ${b} gone`);
      await settled(client);
      renameSync(`${drive(a)}.gone`, drive(a));
      renameSync(`${drive(b)}.gone`, drive(b));
      await pause(3000);
      await settled(client);
      assert.deepEqual(await witness.check(true), [], `drives ${a} and ${b} back`);
      assert.equal(server.exited, false, 'the process lives');
    }
    console.log(
      `drives: ${pairs.length} pairs, ${witness.operations} acknowledged operations, ${witness.slowDowns} SlowDowns, ${witness.keys} keys`,
    );
  });
});

test('two drives deleted for good and replaced by empty directories are healed, then two others may go', { timeout: 300_000 }, async () => {
  await withHouse(async ({ client, witness, drive, server }) => {
    for (let i = 0; i < 40; i += 1) await witness.put(`before/${i}`, [500, 9000, 300_000, 2_500_000][i % 4] ?? 0, i);
    for (const number of [1, 4]) rmSync(drive(number), { recursive: true });
    await pause(2000);
    await settled(client);
    for (const number of [1, 4]) mkdirSync(drive(number));
    await server.logged(/healed|online/, 60_000);
    await pause(10_000);
    for (const number of [2, 5]) renameSync(drive(number), `${drive(number)}.gone`);
    await pause(2500);
    await settled(client);
    assert.deepEqual(await witness.check(true), [], 'two others gone after healing');
  });
});

test('a third drive gone: 503 SlowDown, the process lives; back: it serves again', { timeout: 300_000 }, async () => {
  await withHouse(async ({ server, client, witness, drive }) => {
    for (let i = 0; i < 20; i += 1) await witness.put(`before/${i}`, [500, 9000, 300_000, 2_500_000][i % 4] ?? 0, i);
    for (const gone of [
      [1, 2, 3],
      [4, 5, 6],
      [1, 3, 5],
    ]) {
      for (const number of gone) renameSync(drive(number), `${drive(number)}.gone`);
      await pause(3000);
      const write = await client.call({ method: 'PUT', bucket: 'drives', key: 'below', body: Buffer.alloc(200_000) });
      assert.equal(write.status, 503);
      assert.match(write.body.toString(), /<Code>SlowDown</);
      const read = await client.call({ method: 'GET', bucket: 'drives', key: 'before/3' });
      assert.equal(read.status, 503);
      assert.match(read.body.toString(), /<Code>SlowDown</);
      assert.ok(read.headers['retry-after']);
      assert.equal(server.exited, false, 'the process lives');
      for (const number of gone) renameSync(`${drive(number)}.gone`, drive(number));
      const taken = await settled(client);
      console.log(`drives ${gone} back: serves again after ${taken.toFixed(0)} ms`);
      assert.deepEqual(await witness.check(true), [], `drives ${gone} back`);
    }
  });
});
