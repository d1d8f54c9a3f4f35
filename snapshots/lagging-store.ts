/**
 * A state store whose rows are visible at once and reach the store below a little later, many batches in one. Nobody waits for that: the
 * rows come from the journal again when they were lost on the way.
 */
import {
  checkWrite,
  type Row,
  type RowChange,
  type RowRange,
  type RowReads,
  type StateStore,
  StateStoreUnavailable,
  type TextRow,
} from './state-store.ts';

export interface Timer {
  /** Runs `task` once after `milliseconds`; the returned function cancels it. */
  after(milliseconds: number, task: () => void): () => void;
}

/** Rows are this far behind ... */
const lagMilliseconds = 20;
/** ... or until there are so many: then the writer waits. */
const lagRowsMax = 2_000;
const lagBytesMax = 2 * 1024 * 1024;

/** `store` is closed with the returned one and written by nobody else. Once a write of it failed, every call fails. */
export function laggingStore(store: StateStore, timer: Timer): StateStore {
  return new LaggingStore(store, timer);
}

/** The last change of each key since the batch before. */
class Gathered {
  readonly tables = new Map<string, Map<string, RowChange>>();
  rows = 0;
  bytes = 0;
  position = 0;

  put(change: RowChange): void {
    const { table, key, value } = change;
    let changes = this.tables.get(table);
    if (changes === undefined) this.tables.set(table, (changes = new Map()));
    changes.set(nameOf(key), change);
    this.rows += 1;
    this.bytes += key.length + (value?.length ?? 0);
  }

  *changes(): Generator<RowChange> {
    for (const changes of this.tables.values()) yield* changes.values();
  }
}

class LaggingStore implements StateStore {
  position: number;
  private readonly store: StateStore;
  private readonly timer: Timer;
  private gathering: Gathered | undefined;
  /** On their way, oldest first. */
  private readonly leaving: Gathered[] = [];
  /** The end of all that is on its way. */
  private arrived: Promise<void> = Promise.resolve();
  private cancelTimer: (() => void) | undefined;
  private failure: Error | undefined;

  constructor(store: StateStore, timer: Timer) {
    this.store = store;
    this.timer = timer;
    this.position = store.position;
  }

  get(table: string, key: Uint8Array): Buffer | undefined {
    this.mustWork();
    if (this.gathering !== undefined || this.leaving.length > 0) {
      const name = nameOf(key);
      for (let at = this.leaving.length; at >= 0; at--) {
        const change = (at === this.leaving.length ? this.gathering : this.leaving[at])?.tables.get(table)?.get(name);
        if (change !== undefined) return change.value === null ? undefined : Buffer.from(change.value);
      }
    }
    return this.store.get(table, key);
  }

  async range(table: string, range: RowRange): Promise<Row[]> {
    await this.beArrived();
    return this.store.range(table, range);
  }

  async texts(table: string, range: RowRange): Promise<TextRow[]> {
    await this.beArrived();
    return this.store.texts(table, range);
  }

  async view<T>(read: (rows: RowReads) => Promise<T>): Promise<T> {
    await this.beArrived();
    return this.store.view(read);
  }

  private async beArrived(): Promise<void> {
    this.mustWork();
    if (this.gathering !== undefined || this.leaving.length > 0) await this.flush();
  }

  async write(changes: readonly RowChange[], position: number): Promise<void> {
    this.mustWork();
    checkWrite(this.position, position);
    this.gathering ??= new Gathered();
    for (const change of changes) this.gathering.put(change);
    this.gathering.position = position;
    this.position = position;
    if (this.gathering.rows >= lagRowsMax || this.gathering.bytes >= lagBytesMax) await this.flush();
    else this.cancelTimer ??= this.timer.after(lagMilliseconds, () => void this.flush());
  }

  async close(): Promise<void> {
    // What doesn't arrive any more is replayed at the next start.
    if (this.failure === undefined) await this.flush().catch(() => undefined);
    this.cancelTimer?.();
    this.failure ??= new StateStoreUnavailable('the state store is closed');
    await this.store.close();
  }

  private mustWork(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** Resolves when all rows of this moment are in the store below. */
  private flush(): Promise<void> {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    const batch = this.gathering;
    if (batch === undefined) return this.arrived;
    this.gathering = undefined;
    this.leaving.push(batch);
    this.arrived = this.arrived.then(() => this.send(batch));
    // Whoever waits hears of it; the others at their next call.
    this.arrived.catch(() => undefined);
    return this.arrived;
  }

  private async send(batch: Gathered): Promise<void> {
    try {
      await this.store.write([...batch.changes()], batch.position);
    } catch (error) {
      this.failure ??= error as Error;
      throw error;
    }
    this.leaving.shift();
  }
}

function nameOf(key: Uint8Array): string {
  return (Buffer.isBuffer(key) ? key : Buffer.from(key.buffer, key.byteOffset, key.byteLength)).toString('latin1');
}
