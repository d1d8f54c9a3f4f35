import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { capServer } from './connection-cap.ts';
import { type ExchangeHandler, exchangesMax, type Listener, type ListenerOptions } from './listener.ts';
import { NodeExchange, type NodeSurroundings } from './node-exchange.ts';
import { frameRequest, headerBytesMax } from './request-framing.ts';

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
  const listener = new NodeListener(server, options, handler);
  await listener.listen(options.host, options.port);
  return listener;
}

async function createSecureServer(options: ServerOptions, { certFile, keyFile }: NonNullable<ListenerOptions['tls']>): Promise<Server> {
  // Loaded where it is used: with TLS it takes as long to load as all of node:http.
  const https = await import('node:https');
  return https.createServer({ ...options, cert: await readFile(certFile), key: await readFile(keyFile) });
}

class NodeListener implements Listener, NodeSurroundings {
  readonly transport = `node ${process.versions.node}`;
  readonly limits: readonly string[] = [];
  readonly report: (defect: unknown) => void;
  readonly #server: Server;
  readonly #handler: ExchangeHandler;
  readonly #refused = new WeakSet<Socket>();
  /** The last request of each connection. */
  readonly #exchanges = new WeakMap<Socket, NodeExchange>();
  #port = 0;
  #underWay = 0;
  #closing = false;
  #emptied: (() => void) | undefined;

  constructor(server: Server, options: ListenerOptions, handler: ExchangeHandler) {
    this.#server = server;
    this.#handler = handler;
    this.report = options.report ?? (() => undefined);
    server.on('request', (request, response) => this.#accept(request, response, false));
    server.on('checkContinue', (request, response) => this.#accept(request, response, true));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#misunderstood(error, socket as Socket));
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

  #accept(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const { socket } = request;
    if (this.#refused.has(socket)) return;
    const headers = NodeExchange.headersOf(request);
    const framing = frameRequest(headers);
    if (typeof framing === 'string') {
      this.#refuse(socket, response, 400, framing);
      return;
    }
    if (this.#underWay >= exchangesMax) {
      this.#refuse(socket, response, 503, 'too many requests at a time');
      return;
    }
    this.#underWay += 1;
    const exchange = new NodeExchange({ request, response, headers, framing, awaitsContinue }, this);
    response.on('close', () => {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#emptied?.();
      exchange.closed();
    });
    this.#exchanges.set(socket, exchange);
    this.#handler(exchange).then(
      () => {
        if (exchange.abandon()) this.report(new Error(`no answer was given to ${exchange.method} ${exchange.path}`));
      },
      (defect) => {
        exchange.abandon();
        this.report(defect);
      },
    );
  }

  /** What arrives is no HTTP, or ends too soon: then the handler tells the client. Nothing goes between the bytes of an answer. */
  #misunderstood(error: NodeJS.ErrnoException, socket: Socket): void {
    const exchange = this.#exchanges.get(socket);
    if (error.code === 'HPE_INVALID_EOF_STATE' && socket.writable && exchange?.bodyEndsEarly() === true) return;
    const silent = !socket.writable || this.#refused.has(socket) || exchange?.answering === true;
    const status = misunderstoodStatus[error.code ?? ''] ?? '400 Bad Request';
    if (!silent) socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    socket.destroySoon();
  }

  /** Whatever comes behind a request like this can't be trusted to be a request. Node would still parse it. */
  #refuse(socket: Socket, response: ServerResponse, status: number, reason: string): void {
    this.#refused.add(socket);
    response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': reason.length, Connection: 'close' });
    response.end(reason);
  }
}
