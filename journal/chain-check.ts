import { type HeadOf, JournalCorrupt, type JournalRecord, noHash, type StreamHead } from './journal.ts';

/** Streams whose last link is remembered during one read; of one forgotten a link is taken from the state store, or not checked. */
const streamsMax = 200_000;

/** Every record of a stream names the hash of the one before: positions without gaps, hashes that fit. One instance follows one read. */
export class ChainCheck {
  readonly #headOf: HeadOf;
  readonly #last = new Map<string, StreamHead>();
  /** Every stream was seen from its first record on, and none was forgotten. */
  #complete: boolean;

  constructor(headOf: HeadOf, fromTheStart: boolean) {
    this.#headOf = headOf;
    this.#complete = fromTheStart;
  }

  /** @throws JournalCorrupt the record does not follow its stream's previous one. */
  check(record: JournalRecord): void {
    const { sequence, stream, position, previousHash, hash } = record;
    const previous = this.#previous(record);
    if (previous !== undefined && position !== previous.position + 1) {
      throw new JournalCorrupt(`record ${sequence}: position ${position} of ${stream} follows ${previous.position}`);
    }
    if (previous !== undefined && Buffer.compare(previousHash, previous.hash) !== 0) {
      throw new JournalCorrupt(`record ${sequence}: the hash chain of ${stream} is broken at position ${position}`);
    }
    this.#remember(stream, { position, hash });
  }

  #previous({ stream, position }: JournalRecord): StreamHead | undefined {
    const known = this.#last.get(stream);
    if (known !== undefined) return known;
    if (this.#complete || position === 1) return { position: 0, hash: noHash };
    const head = this.#headOf(stream);
    return head.position + 1 === position ? head : undefined;
  }

  #remember(stream: string, head: StreamHead): void {
    this.#last.delete(stream);
    this.#last.set(stream, head);
    if (this.#last.size <= streamsMax) return;
    const oldest = this.#last.keys().next();
    if (!oldest.done) this.#last.delete(oldest.value);
    this.#complete = false;
  }
}
