/**
 * Actors over a journal and a state store: the one way in for commands. Knows nothing of S3: `kinds` say what commands and
 * events mean.
 */
import { type Journal, journalPayloadBytesMax } from '../../journal/journal.ts';
import type { StateStore } from '../../snapshots/state-store.ts';
import { assert } from '../assert.ts';
import type { Clock } from '../clock.ts';
import { Fault } from '../fault.ts';
import { type ActorLimits, actorLimits } from '../limits.ts';
import type { Log } from '../log.ts';
import type { Rejection } from '../rejection.ts';
import type { Caller } from '../vocabulary.ts';
import { Applier } from './applier.ts';
import type { ActorKind, AnyKind } from './decider.ts';
import { replay } from './recovery.ts';
import { Registry } from './registry.ts';
import { type StoredRows, storeRows } from './rows.ts';
import { SteadyReads } from './steady-reads.ts';

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
  readonly rows: StoredRows;
  /** Runs `work`, which only reads `rows`, and again when the store failed under it and another one has taken its place. */
  reading<T>(work: () => T | Promise<T>): Promise<T>;
  /** Refuses new commands, waits for those under way. Closes neither journal nor state store. */
  close(): Promise<void>;
}

/**
 * Replays what the state store lacks of the journal, then answers commands.
 * @throws JournalCorrupt from the journal; Error when the state store is ahead of the journal (delete it: it is rebuilt).
 */
export async function openActorSystem(parts: ActorSystemParts): Promise<ActorSystem> {
  const limits: ActorLimits = { ...actorLimits, ...parts.limits };
  assert(limits.recordBytesMax < journalPayloadBytesMax, 'a record leaves room for one more command in its payload');
  const began = parts.clock.now();
  const { records, position } = await replay(parts);
  parts.log('info', 'state store is up to date', { position, replayed: records, milliseconds: parts.clock.now() - began });
  const applier = new Applier({ ...parts, limits });
  const rows = storeRows(parts.store);
  const steady = new SteadyReads(parts);
  const reading = <T>(work: () => T | Promise<T>): Promise<T> => steady.run(work);
  const registry = new Registry({ ...parts, limits, applier, rows, reading });
  let open = true;
  return {
    rows,
    reading,
    // The kind given is the one whose types the command and the reply have.
    tell: (kind, actor, command, caller) => {
      if (!open) return Promise.reject(new Fault('unavailable', 'closing'));
      try {
        return registry.find(kind, actor).tell(command, caller) as Promise<never>;
      } catch (error) {
        return Promise.reject(error);
      }
    },
    close: async () => {
      open = false;
      await Promise.all([...registry.actors].map((actor) => actor.whenQuiet()));
      await applier.close();
      registry.stopAll();
    },
  };
}
