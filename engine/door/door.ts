/** What stands behind the door's methods, and the count of who is inside. */
import type { ActorSystem } from '../actor/actor-system.ts';
import type { StoredRows } from '../actor/rows.ts';
import type { Body } from '../body.ts';
import type { Randomness } from '../clock.ts';
import type { EngineOptions } from '../engine-options.ts';
import { Fault } from '../fault.ts';
import { BodyRejected, type Rejection } from '../rejection.ts';
import type { Room } from '../room.ts';
import type { BlobStore } from '../shards/blob-store.ts';
import type { UploadLives } from '../upload/life-cycle.ts';
import type { UploadKind } from '../upload/upload-kind.ts';

export type Outcome<T> = Promise<T | Rejection>;

export interface Door {
  readonly actors: ActorSystem;
  /** Durable rows. */
  readonly rows: StoredRows;
  /** Whatever only reads rows goes through it: when the state store fails under a reader, it reads again from the one that takes over. */
  reading<T>(work: () => T | Promise<T>): Promise<T>;
  readonly blobs: BlobStore;
  readonly randomness: Randomness;
  readonly options: EngineOptions;
  readonly uploadKind: UploadKind;
  readonly uploads: UploadLives;
}

/** 16 hex digits: what makes a version id unguessable. */
export function entropyOf(door: Door): string {
  return door.randomness.bytes(8).toString('hex');
}

/** Counts the commands under way: over the limit the answer is SlowDown. */
export class Gate {
  private underWay = 0;
  private closed = false;
  private emptied: (() => void) | undefined;
  private readonly most: number;
  private readonly room: Room | undefined;

  constructor(most: number, room?: Room) {
    this.most = most;
    this.room = room;
  }

  /** What makes the store grow is refused while what shrinks it still has room. */
  grow<T>(work: () => Promise<T | Rejection>): Promise<T | Rejection> {
    return this.pass(() => {
      this.room?.forGrowth();
      return work();
    });
  }

  /** A rejection thrown out of the middle of a body becomes a value again. */
  async pass<T>(work: () => Promise<T | Rejection>): Promise<T | Rejection> {
    if (this.closed) throw new Fault('unavailable', 'the engine is closing');
    if (this.underWay >= this.most) throw new Fault('overloaded', `${this.most} commands are under way`);
    this.room?.forRecords();
    this.underWay += 1;
    try {
      return await work();
    } catch (error) {
      if (error instanceof BodyRejected) return error.rejection;
      throw error;
    } finally {
      this.underWay -= 1;
      if (this.underWay === 0) this.emptied?.();
    }
  }

  /** However the work ends, or if it never begins: no more of the body is read afterwards. */
  async growWith<T>(body: Body, work: () => Promise<T | Rejection>): Promise<T | Rejection> {
    try {
      return await this.grow(work);
    } finally {
      body.cancel();
    }
  }

  /** Lets nobody in any more and waits until all are out. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.underWay > 0) await new Promise<void>((resolve) => (this.emptied = resolve));
  }
}
