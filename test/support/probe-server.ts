/** A server in which everything is real but the operations: they answer with what they were given, or fail as the key says. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import type { ExpectedDigests } from '../../engine/body.ts';
import type { Engine } from '../../engine/engine.ts';
import { Fault } from '../../engine/fault.ts';
import { isRejection, reject } from '../../engine/rejection.ts';
import { rootCredentials } from '../../http/auth/credentials.ts';
import { createHandler } from '../../http/handle.ts';
import { operations } from '../../http/operations.ts';
import type { Operation, OperationName, S3Answer, S3Request } from '../../http/request/s3-request.ts';
import { s3Errors } from '../../http/s3-errors.ts';
import type { Listener } from '../../http/transport/listener.ts';
import { openNodeListener } from '../../http/transport/node-listener.ts';
import { element, escapeXml, readXml, textOf, type XmlElement } from '../../http/xml.ts';
import { type Draft, type Signed, type Signing, sha256Hex, signHeader } from './sign.ts';

export const signer = { accessKey: 'AKID', secretKey: 'secret', region: 'us-east-1' };
export const requestsMax = 8;
/** A body that stands still for so long is given up. */
const stallMilliseconds = 500;
export const logged: { level: string; fields: Record<string, unknown>; message: string }[] = [];
let listener: Listener;
let release: () => void = () => undefined;
let released = new Promise<void>((resolve) => (release = resolve));

/** What the body of an upload came to, told in XML. */
async function told(request: S3Request): Promise<S3Answer> {
  const body = request.uploadBody();
  if (isRejection(body)) throw new Error(`uploadBody refused: ${body.rejected}`);
  const pieces: Buffer[] = [];
  for (let piece = await body.read(); piece !== null; piece = await body.read()) pieces.push(Buffer.from(piece));
  const whole = Buffer.concat(pieces);
  const expected: ExpectedDigests = body.expected();
  const hex = (digest: Uint8Array | undefined) => (digest ? Buffer.from(digest).toString('hex') : undefined);
  const fields = [
    element('Bytes', whole.length),
    element('Sha256', sha256Hex(whole)),
    element('Length', body.length),
    element('Algorithm', body.algorithm),
    element('ExpectedMd5', hex(expected.md5)),
    element('ExpectedSha256', hex(expected.sha256)),
    element('ExpectedChecksum', hex(expected.checksum)),
    element('Meta', request.header('x-amz-meta-a')),
  ];
  return { status: 200, headers: [['ETag', '"e"']], xml: `<Told>${fields.join('')}</Told>` };
}

/** Operations that answer with what they were given, or fail as the key says. */
const probes: Partial<Record<OperationName, Operation['run']>> = {
  ListBuckets: async ({ caller }) => ({
    status: 200,
    headers: [],
    xml: `<Caller>${element('Account', caller.account)}${element('AccessKey', caller.accessKey)}${element('RequestId', caller.requestId)}${element('SourceAddress', caller.sourceAddress)}${element('Time', caller.time)}</Caller>`,
  }),
  PutObject: async (request) => {
    const { key } = request;
    if (key === 'refused') return reject('NoSuchBucket', { BucketName: request.bucket });
    const refusal = key === 'declared' ? request.uploadBody() : undefined;
    return isRejection(refusal) ? refusal : told(request);
  },
  UploadPart: async (request) => {
    const body = request.uploadBody();
    return isRejection(body) ? body : reject('NoSuchUpload');
  },
  CompleteMultipartUpload: (request) => small(request),
  DeleteObjects: (request) => small(request),
  GetObject: async ({ key }) => {
    if (key === 'slow') await released;
    if (key === 'defect') throw new Error('secret detail');
    if (key.startsWith('fault-')) throw new Fault(key.slice(6) as 'unavailable', 'secret detail');
    if (key === 'not-modified') return reject('NotModified', { 'header:ETag': '"e"' });
    if (key === 'missing') return reject('NoSuchKey', { Key: '<&>', 'header:x-amz-delete-marker': 'true' });
    const pieces = [Buffer.from('content')];
    const body = { read: async () => pieces.shift() ?? null, cancel: () => undefined };
    return { status: 200, headers: [['ETag', '"e"']], content: { body, length: 7 } };
  },
  HeadObject: async ({ key }) => {
    if (key === 'missing') return reject('NoSuchKey', { Key: key });
    return { status: 200, headers: [['ETag', '"e"']], contentLength: 12345 };
  },
  HeadBucket: async () => ({ status: 200, headers: [] }),
};

async function small(request: S3Request) {
  const body = await request.smallBody(1000);
  return isRejection(body) ? body : { status: 200, headers: [], xml: `<Body>${escapeXml(body.toString())}</Body>` };
}

const engine = { headBucket: async () => ({ account: 'root' }) } as unknown as Engine;

/** Starts the server that the calls below go to. */
export async function openProbes(): Promise<void> {
  const log = (level: string) => (fields: object, message: string) => {
    logged.push({ level, fields: { ...fields }, message });
  };
  const run = (name: OperationName): Operation => ({ name, run: probes[name] ?? (async () => ({ status: 204, headers: [] })) });
  const handler = createHandler({
    engine,
    operations: Object.fromEntries(
      Object.keys(operations).map((name) => [name, run(name as OperationName)]),
    ) as unknown as typeof operations,
    credentials: rootCredentials(signer.accessKey, signer.secretKey, 'root'),
    clock: { now: Date.now, after: () => () => undefined },
    randomness: { bytes: randomBytes },
    log: { debug: log('debug'), warn: log('warn'), error: log('error') },
    region: 'us-east-1',
    domains: ['s3.test'],
    requestsMax,
  });
  listener = await openNodeListener({ host: '127.0.0.1', port: 0, tls: undefined, stallMilliseconds }, handler);
}

export async function closeProbes(): Promise<void> {
  await listener.close(100);
}

/** Lets go of the requests that wait in /bucket/slow. */
export function releaseSlow(): void {
  release();
  released = Promise.resolve();
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export function send(method: string, signed: Pick<Signed, 'path' | 'query' | 'headers'>, body?: Uint8Array | Uint8Array[]): Promise<Reply> {
  return new Promise((resolve, fail) => {
    const path = signed.query === '' ? signed.path : `${signed.path}?${signed.query}`;
    const headers = Object.fromEntries(
      Object.entries(signed.headers).map(([name, value]) => [name, Buffer.from(value).toString('latin1')]),
    );
    const request = httpRequest({ host: '127.0.0.1', port: listener.port, method, path, headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(pieces).toString() }),
      );
      response.on('error', fail);
    });
    request.on('error', fail);
    for (const piece of Array.isArray(body) ? body : body ? [body] : []) request.write(piece);
    request.end();
  });
}

interface Call {
  readonly query?: Draft['query'];
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
  readonly payload?: string;
  readonly host?: string;
}

export function sign(method: string, path: string, { query, headers, body, payload, host }: Call = {}): Signed {
  const bytes = body === undefined ? undefined : Buffer.from(body as string);
  const length: Record<string, string> = bytes && !headers?.['transfer-encoding'] ? { 'content-length': String(bytes.length) } : {};
  const draft = { method, path, headers: { host: host ?? `127.0.0.1:${listener.port}`, ...length, ...headers }, ...(query && { query }) };
  const signing: Signing = { time: Date.now(), payload: payload ?? sha256Hex(bytes ?? '') };
  return signHeader(draft, signer, signing);
}

export function call(method: string, path: string, options: Call = {}): Promise<Reply> {
  return send(method, sign(method, path, options), options.body === undefined ? undefined : Buffer.from(options.body as string));
}

export function xml(reply: Reply, root: string): XmlElement {
  assert.equal(reply.headers['content-type'], 'application/xml');
  assert.ok(reply.text.startsWith('<?xml version="1.0" encoding="UTF-8"?>\n'), reply.text);
  const tree = readXml(Buffer.from(reply.text), root);
  assert.ok(!isRejection(tree), reply.text);
  return tree;
}

export function refused(reply: Reply, code: keyof typeof s3Errors): XmlElement {
  const tree = xml(reply, 'Error');
  assert.equal(textOf(tree, 'Code'), code, reply.text);
  assert.equal(reply.status, s3Errors[code].status);
  assert.equal(textOf(tree, 'RequestId'), reply.headers['x-amz-request-id']);
  assert.equal(textOf(tree, 'HostId'), reply.headers['x-amz-id-2']);
  assert.ok(textOf(tree, 'Message'));
  return tree;
}

export function headerLines(headers: Readonly<Record<string, string>>): string {
  return Object.entries({ ...headers, connection: 'close' })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

/** Writes each text once the one before it was answered; resolves to what came in return of each, the last up to the end of its document. */
export function rawExchange(...texts: string[]): Promise<[string, ...string[]]> {
  return new Promise((resolve, fail) => {
    const replies: string[] = [''];
    const socket = connect(listener.port, '127.0.0.1', () => socket.write(texts[0] ?? ''));
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (piece) => {
      replies.push((replies.pop() ?? '') + piece.toString('latin1'));
      if (/<\/(Error|Told)>$/.test(replies.at(-1) ?? '')) socket.destroy();
      else if (replies.length < texts.length) {
        socket.write(texts[replies.length] ?? '');
        replies.push('');
      }
    });
    socket.on('error', fail);
    socket.on('close', () => resolve(replies as [string, ...string[]]));
  });
}
