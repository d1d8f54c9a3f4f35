/** What is known of a run while it goes on, for one that is ended before its time. */
import { type BenchResult, type LineResult, resultFormat, type Sample, type ServerRecord, type Turn } from '../report/result.ts';
import { harnessVersion } from '../run/machine.ts';
import type { BenchPlan } from '../run/plan.ts';
import type { RunBegun, RunListener, TurnPlace } from '../run/run-listener.ts';

interface Unfinished {
  readonly place: TurnPlace;
  turns: number;
  seconds: number;
  operations: number;
  errors: number;
}

/** Hears everything and passes it on. */
export class KeptSoFar implements RunListener {
  readonly #plan: BenchPlan;
  readonly #next: RunListener | undefined;
  readonly #servers = new Map<string, ServerRecord>();
  readonly #lines: LineResult[] = [];
  /** Of the line under way, by server. */
  readonly #unfinished = new Map<string, Unfinished>();
  #run: RunBegun | undefined;

  constructor(plan: BenchPlan, next: RunListener | undefined) {
    this.#plan = plan;
    this.#next = next;
  }

  /** The lines that were finished; undefined when there are none. */
  result(): BenchResult | undefined {
    const run = this.#run;
    if (run === undefined || this.#lines.length === 0) return undefined;
    const { startedAt, machine } = run;
    const servers = this.#plan.servers.map(({ name }): ServerRecord => this.#record(name));
    const { seed, command = [] } = this.#plan;
    return { format: resultFormat, startedAt, version: harnessVersion(), command, seed, machine, servers, lines: this.#lines };
  }

  /** What was done of the line that was not finished, one text for each server; there are no latencies of it. */
  unfinished(): string[] {
    return [...this.#unfinished].map(([server, { place, turns, seconds, operations, errors }]) => {
      const rate = seconds === 0 ? 0 : operations / seconds;
      const wrong = errors === 0 ? '' : `, ${errors} errors`;
      return `${place.line} was not finished: ${server} had ${turns} of ${place.turns} turns, ${operations} operations in ${seconds.toFixed(1)} s, ${rate.toFixed(0)} op/s${wrong}`;
    });
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
      const line = this.#lineOf(place);
      line.seconds += sample.seconds ?? 1;
      line.operations += sample.operations;
      line.errors += sample.errors;
    }
    this.#next?.sampled(place, sample);
  }

  turnFinished(place: TurnPlace, turn: Turn): void {
    this.#lineOf(place).turns += 1;
    const record = this.#servers.get(place.server);
    if (record?.process !== undefined && turn.server !== undefined) {
      const peakResidentBytes = Math.max(record.process.peakResidentBytes, turn.server.residentBytes);
      this.#servers.set(place.server, { ...record, process: { ...record.process, peakResidentBytes } });
    }
    this.#next?.turnFinished(place, turn);
  }

  lineFinished(line: LineResult): void {
    this.#unfinished.clear();
    this.#lines.push(line);
    this.#next?.lineFinished(line);
  }

  serverFailed(failed: Parameters<RunListener['serverFailed']>[0]): void {
    this.#next?.serverFailed(failed);
  }

  #lineOf(place: TurnPlace): Unfinished {
    let line = this.#unfinished.get(place.server);
    if (line === undefined) this.#unfinished.set(place.server, (line = { place, turns: 0, seconds: 0, operations: 0, errors: 0 }));
    return line;
  }

  /** One that never came up has a place all the same: results name their servers in order. */
  #record(name: string): ServerRecord {
    const plan = this.#plan.servers.find((server) => server.name === name);
    return this.#servers.get(name) ?? { name, endpoint: plan?.kind === 'endpoint' ? plan.endpoint : '', banner: '' };
  }
}
