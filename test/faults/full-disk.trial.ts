/**
 * Drives that others fill to the last block while clients read and write, and empty again, five times: nothing that was acknowledged is
 * lost, reads and deletes go on, writes say why they are refused, and all is well again by itself. And a start while they are full.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3Client } from '../../bench/client/s3-client.ts';
import { seededBytes } from '../support/files.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { missingMounts, SmallDrives } from '../support/small-file-system.ts';
import { Witness } from '../support/witness.ts';

const rounds = Number(process.env.TRIAL_ROUNDS ?? 5);
const writers = 6;
const settleMillisecondsMax = 20_000;
const skip = missingMounts();

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

function clientOf(server: RunningServer): S3Client {
  const { endpoint, accessKey, secretKey } = server;
  return new S3Client({ endpoint, accessKey, secretKey, region: 'us-east-1' }, 16);
}

const at = { bucket: 'full' } as const;
const put = (client: S3Client, key: string, bytes: number) => client.call({ ...at, method: 'PUT', key, body: seededBytes(bytes, 1) });

/** Milliseconds until a small and a large body are taken. */
async function settled(client: S3Client): Promise<number> {
  const begun = performance.now();
  for (;;) {
    const answers = await Promise.all([put(client, 'settled/small', 500), put(client, 'settled/large', 300_000)]);
    const taken = performance.now() - begun;
    if (answers.every(({ status }) => status === 200)) return taken;
    assert.ok(taken < settleMillisecondsMax, `still ${answers.map(({ status, body }) => `${status} ${body}`)}`);
    await pause(100);
  }
}

async function refused(client: S3Client): Promise<void> {
  for (const bytes of [500, 300_000]) {
    const answer = await put(client, 'refused', bytes);
    assert.equal(answer.status, 503, `${bytes} bytes`);
    assert.match(answer.body.toString(), /<Code>SlowDown<.*drives of this server are full/);
  }
}

/** An object to delete and an upload to abort when there is no room. */
async function prepare(client: S3Client, round: number): Promise<() => Promise<void>> {
  const key = `spare/${round}`;
  await client.must({ ...at, method: 'PUT', key, body: seededBytes(100_000, round) });
  const started = await client.must({ ...at, method: 'POST', key, query: { uploads: '' } });
  const uploadId = /<UploadId>([^<]+)</.exec(started.body.toString())?.[1] ?? '';
  await client.must({ ...at, method: 'PUT', key, query: { partNumber: '1', uploadId }, body: seededBytes(100_000, round) });
  return async () => {
    await client.must({ ...at, method: 'DELETE', key });
    await client.must({ ...at, method: 'DELETE', key, query: { uploadId } });
    assert.equal((await client.call({ ...at, method: 'GET', key })).status, 404);
  };
}

for (const [kind, mebibytes] of [
  ['each its own', 400],
  ['all in one', 1200],
] as const) {
  test(`six drives, ${kind} file system, filled and emptied ${rounds} times under load`, { skip, timeout: 600_000 }, async () => {
    const drives = new SmallDrives(6, mebibytes, kind);
    let server = await startServer({ directory: drives.directory });
    let client = clientOf(server);
    try {
      await client.must({ method: 'PUT', bucket: at.bucket });
      let witness = new Witness(client, at.bucket);
      const random = seededRandom(3);
      const waits: string[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const shrink = await prepare(client, round);
        const load = Array.from({ length: writers }, (_, writer) => witness.write(writer, 10, random));
        await pause(1000);
        drives.fill();
        await pause(2500);
        witness.stop();
        await Promise.all(load);
        await refused(client);
        assert.deepEqual(await witness.check(true), [], `read while full, round ${round}`);
        assert.equal((await client.call({ ...at, method: 'GET', query: { 'list-type': '2' } })).status, 200);
        await shrink();
        drives.empty();
        waits.push((await settled(client)).toFixed(0));
        assert.deepEqual(await witness.check(true), [], `with room again, round ${round}`);
      }
      assert.doesNotMatch(server.output, /state store (lost|damaged|made anew)/);
      console.log(`full disk, ${kind}: ${witness.operations} operations, ${witness.slowDowns} SlowDowns; writes go on after ${waits} ms`);
      const shrink = await prepare(client, rounds);
      drives.fill();
      await pause(2000);
      await server.stop();
      client.close();
      server = await startServer({ directory: drives.directory });
      client = clientOf(server);
      const { keys } = witness;
      witness = witness.over(client);
      assert.ok(keys > 0);
      assert.deepEqual(await witness.check(true), [], 'started while full');
      await refused(client);
      void shrink;
      await client.must({ ...at, method: 'DELETE', key: `spare/${rounds}` });
      drives.empty();
      await settled(client);
      assert.deepEqual(await witness.check(true), [], 'with room after that start');
    } catch (error) {
      console.error(server.output.slice(-6000));
      throw error;
    } finally {
      client.close();
      await server.stop().catch(() => server.kill());
      drives.remove();
    }
  });
}
