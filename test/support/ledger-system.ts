/** An actor system over the toy kind, in memory, with a journal that fails on demand and a clock that stands still. */
import { type ActorSystem, openActorSystem } from '../../engine/actor/actor-system.ts';
import { headOf } from '../../engine/actor/stream-heads.ts';
import type { ActorLimits } from '../../engine/limits.ts';
import type { Rejection } from '../../engine/rejection.ts';
import { type MemoryLog, memoryJournal } from '../../journal/memory-journal.ts';
import { memoryStore } from '../../snapshots/memory-store.ts';
import { type Row, type StateStore, StateStoreUnavailable } from '../../snapshots/state-store.ts';
import { type FailingJournal, failingJournal } from './failing-journal.ts';
import { anyone, balanceKey, type LedgerCommand, ledgerKind } from './ledger-kind.ts';
import { type ManualClock, manualClock } from './manual-clock.ts';

export interface LedgerSystem {
  readonly system: ActorSystem;
  readonly journal: FailingJournal;
  readonly log: MemoryLog;
  readonly store: FailingStore;
  readonly clock: ManualClock;
  tell(ledger: string, command: LedgerCommand): Promise<number | Rejection>;
  deposit(ledger: string, account: string, amount: number): Promise<number | Rejection>;
  /** Durable and visible. */
  balance(ledger: string, account: string): number | undefined;
}

export interface FailingStore extends StateStore {
  /** Every call throws while it is true. */
  away: boolean;
  /** Writes wait for it. */
  stalled: Promise<void>;
  readonly writes: number[];
}

export function failingStore(inner: StateStore): FailingStore {
  const writes: number[] = [];
  const store: FailingStore = {
    away: false,
    stalled: Promise.resolve(),
    writes,
    get position() {
      return inner.position;
    },
    get: (table, key) => {
      check();
      return inner.get(table, key);
    },
    range: async (table, range) => {
      check();
      return inner.range(table, range);
    },
    texts: async (table, range) => {
      check();
      return inner.texts(table, range);
    },
    view: async (read) => {
      check();
      return inner.view(read);
    },
    write: async (changes, position) => {
      await store.stalled;
      check();
      await inner.write(changes, position);
      writes.push(position);
    },
    close: () => inner.close(),
  };
  const check = (): void => {
    if (store.away) throw new StateStoreUnavailable('the drive is away');
  };
  return store;
}

export async function ledgerSystem(limits: Partial<ActorLimits> = {}, log: MemoryLog = { frames: [] }): Promise<LedgerSystem> {
  const store = failingStore(memoryStore());
  const journal = failingJournal(memoryJournal((stream) => headOf(store, stream), log));
  const clock = manualClock();
  const system = await openActorSystem({ journal, store, kinds: [ledgerKind], clock, log: () => undefined, limits });
  const tell = (ledger: string, command: LedgerCommand): Promise<number | Rejection> => system.tell(ledgerKind, ledger, command, anyone);
  return {
    system,
    journal,
    log,
    store,
    clock,
    tell,
    deposit: (ledger, account, amount) => tell(ledger, { does: 'deposit', account, amount }),
    balance: (ledger, account) => {
      const row = system.rows.get('balances', balanceKey(ledger, account));
      return row === undefined ? undefined : Number(row.toString());
    },
  };
}

/** Every row of every table the toy kind and the system write. */
export async function allRows(store: StateStore): Promise<string[]> {
  const rows: string[] = [];
  for (const table of ['balances', 'movements', 'streams']) {
    for (const { key, value } of await everyRow(store, table)) rows.push(`${table} ${key.toString('hex')} ${value.toString('hex')}`);
  }
  return rows;
}

async function everyRow(store: StateStore, table: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (let after: Buffer | undefined; ; after = rows.at(-1)!.key) {
    const page = await store.range(table, { limit: 1_000, ...(after !== undefined && { gt: after }) });
    rows.push(...page);
    if (page.length < 1_000) return rows;
  }
}
