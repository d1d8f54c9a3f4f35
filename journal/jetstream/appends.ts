import { createInbox, headers, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { JournalConflict, JournalOutcomeUnknown, JournalUnavailable } from '../journal.ts';

/** An append without an answer is sent again after this long, with the same Nats-Msg-Id ... */
const resendMilliseconds = 3_000;
/** ... at most this often ... */
const sendsMax = 8;
/** ... and given up this long after it was first sent. */
const outcomeMilliseconds = 20_000;
const sweepMilliseconds = 250;

/** JetStream's error codes: the fence held. */
const wrongLastSequence = 10071;
/**
 * A cluster's leader has a message of the subject in process and does not look closer: it may be another writer's, or our own last one,
 * which it forgets only after it acknowledged it. Nothing was stored; asked again a moment later it can tell.
 */
const subjectInProcess = 10164;
const subjectInProcessMilliseconds = 5;
/** An earlier sending of the same message is still on its way through the cluster. */
const duplicateInProcess = 10158;
/** Refused before anything was stored: no room (10002, 10023, 10047, 10077), not ready (10008, 10039, 10076), too big (10054), not this stream (10060), sealed (10109), too many (10167). */
const notStored = new Set([10002, 10008, 10023, 10039, 10047, 10054, 10060, 10076, 10077, 10109, 10167]);

/** Status of the server's own answer when no stream listens on a subject. */
const noResponders = 503;
const nobodyThere: Acknowledgement = { error: { err_code: 10076, description: 'no JetStream stream listens there' } };

/** Time, as the composition root gives it. */
export interface JournalClock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `task` once after `milliseconds`; the returned function cancels it. */
  after(milliseconds: number, task: () => void): () => void;
}

/** One record on its way to its subject. */
export interface Outgoing {
  readonly subject: string;
  readonly frame: Uint8Array;
  /** Stream sequence of the subject's last message, 0 when it has none: the fence. */
  readonly lastSubjectSequence: number;
}

/** The message that follows a sequence on a subject: who wrote it and where it lies. */
export interface Follower {
  readonly sequence: number;
  readonly messageId: string;
}

export interface AppendsParts {
  readonly connection: NatsConnection;
  readonly stream: string;
  readonly clock: JournalClock;
  /** Asks the server for the first message of a subject after a sequence. */
  readonly followerOf: (subject: string, after: number) => Promise<Follower | undefined>;
}

interface Flight extends Outgoing {
  readonly id: number;
  readonly messageId: string;
  readonly firstSentAt: number;
  sentAt: number;
  sends: number;
  /** A sending had no answer: what it did is not known, so a refusal of a later one proves nothing. */
  lost: boolean;
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: Error) => void;
}

interface Acknowledgement {
  readonly seq?: number;
  readonly error?: { readonly err_code?: number; readonly description?: string };
}

function acknowledgementIn(message: Msg): Acknowledgement {
  try {
    return message.json<Acknowledgement>();
  } catch {
    return { error: { description: `${message.data.length} bytes that are no acknowledgement` } };
  }
}

/** An answered append that waits for its turn, and the flights that might still turn out to lie before it. */
interface Landed {
  readonly sequence: number;
  readonly resolve: (sequence: number) => void;
  readonly waitsFor: Set<number>;
}

/**
 * Appends in flight over one connection (their number is bounded by the journal), acknowledged to one inbox of our own: ten times the throughput of a request each.
 * Answers are given in the order of the sequences, also when one of them came only to its second sending.
 */
export class JetStreamAppends {
  readonly #parts: AppendsParts;
  readonly #inbox: string;
  readonly #flights = new Map<number, Flight>();
  #landed: Landed[] = [];
  #released: number;
  #nextId = 1;
  #cancelSweep: (() => void) | undefined;
  /** Why nothing is sent at the moment. */
  #away: string | undefined;

  /** @param released sequence of the last record known. */
  constructor(parts: AppendsParts, released: number) {
    this.#parts = parts;
    this.#released = released;
    this.#inbox = createInbox();
    parts.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#answered(message);
      },
    });
  }

  /** Sequence of the last record that is known to be durable. */
  get lastSequence(): number {
    return this.#released;
  }

  /** Why appends are refused at the moment, if they are. */
  get away(): string | undefined {
    return this.#away;
  }

  /** Another reader learnt that the journal reaches so far. */
  reached(sequence: number): void {
    this.#released = Math.max(this.#released, sequence);
  }

  /**
   * Resolves to the record's sequence when it is durable. Sends before it returns.
   * @throws JournalConflict @throws JournalUnavailable @throws JournalOutcomeUnknown
   */
  send(outgoing: Outgoing): Promise<number> {
    if (this.#away !== undefined) return Promise.reject(new JournalUnavailable(this.#away));
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const now = this.#parts.clock.now();
      const messageId = `${this.#inbox}.${id}`;
      const flight: Flight = { ...outgoing, id, messageId, firstSentAt: now, sentAt: now, sends: 0, lost: false, resolve, reject };
      this.#flights.set(id, flight);
      this.#publish(flight);
      this.#scheduleSweep();
    });
  }

  /** The connection broke: what is in flight may or may not have arrived. New appends are refused until `resume`. */
  suspend(reason: string): void {
    this.#away = reason;
    for (const flight of this.#flights.values()) flight.lost = true;
  }

  /** The connection is back: everything in flight goes out again, in its first order. */
  resume(): void {
    this.#away = undefined;
    for (const flight of [...this.#flights.values()]) this.#resend(flight);
  }

  close(): void {
    this.#away = 'the journal is closed';
    this.#cancelSweep?.();
    for (const flight of [...this.#flights.values()])
      this.#fail(flight, new JournalOutcomeUnknown('the journal was closed before the server answered'));
  }

  #publish(flight: Flight): void {
    flight.sends++;
    flight.sentAt = this.#parts.clock.now();
    const fields = headers();
    fields.set('Nats-Expected-Stream', this.#parts.stream);
    fields.set('Nats-Expected-Last-Subject-Sequence', String(flight.lastSubjectSequence));
    fields.set('Nats-Msg-Id', flight.messageId);
    try {
      this.#parts.connection.publish(flight.subject, flight.frame, { headers: fields, reply: flight.messageId });
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      this.#fail(flight, flight.lost ? new JournalOutcomeUnknown(said) : new JournalUnavailable(said));
    }
  }

  #resend(flight: Flight): void {
    flight.lost = true;
    if (flight.sends < sendsMax) this.#publish(flight);
    else this.#fail(flight, new JournalOutcomeUnknown(`no acknowledgement after ${flight.sends} sendings`));
  }

  #answered(message: Msg): void {
    const flight = this.#flights.get(Number(message.subject.slice(this.#inbox.length + 1)));
    if (flight === undefined) return;
    const { seq, error } = message.headers?.code === noResponders ? nobodyThere : acknowledgementIn(message);
    const code = error?.err_code ?? 0;
    const said = error?.description ?? 'an acknowledgement without a sequence';
    if (error === undefined && typeof seq === 'number' && seq > 0) this.#land(flight, seq);
    else if (code === duplicateInProcess) flight.lost = true;
    else if (code === subjectInProcess) this.#askAgain(flight);
    else if (code === wrongLastSequence) void this.#fenced(flight, said);
    else if (notStored.has(code)) this.#refused(flight, said);
    else this.#fail(flight, new JournalOutcomeUnknown(`the nats-server answered: ${said} (${code})`));
  }

  /** This sending was refused before anything was stored; an earlier one without an answer keeps the append open. */
  #refused(flight: Flight, said: string): void {
    if (!flight.lost) this.#fail(flight, new JournalUnavailable(`the nats-server answered: ${said}`));
  }

  /** Until the sweep finds that it took too long. */
  #askAgain(flight: Flight): void {
    flight.sends--;
    this.#parts.clock.after(subjectInProcessMilliseconds, () => {
      if (this.#flights.has(flight.id) && this.#away === undefined) this.#publish(flight);
    });
  }

  /** Another record lies where this one should: it may be ours, from an earlier sending. */
  async #fenced(flight: Flight, said: string): Promise<void> {
    const conflict = new JournalConflict(`${flight.subject}: ${said}`);
    if (!flight.lost) return this.#fail(flight, conflict);
    try {
      const follower = await this.#parts.followerOf(flight.subject, flight.lastSubjectSequence);
      if (!this.#flights.has(flight.id)) return;
      if (follower === undefined)
        return this.#fail(flight, new JournalOutcomeUnknown(`${flight.subject}: fenced off, yet nothing follows`));
      if (follower.messageId === flight.messageId) this.#land(flight, follower.sequence);
      else this.#fail(flight, conflict);
    } catch (error) {
      this.#fail(flight, new JournalOutcomeUnknown(`${flight.subject}: ${error instanceof Error ? error.message : String(error)}`));
    }
  }

  #land(flight: Flight, sequence: number): void {
    this.#remove(flight);
    const waitsFor = sequence === this.#released + 1 ? new Set<number>() : new Set(this.#flights.keys());
    this.#landed.push({ sequence, resolve: flight.resolve, waitsFor });
    this.#release();
  }

  #fail(flight: Flight, error: Error): void {
    if (!this.#flights.has(flight.id)) return;
    this.#remove(flight);
    flight.reject(error);
    this.#release();
  }

  #remove(flight: Flight): void {
    this.#flights.delete(flight.id);
    for (const landed of this.#landed) landed.waitsFor.delete(flight.id);
  }

  /** Answers what can have no record of ours before it any more. */
  #release(): void {
    if (this.#landed.length > 1) this.#landed.sort((a, b) => a.sequence - b.sequence);
    while (this.#landed.length > 0) {
      const first = this.#landed[0]!;
      if (first.sequence > this.#released + 1 && first.waitsFor.size > 0) return;
      this.#landed.shift();
      this.reached(first.sequence);
      first.resolve(first.sequence);
    }
  }

  #scheduleSweep(): void {
    if (this.#cancelSweep !== undefined || this.#flights.size === 0) return;
    this.#cancelSweep = this.#parts.clock.after(sweepMilliseconds, () => {
      this.#cancelSweep = undefined;
      this.#sweep();
      this.#scheduleSweep();
    });
  }

  #sweep(): void {
    const now = this.#parts.clock.now();
    for (const flight of [...this.#flights.values()]) {
      if (now - flight.firstSentAt >= outcomeMilliseconds) {
        this.#fail(flight, new JournalOutcomeUnknown(`no acknowledgement within ${outcomeMilliseconds} ms, sent ${flight.sends} times`));
      } else if (this.#away === undefined && now - flight.sentAt >= resendMilliseconds) this.#resend(flight);
    }
  }
}
