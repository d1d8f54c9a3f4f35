/** Objects put before something is timed. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Body } from './bodies.ts';
import type { CheckedRequests } from './checked-requests.ts';
import { BrokenOff } from './trouble.ts';

/** For one object whose connection breaks. */
const triesMax = 10;
const triesApartMilliseconds = 200;

export interface LaidOut {
  readonly key: string;
  readonly body: Body;
}

/** Puts what comes, `lanes` at once. @throws WrongAnswer, BrokenOff */
export async function layOut(requests: CheckedRequests, objects: Iterable<LaidOut>, lanes: number): Promise<void> {
  const iterator = objects[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) await putSurely(requests, next.value);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** A put may be repeated: it has the same outcome. */
async function putSurely(requests: CheckedRequests, { key, body }: LaidOut): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await requests.put(key, body);
      return;
    } catch (error) {
      if (!(error instanceof BrokenOff) || tries === triesMax) throw error;
      await sleep(triesApartMilliseconds);
    }
  }
}
