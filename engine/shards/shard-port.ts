/** The way to a shard worker: a thread, or a call in this one. Messages of one turn of the event loop travel together. */
import type { Disk } from '../../journal/disk.ts';
import type { Clock } from '../clock.ts';
import type { FromWorker, ToWorker } from './shard-messages.ts';
import type { MainThreadWatch, ThreadTask } from './shard-thread.ts';
import { ShardWorker, type WorkerPlan } from './shard-worker.ts';
import { type StartedThread, startThread } from './started-threads.ts';

export interface ShardPort {
  post(message: ToWorker): void;
  close(): Promise<void>;
}

export interface PortListener {
  onMessage(message: FromWorker): void;
  /** The thread died by itself. */
  onDeath(error: Error): void;
}

/** Where a plan is carried out: `thread` when one was started before, else a new one. */
export interface ThreadPlace {
  /** URL of a module that exports `nodeDisk(root)`. */
  readonly diskModule: string;
  readonly watch?: MainThreadWatch | undefined;
  readonly thread?: StartedThread | undefined;
}

/** Resolves when the thread is up and has its disks. */
export async function openThreadPort(plan: WorkerPlan, place: ThreadPlace, listener: PortListener): Promise<ShardPort> {
  const { worker: thread, failed } = place.thread ?? startThread();
  let closing = false;
  const up = new Promise<void>((resolve) => thread.once('message', () => resolve()));
  thread.postMessage({ plan, diskModule: place.diskModule, watch: place.watch } satisfies ThreadTask);
  await Promise.race([up, failed]);
  thread.on('message', (batch: FromWorker[]) => {
    for (const message of batch) listener.onMessage(message);
  });
  thread.on('error', (error) => listener.onDeath(error));
  thread.on('exit', (code) => !closing && listener.onDeath(new Error(`a shard thread ended with code ${code}`)));
  let batch: ToWorker[] = [];
  const flush = () => {
    const messages = batch;
    batch = [];
    thread.postMessage(messages);
  };
  return {
    post(message) {
      if (batch.push(message) === 1) setImmediate(flush);
    },
    async close() {
      closing = true;
      await thread.terminate();
    },
  };
}

/** The same worker in this thread, on disks that are at hand. */
export function openLocalPort(plan: WorkerPlan, disks: readonly (readonly Disk[])[], clock: Clock, listener: PortListener): ShardPort {
  const post = (message: FromWorker) => queueMicrotask(() => listener.onMessage(message));
  const worker = new ShardWorker({ plan, disks, clock, post, later: queueMicrotask });
  return {
    post: (message) => queueMicrotask(() => worker.handle(message)),
    close: () => Promise.resolve(),
  };
}
