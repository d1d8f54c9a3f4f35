/** Progress for people: one line a second, rewritten in place on a terminal and added to what is there elsewhere. */
import type { PreparingStep, RunBegun, RunListener, ServerFailed, TurnPlace } from '../run/run-listener.ts';
import { count, duration, number } from './format.ts';
import type { LineResult, Sample, ServerRecord } from './result.ts';
import { shortestSeconds } from './seconds.ts';
import { median } from './statistics.ts';
import { turnRates } from './summary.ts';

/** What it writes to: standard error, as a rule. */
export interface LiveOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const eraseLine = '\r\u001b[2K';
const defaultColumns = 80;

/** `now` in seconds. */
export function liveLine(output: LiveOutput, now: () => number = () => performance.now() / 1000): RunListener {
  const clock = new RunClock(now);
  const lasting = (text: string): void => void output.write(`${output.isTTY ? eraseLine : ''}${text}\n`);
  const passing = (text: string): void => {
    if (output.isTTY) output.write(eraseLine + text.slice(0, (output.columns ?? defaultColumns) - 1));
    else output.write(`${text}\n`);
  };
  return {
    runBegun(run: RunBegun): void {
      clock.begin(run);
      lasting(`${counted(run.lines.length, 'line')} over ${run.servers.join(', ')}`);
    },
    preparing: ({ server, what }: PreparingStep) => passing(`${server}: ${what}`),
    serverReady: ({ name, endpoint, process }: ServerRecord) =>
      lasting(`${name}: serves ${endpoint}${process === undefined ? '' : `, up in ${number(process.startSeconds)} s`}`),
    turnBegun: (place: TurnPlace) => passing(placeText(place)),
    sampled(place: TurnPlace, sample: Sample): void {
      if ((sample.seconds ?? 1) >= shortestSeconds) passing(`${placeText(place)}  ${sampleText(sample)}${leftText(clock)}`);
    },
    turnFinished: () => clock.turnFinished(),
    lineFinished(line: LineResult): void {
      clock.lineFinished(line);
      lasting(lineText(line));
    },
    serverFailed: ({ server, line, reason }: ServerFailed) =>
      lasting(`${server} failed${line === undefined ? '' : ` at ${line}`}: ${reason.split('\n')[0]}`),
  };
}

/** How much of the run is done, and how long the rest may take at the same pace. */
class RunClock {
  readonly #now: () => number;
  #begun = 0;
  #lines = 1;
  #servers = 1;
  #linesDone = 0;
  #turnsOfLine = 0;
  #turnsPerServer = 1;

  constructor(now: () => number) {
    this.#now = now;
  }

  begin({ lines, servers }: RunBegun): void {
    this.#begun = this.#now();
    this.#lines = lines.length;
    this.#servers = servers.length;
  }

  turnFinished(): void {
    this.#turnsOfLine += 1;
  }

  lineFinished(line: LineResult): void {
    this.#linesDone += 1;
    this.#turnsOfLine = 0;
    this.#turnsPerServer = Math.max(1, ...line.servers.map((server) => server.turns.length));
  }

  /** Undefined until a line is done: before, there is no pace. */
  secondsLeft(): number | undefined {
    if (this.#linesDone === 0) return undefined;
    const partOfLine = Math.min(1, this.#turnsOfLine / (this.#turnsPerServer * this.#servers));
    const done = this.#linesDone + partOfLine;
    return ((this.#now() - this.#begun) / done) * Math.max(0, this.#lines - done);
  }
}

function placeText({ line, server, turn, turns }: TurnPlace): string {
  return `${line}  ${server}  ${turn < 0 ? 'warm-up' : `turn ${turn + 1}/${turns}`}`;
}

function sampleText(sample: Sample): string {
  const seconds = sample.seconds ?? 1;
  const parts = [
    `${number(sample.operations / seconds)} op/s`,
    `${number(sample.bytes / 1e6 / seconds)} MB/s`,
    `p50 ${number(sample.p50)} ms`,
    `p99 ${number(sample.p99)} ms`,
    counted(sample.errors, 'error'),
  ];
  return parts.join('  ');
}

function leftText(clock: RunClock): string {
  const left = clock.secondsLeft();
  return left === undefined ? '' : `  about ${duration(left)} left`;
}

/** `put-4KiB-c16: liteio 2,103 op/s, minio 512 op/s` */
function lineText(line: LineResult): string {
  const rate = line.workload === 'list' ? 'keys/s' : 'op/s';
  const servers = line.servers.map((server) => {
    if (server.failure !== undefined) return `${server.server} failed`;
    const rates = turnRates(server, rate);
    return `${server.server} ${number(median(rates))} ${rate}`;
  });
  return `${line.name}: ${servers.join(', ')}`;
}

function counted(many: number, noun: string): string {
  return `${count(many)} ${noun}${many === 1 ? '' : 's'}`;
}
