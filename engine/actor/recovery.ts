/** Brings a state store up from the journal: at start, after an unknown outcome, for a standby, and from nothing. */
import { type Journal, JournalCorrupt, type JournalRecord, JournalUnavailable } from '../../journal/journal.ts';
import { isStoreTrouble, type StateStore, StateStoreCorrupt } from '../../snapshots/state-store.ts';
import { type ActorLimits, actorLimits } from '../limits.ts';
import type { Log } from '../log.ts';
import type { AnyKind } from './decider.ts';
import { unpackPayload } from './record-payload.ts';
import { Layer, LayeredRows } from './rows.ts';
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

/** Stores that are given up, one after the other, before a replay is. */
const distrustedMax = 4;

/**
 * Replays what `store` lacks of the journal, in batches bounded in rows and bytes. A store at 0 is rebuilt whole, to the
 * same rows that live work would have left. One that doesn't fit the journal is replaced, if it can be.
 * @throws JournalCorrupt records out of order, a broken chain, an unknown kind or format; StateStoreCorrupt the store doesn't fit the
 * journal, or is damaged, and no other one is there; Error when it is ahead of the journal.
 */
export async function replay(parts: ReplayParts): Promise<Replayed> {
  const { store, log } = parts;
  for (let distrusted = 0; ; distrusted += 1) {
    try {
      return await replayOnce(parts);
    } catch (error) {
      if (!(error instanceof StateStoreCorrupt) || store.distrust === undefined || distrusted === distrustedMax) throw error;
      log?.('error', 'the state store does not fit the journal: another one takes its place', { reason: error.message });
      if (!(await store.distrust(error.message))) throw error;
    }
  }
}

/** Where record and row contradict each other, either may be wrong: the journal is asked whether it is whole. */
async function replayOnce(parts: ReplayParts): Promise<Replayed> {
  const { journal, store } = parts;
  const first = store.position;
  if (first > journal.lastSequence) {
    throw new Error(
      `the state store is at ${first}, the journal ends at ${journal.lastSequence}: delete the state store, it is rebuilt from the journal`,
    );
  }
  try {
    return await replayFrom(first, parts);
  } catch (error) {
    if (first === 0 || isStoreTrouble(error) || error instanceof JournalUnavailable) throw error;
    for await (const _ of journal.read(0));
    const message = `the state store, at record ${first}, does not fit the journal: ${(error as Error).message}`;
    throw new StateStoreCorrupt(message, { cause: error });
  }
}

async function replayFrom(first: number, { journal, store, kinds, limits, log }: ReplayParts): Promise<Replayed> {
  const { replayBatchRowsMax, replayBatchBytesMax } = { ...actorLimits, ...limits };
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
    this.view = new LayeredRows(store);
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
