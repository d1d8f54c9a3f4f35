/** The threads of the client as the coordinator has them. */
import { Worker } from 'node:worker_threads';
import type { FromThread, LayOut, Prepare, ThreadSample, ThreadStart, ToThread } from './thread-words.ts';

/** Up to this concurrency one thread is enough, and costs the server less of the machine. */
const oneThreadConcurrencyMax = 4;
/** Of layouts, all threads together. */
const layOutLanes = 32;

export type Outcome = { readonly seconds: number } | { readonly failure: string };

interface Waiting {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

export class LoadThreads {
  readonly #threads: readonly LoadThread[];

  private constructor(threads: readonly LoadThread[]) {
    this.#threads = threads;
  }

  static open(start: Omit<ThreadStart, 'thread'>): LoadThreads {
    const threads = Array.from({ length: start.plan.threads }, (_, thread) => new LoadThread({ ...start, thread }));
    return new LoadThreads(threads);
  }

  /** Resolves when all objects are there. */
  layOut(order: Omit<LayOut, 'lanes'>): Promise<Outcome> {
    const lanes = Math.ceil(layOutLanes / this.#threads.length);
    return all(this.#threads, (thread) => thread.ask({ ...order, lanes }));
  }

  /** What precedes a turn, in the threads that will have a share of it. */
  prepare(order: Omit<Prepare, 'lanes'>, concurrency: number): Promise<Outcome> {
    const threads = this.#forConcurrency(concurrency);
    const share = (total: number, index: number): number =>
      Number.isFinite(total) ? Math.floor((total + threads.length - 1 - index) / threads.length) : total;
    return all(threads, (thread, index) =>
      thread.ask({ ...order, lanes: share(concurrency, index), operations: share(order.operations, index) }),
    );
  }

  /** The turn that was prepared last. `sampled` gets one sample of each thread at once. */
  async run(concurrency: number, sampled: (samples: readonly ThreadSample[]) => void): Promise<Outcome> {
    const threads = this.#forConcurrency(concurrency);
    const queues = threads.map((): ThreadSample[] => []);
    const ended = threads.map(() => false);
    const give = (): void => {
      while (queues.some((queue) => queue.length > 0) && queues.every((queue, index) => queue.length > 0 || ended[index])) {
        sampled(queues.flatMap((queue) => queue.splice(0, 1)));
      }
    };
    return all(threads, async (thread, index) => {
      const outcome = await thread.run((sample) => {
        queues[index]?.push(sample);
        give();
      });
      ended[index] = true;
      give();
      return outcome;
    });
  }

  /** Ends them where they are. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #forConcurrency(concurrency: number): readonly LoadThread[] {
    return this.#threads.slice(0, concurrency <= oneThreadConcurrencyMax ? 1 : concurrency);
  }
}

/** The first failure stops the others and is the outcome; else the longest. */
async function all(threads: readonly LoadThread[], ask: (thread: LoadThread, index: number) => Promise<Outcome>): Promise<Outcome> {
  let first: Outcome | undefined;
  const outcomes = await Promise.all(
    threads.map(async (thread, index) => {
      const outcome = await ask(thread, index);
      if ('failure' in outcome && first === undefined) {
        first = outcome;
        for (const other of threads) if (other !== thread) other.stop();
      }
      return outcome;
    }),
  );
  return first ?? { seconds: Math.max(...outcomes.map((outcome) => ('seconds' in outcome ? outcome.seconds : 0))) };
}

class LoadThread {
  readonly #worker: Worker;
  #waiting: Waiting | undefined;
  #sampled: (sample: ThreadSample) => void = () => undefined;
  #closed = false;

  constructor(start: ThreadStart) {
    this.#worker = new Worker(new URL('./load-thread.js', import.meta.url), { workerData: start });
    this.#worker.on('message', (words: FromThread) => this.#heard(words));
    this.#worker.on('error', (error) => this.#waiting?.reject(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', () => {
      this.#closed = true;
      this.#waiting?.reject(new Error('a thread of the client has ended'));
    });
  }

  ask(words: ToThread): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new Error('a thread of the client has ended');
      this.#waiting = { resolve, reject };
      this.#worker.postMessage(words);
    });
  }

  run(sampled: (sample: ThreadSample) => void): Promise<Outcome> {
    this.#sampled = sampled;
    return this.ask({ kind: 'go' });
  }

  stop(): void {
    this.#worker.postMessage({ kind: 'stop' } satisfies ToThread);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker.terminate();
  }

  #heard(words: FromThread): void {
    if (words.kind === 'sample') {
      this.#sampled(words);
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(words.kind === 'done' ? { seconds: words.seconds } : { failure: words.reason });
  }
}
