/**
 * What one actor has decided and what is not applied yet. One append is in flight; what is decided meanwhile forms the next
 * record (group commit). An answer leaves when the record it depends on is durable and its rows are visible.
 */
import {
  emptyStream,
  type Journal,
  JournalConflict,
  JournalUnavailable,
  journalPayloadBytesMax,
  type StreamHead,
} from '../../journal/journal.ts';
import { isStoreTrouble, type RowChange } from '../../snapshots/state-store.ts';
import type { Clock } from '../clock.ts';
import { Fault } from '../fault.ts';
import type { ActorLimits } from '../limits.ts';
import type { Applier } from './applier.ts';
import { joinEntries, payloadHeaderBytes } from './record-payload.ts';
import { Layer, type LayeredRows } from './rows.ts';

/** Someone who waits for an answer. */
export interface Waiter {
  resolve(reply: unknown): void;
  reject(fault: Fault): void;
}

/** What a failed append means for the actor. */
export type AppendFailure = 'unavailable' | 'outcomeUnknown' | 'conflict';

export interface CommitQueueParts {
  readonly stream: string;
  readonly journal: Journal;
  readonly applier: Applier;
  readonly clock: Clock;
  readonly limits: ActorLimits;
  /** The actor's view: layers are pushed and removed here. */
  readonly rows: LayeredRows;
  /** An append came back: there may be room again, or nothing left to do. */
  readonly onProgress: () => void;
  /** What was not durable is discarded; its waiters are answered next. */
  readonly onFailure: (failure: AppendFailure, error: unknown) => void;
}

/** A decided command: its entry as encoded, how many events it has, their rows (made one event after the other), its answer. */
export interface Decided {
  readonly entry: Buffer;
  readonly events: number;
  readonly changes: Iterable<readonly RowChange[]>;
  readonly reply: unknown;
}

class PendingRecord {
  readonly layer = new Layer();
  readonly rows: RowChange[] = [];
  readonly entries: Buffer[] = [];
  bytes = 0;
  events = 0;
  private waiting: { readonly waiter: Waiter; readonly reply: unknown }[] = [];

  /** Making rows may read what the layer has so far; when that throws, the layer is as before. */
  add({ entry, events, changes }: Decided): void {
    const before = this.rows.length;
    try {
      for (const rows of changes) {
        for (const row of rows) {
          this.layer.put(row);
          this.rows.push(row);
        }
      }
    } catch (error) {
      this.rows.length = before;
      this.layer.clear();
      for (const row of this.rows) this.layer.put(row);
      throw error;
    }
    this.entries.push(entry);
    this.bytes += entry.length;
    this.events += events;
  }

  wait(waiter: Waiter, reply: unknown): void {
    this.waiting.push({ waiter, reply });
  }

  answer(): void {
    for (const { waiter, reply } of this.take()) waiter.resolve(reply);
  }

  fail(fault: Fault): void {
    for (const { waiter } of this.take()) waiter.reject(fault);
  }

  private take(): readonly { readonly waiter: Waiter; readonly reply: unknown }[] {
    const waiting = this.waiting;
    this.waiting = [];
    return waiting;
  }
}

export class CommitQueue {
  /** The last durable record of the stream; the fence of the next append. */
  head: StreamHead = emptyStream;
  private readonly parts: CommitQueueParts;
  private forming: PendingRecord | undefined;
  private appending: PendingRecord | undefined;
  /** Durable, not visible yet; oldest first. */
  private readonly applying: PendingRecord[] = [];
  private waitsForRoom = false;

  constructor(parts: CommitQueueParts) {
    this.parts = parts;
  }

  /** Nothing more may be decided until an append comes back. */
  get full(): boolean {
    const { recordEventsMax, recordBytesMax } = this.parts.limits;
    return this.forming !== undefined && (this.forming.events >= recordEventsMax || this.forming.bytes >= recordBytesMax);
  }

  /** Everything decided is durable or discarded. */
  get durable(): boolean {
    return this.forming === undefined && this.appending === undefined;
  }

  get idle(): boolean {
    return this.durable && this.applying.length === 0;
  }

  /** Takes events; the answer waits for them. `flush` follows. A throw leaves everything as it was. */
  add(decided: Decided, waiter: Waiter): void {
    // A record that is not full and one more command always fit into a payload.
    const entryBytesMax = journalPayloadBytesMax - this.parts.limits.recordBytesMax - payloadHeaderBytes;
    if (decided.entry.length > entryBytesMax) {
      throw new Fault('internal', `the events of one command have ${decided.entry.length} bytes, at most ${entryBytesMax} fit`);
    }
    const fresh = this.forming === undefined;
    const record = this.forming ?? new PendingRecord();
    if (fresh) this.parts.rows.push(record.layer);
    try {
      record.add(decided);
    } catch (error) {
      if (fresh) this.parts.rows.remove(record.layer);
      throw error;
    }
    this.forming = record;
    record.wait(waiter, decided.reply);
  }

  /** An answer without events: it may rest on what was decided before it, and waits for the newest of that. */
  answer(reply: unknown, waiter: Waiter): void {
    const newest = this.forming ?? this.appending ?? this.applying.at(-1);
    if (newest === undefined) waiter.resolve(reply);
    else newest.wait(waiter, reply);
  }

  /** Appends what was decided, unless an append is in flight: then it goes when that comes back. */
  flush(): void {
    const record = this.forming;
    if (record === undefined || this.appending !== undefined || this.waitsForRoom) return;
    const { applier } = this.parts;
    if (!applier.hasRoom) {
      this.waitsForRoom = true;
      applier.whenRoom(() => {
        this.waitsForRoom = false;
        this.flush();
      });
      return;
    }
    this.forming = undefined;
    this.appending = record;
    void this.append(record);
  }

  private async append(record: PendingRecord): Promise<void> {
    const { stream, journal, applier, clock } = this.parts;
    const ticket = applier.begin();
    try {
      const payload = joinEntries(record.entries, record.bytes);
      const { sequence, head } = await journal.append({ stream, expected: this.head, time: clock.now(), payload });
      this.head = head;
      this.appending = undefined;
      this.applying.push(record);
      const applied = (): void => this.applied(record);
      applier.submit(ticket, { sequence, stream, head, rows: record.rows, applied, delayed: (fault) => record.fail(fault) });
    } catch (error) {
      this.failed(error, ticket);
      return;
    }
    this.flush();
    this.parts.onProgress();
  }

  private applied(record: PendingRecord): void {
    this.applying.splice(this.applying.indexOf(record), 1);
    this.parts.rows.remove(record.layer);
    record.answer();
    this.parts.onProgress();
  }

  /** What was being appended, and all that was decided on top of it, never happened as far as this actor knows. */
  private failed(error: unknown, ticket: number): void {
    const { failure, fault } = faultOf(error, this.parts.stream);
    const behind = new Fault('unavailable', 'decided on top of a record that was not stored', { cause: error });
    const { appending, forming } = this;
    this.appending = undefined;
    this.forming = undefined;
    for (const record of [appending, forming]) if (record !== undefined) this.parts.rows.remove(record.layer);
    this.parts.onFailure(failure, error);
    this.parts.applier.abandon(ticket);
    appending?.fail(fault);
    forming?.fail(behind);
  }
}

function faultOf(error: unknown, stream: string): { readonly failure: AppendFailure; readonly fault: Fault } {
  const { message } = error as Error;
  const options = { cause: error };
  if (error instanceof JournalConflict) {
    return { failure: 'conflict', fault: new Fault('unavailable', `another writer has ${stream}: ${message}`, options) };
  }
  // The journal asks the state store for a head before it stores anything: its trouble is a refusal too.
  if (error instanceof JournalUnavailable || isStoreTrouble(error)) {
    return { failure: 'unavailable', fault: new Fault('unavailable', message, options) };
  }
  // JournalOutcomeUnknown, and anything the contract doesn't name: never taken for a refusal.
  return { failure: 'outcomeUnknown', fault: new Fault('internal', `outcome unknown: ${message}`, options) };
}
