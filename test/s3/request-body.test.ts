import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { crc32 } from '@node-rs/crc32';
import { crc64Nvme } from '../../http/request/crc64-nvme.ts';
import { uploadBytesMax } from '../../http/request/request-body.ts';
import type { s3Errors } from '../../http/s3-errors.ts';
import { textOf } from '../../http/xml.ts';
import { call, closeProbes, headerLines, openProbes, rawExchange, refused, send, sign, xml } from '../support/probe-server.ts';
import { frameChunks, sha256Hex } from '../support/sign.ts';

before(openProbes);
after(closeProbes);

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

test('uploads: aws-chunked in every mode, with Content-Length and with Transfer-Encoding: chunked, which alone may leave its length open', async () => {
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
        if (!chunked && !declares) {
          refused(await send('PUT', signed, measure), 'MissingContentLength');
          continue;
        }
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
    const wire = frameChunks([Buffer.from('0123456789')], { signed }).toString('latin1');
    refused(await send('PUT', signed, Buffer.from(spoil(wire), 'latin1')), code);
  };
  await attempt((wire) => wire.replace('56789', '56788'), 'SignatureDoesNotMatch');
  await attempt((wire) => wire.replace('a;', 'b;'), 'IncompleteBody');
  await attempt((wire) => wire.replace('a;', '9;'), 'SignatureDoesNotMatch');
  await attempt((wire) => wire.slice(0, -100), 'IncompleteBody');
  await attempt((wire) => wire.replace('a;', 'z;'), 'IncompleteBody');
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
  const framed = { 'x-amz-decoded-content-length': '1' };
  await attempt({ ...framed, 'x-amz-trailer': 'x-amz-meta-a' }, 'InvalidRequest', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER');
  for (const length of ['many', '', '-1', '12x']) {
    await attempt({ 'x-amz-decoded-content-length': length }, 'MissingContentLength', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER');
  }
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
  assert.match(answer ?? '', /^HTTP\/1\.1 200 [\s\S]*<Bytes>5<\/Bytes>/);
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
    { 'x-amz-checksum-sha512': hash('sha512', body, 'base64') },
    { 'x-amz-checksum-md5': hash('md5', body, 'base64') },
    // Of these nine bytes, by the reference implementation (xxHash 0.8.3).
    { 'x-amz-checksum-xxhash64': 'BcnBqjj9bSE=' },
    { 'x-amz-checksum-xxhash3': '/KsgS6ZFiPw=' },
    { 'x-amz-checksum-xxhash128': 'DOfKJqzJg5fdLGOZQkU2sw==' },
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
