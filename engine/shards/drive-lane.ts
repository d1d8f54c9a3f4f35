/**
 * One drive's file of an open segment. Writes go out in order, those that touch as one gather write; a sync that is under way
 * is never joined, the next one is shared by all who wait (group commit). The first failure ends the lane: what a drive
 * dropped once, it can't be trusted to have kept, and the segment goes on without it.
 */
import type { Disk, DiskFile } from '../../journal/disk.ts';
import { segmentDirectory, segmentPath } from './block.ts';

/** Buffers of one gather write. */
const gatherMax = 64;
/** Bytes written before a sync is started unasked, so that the last one of a large body has little left to do. */
const unsyncedBytesMax = 32 * 1024 * 1024;

interface PendingWrite {
  readonly chunks: readonly Uint8Array[];
  readonly position: number;
  readonly bytes: number;
  resolve(): void;
  reject(error: Error): void;
}

interface PendingSync {
  resolve(): void;
  reject(error: Error): void;
}

export class DriveLane {
  readonly slot: number;
  /** Why the lane ended. */
  failure: Error | undefined;
  private readonly disk: Disk;
  private readonly onFailure: (lane: DriveLane, error: Error) => void;
  private readonly file: Promise<DiskFile>;
  private writes: PendingWrite[] = [];
  private syncs: PendingSync[] = [];
  private writing = false;
  private syncing = false;
  private closing = false;
  private closed = false;
  private unsyncedBytes = 0;

  constructor(
    drive: { slot: number; disk: Disk },
    segment: { set: number; segment: number },
    onFailure: (lane: DriveLane, error: Error) => void,
  ) {
    this.slot = drive.slot;
    this.disk = drive.disk;
    this.onFailure = onFailure;
    this.file = this.open(segment.set, segment.segment);
    this.file.catch((error: Error) => this.fail(error));
  }

  private async open(set: number, segment: number): Promise<DiskFile> {
    // A file that is there already holds what an earlier process wrote: rather go without this drive than write over it.
    const file = await this.disk.open(segmentPath(set, segment), 'exclusive');
    await this.disk.syncDirectory(segmentDirectory(set));
    return file;
  }

  /** Resolves when the bytes are written, not yet durable. The buffers must not change until then. */
  write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      this.writes.push({ chunks, position, bytes, resolve, reject });
      if (!this.writing) void this.runWrites();
    });
  }

  /** Resolves when all that was written before the call is durable. */
  sync(): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.syncs.push({ resolve, reject });
      if (!this.syncing) void this.runSyncs();
    });
  }

  private async runWrites(): Promise<void> {
    this.writing = true;
    try {
      const file = await this.file;
      while (this.writes.length > 0 && this.failure === undefined) {
        const run = this.takeRun();
        const chunks = run.length === 1 ? run[0]!.chunks : run.flatMap((write) => write.chunks);
        try {
          await file.write(chunks, run[0]!.position);
        } catch (error) {
          for (const write of run) write.reject(error as Error);
          throw error;
        }
        for (const write of run) {
          this.unsyncedBytes += write.bytes;
          write.resolve();
        }
        if (this.unsyncedBytes >= unsyncedBytesMax && !this.syncing) this.sync().catch(() => undefined);
      }
    } catch (error) {
      this.fail(error as Error);
    }
    this.writing = false;
    this.closeAtRest();
  }

  /** The longest run of touching writes at the head of the queue. */
  private takeRun(): PendingWrite[] {
    let count = 1;
    let end = this.writes[0]!.position + this.writes[0]!.bytes;
    let buffers = this.writes[0]!.chunks.length;
    while (count < this.writes.length) {
      const next = this.writes[count]!;
      buffers += next.chunks.length;
      if (next.position !== end || buffers > gatherMax) break;
      end += next.bytes;
      count += 1;
    }
    return this.writes.splice(0, count);
  }

  private async runSyncs(): Promise<void> {
    this.syncing = true;
    let waiting: PendingSync[] = [];
    try {
      const file = await this.file;
      while (this.syncs.length > 0 && this.failure === undefined) {
        waiting = this.syncs;
        this.syncs = [];
        this.unsyncedBytes = 0;
        await file.sync();
        for (const sync of waiting) sync.resolve();
        waiting = [];
      }
    } catch (error) {
      for (const sync of waiting) sync.reject(error as Error);
      this.fail(error as Error);
    }
    this.syncing = false;
    this.closeAtRest();
  }

  /** Ends the lane: nobody waits for this drive any longer. */
  fail(error: Error): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    for (const write of this.writes) write.reject(error);
    for (const sync of this.syncs) sync.reject(error);
    this.writes = [];
    this.syncs = [];
    this.onFailure(this, error);
    // The segment may stay open for long, and a drive with open files can't be unmounted.
    this.close();
  }

  /** As soon as nothing is under way: a call that goes on behind a closed descriptor would meet whatever file has its number next. */
  close(): void {
    this.closing = true;
    this.closeAtRest();
  }

  private closeAtRest(): void {
    if (!this.closing || this.closed || this.writing || this.syncing) return;
    this.closed = true;
    this.file.then((file) => file.close()).catch(() => undefined);
  }
}
