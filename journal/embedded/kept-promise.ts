import type { Disk, PinnedFile } from '../disk.ts';
import { JournalUnavailable } from '../journal.ts';
import { epochPath, promiseIn } from './log.ts';

/** A mirror has promised to follow a later epoch than ours: another server was elected on it, and what we write counts no more. */
export class Overtaken extends JournalUnavailable {}

/**
 * What a mirror promised to us, looked at before what it wrote is believed. An election puts a new file in the place of the promise, and reads
 * the log only then: a group that was durable before we saw the promise unbroken is found by every later election. To look whether the file
 * is still the same costs microseconds where the file system is this host's own; only another one is read.
 */
export class KeptPromise {
  readonly #disk: Disk;
  readonly #epoch: number;
  #file: PinnedFile | undefined;

  constructor(disk: Disk, epoch: number) {
    this.#disk = disk;
    this.#epoch = epoch;
  }

  /**
   * @throws Overtaken
   * @throws Error the promise can't be read or is an older one: nothing that is written here counts until it was given anew.
   */
  async check(): Promise<void> {
    const file = this.#file;
    if (file?.keptItsNames() ?? (await file?.isCurrent())) return;
    await this.close();
    const found = await this.#disk.pin(epochPath);
    const { promised } = await promiseIn(found).catch(() => ({ promised: 'unreadable' as const }));
    if (promised === this.#epoch) {
      this.#file = found;
      return;
    }
    await found.close().catch(() => undefined);
    if (typeof promised === 'number' && promised > this.#epoch) throw overtaken(this.#disk, promised, this.#epoch);
    throw new Error(`the promise to epoch ${this.#epoch} is gone: ${promised} is found in its place`);
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => undefined);
  }
}

export function overtaken({ name }: Disk, promised: number, ours: number): Overtaken {
  return new Overtaken(`another server was elected on ${name}, in epoch ${promised}: this one's ended with ${ours}, and it writes no more`);
}
