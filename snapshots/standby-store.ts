/**
 * A state store that survives the loss of its drive and damage to its rows. The rows lie on one drive (the primary); a second one (the
 * standby) is fed from the committed batches, in large lazy ones. When the primary fails, or one of its rows is not what was written, the
 * standby is brought up to date, from the batches still held or else from the journal, and takes over. A store on a drive that came back,
 * on a spare one, or made anew in place of a damaged one is brought up from the journal too: there is one way to make rows, and a
 * half-made store is just one that lies behind.
 */
import { BatchBacklog } from './batch-backlog.ts';
import type { Timer } from './lagging-store.ts';
import {
  isStoreTrouble,
  type Row,
  type RowChange,
  type RowRange,
  type RowReads,
  type StateStore,
  StateStoreCorrupt,
  StateStoreLocked,
  StateStoreUnavailable,
  type TextRow,
} from './state-store.ts';
import { Member, type StoreDrive, type StoreLog } from './store-member.ts';

export type { StoreDrive } from './store-member.ts';

export interface StandbyStoreParts {
  /** In order of preference, two or three: the two with the most recent rows are used, the others are spares. */
  readonly drives: readonly StoreDrive[];
  /** Replays the journal's tail into `store` (from its position to the end). @throws StateStoreCorrupt the store doesn't fit the journal. */
  readonly catchUp: (store: StateStore) => Promise<unknown>;
  readonly log: StoreLog;
  /** Lost stores are tried again by it. */
  readonly timer?: Timer;
}

export interface StandbyStore extends StateStore {
  /** The engine found the drive gone: LevelDB's open files may hide that for long. Resolves when another one serves, or none does. */
  driveLost(name: string): Promise<void>;
  /** The drive is back, empty or not: it serves at once when nothing else does, else it becomes standby or spare. */
  driveReturned(name: string): Promise<void>;
  distrust(reason: string): Promise<boolean>;
  settled(): Promise<void>;
  /** Names of the drives in use. */
  readonly places: { readonly primary: string | undefined; readonly standby: string | undefined };
}

/** The standby is written when this much waits. */
const flushRows = 5_000;
const flushBytes = 2 * 1024 * 1024;
/** Pause before lost stores are opened again, whatever took them away. */
const retryMilliseconds = 10_000;
/** Times that a drive's damaged store is made anew at once; then it waits like a lost one. */
const damagesMax = 3;

/**
 * @throws StateStoreUnavailable no drive opens.
 * @throws StateStoreLocked another process has one of them: it serves this deployment, and rows beside its own would be of another history.
 */
export async function openStandbyStore(parts: StandbyStoreParts): Promise<StandbyStore> {
  const opened: { store?: FailoverStore } = {};
  const untrusted = (member: Member, store: StateStore, reason: string): void => opened.store?.foundDamaged(member, store, reason);
  const members = parts.drives.map((drive) => new Member(drive, parts.log, untrusted));
  const lockedOut = (await Promise.all(members.map((member) => member.open()))).find((trouble) => trouble instanceof StateStoreLocked);
  if (lockedOut !== undefined) {
    await Promise.all(members.map((member) => member.close()));
    throw lockedOut;
  }
  const open = members.filter((member) => member.store !== undefined).sort((one, other) => other.store!.position - one.store!.position);
  const [primary, standby, ...spares] = open;
  if (primary === undefined) throw new StateStoreUnavailable('no drive holds a usable state store');
  for (const spare of spares) await spare.close();
  opened.store = new FailoverStore(parts, members, { primary, standby });
  return opened.store;
}

class FailoverStore implements StandbyStore {
  private readonly parts: StandbyStoreParts;
  private readonly members: readonly Member[];
  private primary: Member | undefined;
  private standby: Member | undefined;
  private readonly backlog: BatchBacklog;
  /** Position of the last acknowledged write: nothing behind it may serve. */
  private reached: number;
  private takeover: Promise<void> | undefined;
  private feeding: Promise<void> | undefined;
  private closed = false;
  private cancelRetry: (() => void) | undefined;
  /** Searches for a spare come one after the other: two drives may be lost at once. */
  private search: Promise<Member | undefined> = Promise.resolve(undefined);

  constructor(
    parts: StandbyStoreParts,
    members: readonly Member[],
    { primary, standby }: { primary: Member; standby: Member | undefined },
  ) {
    this.parts = parts;
    this.members = members;
    this.primary = primary;
    this.standby = standby;
    this.reached = primary.store!.position;
    this.backlog = new BatchBacklog(this.reached);
    if (members.some(({ lost }) => lost)) this.planRetry();
  }

  get position(): number {
    return this.primary?.store?.position ?? this.reached;
  }

  get places(): { readonly primary: string | undefined; readonly standby: string | undefined } {
    return { primary: this.primary?.drive.name, standby: this.standby?.drive.name };
  }

  get(table: string, key: Uint8Array): Buffer | undefined {
    const { primary, store } = this.serving();
    try {
      return store.get(table, key);
    } catch (error) {
      throw this.failed(primary, store, error);
    }
  }

  range(table: string, range: RowRange): Promise<Row[]> {
    return this.read((store) => store.range(table, range));
  }

  texts(table: string, range: RowRange): Promise<TextRow[]> {
    return this.read((store) => store.texts(table, range));
  }

  view<T>(read: (rows: RowReads) => Promise<T>): Promise<T> {
    return this.read((store) => store.view(read));
  }

  private async read<T>(from: (store: StateStore) => Promise<T>): Promise<T> {
    const { primary, store } = this.serving();
    try {
      return await from(store);
    } catch (error) {
      throw this.failed(primary, store, error);
    }
  }

  async write(changes: readonly RowChange[], position: number): Promise<void> {
    let failure: unknown;
    for (let attempt = 0; attempt <= this.members.length; attempt++) {
      await this.takeover;
      const { primary, store } = this.serving();
      // A store that took over from the journal may already have these rows.
      if (failure !== undefined && store.position >= position) break;
      try {
        await store.write(changes, position);
        if (this.primary === primary && primary.store === store) return this.written(changes, position);
        failure = new StateStoreUnavailable(`${primary.drive.name} was lost during the write`);
      } catch (error) {
        failure = this.failed(primary, store, error);
        if (!isStoreTrouble(failure)) throw failure;
      }
    }
    if (this.position < position) throw failure;
    this.reached = Math.max(this.reached, this.position);
  }

  async driveLost(name: string): Promise<void> {
    const member = this.members.find(({ drive }) => drive.name === name);
    if (member !== undefined) member.away = true;
    if (member !== undefined && !member.lost) this.lose(member, 'reported lost');
    await this.takeover;
  }

  async distrust(reason: string): Promise<boolean> {
    await this.takeover;
    const store = this.primary?.store;
    if (this.primary !== undefined && store !== undefined) this.foundDamaged(this.primary, store, reason);
    await this.settled();
    return this.primary !== undefined;
  }

  async settled(): Promise<void> {
    for (let takeover = this.takeover; takeover !== undefined; ) {
      await takeover;
      if (takeover === this.takeover) return;
      takeover = this.takeover;
    }
  }

  async driveReturned(name: string): Promise<void> {
    const member = this.members.find(({ drive }) => drive.name === name);
    if (member !== undefined) member.away = false;
    if (member !== undefined && member.store === undefined) await this.returned([member]);
  }

  /** Serves at once when nothing else does, else there may be a standby again. */
  private async returned(members: readonly Member[]): Promise<void> {
    if (this.closed) return;
    for (const member of members) member.lost = false;
    await this.takeover;
    if (this.primary === undefined) {
      this.standby = undefined;
      await (this.takeover = this.takeOver());
    } else if (this.standby === undefined) await this.findStandby();
  }

  private planRetry(): void {
    const { timer } = this.parts;
    if (this.closed || timer === undefined || this.cancelRetry !== undefined) return;
    this.cancelRetry = timer.after(retryMilliseconds, () => {
      this.cancelRetry = undefined;
      const lost = this.members.filter((member) => member.lost && !member.away && member.store === undefined);
      const failed = (error: Error): void => this.parts.log('error', 'lost state stores not tried again', { error: error.message });
      this.returned(lost)
        .catch(failed)
        .then(() => this.members.some((member) => member.lost) && this.planRetry());
    });
  }

  async close(): Promise<void> {
    await this.settled();
    this.closed = true;
    this.cancelRetry?.();
    // One that is still being made from the journal goes on at the next start.
    if (this.standby?.store !== undefined && this.standby.store.position < this.backlog.from) await this.discard(this.standby, 'closing');
    await this.feeding;
    if (this.standby?.store !== undefined && this.standby.store.position >= this.backlog.from) this.feed(true);
    await this.feeding;
    await Promise.all(this.members.map((member) => member.close()));
    this.primary = this.standby = undefined;
  }

  private serving(): { readonly primary: Member; readonly store: StateStore } {
    const { primary } = this;
    if (primary?.store === undefined) throw new StateStoreUnavailable('no drive with a usable state store');
    return { primary, store: primary.store };
  }

  private written(changes: readonly RowChange[], position: number): void {
    this.reached = position;
    if (this.members.length === 1) return;
    this.backlog.add(changes, position);
    if (this.standby !== undefined && !this.closed) this.feed(false);
  }

  /** A failed call of a store takes its drive out of service; a caller's mistake does not. */
  private failed(member: Member, store: StateStore, error: unknown): Error {
    if (error instanceof StateStoreCorrupt) this.foundDamaged(member, store, error.message);
    // Whoever asked a store that was replaced meanwhile says nothing about the one that is there now.
    else if (error instanceof StateStoreUnavailable && !this.closed && member.store === store) this.lose(member, error.message);
    return error as Error;
  }

  /** Nothing of the store is believed any more: another one takes its place, and it is made anew in the background. */
  foundDamaged(member: Member, store: StateStore, reason: string): void {
    if (this.closed || member.store !== store) return;
    member.damages += 1;
    this.lose(member, reason, true);
  }

  private lose(member: Member, reason: string, damaged = false): void {
    const message = damaged ? 'state store damaged: it is made anew from the journal' : 'state store lost';
    this.parts.log('error', message, { drive: member.drive.name, reason });
    member.lost = !damaged || member.damages > damagesMax;
    if (member.lost) this.planRetry();
    void member.close(damaged);
    if (member === this.standby) {
      this.standby = undefined;
      void this.findStandby();
    } else if (member === this.primary) {
      this.primary = undefined;
      this.takeover = this.takeOver();
    }
  }

  /** Makes the standby the primary, or a spare one, brought up to the last acknowledged write. Never rejects. */
  private async takeOver(): Promise<void> {
    await this.feeding;
    if ((await this.someoneTakesOver()) || this.closed) return;
    // What failed may work when it is opened again, proved or made anew: better at once than never.
    for (const member of this.members) if (member.store === undefined && !member.away) member.lost = false;
    if (await this.someoneTakesOver()) return;
    this.parts.log('error', 'no state store left', { position: this.reached });
    this.planRetry();
  }

  /** False: nobody is left who could. */
  private async someoneTakesOver(): Promise<boolean> {
    for (let next = await this.candidate(); next !== undefined; next = await this.candidate()) {
      this.standby = undefined;
      if (!(await this.bringUp(next))) continue;
      const { position } = next.store!;
      if (position < this.reached) {
        await this.discard(next, `reached ${position}, not ${this.reached}`);
        continue;
      }
      this.primary = next;
      this.reached = position;
      this.backlog.forget(position);
      this.parts.log('warn', 'state store took over', { drive: next.drive.name, position });
      void this.findStandby();
      return true;
    }
    return false;
  }

  /** From the batches held, else from the journal; a store that is damaged or doesn't belong to this journal is made anew, once. */
  private async bringUp(member: Member): Promise<boolean> {
    let reason = '';
    for (const anew of [false, true]) {
      if (member.lost) return false;
      try {
        if (anew) await member.makeAnew(reason);
        const store = member.store;
        if (store === undefined) return false;
        while (store.position < this.backlog.from) await this.catchUp(store);
        const batch = this.backlog.take(store.position);
        if (batch !== undefined) await store.write(batch.changes, batch.position);
        return !member.lost && member.store === store;
      } catch (error) {
        reason = (error as Error).message;
        if (!(error instanceof StateStoreCorrupt)) break;
      }
    }
    await this.discard(member, reason);
    return false;
  }

  private async catchUp(store: StateStore): Promise<void> {
    const before = store.position;
    await this.parts.catchUp(store);
    if (store.position === before) throw new Error(`the journal has nothing behind ${before}`);
  }

  private async discard(member: Member, reason: string): Promise<void> {
    if (member.lost) return;
    this.parts.log('error', 'state store given up', { drive: member.drive.name, reason });
    member.lost = true;
    this.planRetry();
    if (this.standby === member) this.standby = undefined;
    await member.close();
  }

  /** Who could be the primary: the standby, a spare, or the standby that a search under way has found meanwhile. */
  private async candidate(): Promise<Member | undefined> {
    return this.standby ?? (await this.openSpare()) ?? this.standby;
  }

  private openSpare(): Promise<Member | undefined> {
    this.search = this.search.then(() => this.openFirstSpare());
    return this.search;
  }

  /** Opens a drive that is neither in use nor lost. */
  private async openFirstSpare(): Promise<Member | undefined> {
    for (const member of [...this.members].sort((one, other) => one.damages - other.damages)) {
      if (this.closed || member.lost || member.store !== undefined) continue;
      await member.open();
      if (member.store !== undefined) return member;
      this.planRetry();
    }
    return undefined;
  }

  private async findStandby(): Promise<void> {
    const spare = await this.openSpare();
    if (spare === undefined) return;
    if (this.closed || this.standby !== undefined) return spare.close();
    this.standby = spare;
    // The takeover under way waits for this search and finds its result.
    if (this.primary === undefined) return;
    this.parts.log('info', 'state store has a standby', { drive: spare.drive.name, position: spare.store!.position });
    this.feed(false);
  }

  /** One run at a time; `all` also takes less than a large batch. */
  private feed(all: boolean): void {
    const standby = this.standby;
    if (standby?.store === undefined || this.feeding !== undefined) return;
    const behind = standby.store.position < this.backlog.from;
    if (!behind && !all && this.backlog.rows < flushRows && this.backlog.bytes < flushBytes) return;
    this.feeding = this.bringUp(standby).then((fed) => {
      this.feeding = undefined;
      if (this.closed || this.primary === undefined) return;
      if (fed) this.feed(false);
      else if (this.standby === undefined) void this.findStandby();
    });
  }
}
