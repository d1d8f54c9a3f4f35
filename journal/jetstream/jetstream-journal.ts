import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  type Appended,
  type HeadOf,
  type Journal,
  JournalConflict,
  type JournalEntry,
  JournalOutcomeUnknown,
  type JournalRecord,
  JournalUnavailable,
  noHash,
  type StreamHead,
} from '../journal.ts';
import { encodeRecord } from '../record.ts';
import { type Follower, JetStreamAppends, type JournalClock } from './appends.ts';
import { connectNats } from './connection.ts';
import { decodeMessage, replay } from './replay.ts';
import { refuseLazySync, refuseUnfitServer, type SafetyWitness } from './safety.ts';
import {
  apiCode,
  ensureStream,
  JetStreamRefused,
  type JournalPlace,
  journalPlace,
  lastSequenceOf,
  refuseUnsafeStream,
  subjectOf,
} from './stream.ts';

/** Appends called and not yet answered; beyond either limit JournalUnavailable. Both stay below what a server buffers for a stream. */
const appendsMax = 4_096;
const appendBytesMax = 64 * 1024 * 1024;
/** Streams whose head is remembered between appends; of one forgotten the server is asked. */
const rememberedStreamsMax = 65_536;
const apiMilliseconds = 3_000;
/** Between two attempts to serve again after a reconnect. */
const verifyPauseMilliseconds = 500;

export interface JetStreamJournalOptions extends SafetyWitness {
  /** See NatsAddress. */
  readonly url: string;
  /** Content of a `.creds` file. */
  readonly credentials?: Uint8Array;
  /** Names the stream: several deployments may share a server. 1 to 64 letters, digits, - and _. */
  readonly deployment: string;
  readonly headOf: HeadOf;
  readonly clock: JournalClock;
  /** Serve although the server may lose what it acknowledged when the machine loses power. */
  readonly allowUnsafe: boolean;
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/**
 * The journal on a NATS server of somebody's own, or one that we supervise.
 * @throws JournalUnavailable the server does not answer.
 * @throws JetStreamRefused it answers, and cannot keep a journal the way it is configured; the message says what to change.
 * @throws JournalCorrupt records are missing.
 */
export async function openJetStreamJournal(options: JetStreamJournalOptions): Promise<Journal> {
  const place = journalPlace(options.deployment);
  const connection = await connectNats(options);
  try {
    refuseUnfitServer(connection);
    const manager = await jetstreamManager(connection, { timeout: apiMilliseconds, checkAPI: false });
    const stream = await ensureStream(manager, place, connection.info?.cluster !== undefined);
    await proveSafe(options, connection, stream);
    const replicas = stream.config.num_replicas;
    if (connection.info?.cluster !== undefined && replicas < 3)
      options.log(
        'warn',
        `stream ${place.stream} has ${replicas} replica(s): a server of the cluster that is lost may take the journal along`,
      );
    return new JetStreamJournal({ options, place, connection, manager, stream });
  } catch (error) {
    await connection.close();
    throw openingTrouble(error);
  }
}

async function proveSafe(options: JetStreamJournalOptions, connection: NatsConnection, stream: StreamInfo): Promise<void> {
  try {
    const offline = await refuseLazySync(connection, stream, options);
    if (offline.length > 0)
      options.log('warn', `of the journal's nats-servers ${offline.join(', ')} are offline: see that they sync before they acknowledge`);
  } catch (error) {
    if (!options.allowUnsafe) throw error;
    options.log('warn', `serving without proof that acknowledged writes survive a power cut: ${messageOf(error)}`);
  }
}

const jetStreamOffForAccount = 10039;

function openingTrouble(error: unknown): Error {
  if (apiCode(error) === jetStreamOffForAccount)
    return new JetStreamRefused(
      'JetStream is off for this account: enable it in the server configuration (accounts { NAME { jetstream: enabled } })',
    );
  if (error instanceof Error && (error.name.startsWith('Journal') || error instanceof JetStreamRefused)) return error;
  return new JournalUnavailable(`the nats-server did not open the journal: ${messageOf(error)}`, { cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface JournalParts {
  readonly options: JetStreamJournalOptions;
  readonly place: JournalPlace;
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly stream: StreamInfo;
}

/** A head, and where on the server its record lies. */
interface PlacedHead extends StreamHead {
  readonly subjectSequence: number;
}

/** An append that is not sent yet: it, or one called before it, waits for the server to tell a head. */
interface Waiting {
  ready: boolean;
  readonly go: () => void;
}

class JetStreamJournal implements Journal {
  readonly #parts: JournalParts;
  readonly #appends: JetStreamAppends;
  readonly #heads = new Map<string, PlacedHead>();
  /** One append of a stream at a time. */
  readonly #busy = new Map<string, Promise<Appended>>();
  readonly #waiting: Waiting[] = [];
  #busyBytes = 0;
  #closed = false;
  /** Counts disconnects: a verification that began before the last one is void. */
  #connectionNumber = 0;

  constructor(parts: JournalParts) {
    this.#parts = parts;
    this.#appends = new JetStreamAppends(
      {
        connection: parts.connection,
        stream: parts.place.stream,
        clock: parts.options.clock,
        followerOf: (subject, after) => this.#followerOf(subject, after),
      },
      lastSequenceOf(parts.stream),
    );
    void this.#watch();
  }

  get lastSequence(): number {
    return this.#appends.lastSequence;
  }

  async append(entry: JournalEntry): Promise<Appended> {
    const { stream, payload } = entry;
    if (this.#closed) throw new JournalUnavailable('the journal is closed');
    if (this.#appends.away !== undefined) throw new JournalUnavailable(this.#appends.away);
    if (this.#busy.has(stream)) throw new JournalConflict(`an append to ${stream} is in flight already`);
    if (this.#busy.size >= appendsMax || this.#busyBytes + payload.length > appendBytesMax) {
      throw new JournalUnavailable(`${this.#busy.size} appends of ${this.#busyBytes} bytes wait for the nats-server already`);
    }
    const appending = this.#append(entry);
    this.#busy.set(stream, appending);
    this.#busyBytes += payload.length;
    try {
      return await appending;
    } catch (error) {
      this.#heads.delete(stream);
      throw error;
    } finally {
      this.#busy.delete(stream);
      this.#busyBytes -= payload.length;
    }
  }

  async *read(after: number): AsyncGenerator<JournalRecord> {
    const { connection, place, options } = this.#parts;
    if (this.#appends.away !== undefined) throw new JournalUnavailable(this.#appends.away);
    const until = lastSequenceOf(await this.#info());
    this.#appends.reached(until);
    yield* replay({ connection, place, headOf: options.headOf, clock: options.clock }, after, until);
  }

  release(stream: string): void {
    if (!this.#busy.has(stream)) this.#heads.delete(stream);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled(this.#busy.values());
    this.#appends.close();
    await this.#parts.connection.close();
  }

  async #append({ stream, expected, time, payload }: JournalEntry): Promise<Appended> {
    const position = expected.position + 1;
    const { frame, hash } = encodeRecord({ sequence: 0, stream, position, previousHash: expected.hash, time, payload });
    const subject = subjectOf(this.#parts.place, stream);
    const known = this.#lastSubjectSequence(stream, expected);
    let sending: Promise<number>;
    if (known !== undefined && this.#waiting.length === 0) {
      sending = this.#appends.send({ subject, frame, lastSubjectSequence: known });
    } else {
      sending = this.#sendInTurn(known ?? this.#askHead(stream, subject, expected), subject, frame);
    }
    const sequence = await sending;
    this.#remember(stream, { position, hash, subjectSequence: sequence });
    return { sequence, head: { position, hash } };
  }

  /** Sequences follow the order of the calls: while one waits to learn its head, those called after it wait behind it. */
  #sendInTurn(known: number | Promise<number>, subject: string, frame: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      let outcome: number | Error = Number.NaN;
      const waiting: Waiting = {
        ready: false,
        go: () => {
          if (outcome instanceof Error) reject(outcome);
          else this.#appends.send({ subject, frame, lastSubjectSequence: outcome }).then(resolve, reject);
        },
      };
      const settle = (value: number | Error): void => {
        outcome = value;
        waiting.ready = true;
        while (this.#waiting[0]?.ready === true) this.#waiting.shift()?.go();
      };
      this.#waiting.push(waiting);
      if (typeof known === 'number') settle(known);
      else known.then(settle, (error: unknown) => settle(error instanceof Error ? error : new Error(String(error))));
    });
  }

  /** The fence of an append that needs no question: of a stream we wrote last, or of one that should not exist yet. */
  #lastSubjectSequence(stream: string, expected: StreamHead): number | undefined {
    const head = this.#heads.get(stream);
    if (head !== undefined && sameHead(head, expected)) return head.subjectSequence;
    return expected.position === 0 && Buffer.compare(expected.hash, noHash) === 0 ? 0 : undefined;
  }

  /** @throws JournalConflict the stream's last record is another one. */
  async #askHead(stream: string, subject: string, expected: StreamHead): Promise<number> {
    const last = await this.#parts.manager.streams
      .getMessage(this.#parts.place.stream, { last_by_subj: subject })
      .catch((error: unknown) => {
        throw new JournalUnavailable(`the nats-server did not tell the head of ${stream}: ${messageOf(error)}`, { cause: error });
      });
    const head = last === null ? { position: 0, hash: noHash } : decodeMessage(last.data, last.seq);
    if (!sameHead(head, expected))
      throw new JournalConflict(`${stream} is at position ${head.position}, not at ${expected.position} or with another hash`);
    return last?.seq ?? 0;
  }

  async #followerOf(subject: string, after: number): Promise<Follower | undefined> {
    const query = { seq: after + 1, next_by_subj: subject };
    const message = await this.#parts.manager.streams.getMessage(this.#parts.place.stream, query);
    return message === null ? undefined : { sequence: message.seq, messageId: message.header.get('Nats-Msg-Id') };
  }

  #remember(stream: string, head: PlacedHead): void {
    this.#heads.delete(stream);
    this.#heads.set(stream, head);
    if (this.#heads.size <= rememberedStreamsMax) return;
    for (const oldest of this.#heads.keys()) return void this.#heads.delete(oldest);
  }

  async #info(): Promise<StreamInfo> {
    return this.#parts.manager.streams.info(this.#parts.place.stream).catch((error: unknown) => {
      throw new JournalUnavailable(`the nats-server did not tell where the journal stands: ${messageOf(error)}`, { cause: error });
    });
  }

  async #watch(): Promise<void> {
    const { connection, options } = this.#parts;
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') {
        this.#connectionNumber++;
        this.#appends.suspend('the connection to the nats-server is down');
        options.log('warn', 'the connection to the nats-server is down');
      } else if (status.type === 'reconnect') {
        this.#appends.suspend('the nats-server is back and not verified yet');
        void this.#verifyUntilServing(this.#connectionNumber, '');
      } else if (status.type === 'error') options.log('warn', `nats-server: ${status.error.message}`);
    }
    if (!this.#closed) this.#appends.suspend('the connection to the nats-server is closed');
  }

  /** The server that came back may be another one, or configured otherwise: it serves when it passed what it had to pass at start-up. */
  async #verifyUntilServing(connectionNumber: number, complained: string): Promise<void> {
    const { options, connection } = this.#parts;
    if (connection.isClosed() || connectionNumber !== this.#connectionNumber) return;
    try {
      refuseUnfitServer(connection);
      const stream = await this.#info();
      this.#refuseOther(stream);
      await proveSafe(options, connection, stream);
      if (connection.isClosed() || connectionNumber !== this.#connectionNumber) return;
      options.log('info', 'the nats-server is back: the journal serves again');
      this.#appends.resume();
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== complained) options.log('error', `the nats-server is back, the journal not: ${reason}`);
      options.clock.after(verifyPauseMilliseconds, () => void this.#verifyUntilServing(connectionNumber, reason));
    }
  }

  #refuseOther(stream: StreamInfo): void {
    const { place, stream: opened } = this.#parts;
    refuseUnsafeStream(stream.config, place);
    const last = lastSequenceOf(stream);
    if (stream.created !== opened.created)
      throw new JetStreamRefused(`stream ${place.stream} was made anew while we served: restart to take it as it is`);
    if (last < this.lastSequence)
      throw new JournalOutcomeUnknown(`stream ${place.stream} ends at ${last}: acknowledged records up to ${this.lastSequence} are gone`);
  }
}

function sameHead(a: StreamHead, b: StreamHead): boolean {
  return a.position === b.position && Buffer.compare(a.hash, b.hash) === 0;
}
