/** Work on the thread that serves requests, in slices so short that nobody notices, and with a small share of the time. */
import { assert } from '../assert.ts';
import type { Clock } from '../clock.ts';

/** Milliseconds of work before a pause. */
const sliceMilliseconds = 2;
/** Steps before the clock is looked at. */
const stepsPerLook = 16;
/** A pause lasts so many times what the work before it took: a twentieth of the time is worked. */
const pauseFactor = 19;

export class Pace {
  private readonly clock: Clock;
  private begun: number;
  private steps = 0;
  private closed = false;
  private resume: (() => void) | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
    this.begun = clock.now();
  }

  /** The work begins now: what passed before was no work. */
  begin(): void {
    this.begun = this.clock.now();
  }

  /** Asked after each step of the work: is it time for `rest`? */
  get due(): boolean {
    this.steps += 1;
    return this.closed || (this.steps % stepsPerLook === 0 && this.clock.now() - this.begun >= sliceMilliseconds);
  }

  /** @throws Error the pace is closed: the work is not to go on. */
  async rest(): Promise<void> {
    assert(this.resume === undefined, 'one piece of work has the pace');
    if (!this.closed) {
      await new Promise<void>((resolve) => {
        const cancel = this.clock.after((this.clock.now() - this.begun) * pauseFactor, resolve);
        this.resume = () => {
          cancel();
          resolve();
        };
      });
      this.resume = undefined;
    }
    if (this.closed) throw new Error('the work was cut short');
    this.begun = this.clock.now();
  }

  /** Ends a pause, and with it the work. */
  close(): void {
    this.closed = true;
    this.resume?.();
  }
}
