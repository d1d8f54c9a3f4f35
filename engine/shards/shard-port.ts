/** The way to a shard worker: a thread, or a call in this one. Messages of one turn of the event loop travel together. */
import { Worker } from 'node:worker_threads';
import type { Disk } from '../../journal/disk.ts';
import type { Clock } from '../clock.ts';
import type { FromWorker, ToWorker } from './shard-messages.ts';
import type { ThreadData } from './shard-thread.ts';
import { ShardWorker, type WorkerPlan } from './shard-worker.ts';

export interface ShardPort {
  post(message: ToWorker): void;
  close(): Promise<void>;
}

export interface PortListener {
  onMessage(message: FromWorker): void;
  /** The thread died by itself. */
  onDeath(error: Error): void;
}

/**
 * MiB of short-lived objects of a shard thread. It makes few: V8's default of 48 would only be touched now and then, and kept.
 */
const youngGenerationMebibytes = 8;

/** Resolves when the thread is up and has its disks. */
export async function openThreadPort(plan: WorkerPlan, diskModule: string, listener: PortListener): Promise<ShardPort> {
  const workerData: ThreadData = { plan, diskModule };
  const thread = new Worker(new URL('./shard-thread.js', import.meta.url), {
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMebibytes },
  });
  let closing = false;
  await new Promise<void>((resolve, reject) => {
    thread.once('message', () => resolve());
    thread.once('error', reject);
  });
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
