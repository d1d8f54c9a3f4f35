import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const portFirst = 20_000;
/** Below 32768, where Linux begins to hand out ports of outgoing connections: a port of ours stays free while its server restarts. */
const ports = 12_000;
const portAttemptsMax = 200;

/** The first executable of that name in the directories of `path` (a PATH variable), or undefined. */
export async function findOnPath(program: string, path: string): Promise<string | undefined> {
  for (const directory of path.split(delimiter)) {
    if (directory === '') continue;
    const file = join(directory, program);
    const executable = await fs.access(file, fs.constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable && (await fs.stat(file)).isFile()) return file;
  }
  return undefined;
}

/** `2.14.5`, as the program says it. */
export async function versionOf(binary: string): Promise<string> {
  const { stdout } = await run(binary, ['--version'], { timeout: 10_000 });
  return /v?(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1] ?? '';
}

/**
 * Ids of the processes that run a nats-server with this configuration file. Asked of the process table and not of a pid file: a pid file
 * may be missing, or name a process that has got the number since.
 */
export async function serversWithConfig(configPath: string): Promise<number[]> {
  const commands = process.platform === 'linux' ? await commandsFromProc() : await commandsFromPs();
  return commands.filter(({ command }) => command.endsWith(`nats-server -c ${configPath}`)).map(({ id }) => id);
}

interface Command {
  readonly id: number;
  readonly command: string;
}

async function commandsFromProc(): Promise<Command[]> {
  const commands: Command[] = [];
  for (const name of await fs.readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // A process may end between the listing and the look.
    const line = await fs.readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    commands.push({ id: Number(name), command: line.split('\0').join(' ').trimEnd() });
  }
  return commands;
}

async function commandsFromPs(): Promise<Command[]> {
  const { stdout } = await run('ps', ['-axwwo', 'pid=,command='], { maxBuffer: 16 * 1024 * 1024 });
  return stdout.split('\n').map((line) => {
    const [, id = '0', command = ''] = /^\s*(\d+)\s+(.*?)\s*$/.exec(line) ?? [];
    return { id: Number(id), command };
  });
}

/**
 * Holds the store of one server for this process: a socket's name, which the kernel takes back when the process dies, however it dies.
 * Undefined when another process holds it.
 */
export async function holdStore(storeDirectory: string): Promise<Server | undefined> {
  const name = `liteio-nats-${createHash('sha256').update(storeDirectory).digest('hex').slice(0, 32)}`;
  if (process.platform === 'linux') return listen(`\0${name}`);
  const path = join(tmpdir(), `${name}.sock`);
  const held = await listen(path);
  if (held !== undefined || (await somebodyListens(path))) return held;
  await fs.rm(path, { force: true });
  return listen(path);
}

function listen(address: string | { readonly host: string; readonly port: number }): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(typeof address === 'string' ? { path: address } : address, () => resolve(server));
  });
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** A port of 127.0.0.1 that is free now; the same for the same store as long as nobody else took it. */
export async function freePort(storeDirectory: string): Promise<number> {
  const start = createHash('sha256').update(storeDirectory).digest().readUInt32BE(0);
  for (let attempt = 0; attempt < portAttemptsMax; attempt++) {
    const port = portFirst + ((start + attempt) % ports);
    const server = await listen({ host: '127.0.0.1', port });
    if (server === undefined) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
  throw new Error(`none of ${portAttemptsMax} ports from ${portFirst + (start % ports)} on is free for the nats-server`);
}

/** What a server on that port introduces itself as; undefined when none answers with NATS' INFO line. */
export function serverNameAt(port: number, milliseconds: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port, timeout: milliseconds });
    const end = (name: string | undefined): void => {
      socket.destroy();
      resolve(name);
    };
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\r\n') || text.length > 65_536) end(/"server_name":"([^"]*)"/.exec(text)?.[1]);
    });
    socket.once('timeout', () => end(undefined));
    socket.once('error', () => end(undefined));
    socket.once('close', () => end(undefined));
  });
}
