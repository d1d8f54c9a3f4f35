import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { crc32 } from '@node-rs/crc32';
import type { ExpectedDigests } from '../../engine/body.ts';
import type { Engine } from '../../engine/engine.ts';
import { Fault } from '../../engine/fault.ts';
import { isRejection, reject, rejectionCodes } from '../../engine/rejection.ts';
import { rootCredentials } from '../../http/auth/credentials.ts';
import { crc64Nvme } from '../../http/crc64-nvme.ts';
import { createHandler } from '../../http/handle.ts';
import type { Listener } from '../../http/listener.ts';
import { openNodeListener } from '../../http/node-listener.ts';
import { operations } from '../../http/operations.ts';
import { uploadBytesMax } from '../../http/request-body.ts';
import { s3Errors } from '../../http/s3-errors.ts';
import type { Operation, OperationName, S3Answer, S3Request } from '../../http/s3-request.ts';
import { element, escapeXml, readXml, textOf, type XmlElement } from '../../http/xml.ts';
import { type Draft, frameChunks, type Signed, type Signing, sha256Hex, signHeader, signUrl } from '../support/sign.ts';

const signer = { accessKey: 'AKID', secretKey: 'secret', region: 'us-east-1' };
const requestsMax = 8;
const logged: { level: string; fields: Record<string, unknown>; message: string }[] = [];
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
    let sent = false;
    const body = {
      read: async () => (sent ? null : ((sent = true), Buffer.from('content'))),
      cancel: () => undefined,
    };
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

before(async () => {
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
  listener = await openNodeListener({ host: '127.0.0.1', port: 0, tls: undefined }, handler);
});

after(() => listener.close(100));

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function send(method: string, signed: Pick<Signed, 'path' | 'query' | 'headers'>, body?: Uint8Array | Uint8Array[]): Promise<Reply> {
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

function sign(method: string, path: string, { query, headers, body, payload, host }: Call = {}): Signed {
  const bytes = body === undefined ? undefined : Buffer.from(body as string);
  const length: Record<string, string> = bytes && !headers?.['transfer-encoding'] ? { 'content-length': String(bytes.length) } : {};
  const draft = { method, path, headers: { host: host ?? `127.0.0.1:${listener.port}`, ...length, ...headers }, ...(query && { query }) };
  const signing: Signing = { time: Date.now(), payload: payload ?? sha256Hex(bytes ?? '') };
  return signHeader(draft, signer, signing);
}

function call(method: string, path: string, options: Call = {}): Promise<Reply> {
  return send(method, sign(method, path, options), options.body === undefined ? undefined : Buffer.from(options.body as string));
}

function xml(reply: Reply, root: string): XmlElement {
  assert.equal(reply.headers['content-type'], 'application/xml');
  assert.ok(reply.text.startsWith('<?xml version="1.0" encoding="UTF-8"?>\n'), reply.text);
  const tree = readXml(Buffer.from(reply.text), root);
  assert.ok(!isRejection(tree), reply.text);
  return tree;
}

function refused(reply: Reply, code: keyof typeof s3Errors): XmlElement {
  const tree = xml(reply, 'Error');
  assert.equal(textOf(tree, 'Code'), code, reply.text);
  assert.equal(reply.status, s3Errors[code].status);
  assert.equal(textOf(tree, 'RequestId'), reply.headers['x-amz-request-id']);
  assert.equal(textOf(tree, 'HostId'), reply.headers['x-amz-id-2']);
  assert.ok(textOf(tree, 'Message'));
  return tree;
}

test('an operation sees who asks; answers carry ids', async () => {
  const first = await call('GET', '/');
  const tree = xml(first, 'Caller');
  assert.equal(first.status, 200);
  assert.equal(textOf(tree, 'Account'), 'root');
  assert.equal(textOf(tree, 'AccessKey'), signer.accessKey);
  assert.equal(textOf(tree, 'SourceAddress'), '127.0.0.1');
  assert.match(first.headers['x-amz-request-id'] as string, /^[0-9A-F]{16}$/);
  assert.equal(textOf(tree, 'RequestId'), first.headers['x-amz-request-id']);
  assert.ok(first.headers['x-amz-id-2']);
  assert.notEqual((await call('GET', '/')).headers['x-amz-request-id'], first.headers['x-amz-request-id']);
});

test('errors in XML with their own fields and headers; HEAD and 304 without a body', async () => {
  const missing = await call('GET', '/bucket/missing', { query: [['prefix', 'x&y']] });
  const tree = refused(missing, 'NoSuchKey');
  assert.deepEqual(
    tree.children.map(({ name }) => name),
    ['Code', 'Message', 'Resource', 'Key', 'RequestId', 'HostId'],
  );
  assert.equal(textOf(tree, 'Key'), '<&>');
  assert.equal(textOf(tree, 'Resource'), '/bucket/missing');
  assert.equal(missing.headers['x-amz-delete-marker'], 'true');
  const head = await call('HEAD', '/bucket/missing');
  assert.equal(head.status, 404);
  assert.equal(head.text, '');
  assert.ok(head.headers['x-amz-request-id']);
  const unchanged = await call('GET', '/bucket/not-modified');
  assert.equal(unchanged.status, 304);
  assert.equal(unchanged.text, '');
  assert.equal(unchanged.headers.etag, '"e"');
  const found = await call('HEAD', '/bucket/key');
  assert.equal(found.headers['content-length'], '12345');
  assert.equal((await call('GET', '/bucket/key')).text, 'content');
});

test('what is thrown: SlowDown with Retry-After, InternalError in the log with its stack, nothing of it in the answer', async () => {
  for (const kind of ['unavailable', 'overloaded']) {
    const reply = await call('GET', `/bucket/fault-${kind}`);
    refused(reply, 'SlowDown');
    assert.equal(reply.headers['retry-after'], '1');
  }
  for (const key of ['defect', 'fault-internal']) {
    logged.length = 0;
    const reply = await call('GET', `/bucket/${key}`);
    refused(reply, 'InternalError');
    assert.ok(!reply.text.includes('secret detail'));
    const line = logged.find(({ level }) => level === 'error');
    assert.equal(line?.fields['requestId'], reply.headers['x-amz-request-id']);
    assert.match((line?.fields['err'] as Error).stack ?? '', /secret detail/);
  }
});

test('one line a request in the log, without its query', async () => {
  logged.length = 0;
  const url = signUrl({ method: 'GET', path: '/bucket/key', headers: { host: 'h' } }, signer, {
    time: Date.now(),
    payload: 'UNSIGNED-PAYLOAD',
    seconds: 9,
  });
  assert.equal((await send('GET', url)).status, 200);
  // The line is written once the answer is through.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const [line] = logged.filter(({ message }) => message === 'request');
  const { requestId, milliseconds, ...fields } = line?.fields ?? {};
  assert.deepEqual(fields, {
    method: 'GET',
    path: '/bucket/key',
    sourceAddress: '127.0.0.1',
    operation: 'GetObject',
    accessKey: 'AKID',
    status: 200,
    code: undefined,
  });
  assert.ok(requestId && typeof milliseconds === 'number');
  assert.ok(!JSON.stringify(logged).includes(url.signature));
});

test('refusals before an operation: target, route, signature, headers', async () => {
  refused(await send('GET', { path: '/bucket/%ff', query: '', headers: {} }), 'InvalidObjectName');
  refused(await send('GET', { path: '/bucket', query: 'prefix=%', headers: {} }), 'InvalidURI');
  refused(await send('GET', { path: '/b', query: '', headers: {} }), 'InvalidBucketName');
  refused(await send('GET', { path: '/bucket', query: '', headers: {} }), 'AccessDenied');
  refused(await send('OPTIONS', { path: '/bucket', query: '', headers: {} }), 'AccessForbidden');
  assert.equal((await send('HEAD', { path: '/bucket', query: '', headers: {} })).status, 403);
  assert.equal(textOf(refused(await call('GET', '/bucket', { query: [['acl', '']] }), 'NotImplemented'), 'Header'), 'acl');
  const posted = await call('POST', '/bucket/key');
  refused(posted, 'MethodNotAllowed');
  assert.equal(posted.headers.allow, 'PUT, GET, HEAD, DELETE');
  const encrypted = { headers: { 'x-amz-server-side-encryption': 'AES256' } };
  assert.equal(
    textOf(refused(await call('PUT', '/bucket/key', { body: 'x', ...encrypted }), 'NotImplemented'), 'Header'),
    'x-amz-server-side-encryption',
  );
  refused(await call('PUT', '/bucket/key', { headers: { 'x-amz-meta-a': 'x'.repeat(2048) }, body: 'x' }), 'MetadataTooLarge');
  refused(await call('GET', '/bucket/key', { headers: { cookie: 'x'.repeat(8200) } }), 'RequestHeaderSectionTooLarge');
});

test('virtual-host style and presigned headers reach the operation', async () => {
  assert.equal((await call('HEAD', '/', { host: 'bucket.s3.test' })).status, 200);
  refused(await call('GET', '/missing', { host: 'bucket.s3.test:80' }), 'NoSuchKey');
  const draft: Draft = { method: 'PUT', path: '/bucket/key', query: [['x-amz-meta-a', 'moved']], headers: { host: 'h' } };
  const url = signUrl(draft, signer, { time: Date.now(), payload: 'UNSIGNED-PAYLOAD', seconds: 9 });
  assert.equal(textOf(xml(await send('PUT', url, Buffer.from('x')), 'Told'), 'Meta'), 'moved');
});

test('x-amz-expected-bucket-owner', async () => {
  const owner = (account: string) => ({ headers: { 'x-amz-expected-bucket-owner': account } });
  assert.equal((await call('GET', '/bucket/key', owner('root'))).status, 200);
  refused(await call('GET', '/bucket/key', owner('123456789012')), 'AccessDenied');
});

test('uploads: lengths and digests as declared', async () => {
  const body = Buffer.from('hello world');
  const md5 = hash('md5', body, 'base64');
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(body));
  const headers = {
    'content-md5': md5,
    'x-amz-checksum-crc32': crc.toString('base64'),
    'x-amz-sdk-checksum-algorithm': 'CRC32',
    'x-amz-meta-a': 'naïve ☃',
  };
  const tree = xml(await call('PUT', '/bucket/key', { body, headers }), 'Told');
  assert.equal(textOf(tree, 'Bytes'), '11');
  assert.equal(textOf(tree, 'Length'), '11');
  assert.equal(textOf(tree, 'Algorithm'), 'CRC32');
  assert.equal(textOf(tree, 'ExpectedMd5'), hash('md5', body, 'hex'));
  assert.equal(textOf(tree, 'ExpectedSha256'), sha256Hex(body));
  assert.equal(textOf(tree, 'ExpectedChecksum'), crc.toString('hex'));
  assert.equal(textOf(tree, 'Meta'), 'naïve ☃');
  const unsigned = xml(await call('PUT', '/bucket/key', { body, payload: 'UNSIGNED-PAYLOAD' }), 'Told');
  assert.equal(textOf(unsigned, 'ExpectedSha256'), undefined);
});

test('uploads: aws-chunked in every mode, with Content-Length and with Transfer-Encoding: chunked', async () => {
  const body = randomBytes(200_000);
  const chunks = [body.subarray(0, 65_536), body.subarray(65_536, 131_072), body.subarray(131_072)];
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(body));
  for (const payload of [
    'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  ]) {
    for (const chunked of [false, true]) {
      for (const declares of [true, false]) {
        const withTrailer = payload.endsWith('TRAILER');
        const trailers = withTrailer ? ([['x-amz-checksum-crc32', crc.toString('base64')]] as const) : undefined;
        const measure = frameChunks(chunks, {
          ...(!payload.includes('UNSIGNED') && { signed: sign('PUT', '/') }),
          ...(trailers && { trailers }),
        });
        const headers: Record<string, string> = {
          'content-encoding': 'aws-chunked',
          ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(measure.length) }),
          ...(declares && { 'x-amz-decoded-content-length': String(body.length) }),
          ...(withTrailer && { 'x-amz-trailer': 'x-amz-checksum-crc32' }),
        };
        const signed = sign('PUT', '/bucket/key', { headers, payload });
        const wire = frameChunks(chunks, { ...(!payload.includes('UNSIGNED') && { signed }), ...(trailers && { trailers }) });
        const tree = xml(await send('PUT', signed, [wire.subarray(0, 100_001), wire.subarray(100_001)]), 'Told');
        assert.equal(textOf(tree, 'Sha256'), sha256Hex(body), payload);
        assert.equal(textOf(tree, 'Length'), declares ? String(body.length) : undefined);
        assert.equal(textOf(tree, 'ExpectedChecksum'), withTrailer ? crc.toString('hex') : undefined);
      }
    }
  }
});

test('uploads: refused in the middle of the body, with an answer that reaches the client', async () => {
  const headers = { 'x-amz-decoded-content-length': '10' };
  const payload = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
  const attempt = async (spoil: (wire: string) => string, code: keyof typeof s3Errors) => {
    const signed = sign('PUT', '/bucket/key', { headers: { ...headers, 'transfer-encoding': 'chunked' }, payload });
    const wire = frameChunks([Buffer.from('01234'), Buffer.from('56789')], { signed }).toString('latin1');
    refused(await send('PUT', signed, Buffer.from(spoil(wire), 'latin1')), code);
  };
  await attempt((wire) => wire.replace('56789', '56788'), 'SignatureDoesNotMatch');
  await attempt((wire) => wire.slice(0, -100), 'IncompleteBody');
  await attempt((wire) => wire.replace('5;', 'z;'), 'InvalidRequest');
  const trailer = { 'x-amz-trailer': 'x-amz-checksum-crc32', 'transfer-encoding': 'chunked' };
  const signed = sign('PUT', '/bucket/key', { headers: trailer, payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' });
  refused(await send('PUT', signed, frameChunks([Buffer.from('x')], { trailers: [['x-amz-checksum-crc32', 'no']] })), 'InvalidRequest');
});

test('uploads: declarations that are wrong are refused from the headers', async () => {
  const attempt = async (headers: Record<string, string>, code: keyof typeof s3Errors, payload?: string) => {
    refused(await call('PUT', '/bucket/declared', { body: 'x', headers, ...(payload && { payload }) }), code);
  };
  await attempt({ 'content-md5': 'short' }, 'InvalidDigest');
  await attempt({ 'content-md5': hash('sha256', 'x', 'base64') }, 'InvalidDigest');
  await attempt({ 'x-amz-checksum-crc32': 'AAAA' }, 'InvalidRequest');
  await attempt({ 'x-amz-checksum-sha1': 'not base64 at all' }, 'InvalidRequest');
  await attempt({ 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-crc32c': 'AAAAAA==' }, 'InvalidRequest');
  await attempt({ 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-sdk-checksum-algorithm': 'SHA1' }, 'InvalidRequest');
  await attempt({ 'x-amz-sdk-checksum-algorithm': 'CRC32' }, 'InvalidRequest');
  await attempt({ 'x-amz-sdk-checksum-algorithm': 'MD6', 'x-amz-checksum-crc32': 'AAAAAA==' }, 'InvalidRequest');
  await attempt({ 'x-amz-trailer': 'x-amz-checksum-crc32' }, 'InvalidRequest');
  await attempt({ 'x-amz-trailer': 'x-amz-meta-a' }, 'InvalidRequest', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER');
  await attempt({ 'x-amz-decoded-content-length': 'many' }, 'InvalidArgument', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER');
});

test('uploads over 5 GiB are refused before a byte is read, by either length', async () => {
  const over = String(uploadBytesMax + 1);
  const declared = sign('PUT', '/bucket/key', {
    headers: { 'x-amz-decoded-content-length': over },
    payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  });
  assert.equal(textOf(refused(await send('PUT', declared, Buffer.from('0\r\n\r\n')), 'EntityTooLarge'), 'ProposedSize'), over);
  const plain = sign('PUT', '/bucket/key', { headers: { 'content-length': over }, payload: 'UNSIGNED-PAYLOAD' });
  const [head] = await rawExchange(`PUT /bucket/key HTTP/1.1\r\n${headerLines(plain.headers)}\r\n`);
  assert.match(head, /^HTTP\/1\.1 400 /);
  assert.match(head, /<Code>EntityTooLarge<\/Code>/);
});

test('uploads: without any length MissingContentLength, but a body of no bytes is one', async () => {
  const signed = sign('PUT', '/bucket/declared', { payload: 'UNSIGNED-PAYLOAD' });
  const [reply] = await rawExchange(`PUT /bucket/declared HTTP/1.1\r\n${headerLines(signed.headers)}\r\n`);
  assert.match(reply, /^HTTP\/1\.1 411 /);
  assert.match(reply, /<Code>MissingContentLength<\/Code>/);
  assert.equal(textOf(xml(await call('PUT', '/bucket/key', { body: '' }), 'Told'), 'Bytes'), '0');
});

function headerLines(headers: Readonly<Record<string, string>>): string {
  return Object.entries({ ...headers, connection: 'close' })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

/** Writes each text once the one before it was answered; resolves to what came in return of each, the last up to the end of its document. */
function rawExchange(...texts: string[]): Promise<[string, ...string[]]> {
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

test('Expect: 100-continue is answered once the body is wanted, and not when the request is refused', async () => {
  const expecting = (key: string) => {
    const signed = sign('PUT', `/bucket/${key}`, {
      headers: { 'content-length': '5', expect: '100-continue' },
      payload: 'UNSIGNED-PAYLOAD',
    });
    return `PUT /bucket/${key} HTTP/1.1\r\n${headerLines(signed.headers)}\r\n`;
  };
  const [proceed, answer] = await rawExchange(expecting('key'), 'hello');
  assert.equal(proceed, 'HTTP/1.1 100 Continue\r\n\r\n');
  assert.match(answer ?? '', /^HTTP\/1\.1 200 [^]*<Bytes>5<\/Bytes>/);
  const [refusal] = await rawExchange(expecting('refused'));
  assert.match(refusal, /^HTTP\/1\.1 404 /);
  const [denied] = await rawExchange(expecting('key').replace(/signature=......../i, 'Signature=00000000'));
  assert.match(denied, /^HTTP\/1\.1 403 /);
});

test('small bodies: whole, bounded, every digest verified', async () => {
  const body = '<Delete/>';
  const base64 = (digest: Buffer) => digest.toString('base64');
  const right: Record<string, string>[] = [
    {},
    { 'content-md5': hash('md5', body, 'base64') },
    { 'x-amz-checksum-crc64nvme': base64(crc64Nvme(Buffer.from(body))) },
    { 'x-amz-checksum-sha1': hash('sha1', body, 'base64') },
    { 'x-amz-checksum-sha256': hash('sha256', body, 'base64') },
  ];
  const query = [['delete', '']] as const;
  for (const headers of right) {
    assert.equal(xml(await call('POST', '/bucket', { query, body, headers }), 'Body').text, body);
    for (const [name, value] of Object.entries(headers)) {
      const wrong = Buffer.from(value, 'base64');
      wrong[0] = (wrong[0] ?? 0) ^ 1;
      const tree = refused(await call('POST', '/bucket', { query, body, headers: { [name]: base64(wrong) } }), 'BadDigest');
      assert.equal(textOf(tree, 'ExpectedDigest'), base64(wrong));
      assert.equal(textOf(tree, 'CalculatedDigest'), value);
    }
  }
  for (const name of ['x-amz-checksum-crc32', 'x-amz-checksum-crc32c']) {
    refused(await call('POST', '/bucket', { query, body, headers: { [name]: 'AAAAAA==' } }), 'BadDigest');
  }
  const tree = refused(await call('POST', '/bucket', { query, body, payload: sha256Hex('other') }), 'XAmzContentSHA256Mismatch');
  assert.equal(textOf(tree, 'ClientComputedContentSHA256'), sha256Hex('other'));
  assert.equal(textOf(tree, 'S3ComputedContentSHA256'), sha256Hex(body));
  assert.equal(xml(await call('POST', '/bucket', { query, body: 'x'.repeat(1000) }), 'Body').text.length, 1000);
  refused(await call('POST', '/bucket', { query, body: 'x'.repeat(1001) }), 'MalformedXML');
  const endless = sign('POST', '/bucket', { query, headers: { 'transfer-encoding': 'chunked' }, payload: 'UNSIGNED-PAYLOAD' });
  refused(await send('POST', endless, [Buffer.alloc(600), Buffer.alloc(600)]), 'MalformedXML');
  const framed = sign('POST', '/bucket', {
    query,
    headers: { 'transfer-encoding': 'chunked' },
    payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  });
  assert.equal(xml(await send('POST', framed, frameChunks([Buffer.from(body)], { signed: framed })), 'Body').text, body);
  assert.equal(xml(await call('POST', '/bucket', { query }), 'Body').text, '');
});

test('the checksum of CompleteMultipartUpload is the object’s, not the document’s', async () => {
  const query = [['uploadId', 'u']] as const;
  const headers = { 'x-amz-checksum-crc32': 'AAAAAA==' };
  assert.equal(xml(await call('POST', '/bucket/key', { query, body: '<C/>', headers }), 'Body').text, '<C/>');
});

test('CRC64NVME of its check value', () => {
  assert.equal(crc64Nvme(Buffer.from('123456789')).toString('hex'), 'ae8b14860a799888');
});

test('requests over the limit are told to slow down, and let in again', async () => {
  const waiting = Array.from({ length: requestsMax }, () => call('GET', '/bucket/slow'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const over = await call('GET', '/bucket/key');
  refused(over, 'SlowDown');
  assert.equal(over.headers['retry-after'], '1');
  release();
  released = Promise.resolve();
  for (const reply of await Promise.all(waiting)) assert.equal(reply.status, 200);
  assert.equal((await call('GET', '/bucket/key')).status, 200);
});

test('every code there is has a status and a sentence', () => {
  assert.deepEqual(Object.keys(s3Errors).sort(), [...rejectionCodes].sort());
  for (const code of rejectionCodes) {
    assert.ok(s3Errors[code].status >= 304 && s3Errors[code].status < 600, code);
    assert.ok(s3Errors[code].message.length > 5, code);
  }
});
