import type { Mirror } from './mirror.ts';
import type { Timer } from './mirror-set.ts';

/** Milliseconds before a mirror that was given up is tried again; twice as many after each time in vain. */
const firstMilliseconds = 1_000;
const mostMilliseconds = 60_000;

/**
 * Mirrors that were given up, tried again on a timer: what took one away (an error that came once, no descriptors, no room) may be over
 * without anybody hearing of it. Those whose drive is gone come back with their drive.
 */
export class Retries {
  readonly #timer: Timer | undefined;
  readonly #again: (mirror: Mirror) => void;
  readonly #planned = new Map<Mirror, () => void>();
  readonly #pauses = new Map<Mirror, number>();

  /** Without a timer nothing is tried again. */
  constructor(timer: Timer | undefined, again: (mirror: Mirror) => void) {
    this.#timer = timer;
    this.#again = again;
  }

  /** The mirror is not attached: it is tried once more, a while from now. */
  plan(mirror: Mirror): void {
    if (this.#timer === undefined || this.#planned.has(mirror)) return;
    const pause = this.#pauses.get(mirror) ?? firstMilliseconds;
    this.#pauses.set(mirror, Math.min(mostMilliseconds, 2 * pause));
    const cancel = this.#timer.after(pause, () => {
      this.#planned.delete(mirror);
      if (mirror.state === 'detached') this.#again(mirror);
    });
    this.#planned.set(mirror, cancel);
  }

  /** It works again, or another one has its place. */
  done(mirror: Mirror): void {
    this.#planned.get(mirror)?.();
    this.#planned.delete(mirror);
    this.#pauses.delete(mirror);
  }

  close(): void {
    for (const cancel of this.#planned.values()) cancel();
    this.#planned.clear();
    this.#pauses.clear();
  }
}
