import { ChainCheck } from './chain-check.ts';
import { Fence } from './fence.ts';
import {
  type Appended,
  emptyStream,
  type HeadOf,
  type Journal,
  type JournalEntry,
  type JournalRecord,
  JournalUnavailable,
} from './journal.ts';
import { decodeRecord, encodeRecord } from './record.ts';

/** What a memory journal leaves when it is closed: give it to the next one to open it again. */
export interface MemoryLog {
  readonly frames: Buffer[];
}

/** A journal in memory, for tests: the same frames, fence and chain, durable as long as `log` is kept. */
export function memoryJournal(headOf: HeadOf = () => emptyStream, log: MemoryLog = { frames: [] }): Journal {
  return new InMemoryJournal(headOf, log);
}

class InMemoryJournal implements Journal {
  readonly #headOf: HeadOf;
  readonly #fence: Fence;
  readonly #frames: Buffer[];
  #closed = false;

  constructor(headOf: HeadOf, log: MemoryLog) {
    this.#headOf = headOf;
    this.#fence = new Fence(headOf);
    this.#frames = log.frames;
  }

  get lastSequence(): number {
    return this.#frames.length;
  }

  async append(entry: JournalEntry): Promise<Appended> {
    if (this.#closed) throw new JournalUnavailable('the journal is closed');
    this.#fence.check(entry);
    const { stream, expected, time, payload } = entry;
    const sequence = this.#frames.length + 1;
    const position = expected.position + 1;
    const { frame, hash } = encodeRecord({ sequence, stream, position, previousHash: expected.hash, time, payload });
    this.#frames.push(frame);
    const head = { position, hash };
    this.#fence.advance(stream, head);
    return { sequence, head };
  }

  async *read(after: number): AsyncGenerator<JournalRecord> {
    const until = this.lastSequence;
    const chain = new ChainCheck(this.#headOf, after === 0);
    for (const frame of this.#frames.slice(after, until)) {
      const record = decodeRecord(frame);
      chain.check(record);
      yield record;
    }
  }

  release(stream: string): void {
    this.#fence.release(stream);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }
}
