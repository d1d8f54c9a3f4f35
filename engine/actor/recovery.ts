/** Brings a state store up from the journal: at start, after an unknown outcome, for a standby, and from nothing. */
import { type Journal, JournalCorrupt, type JournalRecord } from '../../journal/journal.ts';
import type { StateStore } from '../../snapshots/state-store.ts';
import { type ActorLimits, actorLimits } from '../limits.ts';
import type { Log } from '../log.ts';
import type { AnyKind } from './decider.ts';
import { unpackPayload } from './record-payload.ts';
import { Layer, LayeredRows, storeRows } from './rows.ts';
import { headOf, headRow } from './stream-heads.ts';

export interface ReplayParts {
  readonly journal: Journal;
  readonly store: StateStore;
  readonly kinds: readonly AnyKind[];
  readonly limits?: Partial<ActorLimits>;
  /** Progress every `progressRecords` records. */
  readonly log?: Log;
}

export interface Replayed {
  readonly records: number;
  readonly position: number;
}

const progressRecords = 100_000;

/**
 * Replays what `store` lacks of the journal, in batches bounded in rows and bytes. A store at 0 is rebuilt whole, to the
 * same rows that live work would have left.
 * @throws JournalCorrupt records out of order, a broken chain, an unknown kind or format; Error when the store is ahead of the journal.
 */
export async function replay({ journal, store, kinds, limits, log }: ReplayParts): Promise<Replayed> {
  const { replayBatchRowsMax, replayBatchBytesMax } = { ...actorLimits, ...limits };
  const first = store.position;
  if (first > journal.lastSequence) {
    throw new Error(
      `the state store is at ${first}, the journal ends at ${journal.lastSequence}: delete the state store, it is rebuilt from the journal`,
    );
  }
  const batch = new ReplayBatch(store, kinds);
  let position = first;
  for await (const record of journal.read(first)) {
    if (record.sequence !== position + 1) throw new JournalCorrupt(`record ${record.sequence} follows record ${position}`);
    batch.add(record);
    position = record.sequence;
    if (batch.rows >= replayBatchRowsMax || batch.bytes >= replayBatchBytesMax) await batch.write(position);
    const records = position - first;
    if (records % progressRecords === 0) log?.('info', 'replaying the journal', { position, last: journal.lastSequence });
  }
  if (position > store.position) await batch.write(position);
  return { records: position - first, position };
}

class ReplayBatch {
  rows = 0;
  bytes = 0;
  private readonly store: StateStore;
  private readonly kinds: readonly AnyKind[];
  private readonly layer = new Layer();
  private readonly view: LayeredRows;

  constructor(store: StateStore, kinds: readonly AnyKind[]) {
    this.store = store;
    this.kinds = kinds;
    this.view = new LayeredRows(storeRows(store));
    this.view.push(this.layer);
  }

  add(record: JournalRecord): void {
    const { stream, position, hash, previousHash } = record;
    const kind = this.kinds.find(({ name }) => stream.startsWith(`${name}/`));
    if (kind === undefined) throw new JournalCorrupt(`record ${record.sequence} belongs to ${stream}: no such kind of actor`);
    const head = headOf(this.view, stream);
    if (head.position + 1 !== position || Buffer.compare(head.hash, previousHash) !== 0) {
      throw new JournalCorrupt(`record ${record.sequence} does not continue ${stream} behind position ${head.position}`);
    }
    for (const { events } of unpackPayload(record.payload)) {
      for (const encoded of events) for (const change of kind.rowsOf(kind.decode(encoded), this.view)) this.put(change);
    }
    this.put(headRow(stream, { position, hash }));
  }

  async write(position: number): Promise<void> {
    await this.store.write([...this.layer.changes()], position);
    this.layer.clear();
    this.rows = 0;
    this.bytes = 0;
  }

  private put(change: Parameters<Layer['put']>[0]): void {
    this.layer.put(change);
    this.rows += 1;
    this.bytes += change.key.length + (change.value?.length ?? 0);
  }
}
