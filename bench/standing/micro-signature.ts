/** Signature version 4 from the headers as they came off the wire, and the signatures of an aws-chunked body. */
import { createHash, createHmac, hash, randomBytes } from 'node:crypto';
import { isRejection, type Rejection } from '../../engine/rejection.ts';
import { type Authenticated, Authenticator } from '../../http/auth/authenticator.ts';
import { ChunkSignatures, type ChunkSigning } from '../../http/auth/chunk-signatures.ts';
import { rootCredentials } from '../../http/auth/credentials.ts';
import { parseQuery } from '../../http/request/query.ts';
import { joinHeaders } from '../../http/request/request-headers.ts';
import { parseTarget } from '../../http/request/request-target.ts';
import { Signer } from '../client/signer.ts';
import { type MicroSet, microSet } from './micro.ts';

const credentials = { accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', region: 'us-east-1' };
const host = '127.0.0.1:9000';
const chunkBytes = 64 * 1024;

/** A request as a transport hands it over. */
interface Wire {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: readonly (readonly [string, string])[];
}

export function openSignatureMicros(): MicroSet {
  const clock = { now: () => Date.now(), after: () => () => undefined };
  const authenticator = new Authenticator(rootCredentials(credentials.accessKey, credentials.secretKey, 'root'), clock, credentials.region);
  const put = wire('PUT', '/photos/2024/07/holiday-000001.jpg', '');
  const list = wire('GET', '/photos', 'delimiter=%2F&list-type=2&max-keys=100&prefix=2024%2F07%2F');
  const { chunkSigning } = verified(authenticate(authenticator, put));
  if (chunkSigning === undefined) throw new Error('a signed header has a chunk signing');
  return microSet([
    { group: 'signature', name: 'PUT with a signed header: parsed and verified', run: () => authenticate(authenticator, put) },
    { group: 'signature', name: 'LIST with four parameters: parsed and verified', run: () => authenticate(authenticator, list) },
    ...chunkMicros(chunkSigning),
  ]);
}

function wire(method: string, path: string, query: string): Wire {
  const sent = { 'content-type': 'application/octet-stream', 'user-agent': 'bench' };
  const { lines } = new Signer(credentials, host).sign({ method, path, query, headers: sent, payload: 'UNSIGNED-PAYLOAD' });
  const headers = `${lines}content-length: 4096`.split('\r\n').map((line) => line.split(': ', 2) as [string, string]);
  return { method, path, query, headers };
}

/** The steps of a request up to its signature, as the server takes them. */
function authenticate(authenticator: Authenticator, { method, path, query: raw, headers: sent }: Wire): Authenticated | Rejection {
  const headers = joinHeaders(sent);
  const target = parseTarget(path, host, []);
  const query = parseQuery(raw);
  if (isRejection(target) || query === undefined) throw new Error('the target does not parse');
  return authenticator.authenticate({ method, path: target.path, resourcePath: target.resourcePath, query, headers });
}

function verified(outcome: Authenticated | Rejection): Authenticated {
  if (isRejection(outcome)) throw new Error(`the signature is refused: ${outcome.rejected}`);
  return outcome;
}

function chunkMicros(signing: ChunkSigning): MicroSet['micros'] {
  const chunk = randomBytes(chunkBytes);
  const sha256 = hash('sha256', chunk, 'hex');
  const { amzTime, scope, seed } = signing;
  const text = `AWS4-HMAC-SHA256-PAYLOAD\n${amzTime}\n${scope}\n${seed}\n${hash('sha256', '', 'hex')}\n${sha256}`;
  const first: Buffer = Buffer.from(`AWS4${credentials.secretKey}`);
  const key = scope.split('/').reduce((before, step) => createHmac('sha256', before).update(step).digest(), first);
  const signature = createHmac('sha256', key).update(text).digest('hex');
  const verify = (digest: string): void => {
    const refused = new ChunkSignatures(signing).verifyChunk(digest, signature);
    if (refused !== undefined) throw new Error(`the chunk's signature is refused: ${refused.rejected}`);
  };
  const whole = (): void => verify(createHash('sha256').update(chunk).digest('hex'));
  return [
    { group: 'signature', name: "a chunk's signature, its hash known", run: () => verify(sha256) },
    { group: 'signature', name: 'a chunk of 64 KiB hashed and its signature verified', bytes: chunkBytes, run: whole },
  ];
}
