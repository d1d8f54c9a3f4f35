/** File systems that turn read-only under a running server, on three of six drives and on all: reads go on, writes do when they can again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3Client } from '../../bench/client/s3-client.ts';
import { seededBytes } from '../support/files.ts';
import { startServer } from '../support/server.ts';
import { missingMounts, SmallDrives } from '../support/small-file-system.ts';
import { Witness } from '../support/witness.ts';

const settleMillisecondsMax = 20_000;
const bucket = 'frozen';
const skip = missingMounts();

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('three of six drives, then all of them, read-only and back', { skip, timeout: 300_000 }, async () => {
  const drives = new SmallDrives(6, 300, 'each its own');
  const server = await startServer({ directory: drives.directory });
  const { endpoint, accessKey, secretKey } = server;
  const client = new S3Client({ endpoint, accessKey, secretKey, region: 'us-east-1' }, 16);
  const put = (key: string, bytes: number) => client.call({ method: 'PUT', bucket, key, body: seededBytes(bytes, 1) });
  try {
    await client.must({ method: 'PUT', bucket });
    const witness = new Witness(client, bucket);
    for (let at = 0; at < 60; at += 1) await witness.put(`before/${at}`, [500, 9000, 300_000, 2_500_000][at % 4]!, at);
    for (const numbers of [
      [1, 3, 5],
      [2, 4, 6],
      [1, 2, 3, 4, 5, 6],
    ]) {
      drives.makeReadOnly(numbers);
      await pause(2500);
      assert.deepEqual(await witness.check(true), [], `drives ${numbers} are read-only`);
      assert.equal((await client.call({ method: 'GET', bucket, query: { 'list-type': '2' } })).status, 200);
      for (const bytes of [500, 300_000]) {
        const { status, body } = await put('refused', bytes);
        assert.equal(status, 503);
        assert.match(body.toString(), /<Code>SlowDown</);
      }
      drives.makeWritable();
      const begun = performance.now();
      for (;;) {
        const answers = await Promise.all([put('after/small', 500), put('after/large', 300_000)]);
        if (answers.every(({ status }) => status === 200)) break;
        assert.ok(performance.now() - begun < settleMillisecondsMax, `still ${answers.map(({ status }) => status)}`);
        await pause(100);
      }
      console.log(`drives ${numbers} read-only and back: writes go on after ${(performance.now() - begun).toFixed(0)} ms`);
      assert.deepEqual(await witness.check(true), [], `drives ${numbers} are back`);
    }
    assert.doesNotMatch(server.output, /drive (suspect|offline)|state store (lost|damaged)/);
  } catch (error) {
    console.error(server.output.slice(-6000));
    throw error;
  } finally {
    client.close();
    drives.makeWritable();
    await server.stop().catch(() => server.kill());
    drives.remove();
  }
});
