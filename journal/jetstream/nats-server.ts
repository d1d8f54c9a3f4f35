import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { JournalClock } from './appends.ts';
import { natsConfig } from './nats-config.ts';
import { findOnPath, freePort, holdStore, serverNameAt, serversWithConfig, versionOf } from './nats-process.ts';
import { isRecentEnough, maxPayloadLine, natsVersionMin } from './safety.ts';
import { JetStreamRefused } from './stream.ts';

/** A large store is recovered before the server listens. */
const startMillisecondsMax = 300_000;
const probeMilliseconds = 50;
const stopMillisecondsMax = 20_000;
const backOffMillisecondsMin = 100;
const backOffMillisecondsMax = 5_000;
/** A server that ran this long had nothing to do with the death of the one before. */
const steadyMilliseconds = 60_000;
const lastWordsMax = 5;

export interface NatsServerOptions {
  /** Absolute directory of the server's own: configuration and store. Created when absent. */
  readonly storeDirectory: string;
  /** Where to look for `nats-server`: a PATH variable. */
  readonly path: string;
  /** Password of this run, unpredictable: it lies in the configuration file, readable for this user alone. */
  readonly password: string;
  readonly clock: JournalClock;
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/** A nats-server that lives as long as we do. */
export interface SupervisedNatsServer {
  /** For openJetStreamJournal: with the credentials of this run. */
  readonly url: string;
  readonly systemUrl: string;
  readonly version: string;
  /** Of the process that runs now; undefined between a death and the restart. */
  readonly processId: number | undefined;
  stop(): Promise<void>;
}

/**
 * Starts the nats-server found on PATH, with settings under which it may be trusted, on a free port of 127.0.0.1. When it dies it is started
 * again on the same port; when we are killed without a chance to stop it, the next start stops it first: never two servers on a store.
 * @throws JetStreamRefused there is none, it is too old, it does not start, or another process of ours supervises this store.
 */
export async function superviseNatsServer(options: NatsServerOptions): Promise<SupervisedNatsServer> {
  const binary = await findOnPath('nats-server', options.path);
  if (binary === undefined) {
    throw new JetStreamRefused(
      `nats-server is not on PATH: install version ${natsVersionMin.join('.')} or later, or name the URL of one that runs`,
    );
  }
  const version = await versionOf(binary);
  if (!isRecentEnough(version))
    throw new JetStreamRefused(`${binary} is version ${version}: ${natsVersionMin.join('.')} or later is needed`);
  await fs.mkdir(options.storeDirectory, { recursive: true });
  const directory = await fs.realpath(options.storeDirectory);
  const hold = await holdStore(directory);
  if (hold === undefined) throw new JetStreamRefused(`another process supervises a nats-server on ${directory}`);
  const configPath = join(directory, 'nats-server.conf');
  try {
    for (const id of await serversWithConfig(configPath)) {
      options.log('warn', `stopping nats-server ${id}, left behind by a run before`);
      await stopProcess(id, options.clock, async () => (await serversWithConfig(configPath)).includes(id));
    }
    const port = await freePort(directory);
    const serverName = `liteio-${port}`;
    const config = natsConfig({ serverName, port, storeDirectory: directory, password: options.password, maxPayloadLine });
    await fs.rm(configPath, { force: true });
    await fs.writeFile(configPath, config, { mode: 0o600 });
    const server = new Supervised({ options, binary, version, configPath, port, serverName, hold });
    await server.start();
    hold.unref();
    return server;
  } catch (error) {
    hold.close();
    throw error;
  }
}

interface SupervisedParts {
  readonly options: NatsServerOptions;
  readonly binary: string;
  readonly version: string;
  readonly configPath: string;
  readonly port: number;
  readonly serverName: string;
  readonly hold: Server;
}

class Supervised implements SupervisedNatsServer {
  readonly url: string;
  readonly systemUrl: string;
  readonly version: string;
  readonly #parts: SupervisedParts;
  readonly #onExit = (): void => void this.#child?.kill('SIGTERM');
  #child: ChildProcess | undefined;
  #lastWords: string[] = [];
  #startedAt = 0;
  #backOffMilliseconds = backOffMillisecondsMin;
  #cancelRestart: (() => void) | undefined;
  #state: 'starting' | 'running' | 'stopped' = 'starting';

  constructor(parts: SupervisedParts) {
    this.#parts = parts;
    const at = (user: string): string => `nats://${user}:${encodeURIComponent(parts.options.password)}@127.0.0.1:${parts.port}`;
    this.url = at('liteio');
    this.systemUrl = at('system');
    this.version = parts.version;
  }

  get processId(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    const { options, port, serverName } = this.#parts;
    process.once('exit', this.#onExit);
    this.#spawn();
    const deadline = options.clock.now() + startMillisecondsMax;
    while ((await serverNameAt(port, 1_000)) !== serverName) {
      const died = this.#child === undefined;
      if (died || options.clock.now() > deadline) {
        await this.stop();
        throw new JetStreamRefused(
          `the nats-server ${died ? 'ended while it started' : 'does not get ready'}: ${this.#lastWords.join(' | ') || 'it said nothing'}`,
        );
      }
      await pause(options.clock, probeMilliseconds);
    }
    this.#state = 'running';
    options.log('info', `nats-server ${this.version} runs on 127.0.0.1:${port}, process ${this.processId}`);
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    process.removeListener('exit', this.#onExit);
    this.#cancelRestart?.();
    // Our clock keeps no process alive; until the server is gone, this does.
    this.#parts.hold.ref();
    const id = this.processId;
    if (id !== undefined) await stopProcess(id, this.#parts.options.clock, () => this.#child !== undefined);
    await new Promise((resolve) => this.#parts.hold.close(resolve));
  }

  #spawn(): void {
    const { binary, configPath, options } = this.#parts;
    this.#startedAt = options.clock.now();
    // A process group of its own: a Ctrl-C in the terminal is for us, and we stop it when the last append is answered.
    const child = spawn(binary, ['-c', configPath], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    this.#child = child;
    createInterface({ input: child.stderr }).on('line', (line) => this.#listen(line));
    child.once('error', (error) => this.#gone(child, error.message));
    child.once('exit', (code, signal) => this.#gone(child, signal ?? `code ${code}`));
  }

  #listen(line: string): void {
    if (!/\[(ERR|FTL)\]|^nats-server:/.test(line)) return;
    this.#lastWords = [...this.#lastWords, line].slice(-lastWordsMax);
    this.#parts.options.log('error', `nats-server: ${line}`);
  }

  #gone(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.#state !== 'running') return;
    const { clock, log } = this.#parts.options;
    if (clock.now() - this.#startedAt >= steadyMilliseconds) this.#backOffMilliseconds = backOffMillisecondsMin;
    const wait = this.#backOffMilliseconds;
    this.#backOffMilliseconds = Math.min(2 * wait, backOffMillisecondsMax);
    log('error', `the nats-server died (${how}), starting it again in ${wait} ms`);
    this.#cancelRestart = clock.after(wait, () => this.#spawn());
  }
}

/** SIGTERM, then SIGKILL for one that does not heed it. Resolves when `isThere` says that the process is gone. */
async function stopProcess(id: number, clock: JournalClock, isThere: () => boolean | Promise<boolean>): Promise<void> {
  for (const name of ['SIGTERM', 'SIGKILL'] as const) {
    const deadline = clock.now() + stopMillisecondsMax;
    signal(id, name);
    while (clock.now() < deadline) {
      if (!(await isThere())) return;
      await pause(clock, probeMilliseconds);
    }
  }
  throw new JetStreamRefused(`nats-server ${id} does not end`);
}

function signal(id: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(id, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function pause(clock: JournalClock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => clock.after(milliseconds, resolve));
}
