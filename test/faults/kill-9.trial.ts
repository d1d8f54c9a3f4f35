/**
 * kill -9 during mixed load, again and again, embedded and JetStream journal, over 100,000 objects: every acknowledged object is
 * there with its bytes, no unacknowledged one half there, and the server is ready again in under two seconds.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3Client } from '../../bench/client/s3-client.ts';
import { temporaryDirectory } from '../support/files.ts';
import { missingPeer } from '../support/peer.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { Witness } from '../support/witness.ts';

const kills = Number(process.env.TRIAL_KILLS ?? 100);
const objects = Number(process.env.TRIAL_OBJECTS ?? 100_000);
const restartMillisecondsMax = 2000;
const writers = 12;

for (const journal of ['embedded', 'nats'] as const) {
  const skip = journal === 'nats' ? missingPeer('nats-server') : false;
  test(`kill -9, ${kills} times over ${objects} objects, ${journal} journal`, { skip, timeout: 1_500_000 }, async () => {
    const work = temporaryDirectory(`kill-${journal}`);
    try {
      await killAndCheck(journal, work.path);
    } finally {
      work.remove();
    }
  });
}

async function killAndCheck(journal: string, directory: string): Promise<void> {
  const seed = Number(process.env.TRIAL_SEED ?? 1);
  const random = seededRandom(seed);
  const start = (port: number): Promise<RunningServer> => startServer({ directory, port, args: ['--journal', journal] });
  let server = await start(0);
  const client = new S3Client(
    { endpoint: server.endpoint, accessKey: server.accessKey, secretKey: server.secretKey, region: 'us-east-1' },
    32,
  );
  await client.must({ method: 'PUT', bucket: 'kill' });
  const witness = new Witness(client, 'kill');
  for (let at = 0; at < objects; at += 256) {
    const batch = Array.from({ length: Math.min(256, objects - at) }, (_, i) => witness.put(`still/${at + i}`, 300, at + i));
    await Promise.all(batch);
  }
  assert.deepEqual(await witness.check(), []);
  const restarts: number[] = [];
  for (let round = 0; round < kills; round += 1) {
    const load = Array.from({ length: writers }, (_, writer) => witness.write(writer, 40, random));
    await new Promise((resolve) => setTimeout(resolve, 50 + random() * 400));
    witness.stop();
    await server.kill();
    await Promise.all(load);
    const begun = performance.now();
    server = await start(server.port);
    restarts.push(performance.now() - begun);
    assert.deepEqual(await witness.check(), [], `seed ${seed}, round ${round}`);
  }
  assert.deepEqual(await witness.check(true), [], `seed ${seed}, all keys at the end`);
  client.close();
  await server.stop();
  restarts.sort((a, b) => a - b);
  const worst = restarts.at(-1) ?? 0;
  const middle = restarts[restarts.length >> 1] ?? 0;
  console.log(
    `kill -9 ${journal}: ${kills} kills, ${witness.operations} acknowledged operations, ${witness.keys} keys; restart median ${middle.toFixed(0)} ms, worst ${worst.toFixed(0)} ms`,
  );
  assert.ok(worst < restartMillisecondsMax, `restart took ${worst.toFixed(0)} ms`);
}
