/**
 * What an actor is made of, S3 apart. The state of an actor is its rows in the state store plus the tail it has decided but
 * not yet made durable; a command sees the slice of them that it names.
 */
import type { Row, RowChange, RowRange } from '../../snapshots/state-store.ts';
import type { Rejection } from '../rejection.ts';
import type { Caller } from '../vocabulary.ts';

/** Rows as this moment has them: the state store under the not-yet-durable tail. */
export interface RowView {
  get(table: string, key: Uint8Array): Buffer | undefined;
  range(table: string, range: RowRange): Promise<Row[]>;
}

export interface Accepted<Event, Reply> {
  readonly events: readonly Event[];
  readonly reply: Reply;
}

export type Decision<Event, Reply> = Accepted<Event, Reply> | Rejection;

/**
 * One kind of actor (bucket, upload). `consult` is its only reader: it fetches the slice of state a command needs, at once
 * where point reads do, as a promise where it must scan. `decide` and `rowsOf` are pure.
 */
export interface ActorKind<Command, State, Event, Reply> {
  /** First segment of the stream name. */
  readonly name: string;
  consult(actor: string, command: Command, rows: RowView): State | Promise<State>;
  decide(state: State, command: Command, caller: Caller): Decision<Event, Reply>;
  /** Row changes of one event. Point reads of the actor's own rows only, so that live and rebuild agree. Used live and on rebuild. */
  rowsOf(event: Event, rows: RowView): RowChange[];
  /** Positional array with the format number first; `decode` reads every format ever written. */
  encode(event: Event): unknown[];
  decode(encoded: unknown[]): Event;
}

/** A kind whose types don't matter where it is used. */
// biome-ignore lint/suspicious/noExplicitAny: a list of kinds of different types has no narrower element type
export type AnyKind = ActorKind<any, any, any, any>;
