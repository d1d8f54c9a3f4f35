/** One shard worker as the store's thread sees it: its stripe buffers, the bodies it is writing, the answers it owes. */
import { assert } from '../assert.ts';
import type { Clock } from '../clock.ts';
import { Fault } from '../fault.ts';
import type { StripePlace } from './block.ts';
import { SegmentDiary } from './segment-diary.ts';
import type { FromWorker, JobDone, ToWorker, WriteSealed } from './shard-messages.ts';
import type { PortListener, ShardPort } from './shard-port.ts';
import type { StripePool } from './stripe-pool.ts';

/** Stripes of one body between the store's thread and the drives: a fast client leaves buffers for the others. */
const stripesInFlightMax = 8;

type Job = ToWorker & { readonly job: number };
type WithoutJob<T> = T extends unknown ? Omit<T, 'job'> : never;
/** A question, before it has a number. */
export type JobRequest = WithoutJob<Job>;

export interface LinkEvents {
  onTrouble(set: number, slot: number, error: NodeJS.ErrnoException): void;
  onMended(stripe: StripePlace, slot: number): void;
  /** Once. */
  onDeath(error: Error): void;
}

interface Pending<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

interface PendingWrite extends Pending<WriteSealed> {
  stripesInFlight: number;
  /** The body waits for one of them to come back. */
  wake: (() => void) | undefined;
}

/** A body that a worker is writing. */
export interface WriteTicket {
  readonly writer: number;
  /** Fulfilled when the body is durable at quorum; Fault 'unavailable' when it can't be. */
  readonly sealed: Promise<WriteSealed>;
}

/** A worker could not do what it was asked for. */
export class JobUndone extends Fault {
  /** The set can't give the stripe, whatever the drive that was asked does. */
  readonly unreadable: boolean;
  constructor(reason: string, unreadable: boolean) {
    super('unavailable', reason);
    this.unreadable = unreadable;
  }
}

export class WorkerLink implements PortListener {
  readonly pool: StripePool;
  /** The worker's memory; stripe buffers are places in it. */
  readonly memory: Buffer;
  /** Of the segments that the worker opened, and the bodies it writes. */
  readonly diary: SegmentDiary;
  readonly clock: Clock;
  /** Why it is no longer there. */
  death: Error | undefined;
  /** Bodies that are being read. */
  readers = 0;
  private port: ShardPort | undefined;
  private readonly events: LinkEvents;
  private readonly jobs = new Map<number, Pending<JobDone>>();
  private readonly writers = new Map<number, PendingWrite>();
  private nextNumber = 1;

  constructor(pool: StripePool, memory: Buffer, events: LinkEvents, clock: Clock) {
    this.clock = clock;
    this.diary = new SegmentDiary(clock);
    this.pool = pool;
    this.memory = memory;
    this.events = events;
  }

  connect(port: ShardPort): void {
    this.port = port;
  }

  /** Bodies and jobs under way. A reader counts while it waits for a buffer too: else all would wait for the same worker's. */
  get load(): number {
    return this.jobs.size + this.writers.size + this.readers;
  }

  post(message: ToWorker): void {
    assert(this.port !== undefined, 'the link is connected');
    if (this.death === undefined) this.port.post(message);
  }

  startWrite(): WriteTicket {
    const writer = this.nextNumber++;
    const sealed = new Promise<WriteSealed>((resolve, reject) => {
      if (this.death !== undefined) return reject(this.gone());
      this.diary.begun(writer);
      this.writers.set(writer, { resolve, reject, stripesInFlight: 0, wake: undefined });
    });
    sealed.catch(() => undefined);
    return { writer, sealed };
  }

  /** Waits until the body may send one more stripe; at once when it has ended meanwhile. */
  async stripeCredit(writer: number): Promise<void> {
    const pending = this.writers.get(writer);
    if (pending === undefined) return;
    if (pending.stripesInFlight >= stripesInFlightMax) await new Promise<void>((resolve) => (pending.wake = resolve));
    pending.stripesInFlight += 1;
  }

  /** Gives back a buffer, and the credit that it was taken with, without having sent it. */
  returnUnused(writer: number, place: number): void {
    this.pool.give(place);
    this.returnCredit(writer);
  }

  abortWrite(writer: number): void {
    this.diary.done(writer);
    if (this.writers.delete(writer)) this.post({ kind: 'abort', writer });
  }

  /** Throws Fault 'unavailable' when the worker can't. */
  ask(request: JobRequest): Promise<JobDone> {
    const job = this.nextNumber++;
    return new Promise((resolve, reject) => {
      if (this.death !== undefined) return reject(this.gone());
      this.jobs.set(job, { resolve, reject });
      this.post({ ...request, job } as Job);
    });
  }

  onMessage(message: FromWorker): void {
    switch (message.kind) {
      case 'released':
        this.returnUnused(message.writer, message.place);
        return;
      case 'freed':
        this.pool.give(message.place);
        return;
      case 'done':
        this.settleJob(message.job)?.resolve(message);
        return;
      case 'undone':
        this.settleJob(message.job)?.reject(new JobUndone(message.reason, message.unreadable));
        return;
      case 'sealed':
        this.settleWriter(message.writer)?.resolve(message);
        return;
      case 'failed':
        this.settleWriter(message.writer)?.reject(new Fault(message.full ? 'full' : 'unavailable', message.reason));
        return;
      case 'trouble':
        this.events.onTrouble(message.set, message.slot, Object.assign(new Error(message.reason), { code: message.code }));
        return;
      case 'segment':
        this.diary.opened(message.set, message.segment);
        return;
      case 'mended':
        this.events.onMended(message.stripe, message.slot);
        return;
    }
  }

  onDeath(error: Error): void {
    if (this.death !== undefined) return;
    this.death = error;
    this.rejectAll(this.gone());
    this.events.onDeath(error);
  }

  async close(): Promise<void> {
    this.pool.close();
    if (this.death === undefined) await this.ask({ kind: 'close' });
    await this.port?.close();
    this.rejectAll(new Fault('unavailable', 'the store is closed'));
  }

  private rejectAll(fault: Fault): void {
    for (const pending of [...this.jobs.values(), ...this.writers.values()]) pending.reject(fault);
    for (const writer of this.writers.values()) writer.wake?.();
    this.jobs.clear();
    for (const writer of this.writers.keys()) this.diary.done(writer);
    this.writers.clear();
  }

  private settleJob(job: number): Pending<JobDone> | undefined {
    const pending = this.jobs.get(job);
    this.jobs.delete(job);
    return pending;
  }

  private returnCredit(writer: number): void {
    const pending = this.writers.get(writer);
    if (pending === undefined) return;
    pending.stripesInFlight -= 1;
    pending.wake?.();
    pending.wake = undefined;
  }

  private settleWriter(writer: number): Pending<WriteSealed> | undefined {
    const pending = this.writers.get(writer);
    this.writers.delete(writer);
    this.diary.done(writer);
    pending?.wake?.();
    return pending;
  }

  private gone(): Fault {
    return new Fault('internal', `a shard worker died: ${this.death?.message}`, { cause: this.death });
  }
}
