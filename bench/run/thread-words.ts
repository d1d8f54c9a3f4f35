/** What the coordinator and the threads of the client say to each other. One thing at a time: every order has one `done` or `failed`. */
import type { S3Target } from '../client/s3-client.ts';
import type { OperationTally } from '../workload/tally.ts';
import type { BenchPlan, WorkloadName } from './plan.ts';

/** What a thread is started with. */
export interface ThreadStart {
  /** From 0. */
  readonly thread: number;
  readonly plan: Pick<BenchPlan, 'keyLayout' | 'payload' | 'checksum' | 'keepAlive' | 'insecure' | 'seed' | 'threads'>;
  /** All keys of the run begin with it. */
  readonly prefix: string;
}

export interface Site {
  /** Place in the plan. */
  readonly server: number;
  readonly target: S3Target;
  readonly bucket: string;
}

export interface Order {
  readonly site: Site;
  readonly size: string;
  /** Requests at once, of this thread. */
  readonly lanes: number;
}

/** Every thread puts its share of the objects that workloads read. */
export interface LayOut extends Order {
  readonly kind: 'lay-out';
  readonly objects: number;
}

/** Everything untimed of a turn; `go` then begins it, in all threads at once. */
export interface Prepare extends Order {
  readonly kind: 'prepare';
  readonly workload: WorkloadName;
  readonly line: { readonly name: string; readonly index: number };
  /** -1: warm-up. */
  readonly turn: number;
  /** Laid out before. */
  readonly objects: number;
  readonly seconds: number;
  readonly operations: number;
}

export type ToThread = LayOut | Prepare | { readonly kind: 'go' } | { readonly kind: 'stop' };

/** Each second of a turn, and at its end. */
export interface ThreadSample {
  readonly kind: 'sample';
  /** What it covers. */
  readonly seconds: number;
  readonly operations: readonly OperationTally[];
  readonly keys: number;
}

export type FromThread =
  | ThreadSample
  /** `seconds`: from `go` to the last answer. */
  | { readonly kind: 'done'; readonly seconds: number }
  /** A wrong answer, in one line. */
  | { readonly kind: 'failed'; readonly reason: string };
