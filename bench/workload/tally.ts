/** What was done since it was last taken: counts, and every latency, by operation. */

const firstLatencies = 1024;

export interface OperationTally {
  readonly operation: string;
  readonly errors: number;
  /** Body bytes, both directions. */
  readonly bytes: number;
  /** Microseconds, one entry an operation. */
  readonly latencies: Uint32Array<ArrayBuffer>;
}

interface Growing {
  errors: number;
  bytes: number;
  latencies: Uint32Array<ArrayBuffer>;
  count: number;
}

export class Tally {
  readonly #operations = new Map<string, Growing>();
  #keys = 0;
  #answers = 0;

  /** Answers that were right so far, never reset: whether anything moves. */
  get answers(): number {
    return this.#answers;
  }

  done(operation: string, microseconds: number, bytes: number): void {
    const growing = this.#of(operation);
    if (growing.count === growing.latencies.length) {
      const longer = new Uint32Array(growing.latencies.length * 2);
      longer.set(growing.latencies);
      growing.latencies = longer;
    }
    growing.latencies[growing.count++] = microseconds;
    growing.bytes += bytes;
    this.#answers += 1;
  }

  failed(operation: string): void {
    this.#of(operation).errors += 1;
  }

  listed(keys: number): void {
    this.#keys += keys;
  }

  take(): { readonly operations: readonly OperationTally[]; readonly keys: number } {
    const operations: OperationTally[] = [];
    for (const [operation, growing] of this.#operations) {
      const { errors, bytes, count } = growing;
      if (count === 0 && errors === 0) continue;
      operations.push({ operation, errors, bytes, latencies: growing.latencies.slice(0, count) });
      Object.assign(growing, { errors: 0, bytes: 0, count: 0 });
    }
    const keys = this.#keys;
    this.#keys = 0;
    return { operations, keys };
  }

  #of(operation: string): Growing {
    let growing = this.#operations.get(operation);
    if (growing === undefined) {
      growing = { errors: 0, bytes: 0, latencies: new Uint32Array(firstLatencies), count: 0 };
      this.#operations.set(operation, growing);
    }
    return growing;
  }
}
