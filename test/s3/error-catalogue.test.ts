/**
 * The error catalogue, provoked over HTTP row by row: status, Code, the code's own fields, Resource, RequestId = header, and that
 * nothing was stored. Rows that need a second identity (BucketAlreadyExists, ExpiredToken) are decided in the engine's tests.
 */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Answer } from '../../bench/client/connection.ts';
import { complete, type ErrorRow, errorRows, md5, put } from '../support/error-rows.ts';
import { errorSentences } from '../support/error-sentences.ts';
import { provoke, sendRaw } from '../support/provocation.ts';
import { type RawClient, refused, startRaw, xmlText } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { signHeader, signUrl } from '../support/sign.ts';

let server: RunningServer;
let client: RawClient;
let etag = '';

before(async () => {
  server = await startServer();
  client = startRaw(server);
  await client.must({ method: 'PUT', bucket: 'errors' });
  const put = await client.must({ method: 'PUT', bucket: 'errors', key: 'there', body: Buffer.from('0123456789') });
  etag = put.headers.etag ?? '';
  await client.must({ method: 'PUT', bucket: 'versions' });
  const enabled = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  await client.must({ method: 'PUT', bucket: 'versions', query: { versioning: '' }, body: Buffer.from(enabled) });
});
after(async () => {
  client.close();
  await server.stop();
});

function holds(answer: Answer, row: Pick<ErrorRow, 'code' | 'status' | 'fields' | 'headersWanted'>, path: string): void {
  refused(answer, row.status, row.code);
  assert.equal(xmlText(answer, 'Resource'), encodeURI(path));
  assert.match(xmlText(answer, 'Message') ?? '', /\w{3}/);
  assert.doesNotMatch(xmlText(answer, 'Message') ?? '', /^Invalid (Argument|Request)$/, 'the sentence names the matter');
  assert.ok(xmlText(answer, 'HostId'));
  const wanted = (found: string | undefined, value: string | RegExp, name: string): void => {
    assert.ok(found !== undefined, `${name} is missing: ${answer.body}`);
    if (typeof value === 'string') assert.equal(found, value, name);
    else assert.match(found, value, name);
  };
  for (const [name, value] of Object.entries(row.fields ?? {})) wanted(xmlText(answer, name), value, name);
  for (const [name, value] of Object.entries(row.headersWanted ?? {})) wanted(answer.headers[name], value, name);
}

for (const row of [...errorRows, ...errorSentences]) {
  test(`${row.code}: ${row.condition}`, async () => {
    holds(await provoke(server, row), row, row.path);
    const stored = await client.call({ method: 'HEAD', bucket: 'errors', key: 'not-stored' });
    assert.equal(stored.status, 404, 'nothing was stored');
    const there = await client.must({ method: 'HEAD', bucket: 'errors', key: 'there' });
    assert.equal(there.headers.etag, etag, 'what was there is as it was');
  });
}

/** The host and port, and a signed draft, for what `provoke` can't spell. */
const address = (): { hostname: string; port: number; host: string } => {
  const { hostname, port, host } = new URL(server.endpoint);
  return { hostname, port: Number(port), host };
};

for (const [condition, shift, seconds, text] of [
  ['presigned, expired', -120_000, 60, /expired/i],
  ['presigned, not yet valid', 3_600_000, 60, /not yet valid/i],
] as const) {
  test(`AccessDenied: ${condition}`, async () => {
    const { hostname, port, host } = address();
    const draft = { method: 'GET', path: '/errors/there', headers: { host } };
    const signed = signUrl(draft, { ...server, region: 'us-east-1' }, { time: Date.now() + shift, payload: 'UNSIGNED-PAYLOAD', seconds });
    const answer = await sendRaw(hostname, port, { method: 'GET', target: `${signed.path}?${signed.query}`, headers: { host } });
    const fields: Record<string, RegExp> = shift < 0 ? { Expires: /Z$/, ServerTime: /Z$/, 'X-Amz-Expires': /^60$/ } : {};
    holds(answer, { code: 'AccessDenied', status: 403, fields }, '/errors/there');
    assert.match(xmlText(answer, 'Message') ?? '', text);
  });
}

test('IncompleteBody: the client ends its half of the connection before the declared length', async () => {
  const { hostname, port, host } = address();
  const draft = { method: 'PUT', path: '/errors/not-stored', headers: { host } };
  const signed = signHeader(draft, { ...server, region: 'us-east-1' }, { time: Date.now(), payload: 'UNSIGNED-PAYLOAD' });
  const lines = Object.entries({ ...signed.headers, 'content-length': '100000' }).map(([name, value]) => `${name}: ${value}\r\n`);
  const said = await new Promise<string>((resolve, reject) => {
    let text = '';
    const socket = connect({ port, host: hostname, allowHalfOpen: true }, () => {
      socket.end(`PUT /errors/not-stored HTTP/1.1\r\n${lines.join('')}\r\n${'x'.repeat(5000)}`);
    });
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
  assert.match(said, /^HTTP\/1\.1 400 /);
  assert.match(said, /<Code>IncompleteBody<\/Code>/);
  assert.equal((await client.call({ method: 'HEAD', bucket: 'errors', key: 'not-stored' })).status, 404, 'nothing was stored');
});

test('IncompleteBody: an aws-chunked body shorter than x-amz-decoded-content-length', async () => {
  const answer = await provoke(server, {
    ...put,
    body: '4\r\nbody\r\n0\r\n\r\n',
    payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    headers: { 'x-amz-decoded-content-length': '5', 'content-encoding': 'aws-chunked' },
  });
  holds(answer, { code: 'IncompleteBody', status: 400 }, put.path);
  assert.equal((await client.call({ method: 'HEAD', bucket: 'errors', key: 'not-stored' })).status, 404, 'nothing was stored');
});

test('MissingContentLength: a PUT that tells its length in no way', async () => {
  const answer = await provoke(server, {
    method: 'PUT',
    path: '/errors/not-stored',
    tamper: (headers) => delete headers['content-length'],
  });
  holds(answer, { code: 'MissingContentLength', status: 411 }, put.path);
});

test('NoSuchKey: a delete marker is current, and MethodNotAllowed when it is asked for by id', async () => {
  await client.must({ method: 'PUT', bucket: 'versions', key: 'marked', body: Buffer.from('x') });
  const deleted = await client.must({ method: 'DELETE', bucket: 'versions', key: 'marked' });
  const versionId = deleted.headers['x-amz-version-id'] ?? '';
  const latest = await client.call({ method: 'GET', bucket: 'versions', key: 'marked' });
  holds(
    latest,
    { code: 'NoSuchKey', status: 404, fields: { Key: 'marked' }, headersWanted: { 'x-amz-delete-marker': 'true' } },
    '/versions/marked',
  );
  const byId = await client.call({ method: 'GET', bucket: 'versions', key: 'marked', query: { versionId } });
  const wanted = {
    code: 'MethodNotAllowed',
    status: 405,
    fields: { Method: 'GET', ResourceType: 'DeleteMarker' },
    headersWanted: { allow: 'DELETE' },
  };
  holds(byId, wanted, '/versions/marked');
});

test('InvalidPart, InvalidPartOrder, EntityTooSmall, NoSuchUpload with another key: at Complete', async () => {
  const started = await client.must({ method: 'POST', bucket: 'errors', key: 'not-stored', query: { uploads: '' } });
  const uploadId = xmlText(started, 'UploadId') ?? '';
  const etags: string[] = [];
  for (const partNumber of ['1', '2']) {
    const part = await client.must({
      method: 'PUT',
      bucket: 'errors',
      key: 'not-stored',
      query: { partNumber, uploadId },
      body: Buffer.alloc(1000),
    });
    etags.push(part.headers.etag ?? '');
  }
  const part = (number: number, tag: string): string => `<Part><PartNumber>${number}</PartNumber><ETag>${tag}</ETag></Part>`;
  const end = (body: string, key = 'not-stored'): Promise<Answer> =>
    client.call({ method: 'POST', bucket: 'errors', key, query: { uploadId }, body: Buffer.from(body) });
  const [one = '', two = ''] = etags;
  const wrong = await end(complete(part(1, '"00000000000000000000000000000000"')));
  holds(wrong, { code: 'InvalidPart', status: 400, fields: { UploadId: uploadId, PartNumber: '1', ETag: /0{32}/ } }, put.path);
  holds(
    await end(complete(part(2, two), part(1, one))),
    { code: 'InvalidPartOrder', status: 400, fields: { UploadId: uploadId } },
    put.path,
  );
  const small = { PartNumber: '1', ETag: /\w/, ProposedSize: '1000', MinSizeAllowed: String(5 * 1024 * 1024) };
  holds(await end(complete(part(1, one), part(2, two))), { code: 'EntityTooSmall', status: 400, fields: small }, put.path);
  holds(await end(complete(part(1, one)), 'other'), { code: 'NoSuchUpload', status: 404, fields: { UploadId: uploadId } }, '/errors/other');
  await client.must({ method: 'DELETE', bucket: 'errors', key: 'not-stored', query: { uploadId } });
  assert.equal((await client.call({ method: 'HEAD', bucket: 'errors', key: 'not-stored' })).status, 404, 'nothing was stored');
});

test('InvalidObjectName: empty key in DeleteObjects is told per key', async () => {
  const body = Buffer.from('<Delete><Object><Key></Key></Object></Delete>');
  const answer = await client.call({
    method: 'POST',
    bucket: 'errors',
    query: { delete: '' },
    headers: { 'content-md5': md5(body.toString()) },
    body,
  });
  assert.equal(answer.status, 200);
  assert.equal(xmlText(answer, 'Code'), 'InvalidObjectName');
});

test('SlowDown: below write quorum', async () => {
  const drives = [1, 2, 3].map((number) => join(server.directory, `drive${number}`));
  for (const drive of drives) renameSync(drive, `${drive}.gone`);
  try {
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const answer = await provoke(server, { ...put, body: Buffer.alloc(100_000) });
    holds(answer, { code: 'SlowDown', status: 503, headersWanted: { 'retry-after': /^\d+$/ } }, put.path);
  } finally {
    for (const drive of drives) renameSync(`${drive}.gone`, drive);
  }
  const serves = async (): Promise<boolean> =>
    (await client.call({ method: 'PUT', bucket: 'errors', key: 'again', body: Buffer.alloc(100_000) })).status === 200;
  for (let tries = 0; !(await serves()); tries += 1) {
    assert.ok(tries < 100, 'serves again when the drives are back');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal((await client.call({ method: 'HEAD', bucket: 'errors', key: 'not-stored' })).status, 404, 'nothing was stored');
});

test('TooManyBuckets: one more than the account may have', { timeout: 120_000 }, async () => {
  const bucketsMax = 10_000;
  let next = 0;
  let answer = await client.must({ method: 'HEAD', bucket: 'errors' });
  const create = async (): Promise<void> => {
    while (next < bucketsMax && answer.status === 200) answer = await client.call({ method: 'PUT', bucket: `many-${next++}` });
  };
  await Promise.all(Array.from({ length: 64 }, create));
  holds(answer, { code: 'TooManyBuckets', status: 400 }, answer.body.toString().match(/<Resource>([^<]*)</)?.[1] ?? '');
  assert.ok(next > bucketsMax - 64, `refused at bucket ${next}`);
});
