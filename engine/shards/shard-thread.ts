/**
 * Entry of a worker thread: gives a ShardWorker real timers and the disks that the module named in its task, the first message, opens.
 * Answers are gathered over one turn of the event loop and posted together.
 */
import { once } from 'node:events';
import { parentPort } from 'node:worker_threads';
import type { Disk } from '../../journal/disk.ts';
import { assert } from '../assert.ts';
import { withCallShare } from './drive-calls.ts';
import type { Timer } from './drive-votes.ts';
import type { FromWorker, ToWorker } from './shard-messages.ts';
import { ShardWorker, type WorkerPlan } from './shard-worker.ts';

export interface ThreadTask {
  readonly plan: WorkerPlan;
  /** URL of a module that exports `nodeDisk(root)`. */
  readonly diskModule: string;
  readonly watch: MainThreadWatch | undefined;
}

/** What the thread looks after beside its task. */
export interface MainThreadWatch {
  /** URL of a module that exports `watchMainThread(heart)`. */
  readonly module: string;
  readonly heart: Int32Array;
}

const clock: Timer = {
  after(milliseconds, task) {
    const timer = setTimeout(task, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

const port = parentPort;
assert(port !== null, 'this file runs as a worker thread');
const [{ plan, diskModule, watch }] = (await once(port, 'message')) as [ThreadTask];
const { nodeDisk } = (await import(diskModule)) as { nodeDisk(root: string): Disk };

if (watch !== undefined) {
  const { watchMainThread } = (await import(watch.module)) as { watchMainThread(heart: Int32Array): void };
  watchMainThread(watch.heart);
}

let answers: FromWorker[] = [];
const flush = () => {
  const batch = answers;
  answers = [];
  port.postMessage(batch);
};
const post = (message: FromWorker) => {
  if (answers.push(message) === 1) setImmediate(flush);
};

const openDisk = (name: string): Disk => {
  const disk = nodeDisk(name);
  return plan.callsMax === undefined ? disk : withCallShare(disk, plan.callsMax, clock);
};
const disks = plan.sets.map((set) => set.drives.map((drive) => openDisk(drive.name)));
const worker = new ShardWorker({ plan, disks, clock, post, later: (task) => void setImmediate(task) });
port.on('message', (batch: ToWorker[]) => {
  for (const message of batch) worker.handle(message);
});
port.postMessage([]);
