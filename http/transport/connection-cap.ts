/**
 * Holds the connections of a listener below a number: at the cap one that waits for nothing is closed for each that comes, those that never
 * sent a request first, the longest idle before the others. Where all are busy the new one is closed.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Milliseconds between two reports of a listener that is full. */
const reportMilliseconds = 60_000;

/** What happened at the cap since the report before. */
export interface CapReport {
  readonly connectionsMax: number;
  readonly idleClosed: number;
  readonly refused: number;
}

export interface CapParts<Connection> {
  readonly connectionsMax: number;
  readonly close: (connection: Connection) => void;
  readonly report: (full: CapReport) => void;
}

export class ConnectionCap<Connection> {
  readonly #parts: CapParts<Connection>;
  /** Connections by the requests that are being answered on them; closed ones leave. */
  readonly #open = new Map<Connection, number>();
  /** Oldest first. */
  readonly #silent = new Set<Connection>();
  readonly #resting = new Set<Connection>();
  #idleClosed = 0;
  #refused = 0;
  #reporting: NodeJS.Timeout | undefined;

  constructor(parts: CapParts<Connection>) {
    this.#parts = parts;
  }

  get connections(): number {
    return this.#open.size;
  }

  /** False: it was refused. */
  opened(connection: Connection): boolean {
    if (this.#open.size >= this.#parts.connectionsMax && !this.#makeRoom()) {
      this.refuse();
      this.#parts.close(connection);
      return false;
    }
    this.#open.set(connection, 0);
    this.#silent.add(connection);
    return true;
  }

  /** One was refused. */
  refuse(): void {
    this.#refused += 1;
    this.#tell();
  }

  /** A request has come on it. */
  busy(connection: Connection): void {
    const underWay = this.#open.get(connection);
    if (underWay === undefined) return;
    this.#open.set(connection, underWay + 1);
    this.#silent.delete(connection);
    this.#resting.delete(connection);
  }

  /** A request on it was answered. */
  answered(connection: Connection): void {
    const underWay = this.#open.get(connection);
    if (underWay === undefined) return;
    this.#open.set(connection, underWay - 1);
    if (underWay === 1) this.#resting.add(connection);
  }

  closed(connection: Connection): void {
    this.#open.delete(connection);
    this.#silent.delete(connection);
    this.#resting.delete(connection);
  }

  /** No more reports. */
  end(): void {
    clearTimeout(this.#reporting);
  }

  #makeRoom(): boolean {
    for (const idle of [this.#silent, this.#resting])
      for (const connection of idle) {
        this.closed(connection);
        this.#idleClosed += 1;
        this.#tell();
        this.#parts.close(connection);
        return true;
      }
    return false;
  }

  /** The first one at the end of this turn, further ones a minute later: a flood must not flood the log. */
  #tell(): void {
    if (this.#reporting !== undefined) return;
    const tell = (): void => {
      if (this.#idleClosed + this.#refused === 0) {
        this.#reporting = undefined;
        return;
      }
      this.#parts.report({ connectionsMax: this.#parts.connectionsMax, idleClosed: this.#idleClosed, refused: this.#refused });
      this.#idleClosed = this.#refused = 0;
      this.#reporting = setTimeout(tell, reportMilliseconds);
      this.#reporting.unref();
    };
    this.#reporting = setTimeout(tell, 0);
  }
}

/** Keeps the connections of a server of node:http or node:https at the cap; the returned function ends its reports. */
export function capServer(server: Server, connectionsMax: number, report: (full: CapReport) => void): () => void {
  const sockets = new Map<string, Socket>();
  const cap = new ConnectionCap<string>({ connectionsMax, report, close: (name) => sockets.get(name)?.destroy() });
  // Also of TLS, whose requests name another socket than the one that was accepted: both have the peer's address.
  server.on('connection', (socket: Socket) => {
    const name = peerOf(socket);
    sockets.set(name, socket);
    socket.on('close', () => {
      if (sockets.get(name) === socket) sockets.delete(name);
      cap.closed(name);
    });
    cap.opened(name);
  });
  const busy = (request: IncomingMessage, response: ServerResponse): void => {
    const name = peerOf(request.socket);
    cap.busy(name);
    response.on('close', () => cap.answered(name));
  };
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, busy);
  return () => cap.end();
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
