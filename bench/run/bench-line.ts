/** One line of the matrix: a workload at a size and a concurrency, over all servers in turn. */
import type { LineResult, Turn, TurnCost } from '../report/result.ts';
import { laidOutPrefix, ownPrefix } from '../workload/keys.ts';
import { gibibyte, parseSize } from '../workload/sizes.ts';
import type { BenchServer } from './bench-server.ts';
import { busiestThread, clientCost } from './client-cost.ts';
import { LineFigures } from './line-figures.ts';
import type { LoadThreads } from './load-threads.ts';
import type { BenchPlan, WorkloadName } from './plan.ts';
import type { ProcessFiles } from './process-files.ts';
import type { TreeCost } from './process-tree.ts';
import type { RunListener, TurnPlace } from './run-listener.ts';
import type { Prepare, Site } from './thread-words.ts';

/** What is laid out of one size on one server: the number of objects gives way. */
const laidOutBytesMax = gibibyte;
/** What a line may leave on a server until the end of the run; above, it is deleted when the line is over. */
const leftBytesMax = gibibyte;

export interface LinePlan {
  readonly index: number;
  readonly name: string;
  readonly workload: WorkloadName;
  readonly size: string;
  readonly concurrency: number;
}

/** What all lines of a run have in common. */
export interface RunGround {
  readonly plan: BenchPlan;
  readonly prefix: string;
  readonly threads: LoadThreads;
  readonly listener: RunListener;
  readonly signal: AbortSignal;
  readonly files: ProcessFiles;
  /** performance.now() */
  readonly begunAt: number;
}

interface Entrant {
  readonly server: BenchServer;
  readonly index: number;
  readonly figures: LineFigures;
}

const readsLaidOut: readonly WorkloadName[] = ['get', 'stat', 'list', 'copy', 'range-get', 'conditional'];

export class BenchLine {
  readonly #line: LinePlan;
  readonly #ground: RunGround;
  readonly #entrants: readonly Entrant[];
  readonly #objects: number;

  constructor(line: LinePlan, servers: readonly BenchServer[], ground: RunGround) {
    this.#line = line;
    this.#ground = ground;
    this.#entrants = servers.map((server, index) => ({ server, index, figures: new LineFigures(server.name) }));
    this.#objects = Math.max(1, Math.min(ground.plan.objects, Math.floor(laidOutBytesMax / parseSize(line.size).mean)));
  }

  /** @throws the signal's reason */
  async run(): Promise<LineResult> {
    const { plan } = this.#ground;
    for (const entrant of this.#entrants) await this.#layOut(entrant);
    if (plan.warmUpSeconds > 0) for (const entrant of this.#entrants) await this.#turn(entrant, -1);
    for (let turn = 0; turn < plan.turns; turn += 1) {
      // A B, B A, A B: what drifts in the course of a line touches all alike.
      const order = turn % 2 === 0 ? this.#entrants : this.#entrants.toReversed();
      for (const entrant of order) await this.#turn(entrant, turn);
    }
    for (const entrant of this.#entrants) await this.#sweep(entrant);
    const { name, workload, size, concurrency } = this.#line;
    return { name, workload, size, concurrency, servers: this.#entrants.map(({ figures }) => figures.result()) };
  }

  async #layOut(entrant: Entrant): Promise<void> {
    const { server, figures } = entrant;
    const { size, workload } = this.#line;
    figures.failure = server.failure;
    if (figures.failure !== undefined || !readsLaidOut.includes(workload) || server.laidOut.has(size)) return;
    this.#ground.listener.preparing({ server: server.name, what: `laying out ${this.#objects} objects of ${size}` });
    const outcome = await this.#ground.threads.layOut({ kind: 'lay-out', site: await this.#site(entrant), size, objects: this.#objects });
    if ('failure' in outcome) await this.#fail(entrant, `laying out: ${outcome.failure}`);
    else server.laidOut.add(size);
  }

  async #turn(entrant: Entrant, turn: number): Promise<void> {
    const { plan, threads, listener, signal, begunAt, files } = this.#ground;
    const { server, figures } = entrant;
    signal.throwIfAborted();
    if (figures.failure !== undefined) return;
    const since = (): number => (performance.now() - begunAt) / 1000;
    const place: TurnPlace = { line: this.#line.name, server: server.name, turn, turns: plan.turns };
    try {
      const order = await this.#order(entrant, turn);
      const prepared = await threads.prepare(order, this.#line.concurrency);
      if ('failure' in prepared) return await this.#fail(entrant, prepared.failure);
    } catch (error) {
      signal.throwIfAborted();
      return await this.#fail(entrant, (error as Error).message);
    }
    listener.turnBegun(place);
    figures.beginTurn();
    const before = { begun: since(), client: clientCost(files), server: server.cost() };
    const outcome = await threads.run(this.#line.concurrency, (samples) => {
      listener.sampled(place, figures.add(samples, since(), turn >= 0));
    });
    const after = { client: clientCost(files), server: server.cost() };
    if ('failure' in outcome) return await this.#fail(entrant, outcome.failure);
    if (turn < 0) return;
    const { seconds } = outcome;
    const busiest = busiestThread(before.client, after.client, seconds);
    const ended: Turn = {
      begunAt: before.begun,
      seconds,
      ...figures.counts,
      clientCpuSeconds: after.client.cpuSeconds - before.client.cpuSeconds,
      ...(busiest !== undefined && { busiestClientThread: busiest }),
      ...serverCost(before.server, after.server),
    };
    figures.endTurn(ended);
    listener.turnFinished(place, ended);
  }

  async #order(entrant: Entrant, turn: number): Promise<Omit<Prepare, 'lanes'>> {
    const { name, index, workload, size } = this.#line;
    const { limit, warmUpSeconds } = this.#ground.plan;
    const site = await this.#site(entrant);
    const seconds = turn < 0 ? warmUpSeconds : limit.seconds;
    const { operations } = limit;
    return { kind: 'prepare', site, size, workload, line: { name, index }, turn, objects: this.#objects, seconds, operations };
  }

  async #site({ server, index }: Entrant): Promise<Site> {
    const bucket = await server.bucketFor(this.#line.workload);
    return { server: index, target: server.target, bucket: bucket.name };
  }

  /** What a line made is nobody's any more; what mixed load left is what it goes on with. */
  async #sweep(entrant: Entrant): Promise<void> {
    const { plan, prefix, listener, signal } = this.#ground;
    const { workload, size, name } = this.#line;
    const left = this.#bytesLeft(entrant);
    if (!plan.cleanUp || left <= leftBytesMax || entrant.server.failure !== undefined) return;
    listener.preparing({ server: entrant.server.name, what: `deleting what ${name} left` });
    try {
      const bucket = await entrant.server.bucketFor(workload);
      await bucket.sweep(ownPrefix(prefix, name));
    } catch (error) {
      signal.throwIfAborted();
      await this.#fail(entrant, `deleting what ${name} left (${laidOutPrefix(prefix, size)}): ${(error as Error).message}`);
    }
  }

  #bytesLeft({ figures }: Entrant): number {
    const { workload, size } = this.#line;
    if (!['put', 'copy', 'multipart', 'versioned', 'conditional'].includes(workload)) return 0;
    const { turns } = figures.result();
    const sum = (of: (turn: Turn) => number): number => turns.reduce((total, turn) => total + of(turn), 0);
    return workload === 'copy' ? sum((turn) => turn.operations) * parseSize(size).mean : sum((turn) => turn.bytes);
  }

  async #fail({ server, figures }: Entrant, reason: string): Promise<void> {
    this.#ground.signal.throwIfAborted();
    figures.failure = await server.explain(reason);
    this.#ground.listener.serverFailed({ server: server.name, line: this.#line.name, reason: figures.failure });
  }
}

function serverCost(before: TreeCost | undefined, after: TreeCost | undefined): Pick<Turn, 'server'> {
  if (before === undefined || after === undefined) return {};
  const spent = <K extends 'writtenBytes' | 'deviceFlushes'>(key: K): Pick<TurnCost, K> | undefined => {
    const [from, to] = [before[key], after[key]];
    return from === undefined || to === undefined ? undefined : ({ [key]: Math.max(0, to - from) } as Pick<TurnCost, K>);
  };
  // What a process had spent that ended meanwhile and nobody waited for is known no more.
  const cpuSeconds = Math.max(0, after.cpuSeconds - before.cpuSeconds);
  return { server: { cpuSeconds, residentBytes: after.residentBytes, ...spent('writtenBytes'), ...spent('deviceFlushes') } };
}
