/**
 * Watches the main thread from the others. It reads rows of the state store at once, and where their file system doesn't answer it waits in the
 * kernel: no request, no signal and no timer reaches it, and nothing in this process can call it back. It is ended then, so that whoever
 * supervises it starts it again: a start goes on without a drive that hangs.
 */
import { readFileSync, writeSync } from 'node:fs';

const beatMilliseconds = 500;
/** Looks in a row, a second apart, that must find the main thread waiting and no beat: then it is ended. */
export const looksMax = 15;
const lookMilliseconds = 1_000;

/** Shared memory: the beats of the main thread, and whether its end was told. */
export function beatingHeart(): Int32Array {
  const heart = new Int32Array(new SharedArrayBuffer(8));
  setInterval(() => Atomics.add(heart, 0, 1), beatMilliseconds).unref();
  return heart;
}

/** Counts what the looks find. `state`: of the main thread, as Linux tells it: `D` waits in the kernel, for a drive or for memory from one. */
export class Standstill {
  #beat = -1;
  #looks = 0;

  /** True: it has stood still for too long. A thread that is only busy never does. */
  look(beat: number, state: string | undefined): boolean {
    this.#looks = beat === this.#beat && state === 'D' ? this.#looks + 1 : 0;
    this.#beat = beat;
    return this.#looks >= looksMax;
  }
}

export function watchMainThread(heart: Int32Array): void {
  const standstill = new Standstill();
  const look = (): void => {
    if (!standstill.look(Atomics.load(heart, 0), stateOfMainThread()) || Atomics.exchange(heart, 1, 1) === 1) return;
    const msg = `the main thread has waited ${looksMax} seconds for the drive that holds the state store: the process ends, start it again`;
    writeSync(2, `${JSON.stringify({ level: 60, time: Date.now(), msg })}\n`);
    process.kill(process.pid, 'SIGKILL');
  };
  setInterval(look, lookMilliseconds).unref();
}

/** undefined elsewhere than on Linux. */
function stateOfMainThread(): string | undefined {
  try {
    return readFileSync(`/proc/self/task/${process.pid}/stat`, 'utf8').replace(/^.*\) /s, '')[0];
  } catch {
    return undefined;
  }
}
