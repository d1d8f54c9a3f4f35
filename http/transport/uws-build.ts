/** The one importer of uWebSockets.js: finds the build that loads here, and says what it can't do. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { headerBytesMax } from './request-framing.ts';

/** The part of uWebSockets.js that is used, as the builds from 20.30 to 20.57 have it. */
export interface UwsModule {
  App(): UwsApp;
  SSLApp(options: { key_file_name: string; cert_file_name: string }): UwsApp;
  us_listen_socket_close(socket: UwsListenSocket): void;
  us_socket_local_port(socket: UwsListenSocket): number;
  /** Its own switches; not in its documentation. */
  _cfg?(key: string): void;
}

export interface UwsApp {
  /** Told of connections: 1 for one that comes, -1 for one that goes. Not in old builds. */
  filter?(handler: (response: Pick<UwsResponse, 'close'>, change: number) => void): UwsApp;
  any(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): UwsApp;
  listen(host: string, port: number, options: number, opened: (socket: UwsListenSocket | false) => void): UwsApp;
  /** Closes every connection at once. */
  close(): UwsApp;
}

export type UwsListenSocket = object;

/** Not to be touched after the handler returned. */
export interface UwsRequest {
  getCaseSensitiveMethod(): string;
  getUrl(): string;
  getQuery(): string | undefined;
  forEach(each: (name: string, value: string) => void): void;
}

/** Every call throws once the answer is complete or the client has gone. */
export interface UwsResponse {
  pause(): void;
  resume(): void;
  close(): void;
  cork(write: () => void): void;
  writeStatus(status: string): void;
  writeHeader(name: string, value: string): void;
  end(body: Uint8Array | string, closeConnection: boolean): void;
  endWithoutBody(): void;
  /** Takes what fits. [all of the chunk was taken, the answer is complete]. */
  tryEnd(chunk: Uint8Array, totalBytes: number): [taken: boolean, complete: boolean];
  onWritable(handler: (sentBytes: number) => boolean): void;
  onAborted(handler: () => void): void;
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): void;
  getRemoteAddressAsText(): ArrayBuffer;
}

/** What clients and the usual proxies send. */
export type Need =
  | 'HTTP/1.0'
  | 'UTF-8 at the ends of header values'
  | 'bodies slower than 16 KB/s'
  | 'ninety headers'
  | 'header blocks of 8 KiB in several packets'
  | 'bodies of 5 GiB'
  | 'TLS';

export interface UwsBuild {
  readonly uws: UwsModule;
  /** `20.57`. */
  readonly version: string;
  readonly servesTls: boolean;
  readonly limits: readonly string[];
}

/**
 * Releases on which the conformance suite was run, and which needs each was seen not to serve as node:http does; the suite holds this list
 * against what it sees. `auto` takes a release that is listed and lacks nothing: one that nobody has tried may be as good or not.
 */
export const unmetNeeds: Readonly<Record<string, readonly Need[]>> = {
  '20.30': [
    'HTTP/1.0',
    'UTF-8 at the ends of header values',
    'bodies slower than 16 KB/s',
    'ninety headers',
    'header blocks of 8 KiB in several packets',
    'bodies of 5 GiB',
    'TLS',
  ],
  '20.57': ['HTTP/1.0', 'UTF-8 at the ends of header values', 'bodies slower than 16 KB/s'],
};

/** True of every build that was tried. */
export const uwsLimits: readonly string[] = [
  'HTTP/1.0, which nginx speaks to its upstreams by default, is refused with 505: set `proxy_http_version 1.1`.',
  'A header value loses non-ASCII characters at its ends; where it is signed, as metadata is, the request is refused with SignatureDoesNotMatch.',
  'A body slower than 16 KB/s is cut after 10 to 35 seconds.',
  'Requests it does not understand (a CR within a value, no HTTP at all), chunk extensions and HTTP trailers hang until they are closed as idle; none is told why.',
  'Expect: 100-continue is answered before a request is authorised, so the body of a refused request is sent all the same.',
  'A second request on a connection whose first is not answered yet closes it: no pipelining.',
  'An answer that comes before a body of more than 16 MiB was read waits until 16 MiB or 10 seconds of it have been dropped.',
  'At the limit of connections new ones are refused, while idle ones last.',
  'A client that closes its side behind its request is not answered.',
  'A request that is refused for its framing is closed on what still comes of its body: a client that sends first and reads then may not learn why.',
  'A new certificate is taken at the next start only.',
  'A body of which nothing more comes is closed after 10 to 35 seconds, without RequestTimeout.',
  'Idle connections are closed after 10 to 35 seconds, and so is a client that takes nothing for as long.',
];

/** What the build of 2023 lacks beside that; measured with raw sockets, asserted by the conformance suite. */
export const oldUwsLimits: readonly string[] = [
  'Plain HTTP only.',
  'Connections are not limited: clients can use up the descriptors of the process.',
  'A Content-Length of 1,000,000,000 or more closes the connection: larger objects need multipart uploads.',
  'At most 48 headers: with more the connection hangs and is closed after 10 seconds.',
  'At most 4096 bytes of headers when they arrive in several packets: with more the connection is closed.',
  'Bare LF, folded lines, HTTP/1.0, blanks before a colon and absolute targets hang too, or the connection is closed at once. Chunk lines may end in a bare LF.',
  'Methods beside GET, HEAD, PUT, POST, DELETE, OPTIONS, PATCH, CONNECT and TRACE close the connection.',
];

interface Candidate {
  readonly name: string;
  /** What to load. The unofficial build's main file would fall back to a slow imitation in JavaScript: its binary is asked for by name. */
  readonly entry: string;
}

const candidates: readonly Candidate[] = [
  { name: 'uWebSockets.js', entry: 'uWebSockets.js' },
  { name: '@btc-vision/uwebsockets.js', entry: '@btc-vision/uwebsockets.js' },
  {
    name: '@trufflesuite/uws-js-unofficial',
    entry: `@trufflesuite/uws-js-unofficial/binaries/uws_${process.platform}_${process.arch}_${process.versions.modules}.node`,
  },
];

/** From here on builds answer what they refuse and do TLS; older ones are taken to be like 20.30. */
const soundMinor = 57;

/** The first to have all of `UwsResponse`, as far as it was tried. */
const oldestMinor = 30;

/** Leaves `uWebSockets: 20` out of the answers (`Loop::setSilent`). */
const silentKey = '999999990007';

/**
 * The first build that loads, or a sentence for each on why it didn't. `completeOnly`: one that lacks a need stays unloaded: it is several
 * megabytes, and nobody would use it.
 */
export function loadUws({ completeOnly = false } = {}): UwsBuild | readonly string[] {
  // Read by newer builds while they load.
  process.env.UWS_HTTP_MAX_HEADERS_SIZE ??= String(headerBytesMax);
  const require = createRequire(import.meta.url);
  const reasons: string[] = [];
  for (const { name, entry } of candidates) {
    try {
      const { version } = require(join(packageFolder(require.resolve(entry)), 'package.json')) as { version: string };
      if (minorOf(version) < oldestMinor) throw new Error(`version ${version} is older than 20.${oldestMinor}`);
      const unmet = unmetNeeds[shortOf(version)];
      if (completeOnly && unmet?.length !== 0)
        throw new Error(`version ${version} ${unmet ? `lacks ${unmet.join(', ')}` : 'was not tried yet'}`);
      return describe(require(entry) as UwsModule, version);
    } catch (error) {
      reasons.push(`${name}: ${reasonOf(error)}`);
    }
  }
  return reasons;
}

/** Of what a loader says the line that tells. */
function reasonOf(error: unknown): string {
  const lines = (error as Error).message.split('\n').filter(Boolean);
  return lines.at(isMissing(error) ? 0 : -1) ?? 'does not load';
}

function describe(uws: UwsModule, version: string): UwsBuild {
  uws._cfg?.(silentKey);
  const old = minorOf(version) < soundMinor;
  return { uws, version: shortOf(version), servesTls: !old, limits: old ? [...uwsLimits, ...oldUwsLimits] : uwsLimits };
}

function shortOf(version: string): string {
  return version.split('.', 2).join('.');
}

/** Every release since 2021 is a 20.x. */
function minorOf(version: string): number {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 20 ? Number.POSITIVE_INFINITY : minor;
}

function packageFolder(file: string): string {
  const folder = dirname(file);
  return folder.endsWith('binaries') ? dirname(folder) : folder;
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
}
