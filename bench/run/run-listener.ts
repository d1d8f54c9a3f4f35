/** What a run tells while it goes on, in the order in which it happens: progress for people. All figures are in the result again. */
import type { LineResult, Machine, Sample, ServerRecord, Turn } from '../report/result.ts';

export interface RunListener {
  runBegun(run: RunBegun): void;
  /** Something that takes a while and is not timed: a server is started, objects are laid out, what was made is deleted. */
  preparing(step: PreparingStep): void;
  /** It answers S3 requests and has its bucket. */
  serverReady(server: ServerRecord): void;
  /** One server's turn of a line is about to be timed. */
  turnBegun(place: TurnPlace): void;
  /** Once a second within a turn, and at its end for what is left of a second. */
  sampled(place: TurnPlace, sample: Sample): void;
  /** Not told of warm-ups. */
  turnFinished(place: TurnPlace, turn: Turn): void;
  /** All servers had all their turns. Ramp lines get their `knee` in the result alone: it is known after the last of them. */
  lineFinished(line: LineResult): void;
  /** It gave a wrong answer, did not start or died; the run goes on with the others. */
  serverFailed(failed: ServerFailed): void;
}

export interface RunBegun {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly machine: Machine;
  /** Names in the order of the plan. */
  readonly servers: readonly string[];
  /** Names of the lines that will be run, in order: `put-4KiB-c16`. */
  readonly lines: readonly string[];
}

export interface PreparingStep {
  readonly server: string;
  /** `laying out 1000 objects of 4KiB` */
  readonly what: string;
}

export interface TurnPlace {
  /** `put-4KiB-c16` */
  readonly line: string;
  readonly server: string;
  /** From 0; -1 is the warm-up, which does not count. */
  readonly turn: number;
  /** Turns that count. */
  readonly turns: number;
}

export interface ServerFailed {
  readonly server: string;
  /** The line that has no figures of it; absent when it can't do any. */
  readonly line?: string;
  /** The first wrong answer, or its last words. */
  readonly reason: string;
}
