/**
 * Power cuts on real file systems under load: ext4 and XFS on loop devices are shut down without flushing their logs, after random ranges of the
 * files were written back, later pages without earlier ones. Mounted again, the server starts, and everything acknowledged is there.
 *
 * TRIAL_POWER_CUTS cuts on each file system with 1 and with 4 drives (16).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3Client } from '../../bench/client/s3-client.ts';
import { temporaryDirectory } from '../support/files.ts';
import { cutPower, type FileSystem, LoopDevice, missingLoopDevices } from '../support/loop-device.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { Witness } from '../support/witness.ts';

const cuts = Number(process.env.TRIAL_POWER_CUTS ?? 16);
const firstSeed = Number(process.env.TRIAL_SEED ?? 1);
/** A store goes through this many cuts, one after the other. */
const cutsOfOneStore = 4;
/** Over objects of all sizes. */
const mixedWriters = 2;
/** Of small objects, whose rows fill LevelDB's log. */
const smallWriters = 10;
/** The power goes after this long at the latest. */
const loadSecondsMax = 4;

function clientOf({ endpoint, accessKey, secretKey }: RunningServer): S3Client {
  return new S3Client({ endpoint, accessKey, secretKey, region: 'us-east-1' }, 16);
}

interface Store {
  readonly directory: string;
  readonly devices: readonly LoopDevice[];
  readonly witness: Witness;
  server: RunningServer;
}

/** Writes, cuts, mounts and starts again; a sentence for each thing that is not as it was acknowledged. */
async function cutOnce(store: Store, seed: number): Promise<string[]> {
  const { devices, witness, directory, server } = store;
  const random = seededRandom(seed);
  const load = [
    ...Array.from({ length: mixedWriters }, (_, writer) => witness.write(writer, 40, random).catch(() => undefined)),
    ...Array.from({ length: smallWriters }, (_, writer) => writeSmall(witness, `small/${seed}/${writer}`).catch(() => undefined)),
  ];
  await cutPower(devices, { seed, seconds: 0.3 + random() * (loadSecondsMax - 0.3), pid: server.pid });
  witness.stop();
  await server.kill();
  await Promise.all(load);
  for (const device of devices) device.mountAgain();
  try {
    store.server = await startServer({ directory, drives: devices.length, port: server.port });
  } catch (error) {
    return [`no start: ${(error as Error).message}`];
  }
  return witness.check(true);
}

/** Until an answer is no 200, or none comes. */
async function writeSmall(witness: Witness, prefix: string): Promise<never> {
  for (let number = 0; ; number += 1) await witness.put(`${prefix}/${number}`, 200 + ((number * 397) % 4000), number);
}

async function manyCuts(fileSystem: FileSystem, drives: number): Promise<void> {
  const failures: string[] = [];
  let operations = 0;
  const begun = performance.now();
  for (let done = 0; done < cuts; done += cutsOfOneStore) {
    const work = temporaryDirectory(`cut-${fileSystem}`);
    const devices: LoopDevice[] = [];
    let server: RunningServer | undefined;
    try {
      for (let number = 1; number <= drives; number += 1) devices.push(new LoopDevice(work.path, `drive${number}`, fileSystem));
      server = await startServer({ directory: work.path, drives });
      const client = clientOf(server);
      await client.must({ method: 'PUT', bucket: 'cut' });
      const store: Store = { directory: work.path, devices, witness: new Witness(client, 'cut'), server };
      for (let cut = 0; cut < cutsOfOneStore && done + cut < cuts; cut += 1) {
        const seed = firstSeed + done + cut;
        const lies = await cutOnce(store, seed);
        server = store.server;
        if (lies.length === 0) continue;
        failures.push(`${fileSystem}, ${drives} drives, seed ${seed}: ${lies.slice(0, 5).join('; ')} (${lies.length})`);
        console.error(`FAILED ${failures.at(-1)}`);
        break;
      }
      operations += store.witness.operations;
      client.close();
    } finally {
      await server?.kill();
      for (const device of devices) device.remove();
      work.remove();
    }
  }
  const seconds = (performance.now() - begun) / 1000;
  console.log(
    `power cut: ${cuts} cuts on ${fileSystem} with ${drives} drives, ${operations} acknowledged operations, ${seconds.toFixed(0)} s, ${failures.length} bad`,
  );
  assert.deepEqual(failures, []);
}

for (const fileSystem of ['ext4', 'xfs'] as const) {
  const skip = await missingLoopDevices(fileSystem);
  for (const drives of [1, 4]) {
    test(`${cuts} power cuts on ${fileSystem}, ${drives} drives`, { skip, timeout: 3_600_000 }, () => manyCuts(fileSystem, drives));
  }
}
