/** A server that the harness starts on an empty directory, measures and stops. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Target } from '../client/s3-client.ts';
import { firstAnswer } from './first-answer.ts';
import type { ServePlan } from './plan.ts';
import type { ProcessFiles } from './process-files.ts';
import { ProcessTree, type TreeCost } from './process-tree.ts';

/** Some come up as a cluster of several processes. */
const startSecondsMax = 120;
const askEveryMilliseconds = 25;
/** After its first answer, before its memory is called idle. */
const settleMilliseconds = 500;
const stopMillisecondsMax = 20_000;
/** Of what it prints, the end is kept. */
const outputCharactersMax = 64 * 1024;
const lastWordsCharactersMax = 1000;
/** After it ended: what it said last may still be on its way, and what it left running may hold the pipe. */
const lastWordsMillisecondsMax = 500;
const bannerCharactersMax = 200;
const removalsMax = 5;

export interface StartOptions {
  /** Accept a certificate that can't be verified. */
  readonly insecure: boolean;
  readonly signal: AbortSignal;
  readonly files: ProcessFiles;
}

interface Place {
  readonly directory: string;
  readonly ports: ReadonlyMap<string, number>;
  readonly files: ProcessFiles;
}

export class Contender {
  readonly plan: ServePlan;
  #target: S3Target;
  readonly #directory: string;
  readonly #child: ChildProcess;
  readonly #tree: ProcessTree;
  readonly #gone: Promise<void>;
  readonly #lastResort: () => void;
  #output = '';
  #ending = '';
  startSeconds = 0;
  /** Undefined where there is no /proc. */
  idleResidentBytes: number | undefined;
  banner = '';

  /** @throws Error with the server's last words when it ends, or does not answer in time or safely; the signal's reason */
  static async start(plan: ServePlan, { insecure, signal, files }: StartOptions): Promise<Contender> {
    signal.throwIfAborted();
    const ports = await freePorts(plan);
    const directory = mkdtempSync(join(tmpdir(), 'liteio-bench-'));
    const contender = new Contender(plan, { directory, ports, files });
    try {
      await contender.#answers(insecure, signal);
      return contender;
    } catch (error) {
      await contender.stop();
      throw error;
    }
  }

  private constructor(plan: ServePlan, { directory, ports, files }: Place) {
    this.plan = plan;
    this.#directory = directory;
    const fill = (text: string): string =>
      text.replace(placeholder, (_, name: string) => (name === 'dir' ? directory : String(ports.get(name))));
    const [program = '', ...args] = plan.command.map(fill);
    const more = Object.entries(plan.environment ?? {}).map(([name, value]) => [name, fill(value)] as const);
    // A session of its own: everything in it is the server's, and an interrupt on the terminal does not reach it before the harness stops it.
    this.#child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, ...Object.fromEntries(more) },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-outputCharactersMax);
      });
    }
    this.#gone = this.#watch();
    this.#tree = new ProcessTree(this.#child.pid ?? -1, files);
    this.#target = { ...plan.credentials, endpoint: `http://127.0.0.1:${ports.get('port')}` };
    this.#lastResort = () => {
      this.#killAll();
      try {
        rmSync(directory, { recursive: true, force: true, maxRetries: removalsMax });
      } catch {
        // A file that a dying server still wrote stays. An error here would keep the other servers' last resort from running.
      }
    };
    process.once('exit', this.#lastResort);
  }

  get target(): S3Target {
    return this.#target;
  }

  /** How it ended, with the end of what it printed; undefined while it lives. */
  get lastWords(): string | undefined {
    if (this.#ending === '') return undefined;
    const said = this.#saidLast();
    return `${this.#ending}${said === '' ? ' and said nothing' : `; it said: ${said}`}`;
  }

  /** Undefined where there is no /proc. */
  cost(): TreeCost | undefined {
    return this.#tree.cost();
  }

  peakBytes(): number | undefined {
    return this.#tree.peakBytes();
  }

  /** Resolves after at most 20 s; then nothing of it runs and its directory is gone. */
  async stop(): Promise<void> {
    if (this.#ending === '') this.#child.kill('SIGTERM');
    const tooLong = setTimeout(() => this.#killAll(), stopMillisecondsMax);
    await this.#gone;
    clearTimeout(tooLong);
    this.#killAll();
    this.#tree.close();
    process.off('exit', this.#lastResort);
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: removalsMax });
  }

  async #watch(): Promise<void> {
    const said = once(this.#child, 'close').catch(() => undefined);
    try {
      const [code, signal] = await once(this.#child, 'exit');
      await Promise.race([said, sleep(lastWordsMillisecondsMax, undefined, { ref: false })]);
      this.#ending = signal === null ? `ended with exit code ${code}` : `ended by ${signal}`;
    } catch (error) {
      this.#ending = `could not be started: ${(error as Error).message}`;
    }
  }

  async #answers(insecure: boolean, signal: AbortSignal): Promise<void> {
    const begun = performance.now();
    for (;;) {
      signal.throwIfAborted();
      if (this.lastWords !== undefined) throw new Error(`${this.plan.name} ${this.lastWords}`);
      const first = await firstAnswer(this.#target, insecure);
      if (first !== undefined) {
        this.#target = first.target;
        this.startSeconds = (performance.now() - begun) / 1000;
        await sleep(settleMilliseconds);
        this.idleResidentBytes = this.cost()?.residentBytes;
        this.banner = first.server || this.#firstWords();
        return;
      }
      if (performance.now() - begun > startSecondsMax * 1000) {
        throw new Error(`${this.plan.name} did not answer within ${startSecondsMax} s; it said: ${this.#saidLast()}`);
      }
      await sleep(askEveryMilliseconds);
    }
  }

  /** In one line. */
  #saidLast(): string {
    return this.#output
      .trim()
      .slice(-lastWordsCharactersMax)
      .replaceAll(/\s*\n\s*/g, ' | ');
  }

  /** The first line that is for people. */
  #firstWords(): string {
    const lines = this.#output.split('\n').map((line) => line.trim());
    return (lines.find((line) => line !== '' && !line.startsWith('{')) ?? '').slice(0, bannerCharactersMax);
  }

  #killAll(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    const targets = [-pid, ...this.#tree.stragglers()];
    for (const target of targets) {
      try {
        process.kill(target, 'SIGKILL');
      } catch {
        // It is gone already.
      }
    }
  }
}

/** `{1...6}` and the like are the server's own. */
const placeholder = /\{(dir|port\d*)\}/g;

async function freePorts(plan: ServePlan): Promise<Map<string, number>> {
  const texts = [...plan.command, ...Object.values(plan.environment ?? {})];
  const names = new Set(texts.flatMap((text) => [...text.matchAll(placeholder)].map((match) => match[1] ?? '')));
  names.delete('dir');
  if (!names.has('port')) throw new Error(`${plan.name}: the command must say {port} where the server is to listen`);
  const ports = new Map<string, number>();
  // All are held until all are known, so that no two are the same.
  const held = [...names].map((name) => ({ name, server: createServer().listen(0, '127.0.0.1') }));
  for (const { name, server } of held) {
    if (!server.listening) await once(server, 'listening');
    ports.set(name, (server.address() as { port: number }).port);
  }
  await Promise.all(held.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
