import type { Randomness } from '../../engine/clock.ts';

const idBytes = 8;
/** Randomness is drawn for this many ids at a time. */
const idsDrawn = 512;

/** Request ids: 16 upper-case hex digits, not to be guessed or repeated. */
export class RequestIds {
  /** What x-amz-id-2 and HostId say: names this process, not the request. */
  readonly hostId: string;
  readonly #randomness: Randomness;
  #drawn = '';
  #at = 0;

  constructor(randomness: Randomness) {
    this.#randomness = randomness;
    this.hostId = randomness.bytes(36).toString('base64');
  }

  next(): string {
    if (this.#at === this.#drawn.length) {
      this.#drawn = this.#randomness
        .bytes(idsDrawn * idBytes)
        .toString('hex')
        .toUpperCase();
      this.#at = 0;
    }
    return this.#drawn.slice(this.#at, (this.#at += 2 * idBytes));
  }
}
