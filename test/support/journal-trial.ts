/** Writers on an embedded journal over disks in memory, and what they were promised: the model that every reading is held against. */
import assert from 'node:assert/strict';
import { type EmbeddedJournal, openEmbeddedJournal } from '../../journal/embedded/embedded-journal.ts';
import {
  emptyStream,
  JournalConflict,
  JournalOutcomeUnknown,
  type JournalRecord,
  JournalUnavailable,
  type StreamHead,
} from '../../journal/journal.ts';
import { type MemoryDisk, memoryDisk } from '../../journal/memory-disk.ts';
import { seededRandom } from './seeded-random.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class JournalTrial {
  readonly random: () => number;
  readonly #seed: number;
  disks: MemoryDisk[];
  journal!: EmbeddedJournal;
  segmentBytes: number;
  acknowledged = 0;
  unknown = 0;
  refused = 0;
  /** What the log must hold: sequence - 1 -> payload, known by an acknowledgement or an earlier reading. */
  readonly #known: (string | undefined)[] = [];
  readonly #tried = new Set<string>();
  /** Payloads of which the journal said that they are certainly not stored. */
  readonly #refused = new Set<string>();
  readonly #heads = new Map<string, StreamHead>();
  #count = 0;

  constructor(seed: number, mirrors: number) {
    this.#seed = seed;
    this.random = seededRandom(seed);
    this.disks = Array.from({ length: mirrors }, (_, index) => memoryDisk(`drive${index}`, this.random));
    this.segmentBytes = 1500 + this.pick(20_000);
  }

  pick(count: number): number {
    return Math.floor(this.random() * count);
  }

  /** Opens the journal and holds it against the model. */
  async open(): Promise<void> {
    this.journal = await openEmbeddedJournal({
      disks: this.disks,
      headOf: (stream) => this.#heads.get(stream) ?? emptyStream,
      segmentBytes: this.segmentBytes,
      // Every other seed with mirrors that trail: what a power cut takes from them must not matter.
      ...(this.#seed % 2 === 0 && { timer: { after: (_milliseconds, task) => this.#later(task) } }),
    });
    await this.verify();
  }

  /** A while in turns of the event loop; its end can't be waited for. */
  #later(task: () => void): () => void {
    let cancelled = false;
    void this.turns(this.pick(40)).then(() => cancelled || task());
    return () => {
      cancelled = true;
    };
  }

  /** Every acknowledged record is there, in order, whole; nothing is there that was refused or never tried. The heads follow the log. */
  async verify(): Promise<void> {
    const knownBefore = this.#known.length;
    const records: JournalRecord[] = [];
    for await (const record of this.journal.read(0)) records.push(record);
    const payloads = records.map(({ payload }) => Buffer.from(payload).toString('latin1'));
    for (const [place, payload] of payloads.entries()) {
      this.#hold(records[place]?.sequence === place + 1, `sequence ${records[place]?.sequence} in place ${place + 1}`);
      this.#hold(this.#tried.has(payload), `record ${place + 1} was never written: ${payload.slice(0, 40)}`);
      this.#hold(!this.#refused.has(payload), `record ${place + 1} was refused, but is stored`);
      const known = this.#known[place];
      this.#hold(known === undefined || known === payload, `record ${place + 1} is another one than before`);
      this.#known[place] = payload;
    }
    this.#hold(knownBefore <= payloads.length, `${knownBefore} records were there, now ${payloads.length}`);
    for (const { stream, position, hash } of records) {
      const known = this.#heads.get(stream);
      if (known === undefined || known.position < position) this.#heads.set(stream, { position, hash: Buffer.from(hash) });
    }
  }

  /** Appends to one stream until `until` says so, recovering as an actor does. */
  async write(stream: string, until: () => boolean): Promise<void> {
    while (!until()) {
      const filler = this.random() < 0.05 ? this.pick(30_000) : this.pick(900);
      const text = `${this.#count++} of ${stream} ${'.'.repeat(filler)}`;
      this.#tried.add(text);
      const expected = this.#heads.get(stream) ?? emptyStream;
      try {
        const { sequence, head } = await this.journal.append({ stream, expected, time: this.#count, payload: Buffer.from(text, 'latin1') });
        this.#hold(this.#known[sequence - 1] === undefined || this.#known[sequence - 1] === text, `sequence ${sequence} was given twice`);
        this.#known[sequence - 1] = text;
        this.#heads.set(stream, head);
        this.acknowledged++;
      } catch (error) {
        if (!(await this.#recover(error, text, until))) return;
      }
      if (this.random() < 0.3) await turn();
    }
  }

  /** Waits until all mirrors are attached again. */
  async whole(): Promise<void> {
    for (let turns = 0; turns < 20_000; turns++) {
      const { phase, mirrors } = this.journal.status();
      if (phase === 'serving' && mirrors.every(({ state }) => state === 'attached')) return;
      if (phase === 'unsettled') await this.verify().catch(() => undefined);
      await turn();
    }
    this.#hold(false, `the mirrors did not come back: ${JSON.stringify(this.journal.status())}`);
  }

  /** The power goes: every disk keeps what it happens to keep. */
  cut(): void {
    this.disks = this.disks.map((disk) => disk.crash(this.random));
  }

  async turns(count: number): Promise<void> {
    for (let done = 0; done < count; done++) await turn();
  }

  /** Whether the writer may go on. */
  async #recover(error: unknown, text: string, until: () => boolean): Promise<boolean> {
    this.#hold(!(error instanceof JournalConflict) && error instanceof Error, `append failed: ${String(error)}`);
    if (error instanceof JournalUnavailable) {
      this.#refused.add(text);
      this.refused++;
    } else {
      this.#hold(error instanceof JournalOutcomeUnknown, `append failed: ${String((error as Error).stack)}`);
      this.unknown++;
    }
    while (!until()) {
      try {
        await this.verify();
        return true;
      } catch (trouble) {
        this.#hold(trouble instanceof JournalUnavailable, `reading failed: ${String((trouble as Error).stack)}`);
        await this.turns(1 + this.pick(5));
      }
    }
    return false;
  }

  #hold(condition: boolean, message: string): void {
    assert.ok(condition, `seed ${this.#seed}: ${message}`);
  }
}
