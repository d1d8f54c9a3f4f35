/** Threads that load their program while nobody knows yet what they shall do: drives are found and locked meanwhile. */
import { Worker } from 'node:worker_threads';

/** Of short-lived objects. A shard thread makes few: V8's default of 48 would only be touched now and then, and kept. */
const youngGenerationMebibytes = 8;

export interface StartedThread {
  readonly worker: Worker;
  /** Rejects when the thread dies before it has begun. */
  readonly failed: Promise<never>;
}

export class StartedThreads {
  private readonly waiting: StartedThread[];

  constructor(count: number) {
    this.waiting = Array.from({ length: count }, startThread);
  }

  /** The caller's from here on; undefined when all are taken. */
  take(): StartedThread | undefined {
    return this.waiting.shift();
  }

  /** Ends those that nobody took. */
  async close(): Promise<void> {
    await Promise.all(this.waiting.splice(0).map(({ worker }) => worker.terminate()));
  }
}

export function startThread(): StartedThread {
  const resourceLimits = { maxYoungGenerationSizeMb: youngGenerationMebibytes };
  const worker = new Worker(new URL('./shard-thread.js', import.meta.url), { resourceLimits });
  const failed = new Promise<never>((_, reject) => worker.once('error', reject));
  // Whoever takes it hears of it.
  failed.catch(() => undefined);
  return { worker, failed };
}
