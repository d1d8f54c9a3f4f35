/** Checksums of multipart uploads: what Complete takes, what reads of the object and of its parts show, and what is shown to nobody who didn't ask. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { checksumAlgorithms, multipartTypes } from '../../engine/body.ts';
import { digestsOf } from '../../engine/shards/digester.ts';
import { seededBytes } from '../support/files.ts';
import { type RawClient, refused, startRaw, xmlText, xmlTexts } from '../support/raw-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const bucket = 'sums';
const mib = 1024 * 1024;
const bodies = [seededBytes(5 * mib, 1), seededBytes(1000, 2)];
const sha256 = (...bytes: Uint8Array[]) => createHash('sha256').update(Buffer.concat(bytes)).digest();
const digests = bodies.map((body) => sha256(body));
const sums = digests.map((digest) => digest.toString('base64'));
const composite = sha256(...digests).toString('base64');
const enabled = { 'x-amz-checksum-mode': 'ENABLED' };
let server: RunningServer;
let raw: RawClient;

before(async () => {
  server = await startServer();
  raw = startRaw(server);
  await raw.must({ method: 'PUT', bucket });
});
after(async () => {
  raw?.close();
  await server?.stop();
});

interface Begun {
  readonly key: string;
  readonly uploadId: string;
  readonly etags: readonly string[];
}

/** An upload with both parts there, each sent with these headers. */
async function begin(key: string, headers: Record<string, string>, partHeaders: (at: number) => Record<string, string>): Promise<Begun> {
  const uploadId = xmlText(await raw.must({ method: 'POST', bucket, key, query: { uploads: '' }, headers }), 'UploadId') ?? '';
  const etags: string[] = [];
  for (const [at, body] of bodies.entries()) {
    const query = { partNumber: String(at + 1), uploadId };
    const sent = await raw.must({ method: 'PUT', bucket, key, query, body, headers: partHeaders(at) });
    etags.push(sent.headers.etag ?? '');
  }
  return { key, uploadId, etags };
}

const beginComposite = (key: string) =>
  begin(key, { 'x-amz-checksum-algorithm': 'SHA256' }, (at) => ({ 'x-amz-checksum-sha256': sums[at]! }));

function complete({ key, uploadId, etags }: Begun, listed: readonly string[], headers: Record<string, string> = {}) {
  const parts = etags.map((etag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${etag}</ETag>${listed[at] ?? ''}</Part>`);
  const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
  return raw.call({ method: 'POST', bucket, key, query: { uploadId }, headers, body });
}

const listed = sums.map((sum) => `<ChecksumSHA256>${sum}</ChecksumSHA256>`);
const read = (method: 'GET' | 'HEAD', key: string, query: Record<string, string> = {}, headers: Record<string, string> = enabled) =>
  raw.must({ method, bucket, key, query, headers });
const attributes = (key: string) =>
  raw.must({ method: 'GET', bucket, key, query: { attributes: '' }, headers: { 'x-amz-object-attributes': 'Checksum,ObjectParts' } });

test('Complete takes a composite checksum with the number of parts behind it, and without', async () => {
  for (const claimed of [composite, `${composite}-2`]) {
    const upload = await beginComposite('claimed');
    const wrong = { 'x-amz-checksum-sha256': `${composite}-3` };
    const Message = 'The sha256 you specified did not match the calculated checksum.';
    refused(await complete(upload, listed, wrong), 400, 'BadDigest', { Message });
    refused(await complete(upload, listed, { 'x-amz-checksum-sha256': sums[0]! }), 400, 'BadDigest', { Message });
    for (const malformed of [`${composite}-a`, composite.slice(4), `${composite.slice(0, -2)}/=`]) {
      const invalid = { Message: 'Value for x-amz-checksum-sha256 header is invalid.' };
      refused(await complete(upload, listed, { 'x-amz-checksum-sha256': malformed }), 400, 'InvalidRequest', invalid);
    }
    const done = await complete(upload, listed, { 'x-amz-checksum-sha256': claimed, 'x-amz-checksum-type': 'COMPOSITE' });
    assert.equal(done.status, 200, done.body.toString());
    assert.equal(xmlText(done, 'ChecksumSHA256'), `${composite}-2`);
    assert.equal(xmlText(done, 'ChecksumType'), 'COMPOSITE');
  }
});

test('a composite checksum demands those of the parts, and compares them', async () => {
  const upload = await beginComposite('demanded');
  refused(await complete(upload, []), 400, 'InvalidRequest', {
    Message:
      'The upload was created using a sha256 checksum. The complete request must include the checksum for each part. It was missing for part 1 in the request.',
  });
  refused(await complete(upload, [listed[0]!, listed[0]!]), 400, 'InvalidPart', { PartNumber: '2' });
  refused(await complete(upload, [listed[0]!, '<ChecksumCRC32>AAAAAA==</ChecksumCRC32>']), 400, 'BadDigest', {
    Message: 'The crc32 you specified for part 2 did not match what we received.',
  });
  const Message = 'Invalid Base64 or multiple checksums present in request';
  refused(await complete(upload, ['<ChecksumSHA256>x</ChecksumSHA256>']), 400, 'InvalidArgument', {
    ...{ Message, ArgumentName: 'Checksum', ArgumentValue: 'SHA256:x;' },
  });
  refused(await complete(upload, [`${listed[0]}<ChecksumCRC32>AAAAAA==</ChecksumCRC32>`]), 400, 'InvalidArgument', { Message });
  assert.equal((await complete(upload, listed)).status, 200);
});

test('reads of one part carry its checksum, reads of all bytes the object’s, other ranges none', async () => {
  const key = 'composite';
  assert.equal((await complete(await beginComposite(key), listed)).status, 200);
  const size = bodies[0]!.length + bodies[1]!.length;
  for (const method of ['GET', 'HEAD'] as const) {
    for (const [at, sum] of sums.entries()) {
      const part = await read(method, key, { partNumber: String(at + 1) });
      assert.deepEqual([part.status, part.headers['x-amz-checksum-sha256'], part.headers['x-amz-checksum-type']], [206, sum, 'COMPOSITE']);
    }
    for (const range of [`bytes=0-${size - 1}`, 'bytes=0-', `bytes=-${size}`]) {
      const whole = await read(method, key, {}, { ...enabled, range });
      assert.deepEqual([whole.status, whole.headers['x-amz-checksum-sha256']], [206, `${composite}-2`], range);
    }
    for (const range of ['bytes=1-', 'bytes=0-9']) {
      const piece = await read(method, key, {}, { ...enabled, range });
      assert.doesNotMatch(Object.keys(piece.headers).join(), /checksum/, range);
    }
    assert.doesNotMatch(Object.keys((await read(method, key, { partNumber: '1' }, {})).headers).join(), /checksum/, 'nobody asked');
    refused(
      await raw.call({ method, bucket, key, headers: { 'x-amz-checksum-mode': 'ON' } }),
      400,
      method === 'GET' ? 'InvalidRequest' : undefined,
    );
  }
  const told = await attributes(key);
  assert.deepEqual(xmlTexts(told, 'ChecksumSHA256'), [composite, ...sums], 'the object’s without the number of parts, then theirs');
  assert.deepEqual(
    xmlTexts(told, 'Size'),
    bodies.map((body) => String(body.length)),
  );
});

test('a checksum of the whole object says nothing of its parts', async () => {
  const key = 'full';
  const headers = { 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-checksum-type': 'FULL_OBJECT' };
  const done = await complete(await begin(key, headers, () => ({})), []);
  const crc32 = xmlText(done, 'ChecksumCRC32') ?? '';
  assert.match(crc32, /^[\w+/]{6}==$/, done.body.toString());
  assert.equal((await read('HEAD', key, {}, { ...enabled, range: 'bytes=0-' })).headers['x-amz-checksum-crc32'], crc32);
  assert.equal((await read('GET', key, { partNumber: '2' })).headers['x-amz-checksum-crc32'], undefined);
  const told = await attributes(key);
  assert.deepEqual(xmlTexts(told, 'ChecksumCRC32'), [crc32]);
  assert.equal(xmlText(told, 'PartsCount'), '2');
  assert.deepEqual(xmlTexts(told, 'PartNumber'), [], 'parts without a checksum are not listed');
  await raw.must({ method: 'PUT', bucket, key: 'one', body: Buffer.from('one') });
  const only = (await read('GET', 'one', { partNumber: '1' })).headers['x-amz-checksum-crc64nvme'];
  assert.equal(only, (await read('GET', 'one')).headers['x-amz-checksum-crc64nvme']);
  assert.match(only ?? '', /=$/);
});

test('of an upload that declared no checksum none is shown before its end', async () => {
  const key = 'undeclared';
  const plain = await begin(key, {}, () => ({}));
  const sent = await raw.must({ method: 'PUT', bucket, key, query: { partNumber: '3', uploadId: plain.uploadId }, body: bodies[1]! });
  assert.doesNotMatch(Object.keys(sent.headers).join(), /checksum/);
  const query = { partNumber: '3', uploadId: plain.uploadId };
  const summed = await raw.must({ method: 'PUT', bucket, key, query, body: bodies[1]!, headers: { 'x-amz-checksum-sha256': sums[1]! } });
  assert.equal(summed.headers['x-amz-checksum-sha256'], sums[1], 'what was sent is confirmed');
  const parts = await raw.must({ method: 'GET', bucket, key, query: { uploadId: plain.uploadId } });
  assert.doesNotMatch(parts.body.toString(), /Checksum/);
  const done = await complete(plain, []);
  assert.match(xmlText(done, 'ChecksumCRC64NVME') ?? '', /=$/);
  assert.equal(xmlText(done, 'ChecksumType'), 'FULL_OBJECT');
  assert.deepEqual(xmlTexts(await attributes(key), 'PartNumber'), []);
});

test('every algorithm, of parts and of what they come to', async () => {
  for (const algorithm of checksumAlgorithms) {
    const header = `x-amz-checksum-${algorithm.toLowerCase()}`;
    const [type] = multipartTypes[algorithm];
    const key = `all/${algorithm}`;
    const values = bodies.map((body) => digestsOf([algorithm], body)[algorithm]!);
    const upload = await begin(key, { 'x-amz-checksum-algorithm': algorithm }, (at) => ({ [header]: values[at]!.toString('base64') }));
    const query = { partNumber: '1', uploadId: upload.uploadId };
    const damaged = await raw.call({
      method: 'PUT',
      bucket,
      key,
      query,
      body: bodies[1]!,
      headers: { [header]: values[0]!.toString('base64') },
    });
    refused(damaged, 400, 'BadDigest', { Message: `The ${algorithm} you specified did not match the calculated checksum.` });
    const unsummed = await raw.must({ method: 'PUT', bucket, key, query, body: bodies[0]! });
    assert.equal(unsummed.headers[header], values[0]!.toString('base64'), `${algorithm} is computed where none is sent`);
    const parts = await raw.must({ method: 'GET', bucket, key, query: { uploadId: upload.uploadId } });
    assert.equal(xmlText(parts, 'ChecksumAlgorithm'), algorithm);
    assert.equal(xmlText(parts, 'ChecksumType'), type);
    const field = `Checksum${algorithm}`;
    assert.deepEqual(
      xmlTexts(parts, field),
      values.map((value) => value.toString('base64')),
    );
    const whole = digestsOf([algorithm], Buffer.concat(type === 'COMPOSITE' ? values : bodies))[algorithm]!.toString('base64');
    const named = values.map((value) => `<${field}>${value.toString('base64')}</${field}>`);
    const done = await complete(upload, named, { [header]: whole });
    assert.equal(done.status, 200, `${algorithm} ${done.body}`);
    const shown = type === 'COMPOSITE' ? `${whole}-2` : whole;
    assert.deepEqual([xmlText(done, field), xmlText(done, 'ChecksumType')], [shown, type]);
    assert.equal((await read('HEAD', key)).headers[header], shown);
    const listed = await raw.must({ method: 'GET', bucket, query: { 'list-type': '2', prefix: key } });
    assert.equal(xmlText(listed, 'ChecksumAlgorithm'), algorithm);
    assert.equal(xmlText(listed, 'ChecksumType'), type);
  }
});

test('CreateMultipartUpload refuses what no upload can have', async () => {
  const create = (headers: Record<string, string>) => raw.call({ method: 'POST', bucket, key: 'k', query: { uploads: '' }, headers });
  const algorithm = 'x-amz-checksum-algorithm';
  const type = 'x-amz-checksum-type';
  const sentences: readonly (readonly [Record<string, string>, RegExp])[] = [
    [
      { [algorithm]: 'MD4' },
      /^Checksum algorithm provided is unsupported\. Please try again with any of the valid types: \[CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64\]$/,
    ],
    [{ [algorithm]: 'CRC32,SHA1' }, /^Invalid types are specified in x-amz-checksum-algorithm header\.$/],
    [{ [algorithm]: 'CRC32', [type]: 'HALF' }, /^Value for x-amz-checksum-type header is invalid\.$/],
    [{ [type]: 'COMPOSITE' }, /^The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header\.$/],
    [
      { [algorithm]: 'SHA256', [type]: 'FULL_OBJECT' },
      /^The FULL_OBJECT checksum type cannot be used with the sha256 checksum algorithm\.$/,
    ],
    [
      { [algorithm]: 'CRC64NVME', [type]: 'COMPOSITE' },
      /^The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm\.$/,
    ],
  ];
  for (const [headers, sentence] of sentences) {
    const answer = await create(headers);
    refused(answer, 400, 'InvalidRequest');
    assert.match(xmlText(answer, 'Message') ?? '', sentence);
  }
});
