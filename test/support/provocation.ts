/** Requests made wrong on purpose, over a raw connection: each knob a client could turn is a field here. */
import { type Answer, Connection } from '../../bench/client/connection.ts';
import type { RunningServer } from './server.ts';
import { type Signed, sha256Hex, signHeader } from './sign.ts';

export interface Provocation {
  readonly method: string;
  /** Decoded path, `/bucket/key`. */
  readonly path: string;
  readonly query?: readonly (readonly [string, string])[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** x-amz-content-sha256; the body's hash unless told. */
  readonly payload?: string;
  /** Milliseconds added to the time it is signed with. */
  readonly skewMilliseconds?: number;
  readonly accessKey?: string;
  readonly secretKey?: string;
  readonly region?: string;
  /** Headers left out of the signature. */
  readonly unsigned?: readonly string[];
  /** Changes what goes on the wire after signing. */
  readonly tamper?: (headers: Record<string, string>, signed: Signed) => void;
}

/** Sends it on a connection of its own and resolves to the answer. */
export async function provoke(server: RunningServer, wrong: Provocation): Promise<Answer> {
  const { hostname, port, host } = new URL(server.endpoint);
  const body = typeof wrong.body === 'string' ? Buffer.from(wrong.body) : wrong.body;
  const signer = {
    accessKey: wrong.accessKey ?? server.accessKey,
    secretKey: wrong.secretKey ?? server.secretKey,
    region: wrong.region ?? 'us-east-1',
  };
  const draft = { method: wrong.method, path: wrong.path, query: wrong.query ?? [], headers: { host, ...wrong.headers } };
  const payload = wrong.payload ?? sha256Hex(body ?? '');
  const signed = signHeader(draft, signer, { time: Date.now() + (wrong.skewMilliseconds ?? 0), payload, unsigned: wrong.unsigned ?? [] });
  const headers: Record<string, string> = { ...signed.headers };
  if (body !== undefined || wrong.method === 'PUT' || wrong.method === 'POST') headers['content-length'] = String(body?.length ?? 0);
  wrong.tamper?.(headers, signed);
  return sendRaw(hostname, Number(port), {
    method: wrong.method,
    target: signed.query === '' ? signed.path : `${signed.path}?${signed.query}`,
    headers,
    ...(body === undefined ? {} : { body }),
  });
}

export interface RawRequest {
  readonly method: string;
  /** Path and query as they go on the wire. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** One request as it is, on a connection of its own. */
export async function sendRaw(host: string, port: number, { method, target, headers, body }: RawRequest): Promise<Answer> {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
  const connection = new Connection({ host, port });
  try {
    return await connection.send({ head, bodiless: method === 'HEAD', ...(body === undefined ? {} : { body }) });
  } finally {
    connection.close();
  }
}
