import type { Disk, DiskFile } from '../disk.ts';
import { KeptPromise } from './kept-promise.ts';
import { journalDirectory, segmentPath } from './segment.ts';

/** Groups that a slower mirror may be behind, in bytes; one that falls back further is detached and repaired from the others. */
export const mirrorBacklogBytesMax = 32 * 1024 * 1024;

/** A group with its place in the log. */
export interface PlacedGroup {
  readonly index: number;
  readonly segment: number;
  readonly offset: number;
  /** The header, then the frames. */
  readonly chunks: readonly Buffer[];
  readonly bytes: number;
  readonly lastSequence: number;
}

/** A trailing mirror writes as soon as this much has gathered. */
const trailBytesMax = 1024 * 1024;

/** attached: takes every group and counts. joining: groups wait until it was repaired. detached: failed or behind. lost: its drive is gone. */
export type MirrorState = 'attached' | 'joining' | 'detached' | 'lost';

export interface MirrorEvents {
  progress(): void;
  failed(mirror: Mirror, error: unknown): void;
}

/** One copy of the log and its writer: whatever waits goes out in one gather write and one sync. */
export class Mirror {
  readonly disk: Disk;
  state: MirrorState = 'detached';
  /** Why it is not attached, for people. */
  reason = 'not opened yet';
  /** The last group that is durable here, while attached. */
  durableIndex = 0;
  /** The epoch in which it was last attached: its copy is a piece of that epoch's log. */
  epoch = 0;
  /** The newest epoch that it was asked to promise to by us; 0: none yet. */
  promised = 0;
  /** Others are waited for: its groups gather until `flush`, so that several share one write and one sync. */
  trailing = false;
  /** A repair in the background. */
  job: Promise<void> = Promise.resolve();

  readonly #events: MirrorEvents;
  #backlog: PlacedGroup[] = [];
  #backlogBytes = 0;
  /** A trailing mirror writes groups up to this index. */
  #flushTo = 0;
  #running: Promise<void> | undefined;
  #promise: KeptPromise | undefined;
  #current: { readonly segment: number; readonly file: DiskFile } | undefined;
  readonly #gone: Promise<never>;
  #lose: (reason: Error) => void = () => undefined;

  constructor(disk: Disk, events: MirrorEvents) {
    this.disk = disk;
    this.#events = events;
    this.#gone = new Promise((_, reject) => (this.#lose = reject));
    this.#gone.catch(() => undefined);
  }

  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** `work`, or the news that the drive is gone: a drive that hangs must not hang the others. */
  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#gone]);
  }

  /** Takes a group to write. A mirror that is too far behind is detached instead. */
  offer(group: PlacedGroup): void {
    if (this.state !== 'attached' && this.state !== 'joining') return;
    if (this.#backlogBytes + group.bytes > mirrorBacklogBytesMax) {
      this.#drop('detached', `it fell back by more than ${mirrorBacklogBytesMax} bytes`);
      return;
    }
    this.#backlog.push(group);
    this.#backlogBytes += group.bytes;
    if (!this.trailing || this.#backlogBytes >= trailBytesMax) this.flush();
  }

  /** Writes what has gathered. */
  flush(): void {
    this.#flushTo = this.#backlog.at(-1)?.index ?? 0;
    this.#start();
  }

  /** Resolves when nothing is being written. */
  async written(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** From here on groups wait for the repair to end; `groups` are those it will not bring. */
  beginJoining(groups: readonly PlacedGroup[]): void {
    this.#drop('joining', 'it is being repaired');
    for (const group of groups) this.offer(group);
  }

  /** It holds all groups up to `index` durably and has promised to `epoch`. */
  attach(epoch: number, index: number): void {
    this.state = 'attached';
    this.reason = '';
    this.epoch = epoch;
    this.#promise ??= new KeptPromise(this.disk, epoch);
    this.durableIndex = index;
    this.trailing = false;
    this.flush();
  }

  detach(reason: string): void {
    if (this.state !== 'lost') this.#drop('detached', reason);
  }

  lose(reason: string): void {
    this.#drop('lost', reason);
    this.#lose(Object.assign(new Error(`${this.disk.name}: ${reason}`), { code: 'ENOENT' }));
    // A drive with open files can't be unmounted.
    void this.idle();
  }

  /** @throws Overtaken it promised to another server since it was attached. */
  async checkPromise(): Promise<void> {
    await this.#promise?.check();
  }

  /** Resolves when nothing of this mirror is under way any more and its file is closed. Detach or lose it before. */
  async idle(): Promise<void> {
    // The job of now: one that begins after this call may itself wait for it.
    const { job } = this;
    await this.#running;
    await job;
    const [current, promise] = [this.#current, this.#promise];
    this.#current = undefined;
    this.#promise = undefined;
    await current?.file.close().catch(() => undefined);
    await promise?.close();
  }

  #drop(state: MirrorState, reason: string): void {
    this.state = state;
    this.reason = reason;
    this.#backlog = [];
    this.#backlogBytes = 0;
  }

  get #due(): boolean {
    const [next] = this.#backlog;
    return this.state === 'attached' && next !== undefined && (!this.trailing || next.index <= this.#flushTo);
  }

  #start(): void {
    if (this.#running !== undefined || !this.#due) return;
    this.#running = this.#drain().finally(() => {
      this.#running = undefined;
      this.#start();
    });
  }

  async #drain(): Promise<void> {
    while (this.#due) {
      const batch = this.#take();
      try {
        await this.#write(batch);
      } catch (error) {
        if (this.state === 'attached') this.#events.failed(this, error);
        return;
      }
      if (this.state !== 'attached') return;
      for (const group of batch) this.#backlogBytes -= group.bytes;
      this.durableIndex = (batch.at(-1) as PlacedGroup).index;
      this.#events.progress();
    }
  }

  /** All that waits for the same segment: a segment is durable before the next one begins. */
  #take(): PlacedGroup[] {
    const segment = this.#backlog[0]?.segment;
    const other = this.#backlog.findIndex((group) => group.segment !== segment);
    return this.#backlog.splice(0, other < 0 ? this.#backlog.length : other);
  }

  async #write(batch: readonly PlacedGroup[]): Promise<void> {
    const { segment, offset } = batch[0] as PlacedGroup;
    if (this.#current?.segment !== segment) {
      await this.#current?.file.close();
      this.#current = undefined;
      // What is opened by its name may be another one's by now.
      await this.#promise?.check();
      const mode = offset === 0 ? 'create' : 'write';
      this.#current = { segment, file: await this.disk.open(segmentPath(segment), mode, 'eachSynced') };
    }
    const { file } = this.#current;
    await file.write(
      batch.flatMap((group) => group.chunks),
      offset,
    );
    await file.sync();
    if (offset === 0) await this.disk.syncDirectory(journalDirectory);
    // Not before it is durable: whoever is elected later finds it then.
    await this.#promise?.check();
  }
}
