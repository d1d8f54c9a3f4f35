/**
 * AWS Signature Version 4 for the load generator, as cheap as it gets: one cached signing key, one hash and one HMAC a request.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
import { createHash, createHmac } from 'node:crypto';

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
  readonly headers: Readonly<Record<string, string>>;
}

/** Encodes a key as a URI path the way S3 canonicalises it: all but unreserved characters and `/`. */
export function encodePath(path: string): string {
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

export class Signer {
  readonly #credentials: Credentials;
  #day = '';
  #key: Buffer = Buffer.alloc(0);

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  /** Header lines to send, `Authorization` included. `payload` is the hash or mode for x-amz-content-sha256. */
  sign(request: RequestLine, host: string, payload: string): Record<string, string> {
    const stamp = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
    const day = stamp.slice(0, 8);
    const headers: Record<string, string> = { ...request.headers, host, 'x-amz-content-sha256': payload, 'x-amz-date': stamp };
    const names = Object.keys(headers).sort();
    const lines = names.map((name) => `${name}:${headers[name] ?? ''}\n`).join('');
    const signed = names.join(';');
    const canonical = `${request.method}\n${request.path}\n${request.query}\n${lines}\n${signed}\n${payload}`;
    const scope = `${day}/${this.#credentials.region}/s3/aws4_request`;
    const text = `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`;
    const signature = createHmac('sha256', this.#keyOf(day)).update(text).digest('hex');
    headers.authorization = `AWS4-HMAC-SHA256 Credential=${this.#credentials.accessKey}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
    return headers;
  }

  #keyOf(day: string): Buffer {
    if (day !== this.#day) {
      const steps = [day, this.#credentials.region, 's3', 'aws4_request'];
      const first: Buffer = Buffer.from(`AWS4${this.#credentials.secretKey}`);
      this.#key = steps.reduce((key, step) => createHmac('sha256', key).update(step).digest(), first);
      this.#day = day;
    }
    return this.#key;
  }
}
