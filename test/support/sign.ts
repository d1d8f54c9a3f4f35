/**
 * Signature version 4 written a second time, from the paper alone and byte by byte, so that server and tests can't share a
 * mistake: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html and the pages below it.
 */
import { createHash, createHmac } from 'node:crypto';

export interface Signer {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
}

/** A request to be signed. Path and query values are given decoded. */
export interface Draft {
  readonly method: string;
  readonly path: string;
  readonly query?: readonly (readonly [string, string])[];
  /** `host` must be among them. Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Signing {
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Value of x-amz-content-sha256. */
  readonly payload: string;
  /** Headers to leave out of the signature. */
  readonly unsigned?: readonly string[];
}

export interface Signed {
  readonly path: string;
  /** As sent on the request line, without `?`. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signature: string;
  readonly amzTime: string;
  readonly scope: string;
  readonly signingKey: Buffer;
}

const unreserved = new Set(Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~'));

export function percentEncode(text: string, keep = ''): string {
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const character = String.fromCharCode(byte);
    encoded += unreserved.has(byte) || keep.includes(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

export function amzTimeOf(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replaceAll('-', '').replaceAll(':', '')}Z`;
}

function mac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest();
}

function signingKeyOf(signer: Signer, day: string): Buffer {
  let key = mac(`AWS4${signer.secretKey}`, day);
  for (const word of [signer.region, 's3', 'aws4_request']) key = mac(key, word);
  return key;
}

interface Canonical {
  readonly draft: Draft;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly names: readonly string[];
  readonly payload: string;
}

function signatureOf(canonical: Canonical, signer: Signer, amzTime: string): Pick<Signed, 'signature' | 'scope' | 'signingKey'> {
  const { draft, query, headers, names, payload } = canonical;
  const lines = [draft.method, percentEncode(draft.path, '/'), query];
  for (const name of names)
    lines.push(
      `${name}:${(headers[name] ?? '')
        .trim()
        .split(/[ \t]+/)
        .join(' ')}`,
    );
  lines.push('', names.join(';'), payload);
  const day = amzTime.slice(0, 8);
  const scope = [day, signer.region, 's3', 'aws4_request'].join('/');
  const toSign = ['AWS4-HMAC-SHA256', amzTime, scope, sha256Hex(lines.join('\n'))].join('\n');
  const signingKey = signingKeyOf(signer, day);
  return { signature: mac(signingKey, toSign).toString('hex'), scope, signingKey };
}

function encodedPairs(query: readonly (readonly [string, string])[]): string[] {
  return query.map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`);
}

/** Sorted by name, then value: a separator below every other character keeps `a=` before `a-b=`. */
function sortedQuery(pairs: readonly string[]): string {
  return pairs
    .map((pair) => pair.replace('=', '\u0000'))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((pair) => pair.replace('\u0000', '='))
    .join('&');
}

/** Signs in the Authorization header. */
export function signHeader(draft: Draft, signer: Signer, signing: Signing): Signed {
  const amzTime = amzTimeOf(signing.time);
  const headers: Record<string, string> = { ...draft.headers, 'x-amz-date': amzTime, 'x-amz-content-sha256': signing.payload };
  const names = Object.keys(headers)
    .filter((name) => !signing.unsigned?.includes(name))
    .sort();
  const pairs = encodedPairs(draft.query ?? []);
  const made = signatureOf({ draft, query: sortedQuery(pairs), headers, names, payload: signing.payload }, signer, amzTime);
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${signer.accessKey}/${made.scope},SignedHeaders=${names.join(';')},Signature=${made.signature}`;
  return { path: percentEncode(draft.path, '/'), query: pairs.join('&'), headers, amzTime, ...made };
}

/** Signs in the query. `payload` goes into the signature alone. */
export function signUrl(draft: Draft, signer: Signer, signing: Signing & { readonly seconds: number | string }): Signed {
  const amzTime = amzTimeOf(signing.time);
  const names = Object.keys(draft.headers)
    .filter((name) => !signing.unsigned?.includes(name))
    .sort();
  const pairs = encodedPairs([
    ...(draft.query ?? []),
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${signer.accessKey}/${amzTime.slice(0, 8)}/${signer.region}/s3/aws4_request`],
    ['X-Amz-Date', amzTime],
    ['X-Amz-Expires', String(signing.seconds)],
    ['X-Amz-SignedHeaders', names.join(';')],
  ]);
  const made = signatureOf({ draft, query: sortedQuery(pairs), headers: draft.headers, names, payload: signing.payload }, signer, amzTime);
  const query = [...pairs, `X-Amz-Signature=${made.signature}`].join('&');
  return { path: percentEncode(draft.path, '/'), query, headers: draft.headers, amzTime, ...made };
}

/** Signs in the query by version 2, as boto3 does: x-amz-* and content headers but content-length move there. `bucket`: of a virtual host. */
export function signUrlV2(
  draft: Draft,
  signer: Signer,
  expires: number,
  bucket = '',
): Pick<Signed, 'path' | 'query' | 'headers' | 'signature'> {
  const { host = '', ...others } = draft.headers;
  const amz = Object.entries(others).filter(([name]) => name.startsWith('x-amz-'));
  const path = percentEncode(draft.path, '/');
  const query = [...(draft.query ?? [])].sort();
  const shown = query.map(([name, value]) => (value === '' ? name : `${name}=${value}`)).join('&');
  const toSign = [
    draft.method,
    others['content-md5'] ?? '',
    others['content-type'] ?? '',
    String(expires),
    ...amz.map(([name, value]) => `${name}:${value}`).sort(),
    `${bucket === '' ? '' : `/${bucket}`}${path}${shown === '' ? '' : `?${shown}`}`,
  ].join('\n');
  const signature = createHmac('sha1', signer.secretKey).update(toSign).digest('base64');
  const pairs = encodedPairs([
    ...query,
    ...Object.entries(others),
    ['AWSAccessKeyId', signer.accessKey],
    ['Signature', signature],
    ['Expires', String(expires)],
  ]);
  return { path, query: pairs.join('&'), headers: { host }, signature };
}

export interface Framing {
  /** Signs each chunk, going on from a request's signature. */
  readonly signed?: Signed;
  readonly trailers?: readonly (readonly [name: string, value: string])[];
}

/** aws-chunked framing of `chunks`. */
export function frameChunks(chunks: readonly Uint8Array[], { signed, trailers }: Framing = {}): Buffer {
  const wire: (string | Uint8Array)[] = [];
  let previous = signed?.signature ?? '';
  const next = (algorithm: string, ...covered: string[]): string => {
    if (!signed) return '';
    const text = [algorithm, signed.amzTime, signed.scope, previous, ...covered].join('\n');
    previous = mac(signed.signingKey, text).toString('hex');
    return previous;
  };
  for (const chunk of [...chunks, new Uint8Array(0)]) {
    const signature = next('AWS4-HMAC-SHA256-PAYLOAD', sha256Hex(''), sha256Hex(chunk));
    wire.push(chunk.length.toString(16), signed ? `;chunk-signature=${signature}` : '', '\r\n');
    if (chunk.length > 0) wire.push(chunk, '\r\n');
  }
  let covered = '';
  for (const [name, value] of trailers ?? []) {
    wire.push(`${name}:${value}\r\n`);
    covered += `${name}:${value}\n`;
  }
  if (trailers && signed) wire.push(`x-amz-trailer-signature:${next('AWS4-HMAC-SHA256-TRAILER', sha256Hex(covered))}\r\n`);
  wire.push('\r\n');
  return Buffer.concat(wire.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)));
}
