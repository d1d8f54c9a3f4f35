/**
 * Actors over a journal and a state store: the one way in for commands. Knows nothing of S3: `kinds` say what commands and
 * events mean.
 */
import type { Journal } from '../../journal/journal.ts';
import type { StateStore } from '../../snapshots/state-store.ts';
import type { Clock } from '../clock.ts';
import type { ActorLimits } from '../limits.ts';
import type { Log } from '../log.ts';
import type { Rejection } from '../rejection.ts';
import type { Caller } from '../vocabulary.ts';
import type { ActorKind, RowView } from './decider.ts';

/** A kind whose types don't matter here. */
// biome-ignore lint/suspicious/noExplicitAny: a list of kinds of different types has no narrower element type
export type AnyKind = ActorKind<any, any, any, any>;

export interface ActorSystemParts {
  readonly journal: Journal;
  readonly store: StateStore;
  /** Every kind that ever wrote to this journal. */
  readonly kinds: readonly AnyKind[];
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<ActorLimits>;
}

export interface ActorSystem {
  /**
   * Hands a command to the actor `kind.name/actor`, starting it when it isn't in memory. Commands of one actor are decided in
   * the order of the calls. Resolves when everything the answer depends on is durable and visible in `rows`.
   * @throws Fault 'unavailable' the journal or state store is away, certainly nothing was stored, or it is stored and not yet visible;
   * 'overloaded' a mailbox or the number of live actors is at its limit; 'internal' outcome unknown, or a defect.
   */
  tell<Command, State, Event, Reply>(
    kind: ActorKind<Command, State, Event, Reply>,
    actor: string,
    command: Command,
    caller: Caller,
  ): Promise<Reply | Rejection>;
  /** Durable rows, for queries. Trouble of the store is thrown as Fault 'unavailable'. */
  readonly rows: RowView;
  /** Refuses new commands, waits for those under way. Closes neither journal nor state store. */
  close(): Promise<void>;
}

/**
 * Replays what the state store lacks of the journal, then answers commands.
 * @throws JournalCorrupt from the journal; Error when the state store is ahead of the journal (delete it: it is rebuilt).
 */
export declare function openActorSystem(parts: ActorSystemParts): Promise<ActorSystem>;
