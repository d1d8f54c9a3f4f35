/** Conditional requests, those that must be refused included: each lane takes a new key through six of them, and begins anew. */
import type { Answer } from '../client/connection.ts';
import type { Body } from './bodies.ts';
import type { Ground, Workload } from './workload.ts';

interface Subject {
  readonly key: string;
  readonly first: Body;
  readonly second: Body;
  /** As the server gave it. */
  etag: string;
  step: number;
}

/** Never the ETag of anything here. */
const otherETag = '"00000000000000000000000000000000"';

type Step = (ground: Ground, subject: Subject) => Promise<Answer>;

const steps: readonly Step[] = [
  ({ requests }, { key, first }) => requests.put(key, first, 'put-if-absent', { headers: { 'if-none-match': '*' } }),
  (ground, subject) => refusedPut(ground, subject, { operation: 'put-if-absent-refused', headers: { 'if-none-match': '*' } }),
  ({ requests }, { key, etag }) =>
    requests.send({ method: 'GET', key, headers: { 'if-none-match': etag } }, { operation: 'get-not-modified', status: 304 }),
  ({ requests }, { key, first, etag }) => requests.get(key, first, 'get-if-match', { headers: { 'if-match': etag } }),
  ({ requests }, { key, second, etag }) => requests.put(key, second, 'put-if-match', { headers: { 'if-match': etag } }),
  (ground, subject) => refusedPut(ground, subject, { operation: 'put-if-match-refused', headers: { 'if-match': otherETag } }),
];

export class Conditional implements Workload {
  readonly #lanes = new Map<number, Subject>();

  async step(ground: Ground, lane: number): Promise<boolean> {
    const subject = this.#lanes.get(lane) ?? newSubject(ground);
    // Whatever goes wrong: nobody knows what this key holds.
    this.#lanes.delete(lane);
    const answer = await steps[subject.step]?.(ground, subject);
    subject.etag = answer?.headers.etag ?? subject.etag;
    subject.step += 1;
    if (subject.step < steps.length) this.#lanes.set(lane, subject);
    return true;
  }
}

function newSubject({ fresh, own, bodies }: Ground): Subject {
  const number = fresh();
  return { key: own(number), first: bodies.of(number), second: bodies.of(number, 1), etag: '', step: 0 };
}

interface Refused {
  readonly operation: string;
  readonly headers: Readonly<Record<string, string>>;
}

function refusedPut({ requests }: Ground, { key, second }: Subject, { operation, headers }: Refused): Promise<Answer> {
  return requests.send({ method: 'PUT', key, body: second.bytes, headers }, { operation, status: 412 });
}
