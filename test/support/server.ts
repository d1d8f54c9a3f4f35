/** The built server as a child process on directories and a port of its own, and a client for it. */
import assert from 'node:assert/strict';
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { temporaryDirectory } from './files.ts';

export const serverProgram = join(fileURLToPath(new URL('.', import.meta.url)), '../../http/liteio.cjs');

const readyMillisecondsMax = 20_000;
const stopMillisecondsMax = 15_000;
const outputCharactersMax = 1024 * 1024;

export interface ServerOptions {
  /** Where `drive1`, `drive2`... lie; a temporary directory, removed by stop, when not given. */
  readonly directory?: string;
  /** How many drives; 6 unless told. */
  readonly drives?: number;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** More flags. */
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What it may have open at once. */
  readonly descriptors?: number;
  /** How long it may take to serve. */
  readonly readyMilliseconds?: number;
}

/** Starts a server and resolves when it serves. */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const own = options.directory === undefined ? temporaryDirectory('server') : undefined;
  const directory = options.directory ?? own?.path ?? '';
  const drives = join(directory, `drive{1...${options.drives ?? 6}}`);
  const args = ['server', '--drives', drives, '--address', `127.0.0.1:${options.port ?? 0}`, ...(options.args ?? [])];
  const server = new RunningServer(spawnServer(args, options), directory, () => own?.remove());
  try {
    await server.ready(options.readyMilliseconds);
    return server;
  } catch (error) {
    await server.kill();
    own?.remove();
    throw error;
  }
}

/** Variables of whoever runs the tests stay out of the server. */
export function cleanEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(LITEIO_|AWS_|NODE_TEST)/.test(name));
  return { ...Object.fromEntries(inherited), ...more };
}

function spawnServer(args: readonly string[], { environment, descriptors }: ServerOptions): ChildProcess {
  const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'], env: cleanEnvironment(environment) };
  if (descriptors === undefined) return spawn(process.execPath, [serverProgram, ...args], options);
  const limited = `ulimit -n ${descriptors} && exec "$0" "$@"`;
  return spawn('/bin/sh', ['-c', limited, process.execPath, serverProgram, ...args], options);
}

export class RunningServer {
  readonly directory: string;
  readonly accessKey = 'liteioadmin';
  readonly secretKey = 'liteioadmin';
  endpoint = '';
  readonly #process: ChildProcess;
  readonly #remove: () => void;
  readonly #gone: Promise<unknown>;
  readonly #clients: S3Client[] = [];
  readonly #watchers = new Set<() => void>();
  #output = '';

  constructor(child: ChildProcess, directory: string, remove: () => void) {
    this.#process = child;
    this.directory = directory;
    this.#remove = remove;
    this.#gone = once(child, 'exit');
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-outputCharactersMax);
        for (const watcher of this.#watchers) watcher();
      });
    }
    child.on('exit', () => {
      for (const watcher of this.#watchers) watcher();
    });
  }

  get port(): number {
    return Number(new URL(this.endpoint).port);
  }
  get pid(): number {
    return this.#process.pid ?? 0;
  }
  get exited(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }
  /** What it has said so far, on both channels: the last MiB. */
  get output(): string {
    return this.#output;
  }

  async ready(milliseconds = readyMillisecondsMax): Promise<void> {
    const said = await this.logged(/^\s*endpoint +(https?:\/\/\S+)$/m, milliseconds);
    this.endpoint = said[1] ?? '';
  }

  /** Waits until the server has said something; fails after `milliseconds`, or when it ends without. */
  logged(pattern: RegExp, milliseconds: number): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const look = (): void => {
        const found = pattern.exec(this.#output);
        if (!found && !this.exited) return;
        finish();
        if (found) resolve(found);
        else reject(new Error(`the server ended before it said ${pattern}:\n${this.#output}`));
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`the server did not say ${pattern} within ${milliseconds} ms:\n${this.#output}`));
      }, milliseconds);
      this.#watchers.add(look);
      look();
    });
  }

  /** An SDK client at its defaults, path style, without retries; closed by stop and kill. */
  client(config: S3ClientConfig = {}): S3Client {
    const client = new S3Client({
      endpoint: this.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: this.accessKey, secretAccessKey: this.secretKey },
      ...config,
    });
    this.#clients.push(client);
    return client;
  }

  /** SIGTERM: it must drain and end with 0. Removes a temporary directory. */
  async stop(): Promise<void> {
    const clean = !this.exited;
    await this.#end('SIGTERM');
    this.#remove();
    if (clean) assert.equal(this.#process.exitCode, 0, `the server's exit:\n${this.#output}`);
  }

  /** SIGTERM; it ends in whatever way. Answers the signal that ended it, if one did. */
  async end(milliseconds = 60_000): Promise<NodeJS.Signals | null> {
    await this.#end('SIGTERM', milliseconds);
    return this.#process.signalCode;
  }

  /** SIGKILL. The directory stays. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL', millisecondsMax = stopMillisecondsMax): Promise<void> {
    for (const client of this.#clients.splice(0)) client.destroy();
    if (this.exited) return;
    this.#process.kill(signal);
    const lastResort = setTimeout(() => this.#process.kill('SIGKILL'), millisecondsMax);
    await this.#gone;
    clearTimeout(lastResort);
  }
}
