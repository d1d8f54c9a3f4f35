import { type HeadOf, JournalConflict, type JournalEntry, type StreamHead } from './journal.ts';

/** What a journal remembers of its streams' heads, to refuse the append of a writer that another one overtook. */
export class Fence {
  readonly #headOf: HeadOf;
  readonly #heads = new Map<string, StreamHead>();

  constructor(headOf: HeadOf) {
    this.#headOf = headOf;
  }

  headOf(stream: string): StreamHead {
    return this.#heads.get(stream) ?? this.#headOf(stream);
  }

  /** @throws JournalConflict when the entry's writer isn't where the stream is. */
  check({ stream, expected }: JournalEntry): void {
    const head = this.headOf(stream);
    if (sameHead(head, expected)) return;
    throw new JournalConflict(`${stream} is at position ${head.position}, its writer expected ${expected.position}`);
  }

  advance(stream: string, head: StreamHead): void {
    this.#heads.set(stream, head);
  }

  /** Forgets the stream, unless the one who is asked for unknown heads is still behind: then the memory alone knows the truth. */
  release(stream: string): void {
    const head = this.#heads.get(stream);
    if (head !== undefined && sameHead(head, this.#headOf(stream))) this.#heads.delete(stream);
  }
}

function sameHead(left: StreamHead, right: StreamHead): boolean {
  return left.position === right.position && Buffer.compare(left.hash, right.hash) === 0;
}
