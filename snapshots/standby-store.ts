/**
 * A state store that survives the loss of its drive. The rows lie on one drive (the primary); a second one (the standby) is
 * fed from the committed batches, in large lazy ones. When the primary fails, the standby is brought up to date, from the
 * batches still held or else from the journal, and takes over. A store on a drive that came back, or on a spare one, is
 * brought up from the journal too: there is one way to make rows, and a half-made store is just one that lies behind.
 */
import { BatchBacklog } from './batch-backlog.ts';
import {
  type Row,
  type RowChange,
  type RowRange,
  type StateStore,
  StateStoreCorrupt,
  StateStoreUnavailable,
  type TextRow,
} from './state-store.ts';

/** A drive that can hold a state store. */
export interface StoreDrive {
  readonly name: string;
  open(): Promise<StateStore>;
  /** Deletes the store there, so that the next open begins at 0. */
  remove(): Promise<void>;
}

export interface StandbyStoreParts {
  /** In order of preference, two or three: the two with the most recent rows are used, the others are spares. */
  readonly drives: readonly StoreDrive[];
  /** Replays the journal's tail into `store` (from its position to the end). First called after the first write: the journal is open then. */
  readonly catchUp: (store: StateStore) => Promise<unknown>;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, facts?: Readonly<Record<string, string | number>>) => void;
}

export interface StandbyStore extends StateStore {
  /** The engine found the drive gone: LevelDB's open files may hide that for long. Resolves when another one serves, or none does. */
  driveLost(name: string): Promise<void>;
  /** The drive is back, empty or not: it serves at once when nothing else does, else it becomes standby or spare. */
  driveReturned(name: string): Promise<void>;
  /**
   * The rows that serve are not those that the journal leads to: another store takes over, and this one is made anew from the journal.
   * Resolves when another one serves, or none can.
   */
  distrust(reason: string): Promise<void>;
  /** Names of the drives in use. */
  readonly places: { readonly primary: string | undefined; readonly standby: string | undefined };
}

/** The standby is written when this much waits. */
const flushRows = 5_000;
const flushBytes = 2 * 1024 * 1024;

interface Member {
  readonly drive: StoreDrive;
  /** undefined: lost, or a spare that is not open. */
  store: StateStore | undefined;
  lost: boolean;
  /** The closing of a lost store: its directory can't be opened before. */
  closing: Promise<void>;
}

/** @throws StateStoreUnavailable no drive opens. */
export async function openStandbyStore(parts: StandbyStoreParts): Promise<StandbyStore> {
  const members = parts.drives.map((drive): Member => ({ drive, store: undefined, lost: false, closing: Promise.resolve() }));
  await Promise.all(members.map((member) => openMember(member, parts)));
  const open = members.filter((member) => member.store !== undefined).sort((one, other) => other.store!.position - one.store!.position);
  const [primary, standby, ...spares] = open;
  if (primary === undefined) throw new StateStoreUnavailable('no drive holds a usable state store');
  for (const spare of spares) await closeMember(spare);
  return new FailoverStore(parts, members, { primary, standby });
}

/** Leaves the member with a store, or lost. */
async function openMember(member: Member, { log }: StandbyStoreParts): Promise<void> {
  const { drive } = member;
  try {
    member.store = await drive.open();
  } catch (error) {
    const facts = { drive: drive.name, error: (error as Error).message };
    if (error instanceof StateStoreCorrupt) {
      log('warn', 'state store damaged: made anew', facts);
      await drive.remove().catch(() => undefined);
      member.store = await drive.open().catch(() => undefined);
    }
    if (member.store === undefined) log('error', 'state store does not open', facts);
    member.lost = member.store === undefined;
  }
}

async function closeMember(member: Member): Promise<void> {
  const store = member.store;
  member.store = undefined;
  if (store !== undefined) member.closing = store.close().catch(() => undefined);
  await member.closing;
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
  }

  get position(): number {
    return this.primary?.store?.position ?? this.reached;
  }

  get places(): { readonly primary: string | undefined; readonly standby: string | undefined } {
    return { primary: this.primary?.drive.name, standby: this.standby?.drive.name };
  }

  get(table: string, key: Uint8Array): Buffer | undefined {
    const primary = this.serving();
    try {
      return primary.store!.get(table, key);
    } catch (error) {
      throw this.failed(primary, error);
    }
  }

  range(table: string, range: RowRange): Promise<Row[]> {
    return this.read((store) => store.range(table, range));
  }

  texts(table: string, range: RowRange): Promise<TextRow[]> {
    return this.read((store) => store.texts(table, range));
  }

  private async read<T>(from: (store: StateStore) => Promise<T>): Promise<T> {
    const primary = this.serving();
    try {
      return await from(primary.store!);
    } catch (error) {
      throw this.failed(primary, error);
    }
  }

  async write(changes: readonly RowChange[], position: number): Promise<void> {
    let failure: unknown;
    for (let attempt = 0; attempt <= this.members.length; attempt++) {
      await this.takeover;
      const primary = this.serving();
      // A store that took over from the journal may already have these rows.
      if (failure !== undefined && primary.store!.position >= position) break;
      try {
        await primary.store!.write(changes, position);
        if (this.primary === primary) return this.written(changes, position);
        failure = new StateStoreUnavailable(`${primary.drive.name} was lost during the write`);
      } catch (error) {
        failure = this.failed(primary, error);
        if (!(failure instanceof StateStoreUnavailable)) throw failure;
      }
    }
    if (this.position < position) throw failure;
    this.reached = Math.max(this.reached, this.position);
  }

  async driveLost(name: string): Promise<void> {
    const member = this.members.find(({ drive }) => drive.name === name);
    if (member !== undefined && !member.lost) this.lose(member, 'reported lost');
    await this.takeover;
  }

  async driveReturned(name: string): Promise<void> {
    const member = this.members.find(({ drive, store }) => drive.name === name && store === undefined);
    if (member === undefined || this.closed) return;
    member.lost = false;
    await this.takeover;
    if (this.primary === undefined) {
      this.standby = undefined;
      await (this.takeover = this.takeOver());
    } else if (this.standby === undefined) await this.findStandby();
  }

  async distrust(reason: string): Promise<void> {
    const member = this.primary;
    if (member === undefined || this.closed) return;
    this.lose(member, reason);
    await member.closing;
    await member.drive.remove();
    await this.driveReturned(member.drive.name);
  }

  async close(): Promise<void> {
    await this.takeover;
    this.closed = true;
    // One that is still being made from the journal goes on at the next start.
    if (this.standby?.store !== undefined && this.standby.store.position < this.backlog.from) await this.discard(this.standby, 'closing');
    await this.feeding;
    if (this.standby?.store !== undefined && this.standby.store.position >= this.backlog.from) this.feed(true);
    await this.feeding;
    await Promise.all(this.members.map(closeMember));
    this.primary = this.standby = undefined;
  }

  private serving(): Member {
    if (this.primary === undefined) throw new StateStoreUnavailable('no drive with a usable state store');
    return this.primary;
  }

  private written(changes: readonly RowChange[], position: number): void {
    this.reached = position;
    if (this.members.length === 1) return;
    this.backlog.add(changes, position);
    if (this.standby !== undefined && !this.closed) this.feed(false);
  }

  /** A failed call of a store takes its drive out of service; a caller's mistake does not. */
  private failed(member: Member, error: unknown): Error {
    if (!(error instanceof StateStoreUnavailable)) return error as Error;
    if (!this.closed && !member.lost) this.lose(member, error.message);
    return error;
  }

  private lose(member: Member, reason: string): void {
    this.parts.log('error', 'state store lost', { drive: member.drive.name, reason });
    member.lost = true;
    void closeMember(member);
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
      return;
    }
    this.parts.log('error', 'no state store left', { position: this.reached });
  }

  /** From the batches held, else from the journal; a store that doesn't belong to this journal is made anew, once. */
  private async bringUp(member: Member): Promise<boolean> {
    let reason = '';
    for (const anew of [false, true]) {
      if (member.lost) return false;
      try {
        if (anew) await this.makeAnew(member, reason);
        const store = member.store!;
        while (store.position < this.backlog.from) await this.catchUp(store);
        const batch = this.backlog.take(store.position);
        if (batch !== undefined) await store.write(batch.changes, batch.position);
        return !member.lost;
      } catch (error) {
        reason = (error as Error).message;
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

  private async makeAnew(member: Member, reason: string): Promise<void> {
    this.parts.log('warn', 'state store made anew', { drive: member.drive.name, reason });
    await closeMember(member);
    await member.drive.remove();
    member.store = await member.drive.open();
  }

  private async discard(member: Member, reason: string): Promise<void> {
    if (member.lost) return;
    this.parts.log('error', 'state store given up', { drive: member.drive.name, reason });
    member.lost = true;
    if (this.standby === member) this.standby = undefined;
    await closeMember(member);
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
    for (const member of this.members) {
      if (this.closed || member.lost || member.store !== undefined) continue;
      await member.closing;
      await openMember(member, this.parts);
      if (member.store !== undefined) return member;
    }
    return undefined;
  }

  private async findStandby(): Promise<void> {
    const spare = await this.openSpare();
    if (spare === undefined) return;
    if (this.closed || this.standby !== undefined) return closeMember(spare);
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
