/** S3 requests over a bounded pool of raw connections, signed here: what load generators and trials drive a server with. */
import { createHash } from 'node:crypto';
import { type Answer, Connection } from './connection.ts';
import { type Credentials, encodePath, encodeQuery, Signer } from './signer.ts';

export interface S3Target extends Credentials {
  /** `http://host:port` or https. */
  readonly endpoint: string;
}

/** How requests go over the wire. */
export interface WireOptions {
  /**
   * Of bodies put (objects and parts). `signed`: their SHA-256 is in the signature; `streaming`: aws-chunked, each chunk signed, and
   * where a checksum is asked for with a trailer (over TLS the trailer alone then guards the chunks, as SDKs do it).
   */
  readonly payload: 'signed' | 'unsigned' | 'streaming';
  readonly checksum: 'none' | 'crc32' | 'crc32c' | 'crc64nvme' | 'sha1' | 'sha256';
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
  /** Hash the body into the signature; else UNSIGNED-PAYLOAD. */
  readonly signBody?: boolean;
  readonly sink?: (bytes: Buffer) => void | Promise<void>;
}

/** At most `connections` requests at once; further calls wait in order. */
export class S3Client {
  readonly #signer: Signer;
  readonly #signed: boolean;
  readonly #host: string;
  readonly #idle: Connection[];
  readonly #all: readonly Connection[];
  readonly #waiting: ((connection: Connection) => void)[] = [];

  constructor(target: S3Target, connections: number, wire: WireOptions = plainWire) {
    this.#signed = wire.payload === 'signed';
    const url = new URL(target.endpoint);
    this.#signer = new Signer(target);
    this.#host = url.host;
    this.#all = Array.from({ length: connections }, () => new Connection(url.hostname, Number(url.port)));
    this.#idle = [...this.#all];
  }

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

  close(): void {
    for (const connection of this.#all) connection.close();
  }

  #request(call: S3Call): Parameters<Connection['send']>[0] {
    const path = `/${call.bucket}${call.key === undefined ? '' : `/${encodePath(call.key)}`}`;
    const query = call.query === undefined ? '' : encodeQuery(call.query);
    const body = call.stream?.chunks ?? call.body;
    const length = call.stream?.length ?? call.body?.length;
    const payload =
      call.signBody === true || this.#signed
        ? createHash('sha256')
            .update(call.body ?? '')
            .digest('hex')
        : 'UNSIGNED-PAYLOAD';
    const headers = this.#signer.sign({ method: call.method, path, query, headers: call.headers ?? {} }, this.#host, payload);
    if (length !== undefined || call.method === 'PUT' || call.method === 'POST') headers['content-length'] = String(length ?? 0);
    const target = query === '' ? path : `${path}?${query}`;
    return {
      method: call.method,
      target,
      headers,
      ...(body === undefined ? {} : { body }),
      ...(call.sink === undefined ? {} : { sink: call.sink }),
    };
  }
}
