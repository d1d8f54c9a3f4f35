/** What is known of a run while it goes on, for one that is ended before its time. */
import {
  type BenchResult,
  type Interruption,
  type LineResult,
  resultFormat,
  type Sample,
  type ServerRecord,
  type Turn,
  type UnfinishedServer,
} from '../report/result.ts';
import { withKnees } from '../run/knee.ts';
import { harnessVersion } from '../run/machine.ts';
import type { BenchPlan } from '../run/plan.ts';
import { linesOf } from '../run/run-bench.ts';
import type { RunBegun, RunListener, ServerFailed, TurnPlace } from '../run/run-listener.ts';

/** Hears everything and passes it on. */
export class KeptSoFar implements RunListener {
  readonly #plan: BenchPlan;
  readonly #next: RunListener | undefined;
  readonly #servers = new Map<string, ServerRecord>();
  readonly #lines: LineResult[] = [];
  /** Of the line under way, by server. */
  readonly #unfinished = new Map<string, UnfinishedServer>();
  #run: RunBegun | undefined;

  constructor(plan: BenchPlan, next: RunListener | undefined) {
    this.#plan = plan;
    this.#next = next;
  }

  /** What was measured until `by` ended the run; undefined when that is nothing. */
  result(by: string): BenchResult | undefined {
    const run = this.#run;
    const interruption = this.#interruption(by);
    if (run === undefined || (this.#lines.length === 0 && interruption.unfinished === undefined)) return undefined;
    const { startedAt, machine } = run;
    const servers = this.#plan.servers.map(({ name }): ServerRecord => this.#record(name));
    const { seed, command = [] } = this.#plan;
    const about = { format: resultFormat, startedAt, version: harnessVersion(), command, seed, machine, servers } as const;
    return { ...about, lines: this.#finished(), interruption };
  }

  #interruption(by: string): Interruption {
    const open = linesOf(this.#plan).slice(this.#lines.length);
    const [first] = open;
    if (first === undefined || this.#unfinished.size === 0) return { by, missing: open.map(({ name }) => name) };
    const servers = this.#plan.servers.flatMap(({ name }) => this.#unfinished.get(name) ?? []);
    return { by, unfinished: { name: first.name, turns: this.#plan.turns, servers }, missing: open.slice(1).map(({ name }) => name) };
  }

  /** Where a ramp has its knee is known when it has all its steps: of one that was broken off none is marked. */
  #finished(): LineResult[] {
    const open = linesOf(this.#plan).slice(this.#lines.length);
    const isBroken = (line: LineResult): boolean => open.some(({ workload, size }) => workload === line.workload && size === line.size);
    return [...withKnees(this.#lines.filter((line) => !isBroken(line))), ...this.#lines.filter(isBroken)];
  }

  runBegun(run: RunBegun): void {
    this.#run = run;
    this.#next?.runBegun(run);
  }

  preparing(step: Parameters<RunListener['preparing']>[0]): void {
    this.#next?.preparing(step);
  }

  serverReady(server: ServerRecord): void {
    this.#servers.set(server.name, server);
    this.#next?.serverReady(server);
  }

  turnBegun(place: TurnPlace): void {
    this.#next?.turnBegun(place);
  }

  sampled(place: TurnPlace, sample: Sample): void {
    if (place.turn >= 0) {
      this.#count(place.server, ({ seconds, operations, errors }) => ({
        seconds: seconds + (sample.seconds ?? 1),
        operations: operations + sample.operations,
        errors: errors + sample.errors,
      }));
    }
    this.#next?.sampled(place, sample);
  }

  turnFinished(place: TurnPlace, turn: Turn): void {
    this.#count(place.server, ({ turns }) => ({ turns: turns + 1 }));
    const record = this.#servers.get(place.server);
    if (record?.process !== undefined && turn.server !== undefined) {
      const peakResidentBytes = Math.max(record.process.peakResidentBytes ?? 0, turn.server.residentBytes);
      this.#servers.set(place.server, { ...record, process: { ...record.process, peakResidentBytes } });
    }
    this.#next?.turnFinished(place, turn);
  }

  lineFinished(line: LineResult): void {
    this.#unfinished.clear();
    this.#lines.push(line);
    this.#next?.lineFinished(line);
  }

  serverFailed(failed: ServerFailed): void {
    if (failed.line !== undefined) this.#count(failed.server, () => ({ failure: failed.reason }));
    this.#next?.serverFailed(failed);
  }

  #count(server: string, more: (before: UnfinishedServer) => Partial<UnfinishedServer>): void {
    const before = this.#unfinished.get(server) ?? { server, turns: 0, seconds: 0, operations: 0, errors: 0 };
    this.#unfinished.set(server, { ...before, ...more(before) });
  }

  /** One that never came up has a place all the same: results name their servers in order. */
  #record(name: string): ServerRecord {
    const plan = this.#plan.servers.find((server) => server.name === name);
    return this.#servers.get(name) ?? { name, endpoint: plan?.kind === 'endpoint' ? plan.endpoint : '', banner: '' };
  }
}
