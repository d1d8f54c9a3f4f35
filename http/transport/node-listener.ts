import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { capServer } from './connection-cap.ts';
import { type ExchangeHandler, exchangesMax, type Listener, type ListenerOptions } from './listener.ts';
import { NodeConnection } from './node-connection.ts';
import { NodeExchange, type NodeRequest, type NodeSurroundings } from './node-exchange.ts';
import { frameRequest, headerBytesMax, type RequestFraming } from './request-framing.ts';

const stallMillisecondsDefault = 60_000;

/** Longest time for a header block to arrive; 408 after it. */
const headersMilliseconds = 60_000;

/** How long a connection may lie idle between two requests: longer than the pools of the usual clients keep theirs. */
const keepAliveMilliseconds = 75_000;

/** As Node answers them by itself. */
const misunderstoodStatus: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** The listener on node:http, or node:https when `tls` is given: runs wherever Node does. */
export async function openNodeListener(options: ListenerOptions, handler: ExchangeHandler): Promise<Listener> {
  const serverOptions: ServerOptions = {
    maxHeaderSize: headerBytesMax,
    headersTimeout: headersMilliseconds,
    keepAliveTimeout: keepAliveMilliseconds,
    // A 5 GiB upload takes its time; what is idle meanwhile is cut by the exchange.
    requestTimeout: 0,
    // Refused here, with everything behind it.
    requireHostHeader: false,
  };
  const { tls } = options;
  const server = tls ? await createSecureServer(serverOptions, tls) : createServer(serverOptions);
  // Beyond this count Node drops headers silently; their bytes are bounded above.
  server.maxHeadersCount = 0;
  const { connectionsMax, full = () => undefined } = options;
  if (connectionsMax !== undefined) capServer(server, connectionsMax, full);
  // A client that has said all it wants may close its side, and is answered all the same.
  (server as { httpAllowHalfOpen?: boolean }).httpAllowHalfOpen = true;
  const listener = new NodeListener(server, options, handler);
  await listener.listen(options.host, options.port);
  return listener;
}

async function createSecureServer(options: ServerOptions, { certFile, keyFile }: NonNullable<ListenerOptions['tls']>): Promise<Server> {
  // Loaded where it is used: with TLS it takes as long to load as all of node:http.
  const https = await import('node:https');
  return https.createServer({ ...options, ...(await readPair({ certFile, keyFile })) });
}

async function readPair({ certFile, keyFile }: NonNullable<ListenerOptions['tls']>): Promise<{ cert: Buffer; key: Buffer }> {
  return { cert: await readFile(certFile), key: await readFile(keyFile) };
}

class NodeListener implements Listener, NodeSurroundings {
  readonly transport = `node ${process.versions.node}`;
  readonly limits: readonly string[] = [];
  readonly renewCertificate?: () => Promise<void>;
  readonly stallMilliseconds: number;
  readonly report: (defect: unknown) => void;
  readonly #server: Server;
  readonly #handler: ExchangeHandler;
  readonly #connections = new WeakMap<Socket, NodeConnection>();
  #port = 0;
  #underWay = 0;
  #closing = false;
  #emptied: (() => void) | undefined;

  constructor(server: Server, options: ListenerOptions, handler: ExchangeHandler) {
    this.#server = server;
    this.#handler = handler;
    this.stallMilliseconds = options.stallMilliseconds ?? stallMillisecondsDefault;
    const { tls } = options;
    if (tls) this.renewCertificate = async () => (server as SecureServer).setSecureContext(await readPair(tls));
    this.report = options.report ?? (() => undefined);
    server.on('request', (request, response) => this.#accept(request, response, false));
    server.on('checkContinue', (request, response) => this.#accept(request, response, true));
    // Of any other expectation the handler tells what it thinks, and the client may be waiting as well.
    server.on('checkExpectation', (request, response) => this.#accept(request, response, request.headers.expect !== ''));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const status = misunderstoodStatus[error.code ?? ''] ?? '400 Bad Request';
      this.#connectionOf(socket as Socket).misunderstood(status, error.code === 'HPE_INVALID_EOF_STATE');
    });
  }

  get port(): number {
    return this.#port;
  }

  get closing(): boolean {
    return this.#closing;
  }

  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  async close(graceMilliseconds: number): Promise<void> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    if (this.#underWay > 0) await this.#empty(graceMilliseconds);
    this.#server.closeAllConnections();
    await closed;
  }

  #empty(graceMilliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMilliseconds);
      this.#emptied = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #connectionOf(socket: Socket): NodeConnection {
    let connection = this.#connections.get(socket);
    if (connection === undefined) {
      connection = new NodeConnection(socket, (exchange) => this.#run(exchange));
      this.#connections.set(socket, connection);
    }
    return connection;
  }

  #accept(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const connection = this.#connectionOf(request.socket);
    if (connection.refused) return;
    const headers = NodeExchange.headersOf(request);
    const framing = frameRequest(headers, request.httpVersion === '1.0' ? '1.0' : '1.1');
    const refusal = this.#refusalOf(connection, framing);
    // Where a body ends whose framing is refused can't be told: what Node takes for it is dropped.
    const parts = { request, response, headers, framing: typeof framing === 'string' ? endlessBody : framing, awaitsContinue, refusal };
    const exchange = new NodeExchange(parts, this, (closed) => {
      if (refusal === undefined) this.#underWay -= 1;
      if (this.#underWay === 0) this.#emptied?.();
      connection.finished(closed);
    });
    if (refusal === undefined) this.#underWay += 1;
    else connection.refused = true;
    response.on('close', () => exchange.closed());
    connection.take(exchange);
  }

  /** Whatever comes behind a refused request can't be trusted to be one. Node would still parse it. */
  #refusalOf(connection: NodeConnection, framing: RequestFraming | string): NodeRequest['refusal'] {
    if (typeof framing === 'string') return { status: 400, reason: framing };
    if (this.#underWay >= exchangesMax || connection.full) return { status: 503, reason: 'too many requests at a time' };
    return undefined;
  }

  async #run(exchange: NodeExchange): Promise<void> {
    if (exchange.refused()) return;
    try {
      await this.#handler(exchange);
      if (exchange.abandon()) this.report(new Error(`no answer was given to ${exchange.method} ${exchange.path}`));
    } catch (defect) {
      exchange.abandon();
      this.report(defect);
    }
  }
}

const endlessBody: RequestFraming = { contentLength: undefined, expectsContinue: false, closeRequested: true };
