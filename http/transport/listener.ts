/**
 * What the S3 front end asks of an HTTP/1.1 server. `uws-listener.ts` and `node-listener.ts` serve it, `choose-listener.ts`
 * picks one; one raw-socket conformance suite (test/contracts) runs over both.
 */
import type { Body } from '../../engine/body.ts';
import type { CapReport } from './connection-cap.ts';

export interface ListenerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Connections open at one time; undefined: any number. An idle one is closed for each beyond, where the transport knows which are idle. */
  readonly connectionsMax?: number;
  /** Told, now and then, that there were more. */
  readonly full?: (report: CapReport) => void;
  /** 60,000 unless told: how long a client may neither send nor take anything in the middle of a body. */
  readonly stallMilliseconds?: number;
  /** Told of what nobody can be answered any more: what the handler threw, that it gave no answer, that a body broke while it was streamed. */
  readonly report?: (defect: unknown) => void;
}

/** Requests being answered at one time on one listener; beyond it a bare 503 and the connection closes. */
export const exchangesMax = 4096;

export interface Listener {
  /** `uws 20.57`, `node 20.20.2`: what start-up and `liteio version` show. */
  readonly transport: string;
  /** What this build can't do, in a sentence each. */
  readonly limits: readonly string[];
  readonly port: number;
  /** Reads certificate and key again, for connections from now on. Rejects, and nothing changes, when they are no pair. Missing where there are none, or the transport can't. */
  renewCertificate?(): Promise<void>;
  /** Stops accepting, waits for exchanges under way at most `graceMilliseconds`, then closes what is left. */
  close(graceMilliseconds: number): Promise<void>;
}

/** Called once a request. Must end in exactly one `send` or `stream`; a throw is answered with a bare 500. */
export type ExchangeHandler = (exchange: Exchange) => Promise<void>;

/** One request and its answer. */
export interface Exchange {
  readonly method: string;
  /** As on the request line, still percent-encoded, without the query. */
  readonly path: string;
  /** As on the request line, without `?`; '' when there is none. */
  readonly query: string;
  /** In order of arrival, names in lower case, duplicates kept, values as UTF-8 (raw bytes decoded) with outer blanks trimmed. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** First value of a header. */
  header(name: string): string | undefined;
  readonly sourceAddress: string;
  readonly secure: boolean;
  /** The request's bytes after HTTP transfer decoding (not aws-chunked). Throws Fault clientGone when the connection breaks or ends early. */
  readonly body: Body;
  /** Declared Content-Length; undefined with Transfer-Encoding: chunked; 0 when neither was sent. */
  readonly contentLength: number | undefined;
  /** Sends `HTTP/1.1 100 Continue` if the client expects it and the transport leaves it to us. Called once the request is authorised. */
  proceed(): void;
  /** The whole answer. `contentLength` replaces the body's length in the header (HEAD). An unread request body is drained up to a limit, else the connection closes after the answer. */
  send(status: number, headers: ResponseHeaders, body?: Uint8Array | string, contentLength?: number): void;
  /**
   * An answer of `contentLength` bytes pulled from `body` with back-pressure. If the first read of `body` throws, nothing has
   * been sent: `stream` throws the same and `send` may still answer. If a later one throws, the connection is cut so that the
   * client sees a short body, and the trouble goes to `report`. Resolves when all is sent or the client has gone; always cancels the body. A chunk may be a view
   * on shared memory, and is not looked at again once the next read is asked for.
   */
  stream(status: number, headers: ResponseHeaders, contentLength: number, body: Body): Promise<void>;
}

/** Values are sanitised by the listener: CR, LF and NUL never reach the wire. A name that is no token is left out. */
export type ResponseHeaders = readonly (readonly [name: string, value: string])[];
