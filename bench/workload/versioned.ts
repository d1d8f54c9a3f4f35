/** A bucket that keeps versions: each lane puts eight versions of a key, reads one by its id after each put, and lists them at the end. */
import type { Answer } from '../client/connection.ts';
import { WrongAnswer } from './trouble.ts';
import type { Ground, Workload } from './workload.ts';
import { xmlTexts } from './xml-texts.ts';

const versionsPerKey = 8;

interface Versions {
  readonly number: number;
  /** Oldest first: the place is the revision of the body. */
  readonly ids: string[];
  /** The newest one was read. */
  read: boolean;
}

export class Versioned implements Workload {
  readonly #lanes = new Map<number, Versions>();

  async step(ground: Ground, lane: number): Promise<boolean> {
    const versions = this.#lanes.get(lane) ?? { number: ground.fresh(), ids: [], read: true };
    // Whatever goes wrong: this key is left alone.
    this.#lanes.delete(lane);
    if (!versions.read) await readOne(ground, versions);
    else if (versions.ids.length < versionsPerKey) await putOne(ground, versions);
    else return this.#finish(ground, versions);
    this.#lanes.set(lane, versions);
    return true;
  }

  async #finish(ground: Ground, versions: Versions): Promise<boolean> {
    await list(ground, versions);
    return true;
  }
}

async function putOne({ requests, bodies, own }: Ground, versions: Versions): Promise<void> {
  const key = own(versions.number);
  const answer = await requests.put(key, bodies.of(versions.number, versions.ids.length));
  const id = answer.headers['x-amz-version-id'];
  if (id === undefined || id === 'null' || versions.ids.includes(id)) throw new WrongAnswer(`PUT ${key}: version id ${id}`);
  versions.ids.push(id);
  versions.read = false;
}

async function readOne({ requests, bodies, own, random }: Ground, versions: Versions): Promise<void> {
  const revision = random.below(versions.ids.length);
  const query = { versionId: versions.ids[revision] ?? '' };
  await requests.get(own(versions.number), bodies.of(versions.number, revision), 'get-version', { query });
  versions.read = true;
}

async function list({ requests, own }: Ground, { number, ids }: Versions): Promise<void> {
  const prefix = own(number);
  const check = (answer: Answer): void => {
    const found = xmlTexts(answer.body.toString(), 'VersionId');
    const expected = ids.toReversed();
    if (found.join() !== expected.join()) throw new WrongAnswer(`the versions of ${prefix} are ${found} instead of ${expected}`);
  };
  await requests.send({ method: 'GET', query: { versions: '', prefix } }, { operation: 'list-versions', status: 200, check });
}
