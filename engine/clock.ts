/** Time and randomness, passed in: the simulation brings its own. `system-clock` values enter through `http/main.ts` alone. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `task` once after `milliseconds`; the returned function cancels it. Never keeps the process alive by itself. */
  after(milliseconds: number, task: () => void): () => void;
}

export interface Randomness {
  /** `count` unpredictable bytes. */
  bytes(count: number): Buffer;
}
