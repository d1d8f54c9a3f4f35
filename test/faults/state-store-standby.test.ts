/** The state store's drive fails, and comes back. */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openActorSystem } from '../../engine/actor/actor-system.ts';
import { replay } from '../../engine/actor/recovery.ts';
import { headOf } from '../../engine/actor/stream-heads.ts';
import { Fault } from '../../engine/fault.ts';
import { type MemoryLog, memoryJournal } from '../../journal/memory-journal.ts';
import { openClassicStore, removeClassicStore } from '../../snapshots/classic-store.ts';
import { memoryStore } from '../../snapshots/memory-store.ts';
import { openStandbyStore, type StandbyStore, type StoreDrive } from '../../snapshots/standby-store.ts';
import { StateStoreCorrupt, StateStoreLocked, StateStoreUnavailable } from '../../snapshots/state-store.ts';
import { temporaryDirectory } from '../support/files.ts';
import { anyone, ledgerKind } from '../support/ledger-kind.ts';
import { allRows, type FailingStore, failingStore } from '../support/ledger-system.ts';
import { manualClock } from '../support/manual-clock.ts';

const small = { cacheBytes: 1024 * 1024, writeBufferBytes: 1024 * 1024 };
const kinds = [ledgerKind];

interface House {
  readonly root: string;
  readonly log: MemoryLog;
  readonly store: StandbyStore;
  /** The open store of each drive, to make it fail. */
  readonly opened: Map<string, FailingStore>;
  readonly said: string[];
  deposit(ledger: string, amount: number): Promise<unknown>;
  /** Equal to a rebuild from the journal. */
  checkRows(): Promise<void>;
  replays: number;
}

async function house(t: TestContext, names: readonly string[], log: MemoryLog = { frames: [] }, root = temporaryRoot(t)): Promise<House> {
  const opened = new Map<string, FailingStore>();
  const said: string[] = [];
  const drives = names.map((name): StoreDrive => {
    const directory = join(root, name, 'snapshots');
    const open = async (): Promise<FailingStore> => {
      const store = failingStore(await openClassicStore(directory, small));
      opened.set(name, store);
      return store;
    };
    return { name, open, remove: () => removeClassicStore(directory) };
  });
  const made = { replays: 0 };
  const catchUp = async (target: Parameters<typeof headOf>[0] & Awaited<ReturnType<typeof openClassicStore>>): Promise<void> => {
    made.replays += 1;
    await replay({ journal, store: target, kinds });
  };
  const store = await openStandbyStore({ drives, catchUp, log: (_level, message) => said.push(message) });
  const journal = memoryJournal((stream) => headOf(store, stream), log);
  const system = await openActorSystem({ journal, store, kinds, clock: manualClock(), log: () => undefined });
  t.after(async () => {
    await system.close();
    await store.close();
  });
  return Object.assign(made, {
    root,
    log,
    store,
    opened,
    said,
    deposit: (ledger: string, amount: number) => system.tell(ledgerKind, ledger, { does: 'deposit', account: 'x', amount }, anyone),
    checkRows: async () => {
      const rebuilt = memoryStore();
      await replay({ journal: memoryJournal((stream) => headOf(rebuilt, stream), log), store: rebuilt, kinds });
      assert.deepEqual(await allRows(store), await allRows(rebuilt));
    },
  });
}

function temporaryRoot(t: TestContext): string {
  const place = temporaryDirectory('standby');
  t.after(() => place.remove());
  return place.path;
}

function checkPlaces({ places }: StandbyStore, primary: string | undefined, standby: string | undefined): void {
  assert.deepEqual(places, { primary, standby });
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`not within 5 s: ${what}`);
}

test('a primary that fails a write is replaced while the write waits, from the batches held', async (t) => {
  const { deposit, store, opened, checkRows, ...rest } = await house(t, ['one', 'two']);
  for (let count = 0; count < 20; count++) await deposit(`ledger-${count % 4}`, 1);
  const before = rest.replays;
  checkPlaces(store, 'one', 'two');
  const write = opened.get('one')!.stalled;
  opened.get('one')!.stalled = write.then(() => {
    opened.get('one')!.away = true;
  });
  assert.equal(await deposit('ledger-0', 1), 6, 'the command sees nothing of it');
  assert.equal(store.places.primary, 'two');
  assert.equal(rest.replays, before, 'no replay was needed');
  for (let count = 0; count < 20; count++) await deposit(`ledger-${count % 4}`, 1);
  await checkRows();
});

test('a primary whose directory vanished is replaced when the engine says so, and becomes standby when it is back', async (t) => {
  const { deposit, store, root, checkRows } = await house(t, ['one', 'two']);
  for (let count = 0; count < 10; count++) await deposit('a', 1);
  renameSync(join(root, 'one'), join(root, 'gone'));
  const began = performance.now();
  await store.driveLost('one');
  assert.ok(performance.now() - began < 2_000);
  checkPlaces(store, 'two', undefined);
  assert.equal(await deposit('a', 1), 11);
  renameSync(join(root, 'gone'), join(root, 'one'));
  await store.driveReturned('one');
  checkPlaces(store, 'two', 'one');
  await deposit('a', 1);
  await store.driveLost('two');
  assert.equal(store.places.primary, 'one');
  assert.equal(await deposit('a', 1), 13);
  await checkRows();
});

test('a drive that comes back blank is brought up from the journal, while commands go on', async (t) => {
  const { deposit, store, root, checkRows, opened, ...rest } = await house(t, ['one', 'two']);
  for (let count = 0; count < 10; count++) await deposit('a', 1);
  await store.driveLost('one');
  renameSync(join(root, 'one'), join(root, 'old'));
  const returned = store.driveReturned('one');
  for (let count = 0; count < 10; count++) await deposit('b', 1);
  await returned;
  await until(() => opened.get('one')!.position >= 10, 'the blank drive has the rows of before');
  for (let count = 0; count < 10; count++) await deposit('a', 1);
  await store.driveLost('two');
  assert.equal(store.places.primary, 'one');
  assert.equal(await deposit('a', 1), 21);
  assert.ok(rest.said.includes('state store took over'));
  await checkRows();
});

test('a standby is fed in large batches', async (t) => {
  const { deposit, store, checkRows, opened } = await house(t, ['one', 'two']);
  await Promise.all(Array.from({ length: 12_000 }, (_, count) => deposit(`ledger-${count % 50}`, 1)));
  await until(() => opened.get('two')!.position > 0, 'the standby was fed');
  const { writes } = opened.get('two')!;
  assert.ok(writes.length < opened.get('one')!.writes.length, `${writes.length} batches, not one for each of the primary`);
  await store.driveLost('one');
  await deposit('ledger-0', 1);
  await checkRows();
});

test('a spare drive takes the place of a lost standby', async (t) => {
  const { deposit, store, checkRows, opened } = await house(t, ['one', 'two', 'three']);
  checkPlaces(store, 'one', 'two');
  await deposit('a', 1);
  await store.driveLost('one');
  await until(() => store.places.standby === 'three', 'a new standby');
  await deposit('a', 1);
  await until(() => opened.get('three')!.position >= 1, 'the spare is brought up');
  await store.driveLost('two');
  assert.equal(store.places.primary, 'three');
  assert.equal(await deposit('a', 1), 3);
  await checkRows();
});

test('primary and standby lost in the same moment: a spare takes over', async (t) => {
  const { deposit, store, checkRows } = await house(t, ['one', 'two', 'three']);
  for (let count = 0; count < 5; count++) await deposit('a', 1);
  await Promise.all([store.driveLost('two'), store.driveLost('one')]);
  assert.equal(store.places.primary, 'three');
  assert.equal(await deposit('a', 1), 6);
  await checkRows();
});

test('without any drive everything is unavailable; the first one back serves all that was acknowledged', async (t) => {
  const { deposit, store, checkRows } = await house(t, ['one', 'two']);
  for (let count = 0; count < 5; count++) await deposit('a', 1);
  await store.driveLost('one');
  await store.driveLost('two');
  checkPlaces(store, undefined, undefined);
  assert.throws(() => store.get('balances', Buffer.from('a\0x')), StateStoreUnavailable);
  await assert.rejects(store.range('balances', { limit: 1 }), StateStoreUnavailable);
  await assert.rejects(store.write([], 9), StateStoreUnavailable);
  await assert.rejects(deposit('a', 1), (error: unknown) => error instanceof Fault && error.kind === 'unavailable');
  // The standby never got a large batch: it lies behind and needs the journal.
  await store.driveReturned('two');
  assert.equal(store.places.primary, 'two');
  assert.equal(await deposit('a', 1), 6);
  await checkRows();
});

test('the most recent of two drives serves after a restart, the other one follows', async (t) => {
  const root = temporaryRoot(t);
  const log: MemoryLog = { frames: [] };
  const first = await house(t, ['one', 'two'], log, root);
  for (let count = 0; count < 5; count++) await first.deposit('a', 1);
  await first.store.driveLost('one');
  for (let count = 0; count < 5; count++) await first.deposit('a', 1);
  await first.store.close();
  const again = await house(t, ['one', 'two'], log, root);
  checkPlaces(again.store, 'two', 'one');
  assert.equal(await again.deposit('a', 1), 11);
  await until(() => again.opened.get('one')!.position >= 10, 'the drive that lay behind has caught up');
  await again.store.driveLost('two');
  assert.equal(await again.deposit('a', 1), 12);
  await again.checkRows();
});

test('a standby from another journal is made anew', async (t) => {
  const root = temporaryRoot(t);
  const foreign = await house(t, ['two'], { frames: [] }, root);
  for (let count = 0; count < 3; count++) await foreign.deposit('a', 100);
  await foreign.store.close();
  const own = await house(t, ['one'], { frames: [] }, root);
  for (let count = 0; count < 9; count++) await own.deposit('a', 1);
  await own.store.close();
  const both = await house(t, ['one', 'two'], own.log, root);
  checkPlaces(both.store, 'one', 'two');
  await both.deposit('a', 1);
  await until(
    () => (both.opened.get('two')?.position ?? 0) >= 9 && both.said.includes('state store made anew'),
    'made anew and brought up',
  );
  await both.store.driveLost('one');
  assert.equal(await both.deposit('a', 1), 11);
  await both.checkRows();
});

test('a store that another process has open refuses the start, closes the others and is not removed', async (t) => {
  const root = temporaryRoot(t);
  const removed: string[] = [];
  const driveOf = (name: string): StoreDrive => ({
    name,
    open: () => openClassicStore(join(root, name), small),
    remove: async () => void removed.push(name),
  });
  const parts = { drives: ['a', 'b', 'c'].map(driveOf), catchUp: async () => undefined, log: () => undefined };
  for (const name of ['a', 'b', 'c']) {
    const elsewhere = await openClassicStore(join(root, name), small);
    await assert.rejects(openStandbyStore(parts), StateStoreLocked, name);
    await elsewhere.close();
  }
  assert.deepEqual(removed, []);
  const store = await openStandbyStore(parts);
  await store.close();
  // Also when it turns up behind damage.
  const damaged: StoreDrive = { ...driveOf('a'), open: async () => Promise.reject(new StateStoreCorrupt('damaged')) };
  const other = await openClassicStore(join(root, 'c'), small);
  await assert.rejects(openStandbyStore({ ...parts, drives: [damaged, ...parts.drives.slice(1)] }), StateStoreLocked);
  await other.close();
});
