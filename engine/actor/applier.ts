/**
 * Brings acknowledged records into the state store, strictly in the order of the journal, coalesced while a write is in
 * flight. A record that is in the journal without anyone having been told (outcome unknown, another writer) shows as a gap
 * and is read from the journal.
 */
import type { StreamHead } from '../../journal/journal.ts';
import type { RowChange } from '../../snapshots/state-store.ts';
import { assert } from '../assert.ts';
import type { Clock } from '../clock.ts';
import { Fault } from '../fault.ts';
import type { ActorLimits } from '../limits.ts';
import type { Log } from '../log.ts';
import { type ReplayParts, replay } from './recovery.ts';
import { headRow } from './stream-heads.ts';

/** A durable record on its way to the state store. */
export interface DurableRecord {
  readonly sequence: number;
  readonly stream: string;
  readonly head: StreamHead;
  readonly rows: readonly RowChange[];
  /** Its rows are visible. Called once. */
  applied(): void;
  /** The state store is away: the rows come later, those who wait for an answer should not. May be called again and again. */
  delayed(fault: Fault): void;
}

export interface ApplierParts extends ReplayParts {
  readonly clock: Clock;
  readonly limits: ActorLimits;
  readonly log: Log;
}

interface Waiting {
  readonly record: DurableRecord;
  readonly ticket: number;
}

interface Reconciliation {
  resolve(): void;
  reject(error: unknown): void;
}

export class Applier {
  private readonly parts: ApplierParts;
  /** Durable records by sequence, not applied yet. */
  private readonly waiting = new Map<number, Waiting>();
  private waitingRows = 0;
  /** Appends under way, in the order of their calls. */
  private readonly appends = new Set<number>();
  private lastTicket = 0;
  private reconciliations: Reconciliation[] = [];
  private roomWaiters: (() => void)[] = [];
  private working = false;
  private run: Promise<void> = Promise.resolve();
  private closing = false;
  private wake: (() => void) | undefined;

  constructor(parts: ApplierParts) {
    this.parts = parts;
  }

  /** An append is about to be called; `submit` or `abandon` follows. */
  begin(): number {
    this.appends.add(++this.lastTicket);
    return this.lastTicket;
  }

  submit(ticket: number, record: DurableRecord): void {
    this.appends.delete(ticket);
    assert(!this.waiting.has(record.sequence), `record ${record.sequence} is acknowledged once`);
    this.waiting.set(record.sequence, { record, ticket });
    this.waitingRows += record.rows.length + 1;
    this.start();
  }

  abandon(ticket: number): void {
    this.appends.delete(ticket);
    this.start();
  }

  /** False: the state store lags too far behind, no append should begin; `whenRoom` calls back once. */
  get hasRoom(): boolean {
    return this.waitingRows < this.parts.limits.applyRowsMax;
  }

  whenRoom(task: () => void): void {
    this.roomWaiters.push(task);
  }

  /** Resolves when the state store has every record that was durable at the call. Rejects with what journal or store threw. */
  reconcile(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.reconciliations.push({ resolve, reject });
      this.start();
    });
  }

  /** Applies what it can; what a failing state store does not take is replayed at the next start. */
  async close(): Promise<void> {
    this.closing = true;
    this.wake?.();
    await this.run;
  }

  private start(): void {
    if (this.working) return;
    this.working = true;
    this.run = this.work();
  }

  private async work(): Promise<void> {
    while (this.working) {
      try {
        this.settle();
        if (this.reconciliations.length > 0) await this.reconcileAll();
        else if (this.waiting.has(this.next)) await this.applyBatch();
        else if (this.gapIsReal()) await this.fillGap();
        else this.working = false;
      } catch (error) {
        this.delay(error);
        if (this.closing) this.working = false;
        else await this.pause();
      }
    }
  }

  private get next(): number {
    return this.parts.store.position + 1;
  }

  /** Answers for all that the state store has by now. Records wait in no particular order, but few. */
  private settle(): void {
    const { position } = this.parts.store;
    for (const { record } of this.waiting.values()) if (record.sequence <= position) this.settled(record);
    if (this.hasRoom && this.roomWaiters.length > 0) {
      const tasks = this.roomWaiters;
      this.roomWaiters = [];
      for (const task of tasks) task();
    }
  }

  private settled(record: DurableRecord): void {
    this.waiting.delete(record.sequence);
    this.waitingRows -= record.rows.length + 1;
    record.applied();
  }

  private async applyBatch(): Promise<void> {
    const { store, limits } = this.parts;
    const changes: RowChange[] = [];
    const heads = new Map<string, StreamHead>();
    let last = store.position;
    for (let record = this.waiting.get(last + 1)?.record; record !== undefined; record = this.waiting.get(last + 1)?.record) {
      if (last > store.position && changes.length + record.rows.length > limits.applyBatchRowsMax) break;
      for (const row of record.rows) changes.push(row);
      heads.set(record.stream, record.head);
      last = record.sequence;
    }
    for (const [stream, head] of heads) changes.push(headRow(stream, head));
    await store.write(changes, last);
  }

  /** Something waits behind a gap, and every append called before it has come back: nobody will bring the missing record. */
  private gapIsReal(): boolean {
    if (this.waiting.size === 0) return false;
    const [oldest] = this.appends;
    if (oldest === undefined) return true;
    const lowest = Math.min(...this.waiting.keys());
    return oldest > this.waiting.get(lowest)!.ticket;
  }

  private async fillGap(): Promise<void> {
    const { position } = this.parts.store;
    await replay(this.parts);
    if (this.parts.store.position === position) throw new Error(`the journal does not show record ${position + 1}`);
  }

  private async reconcileAll(): Promise<void> {
    const asked = this.reconciliations;
    this.reconciliations = [];
    try {
      await replay(this.parts);
      this.settle();
      for (const { resolve } of asked) resolve();
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }

  private delay(error: unknown): void {
    const message = (error as Error).message;
    this.parts.log('error', 'durable records wait for the state store', { records: this.waiting.size, error: message });
    const fault = new Fault('unavailable', `stored, but not visible yet: ${message}`, { cause: error });
    for (const { record } of this.waiting.values()) record.delayed(fault);
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.parts.clock.after(this.parts.limits.applyRetryMilliseconds, resolve);
      this.wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
