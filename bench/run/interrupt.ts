/** The end of a run before its time, in order: servers that it started are stopped, what was measured so far is told. */
import { constants } from 'node:os';

export type InterruptName = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGPIPE';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The exit code of a process that a signal ended. */
export function exitCodeOf(name: InterruptName): number {
  return 128 + constants.signals[name];
}

/** The first signal ends the run in order, the second one at once; so does a reader of its output that went away. */
export class Interrupt {
  readonly #controller = new AbortController();
  name: InterruptName | undefined;

  constructor() {
    for (const signal of signals) process.on(signal, this.#heard);
    // These stay after `close`: the error of the last write comes when all is over.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', this.#unread);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  close(): void {
    for (const signal of signals) process.off(signal, this.#heard);
  }

  readonly #heard = (name: NodeJS.Signals): void => {
    // What the harness started is killed as the process ends.
    if (this.name !== undefined && this.name !== 'SIGPIPE') process.exit(exitCodeOf(name as InterruptName));
    this.#end(name as InterruptName);
  };

  readonly #unread = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    if (this.name === undefined) this.#end('SIGPIPE');
  };

  #end(name: InterruptName): void {
    this.name = name;
    this.#controller.abort(new Error(`ended by ${name}`));
  }
}
