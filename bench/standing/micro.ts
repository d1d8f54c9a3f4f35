/** One function of the product under the stopwatch, away from sockets and from the rest of the server. */
export interface Micro {
  readonly group: 'codec' | 'decide' | 'journal' | 'erasure' | 'hashing' | 'signature';
  readonly name: string;
  /** Bytes that one call works on, where their rate is what matters. */
  readonly bytes?: number;
  /** What one call does that many times, the records of a group: the figures are for one of them. */
  readonly operations?: number;
  /** May answer a promise: then it is awaited within the measured time. */
  run(): unknown;
}

export interface MicroSet {
  readonly micros: readonly Micro[];
  close(): Promise<void>;
}

/** A set that holds nothing open. */
export function microSet(micros: readonly Micro[]): MicroSet {
  return { micros, close: async () => undefined };
}

export interface MicroFigure {
  readonly group: Micro['group'];
  readonly name: string;
  /** Of one operation: median, and what nine of ten samples lie between. */
  readonly microseconds: number;
  readonly fifthPercentile: number;
  readonly ninetyFifthPercentile: number;
  /** Absent where bytes don't matter. */
  readonly bytesPerSecond?: number;
  readonly samples: number;
}
