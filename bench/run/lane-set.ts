/** The requests that one thread keeps under way: lanes that repeat a workload's steps until the turn is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CheckedRequests } from '../workload/checked-requests.ts';
import { BrokenOff, TurnOver, WrongAnswer } from '../workload/trouble.ts';
import type { Ground, Workload } from '../workload/workload.ts';
import type { ThreadSample } from './thread-words.ts';

/** A server from which no answer comes for so long has stopped, as far as the run is concerned. */
const silenceSecondsMax = 120;
/** Requests of one lane in a row whose connection broke: then the server is gone. */
const brokenOffMax = 10;
const brokenOffApartMilliseconds = 100;
const sampleMilliseconds = 1000;

export interface Load {
  readonly workload: Workload;
  readonly ground: Ground;
}

export class LaneSet {
  readonly #requests: CheckedRequests;
  readonly #breakOff: () => void;
  #load: Load | undefined;
  #stopped = false;
  #begun = 0;

  /** `breakOff` makes requests under way fail. */
  constructor(requests: CheckedRequests, breakOff: () => void) {
    this.#requests = requests;
    this.#breakOff = breakOff;
  }

  load(load: Load): void {
    this.#load = load;
  }

  /** No request is begun any more, those under way are broken off. */
  stop(): void {
    this.#stopped = true;
    this.#requests.deadline = 0;
    this.#breakOff();
  }

  /** Something that takes as long as it takes, unless no answer comes. @throws WrongAnswer, BrokenOff */
  untimed(work: () => Promise<void>): Promise<void> {
    return this.#unlessSilent(work());
  }

  /** The turn. Resolves to its seconds, up to the last answer. @throws WrongAnswer */
  async run(sampled: (sample: ThreadSample) => void): Promise<number> {
    const load = this.#load;
    if (load === undefined) throw new Error('a turn was begun without a load');
    const begun = performance.now();
    let last = begun;
    const sample = (): void => {
      const now = performance.now();
      sampled({ kind: 'sample', seconds: (now - last) / 1000, ...this.#requests.tally.take() });
      last = now;
    };
    const each = setInterval(sample, sampleMilliseconds);
    this.#requests.deadline = begun + load.ground.seconds * 1000;
    try {
      await this.#unlessSilent(Promise.all(Array.from({ length: load.ground.lanes }, (_, lane) => this.#lane(load, lane))));
      const seconds = (performance.now() - begun) / 1000;
      sample();
      return seconds;
    } finally {
      clearInterval(each);
    }
  }

  async #lane({ workload, ground }: Load, lane: number): Promise<void> {
    let brokenOff = 0;
    while (!this.#stopped && performance.now() < this.#requests.deadline && this.#begun < ground.steps) {
      this.#begun += 1;
      try {
        if (!(await workload.step(ground, lane))) return;
        brokenOff = 0;
      } catch (error) {
        if (this.#stopped || error instanceof TurnOver) return;
        if (!(error instanceof BrokenOff)) throw error;
        brokenOff += 1;
        if (brokenOff === brokenOffMax) throw new WrongAnswer(`${brokenOffMax} requests in a row broke off: ${error.message}`);
        await sleep(brokenOffApartMilliseconds);
      }
    }
  }

  async #unlessSilent<T>(work: Promise<T>): Promise<T> {
    let answers = this.#requests.tally.answers;
    let since = performance.now();
    let silent = false;
    const watch = setInterval(() => {
      if (answers !== this.#requests.tally.answers) since = performance.now();
      answers = this.#requests.tally.answers;
      silent = performance.now() - since > silenceSecondsMax * 1000;
      if (silent) this.stop();
    }, sampleMilliseconds);
    try {
      const result = await work;
      if (silent) throw new WrongAnswer(`no answer for ${silenceSecondsMax} s`);
      return result;
    } catch (error) {
      // The others' answers have no reader any more.
      this.stop();
      throw silent ? new WrongAnswer(`no answer for ${silenceSecondsMax} s`) : error;
    } finally {
      clearInterval(watch);
    }
  }
}
