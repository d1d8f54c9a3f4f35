/**
 * One live actor: a mailbox, handled one command after the other without waiting for durability between them, over a view of
 * rows that includes what is decided and not durable.
 */
import type { Journal } from '../../journal/journal.ts';
import type { Clock } from '../clock.ts';
import { Fault } from '../fault.ts';
import type { ActorLimits } from '../limits.ts';
import type { Log } from '../log.ts';
import { isRejection, reject } from '../rejection.ts';
import type { Caller } from '../vocabulary.ts';
import type { Applier } from './applier.ts';
import { type AppendFailure, CommitQueue, type Waiter } from './commit-queue.ts';
import type { Accepted, AnyKind, RowView } from './decider.ts';
import { type LifeCycle, type Phase, startLifeCycle } from './life-cycle.ts';
import { Mailbox } from './mailbox.ts';
import { packEntry } from './record-payload.ts';
import { LayeredRows } from './rows.ts';
import { isReadTrouble } from './steady-reads.ts';
import { headOf } from './stream-heads.ts';

export interface ActorParts {
  readonly kind: AnyKind;
  readonly name: string;
  readonly stream: string;
  readonly journal: Journal;
  readonly applier: Applier;
  readonly clock: Clock;
  readonly limits: ActorLimits;
  readonly log: Log;
  /** Durable rows. */
  readonly rows: RowView;
  /** Reads of them that outlive the store they began on. */
  reading<T>(work: () => T | Promise<T>): Promise<T>;
  /** A predecessor failed: what the journal has of the stream is read before the first answer. */
  readonly suspect: boolean;
}

interface Message extends Waiter {
  readonly command: unknown;
  readonly caller: Caller;
}

export class Actor {
  phase: Phase = 'recovering';
  private readonly parts: ActorParts;
  private readonly rows: LayeredRows;
  private readonly queue: CommitQueue;
  private readonly lifeCycle: LifeCycle;
  private readonly mailbox = new Mailbox<Message>();
  private consulting = false;
  /** Counts the states that were discarded: a slice consulted from an earlier one is void. */
  private generation = 0;
  /** In a row, without a durable record between them. */
  private failures = 0;
  private idleWaiters: (() => void)[] = [];

  constructor(parts: ActorParts) {
    this.parts = parts;
    this.rows = new LayeredRows(parts.rows);
    const onProgress = (): void => this.progress();
    const onFailure = (failure: AppendFailure, error: unknown): void => this.appendFailed(failure, error);
    this.queue = new CommitQueue({ ...parts, rows: this.rows, onProgress, onFailure });
    this.lifeCycle = startLifeCycle(parts.clock, { backOffMilliseconds: () => this.backOffMilliseconds() }, (phase) => this.enter(phase));
    if (parts.suspect) void this.recover();
    else this.begin();
  }

  tell(command: unknown, caller: Caller): Promise<unknown> {
    if (this.phase !== 'running' && this.phase !== 'recovering') return Promise.resolve(reject('SlowDown'));
    if (this.mailbox.length >= this.parts.limits.mailboxMessagesMax) {
      return Promise.reject(new Fault('overloaded', `the mailbox of ${this.parts.stream} is full`));
    }
    return new Promise((resolve, rejectWith) => {
      this.mailbox.push({ command, caller, resolve, reject: rejectWith });
      this.drain();
    });
  }

  /** Nothing waits, nothing is on its way: it may leave memory without a trace. */
  get idle(): boolean {
    return this.mailbox.length === 0 && !this.consulting && this.queue.idle && this.phase !== 'recovering';
  }

  /** Everyone who can be answered is, and what was decided is durable or discarded. */
  get quiet(): boolean {
    return this.mailbox.length === 0 && !this.consulting && this.queue.durable;
  }

  whenQuiet(): Promise<void> {
    return this.quiet ? Promise.resolve() : new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  stop(): void {
    this.lifeCycle.send({ type: 'stop' });
  }

  private drain(): void {
    while (this.phase === 'running' && !this.consulting && this.mailbox.length > 0 && !this.queue.full) this.handle(this.mailbox.shift()!);
    this.queue.flush();
    if (this.idleWaiters.length > 0 && this.quiet) for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  private handle(message: Message): void {
    const { kind, name } = this.parts;
    try {
      const slice = kind.consult(name, message.command, this.rows);
      if (slice instanceof Promise) void this.handleLater(message, slice);
      else this.decide(message, slice);
    } catch (error) {
      if (isReadTrouble(error)) void this.handleLater(message, Promise.reject(error));
      else message.reject(faultOf(error));
    }
  }

  private async handleLater(message: Message, slice: Promise<unknown>): Promise<void> {
    const { generation } = this;
    const { kind, name, reading } = this.parts;
    this.consulting = true;
    try {
      const state = await slice.catch((error: unknown) => {
        if (!isReadTrouble(error)) throw error;
        return reading(() => kind.consult(name, message.command, this.rows));
      });
      if (generation === this.generation) this.decide(message, state);
      else if (this.phase === 'running' || this.phase === 'recovering') this.mailbox.unshift(message);
      else message.resolve(reject('SlowDown'));
    } catch (error) {
      message.reject(faultOf(error));
    } finally {
      this.consulting = false;
      this.drain();
    }
  }

  private decide(message: Message, state: unknown): void {
    const { kind } = this.parts;
    const decision = kind.decide(state, message.command, message.caller);
    if (isRejection(decision)) {
      this.queue.answer(decision, message);
      return;
    }
    const { events, reply } = decision as Accepted<unknown, unknown>;
    if (events.length === 0) {
      this.queue.answer(reply, message);
      return;
    }
    const encoded = events.map((event) => kind.encode(event));
    const changes = events.length === 1 ? [kind.rowsOf(events[0], this.rows)] : this.rowsOf(events);
    this.queue.add({ entry: packEntry(message.caller, encoded), events: events.length, changes, reply }, message);
  }

  /** Lazily: each event's rows are made when those of the one before are in the layer. */
  private *rowsOf(events: readonly unknown[]): Generator<ReturnType<AnyKind['rowsOf']>> {
    for (const event of events) yield this.parts.kind.rowsOf(event, this.rows);
  }

  private progress(): void {
    this.failures = 0;
    this.drain();
  }

  private appendFailed(failure: AppendFailure, error: unknown): void {
    const { stream, log } = this.parts;
    this.generation += 1;
    this.failures += 1;
    log('error', 'append failed, state discarded', { stream, failure, error: (error as Error).message });
    this.lifeCycle.send({ type: failure === 'conflict' ? 'conflict' : 'appendFailed' });
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    if (phase === 'recovering') void this.recover();
    else if (phase !== 'running') this.refuseAll();
    this.drain();
  }

  private refuseAll(): void {
    for (let message = this.mailbox.shift(); message !== undefined; message = this.mailbox.shift()) message.resolve(reject('SlowDown'));
  }

  /** After a failure: whatever the journal has, of this stream and all others, is in the state store before the next answer. */
  private async recover(): Promise<void> {
    try {
      await this.parts.applier.reconcile();
    } catch (error) {
      this.recoveryFailed(error);
      return;
    }
    if (this.phase === 'recovering') this.begin();
  }

  private begin(): void {
    try {
      this.queue.head = headOf(this.parts.rows, this.parts.stream);
    } catch (error) {
      this.recoveryFailed(error);
      return;
    }
    this.lifeCycle.send({ type: 'recovered' });
  }

  private recoveryFailed(error: unknown): void {
    this.failures += 1;
    this.parts.log('warn', 'actor does not recover yet', { stream: this.parts.stream, error: (error as Error).message });
    this.lifeCycle.send({ type: 'recoveryFailed' });
  }

  private backOffMilliseconds(): number {
    const { backOffFirstMilliseconds, backOffMaxMilliseconds } = this.parts.limits;
    return Math.min(backOffMaxMilliseconds, backOffFirstMilliseconds * 2 ** Math.max(0, this.failures - 1));
  }
}

function faultOf(error: unknown): Fault {
  return error instanceof Fault ? error : new Fault('internal', `a command failed: ${(error as Error)?.message}`, { cause: error });
}
