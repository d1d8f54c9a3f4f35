/**
 * The journal: ordered, durable, hash-chained records per stream. It knows bytes only. One append is one record is all
 * events of one batch of one actor, and it is the only commit point of the store.
 */

/** Where a stream stands: the position of its last record (0 = none yet) and that record's hash (32 zero bytes = none yet). */
export interface StreamHead {
  readonly position: number;
  readonly hash: Uint8Array;
}

export interface JournalEntry {
  /** `kind/name`, at most 1,100 bytes of UTF-8, e.g. `bucket/photos`. */
  readonly stream: string;
  /** Where the writer believes the stream to be; the append is refused with JournalConflict when it isn't. */
  readonly expected: StreamHead;
  /** Milliseconds since the epoch, from the writer's clock. */
  readonly time: number;
  /** Opaque to the journal, at most `journalPayloadBytesMax`. */
  readonly payload: Uint8Array;
}

/** What a durable append answers. `sequence` orders all records of the journal, starts at 1 and has no gaps. */
export interface Appended {
  readonly sequence: number;
  readonly head: StreamHead;
}

export interface JournalRecord {
  readonly sequence: number;
  readonly stream: string;
  /** Position in its stream, starting at 1, no gaps. */
  readonly position: number;
  readonly previousHash: Uint8Array;
  readonly hash: Uint8Array;
  readonly time: number;
  readonly payload: Uint8Array;
}

export interface Journal {
  /** Sequence of the last durable record; 0 when empty. */
  readonly lastSequence: number;
  /**
   * Resolves when the record is durable (survives a power cut on a majority of mirrors). Many appends may be in flight;
   * appends to different streams share syncs, and sequences follow the order of the calls. Of one stream at most one may be in flight.
   * @throws JournalConflict the stream moved on: another writer lives. Nothing was stored.
   * @throws JournalUnavailable too few mirrors, or the server is away, and the record is certainly not stored.
   * @throws JournalOutcomeUnknown it may or may not be stored: the caller must recover before it answers.
   */
  append(entry: JournalEntry): Promise<Appended>;
  /** Records with sequence > `after`, in order, up to what was durable at the call. Verifies CRC and hash chain: throws JournalCorrupt. */
  read(after: number): AsyncIterable<JournalRecord>;
  /** The writer of this stream has gone: what the journal remembers of it for the fence may be dropped. */
  release(stream: string): void;
  close(): Promise<void>;
}

/** How a journal learns the head of a stream that it does not remember: the engine answers from the state store. */
export type HeadOf = (stream: string) => StreamHead;

export const journalPayloadBytesMax = 8 * 1024 * 1024;
export const noHash: Uint8Array = new Uint8Array(32);
export const emptyStream: StreamHead = { position: 0, hash: noHash };

export class JournalConflict extends Error {
  override readonly name = 'JournalConflict';
}
export class JournalUnavailable extends Error {
  override readonly name = 'JournalUnavailable';
}
export class JournalOutcomeUnknown extends Error {
  override readonly name = 'JournalOutcomeUnknown';
}
export class JournalCorrupt extends Error {
  override readonly name = 'JournalCorrupt';
}
