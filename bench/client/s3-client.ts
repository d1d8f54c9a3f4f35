/** S3 requests over a bounded pool of raw connections, signed here: what load generators and trials drive a server with. */
import type { Answer, Sink } from './answer.ts';
import { type ChunkFraming, frameChunks, framedBytes, framingName } from './aws-chunks.ts';
import { type Checksum, checksumHeader, digestsOf } from './body-digests.ts';
import { Connection, type Pieces, type Send } from './connection.ts';
import { type Credentials, encodePath, encodeQuery, Signer } from './signer.ts';

export interface S3Target extends Credentials {
  /** `http://host:port` or https. */
  readonly endpoint: string;
}

/** How requests go over the wire. */
export interface WireOptions {
  /**
   * Of objects and parts put. `signed`: their SHA-256 is in the signature. `streaming`: aws-chunked, each chunk signed; a checksum
   * then follows as a trailer, and over TLS guards the chunks alone, as SDKs do it.
   */
  readonly payload: 'signed' | 'unsigned' | 'streaming';
  readonly checksum: 'none' | Checksum;
  /** false: a connection of its own for each request. */
  readonly keepAlive: boolean;
  /** Of https endpoints: a certificate that can't be verified is accepted. */
  readonly insecure: boolean;
}

export const plainWire: WireOptions = { payload: 'unsigned', checksum: 'none', keepAlive: true, insecure: false };

export interface S3Call {
  readonly method: 'GET' | 'PUT' | 'HEAD' | 'DELETE' | 'POST';
  readonly bucket: string;
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Not to be changed afterwards: its digests are kept as long as it lives. */
  readonly body?: Uint8Array;
  /** A body made as it is sent, in place of `body`: unsigned, `length` bytes. */
  readonly stream?: { readonly length: number; readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array> };
  /** Hash the body into the signature, whatever the wire options say. */
  readonly signBody?: boolean;
  readonly sink?: Sink;
}

/** What a request carries of its body. */
interface Cargo {
  /** x-amz-content-sha256. */
  readonly payload: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Bytes on the wire; undefined where there is no body. */
  readonly length: number | undefined;
  readonly body?: Uint8Array | Pieces | undefined;
  readonly framing?: ChunkFraming;
}

const unsigned = 'UNSIGNED-PAYLOAD';

/** At most `connections` requests at once; further calls wait in order. */
export class S3Client {
  readonly #signer: Signer;
  readonly #wire: WireOptions;
  readonly #tls: boolean;
  readonly #ending: string;
  readonly #idle: Connection[];
  readonly #all: readonly Connection[];
  readonly #waiting: ((connection: Connection) => void)[] = [];

  constructor(target: S3Target, connections: number, wire: WireOptions = plainWire) {
    const url = new URL(target.endpoint);
    this.#tls = url.protocol === 'https:';
    const port = url.port === '' ? (this.#tls ? 443 : 80) : Number(url.port);
    const place = { host: url.hostname.replace(/^\[|\]$/g, ''), port };
    const route = this.#tls ? { ...place, tls: { insecure: wire.insecure } } : place;
    this.#signer = new Signer(target, url.host);
    this.#wire = wire;
    this.#ending = wire.keepAlive ? '\r\n' : 'connection: close\r\n\r\n';
    this.#all = Array.from({ length: connections }, () => new Connection(route));
    this.#idle = [...this.#all];
  }

  /** Throws when no answer comes: no connection, a broken one, or what isn't HTTP. */
  async call(call: S3Call): Promise<Answer> {
    const connection = this.#idle.pop() ?? (await new Promise<Connection>((resolve) => this.#waiting.push(resolve)));
    try {
      return await connection.send(this.#request(call));
    } finally {
      const next = this.#waiting.shift();
      if (next !== undefined) next(connection);
      else this.#idle.push(connection);
    }
  }

  /** As call, but any status other than 2xx throws with the answer's text. */
  async must(call: S3Call): Promise<Answer> {
    const answer = await this.call(call);
    if (answer.status < 200 || answer.status > 299)
      throw new Error(`${call.method} ${call.bucket}/${call.key ?? ''}: ${answer.status} ${answer.body}`);
    return answer;
  }

  /** Takes the digests that sending this body will need, so that it isn't done while something is timed. */
  hashAhead(body: Uint8Array): void {
    this.#loadObject(body, undefined, false);
    if (this.#wire.payload === 'streaming') void digestsOf(body).chunks;
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }

  #request(call: S3Call): Send {
    const { method } = call;
    const path = call.key === undefined ? `/${call.bucket}` : `/${call.bucket}/${encodePath(call.key)}`;
    const query = call.query === undefined ? '' : encodeQuery(call.query);
    const { payload, headers, length, body, framing } = this.#load(call);
    const signed = this.#signer.sign({ method, path, query, headers, payload });
    const measured = length !== undefined || method === 'PUT' || method === 'POST' ? `content-length: ${length ?? 0}\r\n` : '';
    const head = `${method} ${path}${query === '' ? '' : '?'}${query} HTTP/1.1\r\n${signed.lines}${measured}${this.#ending}`;
    const chunks = framing === undefined ? body : frameChunks(call.body as Uint8Array, framing, signed);
    return {
      head,
      bodiless: method === 'HEAD',
      last: !this.#wire.keepAlive,
      ...(chunks === undefined ? undefined : { body: chunks }),
      ...(call.sink === undefined ? undefined : { sink: call.sink }),
    };
  }

  #load(call: S3Call): Cargo {
    const { body, headers, stream } = call;
    if (stream !== undefined) return { payload: unsigned, headers, length: stream.length, body: stream.chunks };
    const { payload, checksum } = this.#wire;
    if (body !== undefined && carriesObject(call)) return this.#loadObject(body, call.headers, call.signBody === true);
    const hashed = call.signBody === true || payload !== 'unsigned';
    const sha256 = hashed ? digestsOf(body ?? nothing).sha256 : unsigned;
    // An upload says at its beginning what its parts will carry.
    const begins = checksum !== 'none' && call.method === 'POST' && call.query?.uploads !== undefined;
    const told = begins ? { 'x-amz-checksum-algorithm': checksum.toUpperCase(), ...headers } : headers;
    return { payload: sha256, headers: told, length: body?.length, body };
  }

  #loadObject(body: Uint8Array, headers: S3Call['headers'], signBody: boolean): Cargo {
    const { payload, checksum } = this.#wire;
    const digests = digestsOf(body);
    if (payload !== 'streaming' || signBody) {
      const summed = checksum === 'none' ? headers : { [checksumHeader(checksum)]: digests.checksum(checksum), ...headers };
      const hashed = payload === 'signed' || signBody;
      return { payload: hashed ? digests.sha256 : unsigned, headers: summed, length: body.length, body };
    }
    const name = checksum === 'none' ? undefined : checksumHeader(checksum);
    const trailer = checksum === 'none' ? undefined : `${name}:${digests.checksum(checksum)}`;
    const framing = { signed: trailer === undefined || !this.#tls, trailer };
    const framed: Record<string, string> = {
      ...headers,
      'content-encoding': headers?.['content-encoding'] === undefined ? 'aws-chunked' : `aws-chunked,${headers['content-encoding']}`,
      'x-amz-decoded-content-length': String(body.length),
    };
    if (name !== undefined) framed['x-amz-trailer'] = name;
    return { payload: framingName(framing), headers: framed, length: framedBytes(body.length, framing), framing };
  }
}

const nothing = new Uint8Array(0);

/** A PUT of an object or a part, not of a sub-resource. */
function carriesObject({ method, key, query }: S3Call): boolean {
  return method === 'PUT' && key !== undefined && (query === undefined || query.partNumber !== undefined);
}
