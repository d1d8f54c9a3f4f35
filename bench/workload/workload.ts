/** What a workload is: steps that lanes (requests at once) repeat until the turn is over. */
import type { WireOptions } from '../client/s3-client.ts';
import type { Bodies } from './bodies.ts';
import type { CheckedRequests } from './checked-requests.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface Workload {
  /** Before each turn, untimed: what the turn will use up is laid out. */
  prepare?(ground: Ground): Promise<void>;
  /** Usually one request. `false`: nothing is left to do in this turn. */
  step(ground: Ground, lane: number): Promise<boolean>;
}

/** Where a workload does its work: one server, one line, one thread of the client, one turn. */
export interface Ground {
  readonly requests: CheckedRequests;
  /** By numbers of objects, for this line's sizes. */
  readonly bodies: Bodies;
  /** The same for each server in the same turn. */
  readonly random: SeededRandom;
  /** Objects 0 .. `objects` - 1 of this line's sizes were laid out, for all workloads that only read. */
  readonly objects: number;
  /** Requests at once, of this thread. */
  readonly lanes: number;
  /** Threads of the client. */
  readonly threads: number;
  /** Timed seconds of the turn to come. */
  readonly seconds: number;
  /** Steps of the turn to come, of this thread, at most. */
  readonly steps: number;
  /** Of bodies put. */
  readonly checksum: WireOptions['checksum'];
  /** All keys of laid-out objects begin with it, and no other. */
  readonly laidOutPrefix: string;
  /** The key of a laid-out object. */
  laidOut(number: number): string;
  /** The key of an object of this line alone. */
  own(number: number): string;
  /** A number that no thread and no turn of this line has used; the same for each server in the same turn. */
  fresh(): number;
}
