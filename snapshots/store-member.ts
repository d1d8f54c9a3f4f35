/** One drive's state store among those that stand in for each other: opened, closed, made anew. */
import { type StateStore, StateStoreCorrupt } from './state-store.ts';

/** A drive that can hold a state store. */
export interface StoreDrive {
  readonly name: string;
  /** `untrusted` is called when the open store is found damaged by itself, with nobody reading. */
  open(untrusted: (reason: string) => void): Promise<StateStore>;
  /** Deletes the store there, so that the next open begins at 0. */
  remove(): Promise<void>;
}

export type StoreLog = (level: 'info' | 'warn' | 'error', message: string, facts?: Readonly<Record<string, string | number>>) => void;

export class Member {
  readonly drive: StoreDrive;
  /** undefined: lost, or a spare that is not open. */
  store: StateStore | undefined;
  /** Not to be opened for now. */
  lost = false;
  /** Its drive is gone: nothing there is opened before it is back. */
  away = false;
  /** Times that its store was found damaged while open: those with fewer are asked first. */
  damages = 0;
  /** The closing of a lost store, and the removal of a damaged one: its directory can't be opened before. */
  closing: Promise<void> = Promise.resolve();
  private readonly log: StoreLog;
  private readonly onUntrusted: (member: Member, store: StateStore, reason: string) => void;

  constructor(drive: StoreDrive, log: StoreLog, onUntrusted: (member: Member, store: StateStore, reason: string) => void) {
    this.drive = drive;
    this.log = log;
    this.onUntrusted = onUntrusted;
  }

  /** Leaves the member with a store, or lost: answers why. A damaged store is made anew; one that another process has open is not damaged. */
  async open(): Promise<unknown> {
    await this.closing;
    try {
      this.store = await this.openStore();
      return undefined;
    } catch (error) {
      const facts = { drive: this.drive.name, error: (error as Error).message };
      if (error instanceof StateStoreCorrupt) {
        this.log('warn', 'state store damaged: removed, to be made anew from the journal', facts);
        this.store = await this.drive.remove().then(
          () => this.openStore().catch(() => undefined),
          () => undefined,
        );
      }
      if (this.store === undefined) this.log('error', 'state store does not open', facts);
      this.lost = this.store === undefined;
      return error;
    }
  }

  private async openStore(): Promise<StateStore> {
    const opened: { store?: StateStore } = {};
    const store = await this.drive.open((reason) => {
      if (opened.store !== undefined) this.onUntrusted(this, opened.store, reason);
    });
    opened.store = store;
    return store;
  }

  /** `damaged`: and removes what is there. */
  async close(damaged = false): Promise<void> {
    const { store, closing } = this;
    this.store = undefined;
    this.closing = closing
      .then(() => store?.close())
      .catch(() => undefined)
      .then(() => (damaged ? this.drive.remove() : undefined))
      .catch((error: Error) => this.log('warn', 'damaged state store not removed yet', { drive: this.drive.name, error: error.message }));
    await this.closing;
  }

  async makeAnew(reason: string): Promise<void> {
    this.log('warn', 'state store made anew', { drive: this.drive.name, reason });
    await this.close(true);
    this.store = await this.openStore();
  }
}
