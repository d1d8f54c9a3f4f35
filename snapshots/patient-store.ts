/**
 * A state store whose calls fail in bounded time. LevelDB knows no limit: on a file system that doesn't answer its calls last until it does,
 * and so would whoever waits for them. Point reads are made at once, by this thread, and can't be given up: see ARCHITECTURE.md.
 */
import { DriveHangs, type DriveTimer, inTime } from '../journal/disk.ts';
import {
  type Row,
  type RowChange,
  type RowRange,
  type RowReads,
  type StateStore,
  StateStoreUnavailable,
  type TextRow,
} from './state-store.ts';

/** Milliseconds of an open: what lies there is proved before it is believed. */
const openMilliseconds = 30_000;
/** Milliseconds of one call; compaction may hold up a write for seconds. */
const callMilliseconds = 15_000;
/** Milliseconds that a close is waited for; it goes on by itself. */
const closeMilliseconds = 5_000;

/** Opens a store; one that opens too late is closed again. @throws what `open` throws, StateStoreUnavailable. */
export async function openPatientStore(name: string, open: () => Promise<StateStore>, timer: DriveTimer): Promise<StateStore> {
  const limit = { timer, milliseconds: openMilliseconds, name };
  const closeLate = (store: StateStore) => void store.close().catch(() => undefined);
  return new PatientStore(await inTime(open(), limit, closeLate).catch(unavailable), name, timer);
}

function unavailable(error: unknown): never {
  throw error instanceof DriveHangs ? new StateStoreUnavailable(error.message, { cause: error }) : error;
}

class PatientStore implements StateStore {
  private readonly store: StateStore;
  private readonly name: string;
  private readonly timer: DriveTimer;
  /** Those who wait for a call: none of them waits for a drive that was given up. */
  private readonly waiting = new Set<(reason: Error) => void>();
  private closed: Error | undefined;

  constructor(store: StateStore, name: string, timer: DriveTimer) {
    this.store = store;
    this.name = name;
    this.timer = timer;
  }

  get position(): number {
    return this.store.position;
  }

  get(table: string, key: Uint8Array): Buffer | undefined {
    return this.store.get(table, key);
  }

  range(table: string, range: RowRange): Promise<Row[]> {
    return this.bounded(this.store.range(table, range));
  }

  texts(table: string, range: RowRange): Promise<TextRow[]> {
    return this.bounded(this.store.texts(table, range));
  }

  view<T>(read: (rows: RowReads) => Promise<T>): Promise<T> {
    const bounded = (rows: RowReads): RowReads => ({
      get: (table, key) => rows.get(table, key),
      range: (table, range) => this.bounded(rows.range(table, range)),
      texts: (table, range) => this.bounded(rows.texts(table, range)),
    });
    return this.unlessClosed(this.store.view((rows) => read(bounded(rows))));
  }

  write(changes: readonly RowChange[], position: number): Promise<void> {
    return this.bounded(this.store.write(changes, position));
  }

  async close(): Promise<void> {
    const closing = this.store.close();
    const reason = new StateStoreUnavailable(`the state store on ${this.name} is closed`);
    this.closed ??= reason;
    for (const leave of this.waiting) leave(reason);
    await inTime(closing, { timer: this.timer, milliseconds: closeMilliseconds, name: this.name });
  }

  private bounded<T>(call: Promise<T>): Promise<T> {
    const limit = { timer: this.timer, milliseconds: callMilliseconds, name: this.name };
    return this.unlessClosed(inTime(call, limit)).catch(unavailable);
  }

  /** Not a race with a promise that lasts as long as the store: it would keep what every call came to. */
  private unlessClosed<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.closed !== undefined) reject(this.closed);
      this.waiting.add(reject);
      work.then(resolve, reject).finally(() => this.waiting.delete(reject));
    });
  }
}
