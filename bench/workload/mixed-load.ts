/**
 * What applications do: 45 % get, 15 % put, 30 % stat, 10 % delete, each of an object that is there. No object is deleted or
 * overwritten while another request is about it, so that every answer can be checked.
 */
import { layOut } from './lay-out.ts';
import type { Ground, Workload } from './workload.ts';

const getShare = 0.45;
const statShare = 0.3;
const putShare = 0.15;
const objectsMin = 4;
/** Puts outnumber deletes: beyond so many times the objects it began with, a put overwrites one. */
const growthMax = 2;
/** Draws in search of an object without a request. */
const drawsMax = 16;

interface Pooled {
  readonly number: number;
  readonly revision: number;
  /** Requests about it. */
  users: number;
}

export class MixedLoad implements Workload {
  readonly #pool: Pooled[] = [];
  #most = 0;

  async prepare({ requests, bodies, objects, threads, own, fresh, lanes }: Ground): Promise<void> {
    const least = Math.max(objectsMin, Math.ceil(objects / threads));
    this.#most = least * growthMax;
    const missing = Array.from({ length: Math.max(0, least - this.#pool.length) }, fresh);
    const objectsMissing = missing.map((number) => ({ key: own(number), body: bodies.of(number) }));
    await layOut(requests, objectsMissing, Math.max(lanes, 8));
    this.#pool.push(...missing.map((number) => ({ number, revision: 0, users: 0 })));
  }

  async step(ground: Ground): Promise<boolean> {
    const draw = ground.random.share();
    if (draw < getShare + statShare) await this.#read(ground, draw < getShare);
    else if (draw < getShare + statShare + putShare) await this.#put(ground);
    else await this.#delete(ground);
    return true;
  }

  async #read(ground: Ground, whole: boolean): Promise<void> {
    const { requests, bodies, own, random } = ground;
    const object = this.#pool[random.below(this.#pool.length)];
    if (object === undefined) return this.#put(ground);
    const body = bodies.of(object.number, object.revision);
    object.users += 1;
    try {
      if (whole) await requests.get(own(object.number), body);
      else await requests.stat(own(object.number), body);
    } finally {
      object.users -= 1;
    }
  }

  async #put(ground: Ground): Promise<void> {
    const { requests, bodies, own, fresh } = ground;
    const old = this.#pool.length >= this.#most ? this.#takeUnused(ground) : undefined;
    const number = old?.number ?? fresh();
    const revision = old === undefined ? 0 : old.revision + 1;
    // Of one whose connection broke nobody knows what it holds: it is in the pool again only after the answer.
    await requests.put(own(number), bodies.of(number, revision));
    this.#pool.push({ number, revision, users: 0 });
  }

  async #delete(ground: Ground): Promise<void> {
    const object = this.#takeUnused(ground);
    if (object === undefined) return this.#put(ground);
    await ground.requests.delete(ground.own(object.number));
  }

  /** Out of the pool. The last few stay: there must be something to read. */
  #takeUnused({ random }: Ground): Pooled | undefined {
    if (this.#pool.length <= objectsMin) return undefined;
    for (let draws = 0; draws < drawsMax; draws += 1) {
      const at = random.below(this.#pool.length);
      const object = this.#pool[at];
      if (object === undefined || object.users > 0) continue;
      const last = this.#pool.pop();
      if (last !== undefined && last !== object) this.#pool[at] = last;
      return object;
    }
    return undefined;
  }
}
