/** A journal whose appends can be held back and made to fail, over a real one. */
import { type Appended, type Journal, type JournalEntry, JournalOutcomeUnknown } from '../../journal/journal.ts';

export interface FailingJournal extends Journal {
  /** Appends wait until `letGo`; then they run in the order of their calls. */
  hold(): void;
  /** Lets what is held go on; `count` of them, all when it is undefined. */
  letGo(count?: number): void;
  /** The next append throws `error` and stores nothing. */
  failNext(error: Error): void;
  /** The next append is stored and its outcome reported unknown. */
  loseNextAnswer(): void;
  /** The next append is reported unknown, and stored when the returned function is called. */
  storeNextLate(): () => Promise<void>;
  readonly appends: JournalEntry[];
  readonly released: string[];
  readonly held: number;
}

export function failingJournal(inner: Journal): FailingJournal {
  let holding = false;
  let held: (() => void)[] = [];
  let trouble: ((entry: JournalEntry) => Promise<Appended>) | undefined;
  const appends: JournalEntry[] = [];
  const released: string[] = [];
  return {
    appends,
    released,
    get held() {
      return held.length;
    },
    get lastSequence() {
      return inner.lastSequence;
    },
    append: async (entry) => {
      appends.push(entry);
      const act = trouble ?? ((each: JournalEntry) => inner.append(each));
      trouble = undefined;
      if (holding) await new Promise<void>((resolve) => held.push(resolve));
      return act(entry);
    },
    read: (after) => inner.read(after),
    release: (stream) => {
      released.push(stream);
      inner.release(stream);
    },
    close: () => inner.close(),
    hold: () => {
      holding = true;
    },
    letGo: (count) => {
      if (count === undefined) holding = false;
      const going = held.slice(0, count);
      held = held.slice(going.length);
      for (const go of going) go();
    },
    failNext: (error) => {
      trouble = async () => {
        throw error;
      };
    },
    loseNextAnswer: () => {
      trouble = async (entry) => {
        await inner.append(entry);
        throw new JournalOutcomeUnknown('the answer was lost');
      };
    },
    storeNextLate: () => {
      let late: JournalEntry | undefined;
      trouble = async (entry) => {
        late = entry;
        throw new JournalOutcomeUnknown('no answer in time');
      };
      return async () => void (await inner.append(late!));
    },
  };
}
