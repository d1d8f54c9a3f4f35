import { assert } from '../../engine/assert.ts';
import type { UploadBody } from '../../engine/body.ts';
import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { Caller } from '../../engine/vocabulary.ts';
import type { Authenticated } from '../auth/authenticator.ts';
import type { Exchange } from '../transport/listener.ts';
import { checksumFormOfHeader } from './checksum-headers.ts';
import type { Query } from './query.ts';
import { type BodySource, openBody } from './request-body.ts';
import type { RequestTarget } from './request-target.ts';
import type { OperationName, S3Request } from './s3-request.ts';
import { readSmallBody } from './small-body.ts';

export interface RequestParts {
  readonly exchange: Exchange;
  readonly target: RequestTarget;
  readonly query: Query;
  readonly headers: ReadonlyMap<string, string>;
  readonly operation: OperationName;
  readonly authenticated: Authenticated;
  readonly caller: Caller;
  readonly region: string;
  readonly domains: readonly string[];
}

/** A request that was routed and whose signature holds, as its operation sees it. */
export class AuthenticatedRequest implements S3Request {
  readonly #parts: RequestParts;
  #bodyTaken = false;

  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  get exchange(): Exchange {
    return this.#parts.exchange;
  }
  get caller(): Caller {
    return this.#parts.caller;
  }
  get bucket(): string {
    return this.#parts.target.bucket;
  }
  get key(): string {
    return this.#parts.target.key;
  }
  get query(): Query {
    return this.#parts.query;
  }
  get headers(): ReadonlyMap<string, string> {
    return this.#parts.headers;
  }
  get region(): string {
    return this.#parts.region;
  }
  get domains(): readonly string[] {
    return this.#parts.domains;
  }
  get framed(): boolean {
    return this.#parts.authenticated.payload.kind === 'chunked';
  }

  header(name: string): string | undefined {
    return this.#parts.headers.get(name);
  }

  uploadBody(): UploadBody | Rejection {
    if (!this.#hasFraming()) return reject('MissingContentLength');
    return this.#open(this.headers);
  }

  async smallBody(maxBytes: number): Promise<Buffer | Rejection> {
    // The checksum headers of CompleteMultipartUpload speak of the object that comes of it, not of the XML.
    const body = this.#open(this.#parts.operation === 'CompleteMultipartUpload' ? withoutChecksums(this.headers) : this.headers);
    return isRejection(body) ? body : readSmallBody(body, maxBytes);
  }

  /** Without any of these HTTP has no body, not even an empty one. */
  #hasFraming(): boolean {
    const { headers } = this.#parts;
    return headers.has('content-length') || headers.has('transfer-encoding') || headers.has('x-amz-decoded-content-length');
  }

  #open(headers: ReadonlyMap<string, string>): UploadBody | Rejection {
    assert(!this.#bodyTaken, 'a request has one body');
    this.#bodyTaken = true;
    return openBody(this.bodySource(headers));
  }

  bodySource(headers: ReadonlyMap<string, string> = this.headers): BodySource {
    const { payload, chunkSigning } = this.#parts.authenticated;
    return { exchange: this.exchange, headers, payload, chunkSigning };
  }
}

function withoutChecksums(headers: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...headers].filter(([name]) => checksumFormOfHeader(name) === undefined));
}
