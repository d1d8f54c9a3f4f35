/** Deletes of objects laid out for it before each turn, as many as the turn is expected to take. */
import { type LaidOut, layOut } from './lay-out.ts';
import { gibibyte } from './sizes.ts';
import { BrokenOff } from './trouble.ts';
import type { Ground, Workload } from './workload.ts';

/** A turn ends when they are gone. */
const objectsPerTurnMax = 20_000;
const bytesPerTurnMax = gibibyte;
/** Laying out ends after it: a server that writes slowly gets fewer to delete. */
const layOutMillisecondsMax = 10_000;
/** Above what the last turn's rate makes likely. */
const reserve = 1.3;
/** Deleted ones that are asked for again before the next turn. */
const probesMax = 16;

export class DeleteObjects implements Workload {
  /** Numbers of objects that are there. */
  #there: number[] = [];
  #gone: number[] = [];
  #begunAt = 0;
  #endedAt = 0;

  async prepare(ground: Ground): Promise<void> {
    const { requests, own, lanes } = ground;
    for (const number of this.#gone.slice(0, probesMax)) {
      await requests.send({ method: 'HEAD', key: own(number) }, { operation: 'probe', status: 404 });
    }
    const wanted = this.#wanted(ground);
    const until = performance.now() + layOutMillisecondsMax;
    const there = this.#there;
    function* missing(): Generator<LaidOut> {
      while (there.length < wanted && (there.length < lanes || performance.now() < until)) {
        const number = ground.fresh();
        there.push(number);
        yield { key: own(number), body: ground.bodies.of(number) };
      }
    }
    await layOut(requests, missing(), Math.max(lanes, 8));
    this.#gone = [];
  }

  async step({ requests, own }: Ground): Promise<boolean> {
    const number = this.#there.pop();
    if (number === undefined) return false;
    if (this.#gone.length === 0) this.#begunAt = performance.now();
    try {
      await requests.delete(own(number));
    } catch (error) {
      // Refused for now: it is there for the next turn. Broken off: nobody knows.
      if (!(error instanceof BrokenOff)) this.#there.push(number);
      throw error;
    }
    this.#gone.push(number);
    this.#endedAt = performance.now();
    return true;
  }

  #wanted({ bodies, objects, threads, lanes, seconds, steps }: Ground): number {
    const rate = (this.#gone.length / (this.#endedAt - this.#begunAt)) * 1000;
    const likely = this.#gone.length > lanes ? rate * seconds * reserve : objects / threads;
    const most = Math.min(objectsPerTurnMax, bytesPerTurnMax / bodies.meanBytes) / threads;
    return Math.ceil(Math.max(lanes, Math.min(likely, most, steps)));
  }
}
