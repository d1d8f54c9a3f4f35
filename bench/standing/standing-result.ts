/** What the standing set leaves behind: the raw results in `bench-results/`, and what BENCHMARKS.md is made from. */
import type { BenchResult, Machine } from '../report/result.ts';
import type { MicroFigure } from './micro.ts';

export const groupNames = ['six-drives', 'one-drive', 'journals'] as const;
/** Servers that are fairly compared: the same drives, or the same server over different journals. */
export type GroupName = (typeof groupNames)[number];

export interface StandingResult {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly version: string;
  readonly command: readonly string[];
  readonly machine: Machine;
  /** File system type where servers and journals keep their files: `ext4`. */
  readonly fileSystem: string;
  /** Not only some lines of the matrix. */
  readonly whole: boolean;
  readonly micros?: readonly MicroFigure[];
  readonly matrix: Readonly<Partial<Record<GroupName, MatrixResult>>>;
  /** By number of keys, ascending. */
  readonly listing: readonly ListingResult[];
  readonly endurance?: BenchResult;
  readonly startUp?: readonly StartUpFigure[];
}

export interface MatrixResult {
  /** In the order of the result's servers. */
  readonly servers: readonly DescribedServer[];
  readonly result: BenchResult;
}

export interface DescribedServer {
  readonly name: string;
  readonly version: string;
  /** What is on the medium before a PUT is answered. */
  readonly durability: string;
}

/** The workload `list` over buckets of that many keys. */
export interface ListingResult {
  readonly keys: number;
  readonly result: BenchResult;
}

/** From the start of the process to the first S3 request answered 200, several times over. */
export interface StartUpFigure {
  readonly objects: number;
  /** In the order of the starts. */
  readonly seconds: readonly number[];
  /** `dropped` before each start: programs and files are read from the disk. `warm`: they may be in memory. */
  readonly pageCache: 'dropped' | 'warm';
  /** Resident bytes at the first 200 of the last start. */
  readonly residentBytes?: number;
}
