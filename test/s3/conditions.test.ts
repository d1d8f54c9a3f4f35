/** Conditions and ranges, wherever they come from: headers, the query of a presigned URL, an upload that others overtook. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Answer } from '../../bench/client/connection.ts';
import { type RawClient, refused, startRaw, xmlText } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { signUrl } from '../support/sign.ts';

const bucket = 'conditions';
const text = Buffer.from('0123456789');
let server: RunningServer;
let raw: RawClient;

before(async () => {
  server = await startServer({ drives: 1 });
  raw = startRaw(server);
  await raw.must({ method: 'PUT', bucket });
});
after(async () => {
  raw?.close();
  await server?.stop();
});

type Headers = Readonly<Record<string, string>>;

const put = (key: string, headers: Headers = {}, body = text) => raw.call({ method: 'PUT', bucket, key, headers, body });
const get = (key: string, headers: Headers = {}) => raw.call({ method: 'GET', bucket, key, headers });
const remove = (key: string, headers: Headers = {}) => raw.call({ method: 'DELETE', bucket, key, headers });

interface Presigned {
  readonly method: string;
  readonly key: string;
  readonly query?: readonly (readonly [string, string])[];
  /** Signed as headers, with their value in the query alone. */
  readonly moved?: Headers;
  /** Sent without being signed. */
  readonly sent?: Headers;
  readonly body?: Buffer;
}

/** A request by a presigned URL, as anybody may send it who was given one. */
async function presigned({ method, key, query = [], moved = {}, sent = {}, body }: Presigned): Promise<Answer> {
  const host = new URL(server.endpoint).host;
  const draft = { method, path: `/${bucket}/${key}`, query: [...query, ...Object.entries(moved)], headers: { host, ...moved } };
  const url = signUrl(draft, { ...server, region: 'us-east-1' }, { time: Date.now(), payload: 'UNSIGNED-PAYLOAD', seconds: 60 });
  const answer = await fetch(`${server.endpoint}${url.path}?${url.query}`, { method, headers: sent, ...(body && { body }) });
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body: Buffer.from(await answer.arrayBuffer()) } as Answer;
}

test('If-None-Match in the query of a presigned PUT: the second one is 412', async () => {
  const once: Presigned = { method: 'PUT', key: 'once', query: [['If-None-Match', '*']], body: text };
  assert.equal((await presigned(once)).status, 200);
  refused(await presigned({ ...once, body: Buffer.from('other') }), 412, 'PreconditionFailed', { Condition: 'If-None-Match' });
  refused(await presigned({ ...once, sent: { 'if-none-match': '"x"' } }), 412, 'PreconditionFailed', { Condition: 'If-None-Match' });
  assert.equal((await get('once')).body.toString(), '0123456789');
});

test('every other condition and range that a URL carries counts too', async () => {
  const { etag = '' } = (await put('carried')).headers;
  const key = 'carried';
  const past = new Date(Date.now() - 86_400_000).toUTCString();
  refused(await presigned({ method: 'PUT', key, query: [['If-Match', '"other"']], body: text }), 412, 'PreconditionFailed');
  assert.equal((await presigned({ method: 'PUT', key, query: [['If-Match', etag]], body: text })).status, 200);
  const reads: [[string, string][], number][] = [
    [[['Range', 'bytes=2-4']], 206],
    [[['Range', 'bytes=99-']], 416],
    [
      [
        ['Range', 'bytes=2-4'],
        ['If-Range', etag],
      ],
      206,
    ],
    [
      [
        ['Range', 'bytes=2-4'],
        ['If-Range', '"other"'],
      ],
      200,
    ],
    [[['If-None-Match', etag]], 304],
    [[['If-Match', '"other"']], 412],
    [[['If-Unmodified-Since', past]], 412],
    [[['If-Modified-Since', past]], 200],
  ];
  for (const [query, status] of reads) assert.equal((await presigned({ method: 'GET', key, query })).status, status, String(query));
  const source: [string, string] = ['x-amz-copy-source', `/${bucket}/carried`];
  const copy = (...query: [string, string][]) => presigned({ method: 'PUT', key: 'copy', query: [source, ...query] });
  refused(await copy(['x-amz-copy-source-if-none-match', etag]), 412, 'PreconditionFailed');
  refused(await copy(['x-amz-copy-source-if-match', '"other"']), 412, 'PreconditionFailed');
  assert.equal((await copy(['If-None-Match', '*'])).status, 200);
  refused(await copy(['If-None-Match', '*']), 412, 'PreconditionFailed');
  refused(await presigned({ method: 'DELETE', key, query: [['If-Match', '"other"']] }), 412, 'PreconditionFailed');
  refused(await presigned({ method: 'DELETE', key, query: [['x-amz-if-match-size', '11']] }), 412, 'PreconditionFailed');
  assert.equal((await presigned({ method: 'DELETE', key, query: [['x-amz-if-match-size', '10']] })).status, 204);
});

test('x-amz headers that are signed and only in the query: metadata, ACL, storage class, checksum', async () => {
  const key = 'moved';
  const moved = { 'x-amz-meta-a': 'b', 'x-amz-acl': 'private', 'x-amz-storage-class': 'STANDARD', 'x-amz-tagging': 'a=1' };
  const written = await presigned({ method: 'PUT', key, moved, body: text });
  assert.equal(written.status, 200, written.body.toString());
  const read = await get(key);
  assert.equal(read.headers['x-amz-meta-a'], 'b');
  assert.equal(read.headers['x-amz-tagging-count'], '1');
  const wrong = { 'x-amz-checksum-crc32': 'AAAAAA==' };
  refused(await presigned({ method: 'PUT', key, moved: wrong, body: text }), 400, 'BadDigest');
  refused(await presigned({ method: 'PUT', key, moved: { 'x-amz-acl': 'public-read' }, body: text }), 501, 'NotImplemented');
  // What is no x-amz header and was signed has to be sent, as S3 wants it.
  refused(
    await presigned({ method: 'PUT', key, moved: { 'content-md5': 'eB5eJF1ptWaXm4bijSPyxw==' }, body: text }),
    403,
    'SignatureDoesNotMatch',
  );
});

test('If-Range: a part of the very same object or the whole of this one', async () => {
  const { etag = '' } = (await put('resumed')).headers;
  const { 'last-modified': modified = '' } = (await get('resumed')).headers;
  const second = 1000;
  const cases: [string, number][] = [
    [etag, 206],
    ['"other"', 200],
    [`W/${etag}`, 200],
    [etag.replaceAll('"', ''), 200],
    ['*', 200],
    [modified, 206],
    [new Date(Date.parse(modified) - second).toUTCString(), 200],
    [new Date(Date.parse(modified) + second).toUTCString(), 200],
  ];
  for (const [validator, status] of cases) {
    const answer = await get('resumed', { range: 'bytes=4-5', 'if-range': validator });
    assert.equal(answer.status, status, validator);
    assert.equal(answer.body.toString(), status === 206 ? '45' : '0123456789', validator);
    const head = await raw.call({ method: 'HEAD', bucket, key: 'resumed', headers: { range: 'bytes=4-5', 'if-range': validator } });
    assert.equal(head.status, status, validator);
  }
  assert.equal((await get('resumed', { 'if-range': '"other"' })).status, 200);
  assert.equal(
    (await get('resumed', { range: 'bytes=99-', 'if-range': '"other"' })).status,
    200,
    'a range that is not asked for is not out of range',
  );
});

test('If-Modified-Since in the future is no date', async () => {
  await put('future');
  const { 'last-modified': modified = '' } = (await get('future')).headers;
  assert.equal((await get('future', { 'if-modified-since': modified })).status, 304);
  assert.equal((await get('future', { 'if-modified-since': new Date(Date.now() + 86_400_000).toUTCString() })).status, 200);
});

test('conditions that no write knows are refused, never dropped', async () => {
  await put('written');
  const cases: [Headers, string, string | undefined][] = [
    [{ 'if-match': '*' }, 'If-Match', "We don't accept the provided value of If-Match header for this API"],
    [{ 'if-match': '"a", "b"' }, 'If-Match', "We don't accept the provided value of If-Match header for this API"],
    [{ 'if-none-match': '"a"' }, 'If-None-Match', "We don't accept the provided value of If-None-Match header for this API"],
    [{ 'if-none-match': '*', 'if-match': '"a"' }, 'If-Match,If-None-Match', 'Multiple conditional request headers present in the request'],
    [{ 'if-unmodified-since': new Date().toUTCString() }, 'If-Unmodified-Since', undefined],
    [{ 'if-modified-since': new Date().toUTCString() }, 'If-Modified-Since', undefined],
  ];
  for (const [headers, Header, additionalMessage] of cases) {
    const facts: Headers = { Header, ...(additionalMessage !== undefined && { additionalMessage }) };
    refused(await put('written', headers, Buffer.from('lost')), 501, 'NotImplemented', facts);
    refused(await put('written', { ...headers, 'x-amz-copy-source': `/${bucket}/written` }, Buffer.alloc(0)), 501, 'NotImplemented', facts);
  }
  refused(await remove('written', { 'if-unmodified-since': new Date(0).toUTCString() }), 501, 'NotImplemented');
  assert.equal((await get('written')).body.toString(), '0123456789');
});

interface Upload {
  readonly key: string;
  readonly uploadId: string;
  readonly etag: string;
}

async function begun(key: string): Promise<Upload> {
  const created = await raw.must({ method: 'POST', bucket, key, query: { uploads: '' } });
  const uploadId = xmlText(created, 'UploadId') ?? '';
  const part = await raw.must({ method: 'PUT', bucket, key, query: { partNumber: '1', uploadId }, body: text });
  return { key, uploadId, etag: part.headers.etag ?? '' };
}

function complete({ key, uploadId, etag }: Upload, headers: Headers): Promise<Answer> {
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
  return raw.call({ method: 'POST', bucket, key, query: { uploadId }, headers, body: Buffer.from(body) });
}

for (const versioning of ['unversioned', 'Enabled', 'Suspended']) {
  test(`Complete with a condition after the key was written or deleted since Create (${versioning})`, async () => {
    if (versioning !== 'unversioned') {
      const body = Buffer.from(`<VersioningConfiguration><Status>${versioning}</Status></VersioningConfiguration>`);
      await raw.must({ method: 'PUT', bucket, query: { versioning: '' }, body });
    }
    const key = `overtaken-${versioning}`;
    const conflict = (Condition: string) => [409, 'ConditionalRequestConflict', { Condition, Key: key }] as const;
    const { etag = '' } = (await put(key)).headers;
    const rewritten = await begun(key);
    refused(await complete(rewritten, { 'if-none-match': '*' }), 412, 'PreconditionFailed', { Condition: 'If-None-Match' });
    await put(key);
    refused(await complete(rewritten, { 'if-match': '"other"' }), 412, 'PreconditionFailed', { Condition: 'If-Match' });
    refused(await complete(rewritten, { 'if-match': etag }), ...conflict('If-Match'));

    const deleted = await begun(key);
    await remove(key);
    refused(await complete(deleted, { 'if-match': etag }), 404, 'NoSuchKey', { Key: key });
    refused(await complete(deleted, { 'if-none-match': '*' }), ...conflict('If-None-Match'));
    await put(key);
    refused(await complete(deleted, { 'if-match': etag }), ...conflict('If-Match'));
    assert.equal((await complete(deleted, {})).status, 200, 'without a condition the last one wins');

    const { etag: before = '' } = (await put(key)).headers;
    assert.equal((await complete(await begun(key), { 'if-match': before })).status, 200);
    await remove(key);
    assert.equal((await complete(await begun(key), { 'if-none-match': '*' })).status, 200);
  });
}

test('an upload is aborted only if it began when the client says', async () => {
  const { key, uploadId } = await begun('aborted');
  const listed = await raw.must({ method: 'GET', bucket, query: { uploads: '', prefix: key } });
  const initiated = new Date(Date.parse(xmlText(listed, 'Initiated') ?? ''));
  const abort = (time: string) =>
    raw.call({ method: 'DELETE', bucket, key, query: { uploadId }, headers: { 'x-amz-if-match-initiated-time': time } });
  const another = new Date(initiated.getTime() - 1000).toUTCString();
  refused(await abort(another), 412, 'PreconditionFailed', { Condition: 'x-amz-if-match-initiated-time' });
  refused(await abort('yesterday'), 400, 'InvalidArgument', { ArgumentName: 'x-amz-if-match-initiated-time', ArgumentValue: 'yesterday' });
  const moved = {
    method: 'DELETE',
    key,
    query: [
      ['uploadId', uploadId],
      ['x-amz-if-match-initiated-time', another],
    ],
  } as const;
  refused(await presigned(moved), 412, 'PreconditionFailed');
  assert.equal((await raw.call({ method: 'GET', bucket, key, query: { uploadId } })).status, 200, 'still there');
  assert.equal((await abort(initiated.toUTCString())).status, 204);
});
