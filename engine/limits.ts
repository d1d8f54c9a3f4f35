/** Every named limit of the engine, with its unit. At a limit the answer is SlowDown or back-pressure, never growth. */

/** Commands under way at the door, over all actors; the door answers SlowDown beyond. */
export const commandsInFlightMax = 4_096;

/** Pages of listings read at once; the others wait. A page makes thousands of JavaScript objects, and what outlives a young collection is kept for long. */
export const listingsAtOnceMax = 8;

/** How actors live; `openActorSystem` takes other values for tests and small machines. */
export interface ActorLimits {
  /** Commands waiting in one actor's mailbox; Fault 'overloaded' beyond. */
  readonly mailboxMessagesMax: number;
  /** Events of one record; what is decided beyond waits for the append in flight. */
  readonly recordEventsMax: number;
  /** Encoded bytes of one record, unless a single command's events are larger. Below journalPayloadBytesMax. */
  readonly recordBytesMax: number;
  /** Durable rows waiting for the state store; no append begins beyond. */
  readonly applyRowsMax: number;
  /** Rows of one batch to the state store, live (a record is never split). */
  readonly applyBatchRowsMax: number;
  /** Rows of one batch to the state store, on replay (a record is never split). */
  readonly replayBatchRowsMax: number;
  /** Bytes of keys and values of one batch to the state store, on replay. */
  readonly replayBatchBytesMax: number;
  /** Actors in memory; beyond, an idle one makes room, and when none is idle: Fault 'overloaded'. */
  readonly liveActorsMax: number;
  /** An actor without commands this long leaves memory. */
  readonly actorIdleMilliseconds: number;
  /** First pause of an actor after a failure; doubles with each further one. */
  readonly backOffFirstMilliseconds: number;
  readonly backOffMaxMilliseconds: number;
  /** Pause before a batch is offered again to a state store that failed. */
  readonly applyRetryMilliseconds: number;
}

export const actorLimits: ActorLimits = {
  mailboxMessagesMax: 4_096,
  recordEventsMax: 1_000,
  recordBytesMax: 4 * 1024 * 1024,
  applyRowsMax: 20_000,
  applyBatchRowsMax: 4_000,
  replayBatchRowsMax: 4_000,
  replayBatchBytesMax: 4 * 1024 * 1024,
  liveActorsMax: 4_096,
  actorIdleMilliseconds: 60_000,
  backOffFirstMilliseconds: 50,
  backOffMaxMilliseconds: 5_000,
  applyRetryMilliseconds: 500,
};
