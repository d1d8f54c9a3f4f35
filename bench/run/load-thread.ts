/** A thread of the client: carries out the orders of the coordinator, one after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { S3Client } from '../client/s3-client.ts';
import { Bodies } from '../workload/bodies.ts';
import { CheckedRequests } from '../workload/checked-requests.ts';
import { chooseWorkload } from '../workload/choose-workload.ts';
import { keyOf, laidOutPrefix, ownPrefix } from '../workload/keys.ts';
import { type LaidOut, layOut } from '../workload/lay-out.ts';
import { partBytesMin } from '../workload/multipart.ts';
import { SeededRandom } from '../workload/seeded-random.ts';
import { parseSize } from '../workload/sizes.ts';
import { Tally } from '../workload/tally.ts';
import { BrokenOff, TurnOver, WrongAnswer } from '../workload/trouble.ts';
import type { Ground, Workload } from '../workload/workload.ts';
import { LaneSet } from './lane-set.ts';
import type { FromThread, LayOut, Order, Prepare, ThreadSample, ThreadStart, ToThread } from './thread-words.ts';

const port = parentPort;
if (port === null) throw new Error('this file is a thread of the client');
const { thread, plan, prefix } = workerData as ThreadStart;

/** Numbers of objects are apart by line, turn and thread: so many in each. */
const numbersPerTurn = 10_000_000;
const turnsMax = 1000;

interface UnderWay {
  readonly client: S3Client;
  readonly lanes: LaneSet;
}

const workloads = new Map<string, Workload>();
let bodies: { readonly name: string; readonly bodies: Bodies } | undefined;
let underWay: UnderWay | undefined;

function say(words: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(words, [...transfer]);
}

/** Those of the last size only: they take as much memory as its largest object. */
function bodiesOf(size: string, bytesMin: number): Bodies {
  const name = `${size} ${bytesMin}`;
  if (bodies?.name !== name) bodies = { name, bodies: new Bodies(parseSize(size), plan.seed, bytesMin) };
  return bodies.bodies;
}

function open({ site, lanes }: Order): { readonly client: S3Client; readonly requests: CheckedRequests } {
  underWay?.client.close();
  const client = new S3Client(site.target, lanes, plan);
  return { client, requests: new CheckedRequests(client, site.bucket, new Tally()) };
}

async function layOutShare(order: LayOut): Promise<void> {
  const { client, requests } = open(order);
  const all = bodiesOf(order.size, 1);
  all.hash();
  const begin = laidOutPrefix(prefix, order.size);
  function* share(): Generator<LaidOut> {
    for (let number = thread; number < order.objects; number += plan.threads) {
      yield { key: `${begin}${keyOf(plan.keyLayout, number)}`, body: all.of(number) };
    }
  }
  const lanes = new LaneSet(requests, () => client.close());
  underWay = { client, lanes };
  await lanes.untimed(() => layOut(requests, share(), order.lanes));
  client.close();
}

/** Mixed load goes on with the objects it has: its lines share one instance for each server and size. */
function groupOf({ workload, line, size }: Prepare): string {
  return workload === 'mixed' || workload === 'ramp' ? `mixed/${size}` : line.name;
}

function groundOf(order: Prepare, requests: CheckedRequests): Ground {
  const laidOut = laidOutPrefix(prefix, order.size);
  const own = ownPrefix(prefix, groupOf(order));
  let next = ((order.line.index * turnsMax + order.turn + 1) * plan.threads + thread) * numbersPerTurn;
  return {
    requests,
    bodies: bodiesOf(order.size, order.workload === 'multipart' ? partBytesMin : 1),
    random: new SeededRandom(plan.seed, order.line.index, order.turn + 1, thread),
    objects: order.objects,
    lanes: order.lanes,
    threads: plan.threads,
    seconds: order.seconds,
    steps: order.operations,
    checksum: plan.checksum,
    laidOutPrefix: laidOut,
    laidOut: (number) => `${laidOut}${keyOf(plan.keyLayout, number)}`,
    own: (number) => `${own}${keyOf(plan.keyLayout, number)}`,
    fresh: () => next++,
  };
}

async function prepare(order: Prepare): Promise<void> {
  const { client, requests } = open(order);
  const name = `${order.site.server}/${groupOf(order)}`;
  const workload = workloads.get(name) ?? chooseWorkload(order.workload);
  workloads.set(name, workload);
  const ground = groundOf(order, requests);
  ground.bodies.hash();
  const lanes = new LaneSet(requests, () => client.close());
  underWay = { client, lanes };
  await lanes.untimed(async () => {
    await workload.prepare?.(ground);
    // Connections are there before the first request is timed.
    await Promise.all(Array.from({ length: order.lanes }, () => requests.greet()));
  });
  requests.tally.take();
  lanes.load({ workload, ground });
}

async function go(): Promise<void> {
  if (underWay === undefined) throw new Error('a turn was begun that was not prepared');
  const { client, lanes } = underWay;
  const sampled = (sample: ThreadSample): void =>
    say(
      sample,
      sample.operations.map(({ latencies }) => latencies.buffer),
    );
  const seconds = await lanes.run(sampled);
  client.close();
  say({ kind: 'done', seconds });
}

async function carryOut(words: ToThread): Promise<void> {
  try {
    if (words.kind === 'stop') return underWay?.lanes.stop();
    if (words.kind === 'go') return await go();
    if (words.kind === 'lay-out') await layOutShare(words);
    else await prepare(words);
    say({ kind: 'done', seconds: 0 });
  } catch (error) {
    underWay?.client.close();
    // Anything else is the harness's own fault, and ends the run.
    if (!(error instanceof WrongAnswer || error instanceof BrokenOff || error instanceof TurnOver)) throw error;
    say({ kind: 'failed', reason: error.message });
  }
}

port.on('message', (words: ToThread) => void carryOut(words));
