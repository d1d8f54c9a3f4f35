/** What a benchmark run leaves behind: the document `--json` writes, and all that tables, pages and comparisons are made from. */

export const resultFormat = 'liteio-bench/1';

export interface BenchResult {
  readonly format: typeof resultFormat;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** Of the harness. */
  readonly version: string;
  /** The command line that repeats it, without secrets. */
  readonly command: readonly string[];
  readonly seed: number;
  readonly machine: Machine;
  /** The first is the one the others are compared with: a ratio is first / other. */
  readonly servers: readonly ServerRecord[];
  /** Those that were finished: each with all turns of every server that did not fail. */
  readonly lines: readonly LineResult[];
  /** Of a run that was ended before its time. */
  readonly interruption?: Interruption;
}

/** What such a run lacks, and what it had of the line that it was at. None of it is a figure to compare with others. */
export interface Interruption {
  /** The signal: `SIGINT`. */
  readonly by: string;
  /** The line under way; absent when nothing of one had been measured. */
  readonly unfinished?: UnfinishedLine;
  /** Names of the lines of which nothing was measured. */
  readonly missing: readonly string[];
}

export interface UnfinishedLine {
  readonly name: string;
  /** That each server was to have. */
  readonly turns: number;
  /** Servers of which something was measured, and those that failed. */
  readonly servers: readonly UnfinishedServer[];
}

export interface UnfinishedServer {
  readonly server: string;
  readonly failure?: string;
  /** Whole ones. */
  readonly turns: number;
  /** Of load, the broken turn included; there are no latencies of it. */
  readonly seconds: number;
  readonly operations: number;
  readonly errors: number;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** `Linux 6.18.5 x64` */
  readonly system: string;
  readonly node: string;
  /** Load average over one minute when the run began: what else the machine was doing. */
  readonly loadAverage: number;
}

export interface ServerRecord {
  readonly name: string;
  readonly endpoint: string;
  /** Its `Server` header or what it printed when it started; empty when it says nothing. */
  readonly banner: string;
  /** What is known of a server that the harness started itself (`--serve`). */
  readonly process?: ServerProcess;
}

export interface ServerProcess {
  /** Without secrets. */
  readonly command: string;
  /** From the start of the process to its first answer. */
  readonly startSeconds: number;
  /** Resident bytes of the process tree once started, before any load; absent where the system does not tell. */
  readonly idleResidentBytes?: number;
  /** Highest resident bytes of the process tree over the whole run; absent where the system does not tell. */
  readonly peakResidentBytes?: number;
}

/** One line of the matrix: a workload at a size and a concurrency, over all servers in turn (A B A B ...). */
export interface LineResult {
  /** `put-4KiB-c16`; what `--fail-under` and `compare` name it by. */
  readonly name: string;
  /** `put`, `get`, `mixed`, ... */
  readonly workload: string;
  /** The size distribution as it was asked for: `4KiB`, `4KiB:0.7,1MiB:0.3`. */
  readonly size: string;
  readonly concurrency: number;
  /** In the order of `BenchResult.servers`; a server that could not do it has `failure`. */
  readonly servers: readonly LineServer[];
}

export interface LineServer {
  readonly server: string;
  /** Why there are no figures: the first wrong answer, in one line. */
  readonly failure?: string;
  /** Of ramp lines: the last step that brought this server 10 % more operations per second; more clients than these only wait. */
  readonly knee?: true;
  /** Turn n of one server ran right before or after turn n of the others: ratios are taken turn by turn. */
  readonly turns: readonly Turn[];
  /** By operation (`put`, `get`, `stat`, `delete`, `list`, ...), over all turns. */
  readonly operations: Readonly<Record<string, OperationRecord>>;
  /** Second by second through all turns. */
  readonly samples: readonly Sample[];
}

export interface Turn {
  /** Seconds since the run began. */
  readonly begunAt: number;
  readonly seconds: number;
  readonly operations: number;
  /** Body bytes, both directions. */
  readonly bytes: number;
  /** Keys listed, for lists; else 0. */
  readonly keys: number;
  readonly errors: number;
  /** CPU seconds of the harness, all threads. */
  readonly clientCpuSeconds: number;
  /** CPU share of the busiest thread of the harness, 0..1: near 1 the client is what is measured. Absent where the system does not tell. */
  readonly busiestClientThread?: number;
  /** Of a server that the harness started; absent for others, and where the system does not tell. */
  readonly server?: TurnCost;
}

export interface TurnCost {
  /** User and system, all threads and child processes. */
  readonly cpuSeconds: number;
  /** Resident bytes of the process tree at the end of the turn. */
  readonly residentBytes: number;
  /** Bytes that the process tree caused to be sent to the storage layer (`write_bytes` of /proc/pid/io); absent where that may not be read. */
  readonly writtenBytes?: number;
  /** Flush requests that the block devices completed meanwhile (/proc/diskstats): of the whole machine; absent where it does not say. */
  readonly deviceFlushes?: number;
}

export interface OperationRecord {
  readonly operations: number;
  readonly errors: number;
  readonly bytes: number;
  /** Latencies in microseconds: an HDR histogram (V2, compressed, base64), 3 significant digits. */
  readonly histogram: string;
}

export interface Sample {
  /** Seconds since the run began, at the end of what the sample covers. */
  readonly at: number;
  /** What it covers; absent: one second. The last of a turn covers what is left. */
  readonly seconds?: number;
  readonly operations: number;
  readonly bytes: number;
  readonly errors: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}
