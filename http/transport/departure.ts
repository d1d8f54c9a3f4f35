/** The client's leaving, as something to wait for beside whatever an answer is waiting for. */
export class Departure {
  #gone = false;
  #interrupt: (() => void) | undefined;

  get gone(): boolean {
    return this.#gone;
  }

  /** From the transport: the connection is no more. */
  leave(): void {
    this.#gone = true;
    this.#interrupt?.();
    this.#interrupt = undefined;
  }

  /** The promise's outcome; undefined as soon as the client has gone. One wait at a time. */
  until<T>(promise: Promise<T>): Promise<T | undefined> {
    if (this.#gone) {
      promise.catch(() => undefined);
      return Promise.resolve(undefined);
    }
    return new Promise((resolve, reject) => {
      this.#interrupt = () => resolve(undefined);
      promise.then(resolve, reject);
    });
  }
}
