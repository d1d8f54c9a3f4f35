/**
 * AWS Signature Version 4 for the load generator, as cheap as it gets: one hash and one HMAC a request; what only changes with
 * the second or the day is kept.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
import { createHmac, hash } from 'node:crypto';

export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string;
}

export interface RequestLine {
  readonly method: string;
  /** Percent-encoded path. */
  readonly path: string;
  /** Encoded and sorted, without `?`. */
  readonly query: string;
  /** Lower-case names; `host` is added. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** Hash of the body, or mode, for x-amz-content-sha256. */
  readonly payload: string;
}

/** A signature, and what those of chunks go on from. */
export interface Signed {
  /** The header lines to send, each with its CRLF: those that were given, those that were signed, `authorization`. */
  readonly lines: string;
  readonly signature: string;
  readonly stamp: string;
  readonly scope: string;
  readonly signingKey: Buffer;
}

/** What all signatures of one second share. */
interface Moment {
  readonly second: number;
  readonly stamp: string;
  readonly scope: string;
  readonly signingKey: Buffer;
}

const needsNoEncoding = /^[\w\-.~/]*$/;

/** Encodes a key as a URI path the way S3 canonicalises it: all but unreserved characters and `/`. */
export function encodePath(path: string): string {
  if (needsNoEncoding.test(path)) return path;
  return encodeURIComponent(path)
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Sorted and encoded query string of the given parameters. */
export function encodeQuery(parameters: Readonly<Record<string, string>>): string {
  const encode = (text: string): string => encodePath(text).replaceAll('/', '%2F');
  return Object.entries(parameters)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
}

function holdsAny(headers: Readonly<Record<string, string>>): boolean {
  for (const _ in headers) return true;
  return false;
}

/** Signs for one host. */
export class Signer {
  readonly #credentials: Credentials;
  readonly #host: string;
  #moment: Moment = { second: 0, stamp: '', scope: '', signingKey: Buffer.alloc(0) };

  constructor(credentials: Credentials, host: string) {
    this.#credentials = credentials;
    this.#host = host;
  }

  sign(request: RequestLine): Signed {
    const { stamp, scope, signingKey } = this.#now();
    const { accessKey, sessionToken } = this.#credentials;
    const { payload } = request;
    const extra = sessionToken === undefined ? request.headers : { ...request.headers, 'x-amz-security-token': sessionToken };
    let names = 'host;x-amz-content-sha256;x-amz-date';
    let canonical = `host:${this.#host}\nx-amz-content-sha256:${payload}\nx-amz-date:${stamp}\n`;
    let lines = `host: ${this.#host}\r\nx-amz-content-sha256: ${payload}\r\nx-amz-date: ${stamp}\r\n`;
    if (extra !== undefined && holdsAny(extra)) {
      const headers: Record<string, string> = { ...extra, host: this.#host, 'x-amz-content-sha256': payload, 'x-amz-date': stamp };
      const sorted = Object.keys(headers).sort();
      names = sorted.join(';');
      canonical = '';
      lines = '';
      for (const name of sorted) {
        canonical += `${name}:${headers[name]}\n`;
        lines += `${name}: ${headers[name]}\r\n`;
      }
    }
    const asked = `${request.method}\n${request.path}\n${request.query}\n${canonical}\n${names}\n${payload}`;
    const text = `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${hash('sha256', asked, 'hex')}`;
    const signature = createHmac('sha256', signingKey).update(text).digest('hex');
    lines += `authorization: AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, SignedHeaders=${names}, Signature=${signature}\r\n`;
    return { lines, signature, stamp, scope, signingKey };
  }

  #now(): Moment {
    const now = Date.now();
    const second = Math.floor(now / 1000);
    if (second === this.#moment.second) return this.#moment;
    const stamp = `${new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
    const scope = `${stamp.slice(0, 8)}/${this.#credentials.region}/s3/aws4_request`;
    const signingKey = scope === this.#moment.scope ? this.#moment.signingKey : this.#keyOf(scope);
    return (this.#moment = { second, stamp, scope, signingKey });
  }

  #keyOf(scope: string): Buffer {
    const first: Buffer = Buffer.from(`AWS4${this.#credentials.secretKey}`);
    return scope.split('/').reduce((key, step) => createHmac('sha256', key).update(step).digest(), first);
  }
}
