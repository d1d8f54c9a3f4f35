/** NATS servers for tests: supervised ones, and ones with a configuration that a journal must refuse. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { JournalClock } from '../../journal/jetstream/appends.ts';
import { type JetStreamJournalOptions, openJetStreamJournal } from '../../journal/jetstream/jetstream-journal.ts';
import { serverNameAt, versionOf } from '../../journal/jetstream/nats-process.ts';
import { type SupervisedNatsServer, superviseNatsServer } from '../../journal/jetstream/nats-server.ts';
import { isRecentEnough } from '../../journal/jetstream/safety.ts';
import { emptyStream, type Journal } from '../../journal/journal.ts';
import { temporaryDirectory } from './files.ts';
import { missingPeer } from './peer.ts';

/** `skip` of every test that needs a nats-server: there is none, or one too old to be served by. */
export const natsMissing = missingPeer('nats-server') || (await tooOld());

async function tooOld(): Promise<string | false> {
  const version = await versionOf('nats-server');
  if (isRecentEnough(version)) return false;
  const message = `MISSING PEER: nats-server is version ${version}, too old; the tests that need it did not run`;
  console.error(message);
  assert.notEqual(process.env.CI_PEERS, 'required', message);
  return message;
}

export const testClock: JournalClock = {
  now: () => Date.now(),
  after: (milliseconds, task) => {
    const timer = setTimeout(task, milliseconds).unref();
    return () => clearTimeout(timer);
  },
};

/** Log lines of one test, to look at when it fails or to wait for. */
export class Lines {
  readonly all: string[] = [];
  readonly log = (level: string, message: string): void => void this.all.push(`${level}: ${message}`);
}

export interface TestServer extends SupervisedNatsServer {
  readonly lines: Lines;
}

/** A supervised server in a directory that is removed after the test. */
export async function supervised(t: TestContext): Promise<TestServer> {
  const directory = temporaryDirectory('nats');
  const server = await supervise(directory.path).catch((error: unknown) => {
    directory.remove();
    throw error;
  });
  t.after(async () => {
    await server.stop();
    directory.remove();
  });
  return server;
}

/** A supervised server on a directory of the caller's, who stops it. */
export async function supervise(storeDirectory: string): Promise<TestServer> {
  const lines = new Lines();
  const server = await superviseNatsServer({
    storeDirectory,
    path: process.env.PATH ?? '',
    password: randomBytes(16).toString('hex'),
    clock: testClock,
    log: lines.log,
  });
  return Object.assign(server, { lines });
}

export interface RawServer {
  readonly name: string;
  readonly url: string;
  readonly monitoringUrl: string;
  readonly process: ChildProcess;
}

/** A server with a configuration of the test's own, on free ports; `configuration` is given the store's directory, quoted. */
export async function rawServer(t: TestContext, configuration: (storeDirectory: string) => string): Promise<RawServer> {
  const directory = temporaryDirectory('nats');
  const [port, monitoringPort] = [await anyPort(), await anyPort()];
  const name = `test-${port}`;
  const configPath = join(directory.path, 'server.conf');
  const own = `server_name: ${name}\nlisten: "127.0.0.1:${port}"\nhttp: "127.0.0.1:${monitoringPort}"\n`;
  writeFileSync(configPath, own + configuration(JSON.stringify(join(directory.path, 'store'))));
  const child = spawn('nats-server', ['-c', configPath], { stdio: 'ignore' });
  t.after(async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await gone;
    directory.remove();
  });
  const deadline = Date.now() + 10_000;
  while ((await serverNameAt(port, 1_000)) !== name) {
    assert.ok(child.exitCode === null && Date.now() < deadline, 'the nats-server does not start');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { name, url: `nats://127.0.0.1:${port}`, monitoringUrl: `http://127.0.0.1:${monitoringPort}`, process: child };
}

/** Three servers that know each other; `jetstream` is each one's line in the block of that name, beside its directory. */
export async function rawCluster(t: TestContext, jetstream: readonly [string, string, string]): Promise<RawServer[]> {
  const routePorts = [await anyPort(), await anyPort(), await anyPort()];
  const routes = JSON.stringify(routePorts.map((port) => `nats://127.0.0.1:${port}`));
  const servers = await Promise.all(
    routePorts.map((port, index) =>
      rawServer(t, (store) =>
        [
          'max_payload: 9MB',
          `jetstream { store_dir: ${store}, ${jetstream[index]} }`,
          `cluster { name: test, listen: "127.0.0.1:${port}", routes: ${routes} }`,
          '',
        ].join('\n'),
      ),
    ),
  );
  const deadline = Date.now() + 20_000;
  for (const server of servers) {
    while ((await fetch(`${server.monitoringUrl}/healthz`)).status !== 200) {
      assert.ok(Date.now() < deadline, 'the cluster elects no leader');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return servers;
}

function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      assert.ok(address !== null && typeof address === 'object');
      server.close((error) => (error === undefined ? resolve(address.port) : reject(error)));
    });
  });
}

/** A link between client and server that a test can break in the ways networks do. */
export interface Link {
  /** The server's URL with this link in its place. */
  readonly url: string;
  /** What the server says stays unheard from now on; what the client says still arrives. */
  deafen(): void;
  /** Breaks the connections; new ones are refused until `mend`. */
  cut(): void;
  mend(): void;
}

export async function linkTo(t: TestContext, serverUrl: string): Promise<Link> {
  const target = new URL(serverUrl);
  const { hostname, port } = target;
  let state: 'whole' | 'deaf' | 'cut' = 'whole';
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    if (state === 'cut') return client.destroy();
    const server = connect(Number(port), hostname);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.on('data', (bytes) => server.write(bytes));
    server.on('data', (bytes) => state === 'whole' && client.write(bytes));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    state = 'cut';
    for (const socket of sockets) socket.destroy();
  };
  t.after(() => {
    cut();
    proxy.close();
  });
  const address = proxy.address();
  assert.ok(address !== null && typeof address === 'object');
  target.port = String(address.port);
  return { url: target.href, deafen: () => void (state = 'deaf'), cut, mend: () => void (state = 'whole') };
}

/** A journal on a supervised server, closed when the test ends. */
export async function journalOn(
  t: TestContext,
  server: { url: string; systemUrl?: string },
  options: Partial<JetStreamJournalOptions> = {},
): Promise<Journal> {
  const journal = await openJetStreamJournal({
    url: server.url,
    ...(server.systemUrl === undefined ? {} : { systemUrl: server.systemUrl }),
    deployment: 'test',
    headOf: () => emptyStream,
    clock: testClock,
    allowUnsafe: false,
    log: () => undefined,
    ...options,
  });
  t.after(() => journal.close());
  return journal;
}
