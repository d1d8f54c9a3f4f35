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
}

export interface UwsApp {
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

export interface UwsBuild {
  readonly uws: UwsModule;
  readonly version: string;
  /** Serves whatever clients may send, over TLS too. */
  readonly sound: boolean;
  readonly limits: readonly string[];
}

/** True of every build. */
export const uwsLimits: readonly string[] = [
  'Expect: 100-continue is answered before a request is authorised, so the body of a refused request is sent all the same.',
  'A second request on a connection whose first is not answered yet closes it: no pipelining.',
  'An answer that comes before a body of more than 16 MiB was read waits until 16 MiB or 10 seconds of it have been dropped.',
  'Idle connections are closed after 10 seconds, a client that takes nothing for 10 seconds is cut off.',
];

/** What the build of 2023 lacks beside that; measured with raw sockets, asserted by the conformance suite. */
export const oldUwsLimits: readonly string[] = [
  'Plain HTTP only.',
  'A Content-Length of 1,000,000,000 or more closes the connection: larger objects need multipart uploads.',
  'At most 48 headers: with more the connection hangs and is closed after 10 seconds.',
  'At most 4096 bytes of headers when they arrive in several packets: with more the connection is closed.',
  'Requests it does not understand (bare LF, folded lines, HTTP/1.0, blanks before a colon, absolute targets) hang and are closed after 10 seconds, or are closed at once; none is told why.',
  'Chunk extensions and HTTP trailers hang. Chunk lines may end in a bare LF.',
  'Bodies slower than 16 KB/s are cut after 10 seconds.',
  'A header value loses non-ASCII characters at its end.',
  'Methods beside GET, HEAD, PUT, POST, DELETE, OPTIONS, PATCH, CONNECT and TRACE close the connection.',
  'Every answer carries `uWebSockets: 20`.',
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

/**
 * The first build that loads, or a sentence for each on why it didn't. `soundOnly`: one that isn't stays unloaded: it is several megabytes,
 * and nobody would use it.
 */
export function loadUws({ soundOnly = false } = {}): UwsBuild | readonly string[] {
  // Read by newer builds while they load.
  process.env.UWS_HTTP_MAX_HEADERS_SIZE ??= String(headerBytesMax);
  const require = createRequire(import.meta.url);
  const reasons: string[] = [];
  for (const { name, entry } of candidates) {
    try {
      const { version } = require(join(packageFolder(require.resolve(entry)), 'package.json')) as { version: string };
      const minor = soundOnly ? soundMinor : oldestMinor;
      if (minorOf(version) < minor) throw new Error(`version ${version} is older than 20.${minor}`);
      return describe(require(entry) as UwsModule, version);
    } catch (error) {
      reasons.push(
        `${name}: ${
          (error as Error).message
            .split('\n')
            .filter(Boolean)
            .at(isMissing(error) ? 0 : -1) ?? 'does not load'
        }`,
      );
    }
  }
  return reasons;
}

function describe(uws: UwsModule, version: string): UwsBuild {
  const sound = minorOf(version) >= soundMinor;
  return { uws, version: version.split('.', 2).join('.'), sound, limits: sound ? uwsLimits : [...uwsLimits, ...oldUwsLimits] };
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
