import { createServer } from 'node:net';
import { type CapReport, ConnectionCap } from './connection-cap.ts';
import { type ExchangeHandler, exchangesMax, type Listener, type ListenerOptions } from './listener.ts';
import { frameRequest, headerBytesMax } from './request-framing.ts';
import type { UwsApp, UwsBuild, UwsListenSocket, UwsModule, UwsRequest, UwsResponse } from './uws-build.ts';
import { UwsExchange, type UwsSurroundings } from './uws-exchange.ts';

/** The listener on uWebSockets.js. */
export async function openUwsListener(build: UwsBuild, options: ListenerOptions, handler: ExchangeHandler): Promise<Listener> {
  const { tls, host, port } = options;
  if (tls && !build.servesTls) throw new Error(`uWebSockets.js ${build.version} does not serve TLS reliably`);
  const { uws } = build;
  const app = tls ? uws.SSLApp({ key_file_name: tls.keyFile, cert_file_name: tls.certFile }) : uws.App();
  const listener = new UwsListener(build, app, options, handler);
  await claimable(host, port);
  const socket = await new Promise<UwsListenSocket | false>((resolve) => {
    app.listen(host, port, 0, resolve);
  });
  if (socket === false) throw new Error('in use, or not an address of this machine');
  listener.opened(socket);
  return listener;
}

/**
 * Throws when another process listens there. uWebSockets.js can't tell: its shared mode would take a part of the other's
 * connections, and its exclusive one refuses a port that a killed server's connections still linger on.
 */
async function claimable(host: string, port: number): Promise<void> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen({ host, port, exclusive: true }, resolve);
  });
  await new Promise((resolve) => probe.close(resolve));
}

class UwsListener implements Listener, UwsSurroundings {
  readonly transport: string;
  readonly limits: readonly string[];
  readonly secure: boolean;
  readonly report: (defect: unknown) => void;
  readonly #uws: UwsModule;
  readonly #app: UwsApp;
  readonly #handler: ExchangeHandler;
  #socket: UwsListenSocket | undefined;
  #port = 0;
  #underWay = 0;
  #closing = false;
  #emptied: (() => void) | undefined;

  constructor(build: UwsBuild, app: UwsApp, options: ListenerOptions, handler: ExchangeHandler) {
    this.transport = `uws ${build.version}`;
    this.limits = build.limits;
    this.secure = options.tls !== undefined;
    this.report = options.report ?? (() => undefined);
    this.#uws = build.uws;
    this.#app = app;
    this.#handler = handler;
    const { connectionsMax, full = () => undefined } = options;
    if (connectionsMax !== undefined) capApp(app, connectionsMax, full);
    app.any('/*', (response, request) => this.#accept(response, request));
  }

  get port(): number {
    return this.#port;
  }

  get closing(): boolean {
    return this.#closing;
  }

  opened(socket: UwsListenSocket): void {
    this.#socket = socket;
    this.#port = this.#uws.us_socket_local_port(socket);
  }

  finished(): void {
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#emptied?.();
  }

  async close(graceMilliseconds: number): Promise<void> {
    if (this.#socket === undefined) return;
    this.#closing = true;
    this.#uws.us_listen_socket_close(this.#socket);
    this.#socket = undefined;
    if (this.#underWay > 0) await this.#empty(graceMilliseconds);
    this.#app.close();
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

  #accept(response: UwsResponse, request: UwsRequest): void {
    const headers: [string, string][] = [];
    let headerBytes = request.getUrl().length + (request.getQuery()?.length ?? 0);
    request.forEach((name, value) => {
      headerBytes += name.length + value.length;
      headers.push([name, value]);
    });
    const framing = frameRequest(headers);
    if (headerBytes > headerBytesMax) {
      refuse(response, '431 Request Header Fields Too Large', `more than ${headerBytesMax} bytes of headers`);
      return;
    }
    if (typeof framing === 'string') {
      refuse(response, '400 Bad Request', framing);
      return;
    }
    if (this.#underWay >= exchangesMax) {
      refuse(response, '503 Service Unavailable', 'too many requests at a time');
      return;
    }
    this.#underWay += 1;
    const exchange = new UwsExchange({ request, response, headers, framing }, this);
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
}

/** Whatever comes behind a request like this can't be trusted to be a request: while this one is unanswered, it closes the connection. */
function refuse(response: UwsResponse, status: string, reason: string): void {
  let gone = false;
  response.onAborted(() => {
    gone = true;
  });
  // Not at once: what has arrived together with the request would be served.
  setImmediate(() => {
    if (gone) return;
    response.cork(() => {
      response.writeStatus(status);
      response.writeHeader('Content-Type', 'text/plain');
      response.end(reason, true);
    });
  });
}

/** This transport doesn't tell which connections are idle, and closes those by itself after ten seconds: the one that comes is refused. */
function capApp(app: UwsApp, connectionsMax: number, full: (report: CapReport) => void): void {
  const cap = new ConnectionCap<number>({ connectionsMax, report: full, close: () => undefined });
  // They come and go by number only: what is counted is how many there are.
  let open = 0;
  const eachConnection = app.filter?.bind(app);
  eachConnection?.((response, change) => {
    if (change > 0) {
      open += 1;
      if (open > connectionsMax) {
        cap.refuse();
        response.close();
      }
    } else open -= 1;
  });
}
