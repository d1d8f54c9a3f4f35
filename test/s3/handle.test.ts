import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rejectionCodes } from '../../engine/rejection.ts';
import { s3Errors } from '../../http/s3-errors.ts';
import { textOf } from '../../http/xml.ts';
import {
  call,
  closeProbes,
  headerLines,
  logged,
  openProbes,
  rawExchange,
  refused,
  releaseSlow,
  requestsMax,
  send,
  sign,
  signer,
  xml,
} from '../support/probe-server.ts';
import { type Draft, signUrl } from '../support/sign.ts';

before(openProbes);
after(closeProbes);

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

test('InternalError: something is thrown; SlowDown with Retry-After for what passes, all of it in the log with its stack, nothing of it in the answer', async () => {
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
    assert.ok(line);
    assert.equal(line.fields.requestId, reply.headers['x-amz-request-id']);
    assert.match((line.fields.err as Error).stack ?? '', /secret detail/);
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

test('requests over the limit are told to slow down, and let in again', async () => {
  const waiting = Array.from({ length: requestsMax }, () => call('GET', '/bucket/slow'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const over = await call('GET', '/bucket/key');
  refused(over, 'SlowDown');
  assert.equal(over.headers['retry-after'], '1');
  releaseSlow();
  for (const reply of await Promise.all(waiting)) assert.equal(reply.status, 200);
  assert.equal((await call('GET', '/bucket/key')).status, 200);
});

test('expectations: 100-continue in any case and none at all are met, others are told in XML', async () => {
  const body = 'x';
  for (const expect of ['', '100-Continue', '100-continue, 100-continue']) {
    const { headers } = sign('PUT', '/bucket/key', { body });
    const reply = await rawExchange(`PUT /bucket/key HTTP/1.1\r\nexpect: ${expect}\r\n${headerLines(headers)}\r\n${body}`);
    assert.match(reply.join(''), /HTTP\/1\.1 200 [\s\S]*<Told>/, expect);
  }
  for (const expect of ['200-ok', '100-continue, x', '100-continued']) {
    const { headers } = sign('PUT', '/bucket/key', { body });
    const [reply] = await rawExchange(`PUT /bucket/key HTTP/1.1\r\nexpect: ${expect}\r\n${headerLines(headers)}\r\n${body}`);
    assert.match(reply, /^HTTP\/1\.1 417 [\s\S]*<Code>ExpectationFailed<\/Code>/, expect);
  }
});

test('a body that stands still is told so, and the connection closed', async () => {
  const { headers } = sign('PUT', '/bucket/key', { body: 'hello' });
  const [reply] = await rawExchange(`PUT /bucket/key HTTP/1.1\r\n${headerLines(headers)}\r\nhel`);
  assert.match(reply, /^HTTP\/1\.1 400 [\s\S]*connection: close[\s\S]*<Code>RequestTimeout<\/Code>/i);
});

test('every code there is has a status and a sentence', () => {
  assert.deepEqual(Object.keys(s3Errors).sort(), [...rejectionCodes].sort());
  for (const code of rejectionCodes) {
    assert.ok(s3Errors[code].status >= 304 && s3Errors[code].status < 600, code);
    assert.ok(s3Errors[code].message.length > 5, code);
  }
});
