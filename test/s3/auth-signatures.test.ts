import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { isRejection, type Rejection } from '../../engine/rejection.ts';
import { type Authenticated, Authenticator } from '../../http/auth/authenticator.ts';
import { type Credential, type Credentials, rootCredentials } from '../../http/auth/credentials.ts';
import { HmacKey } from '../../http/auth/hmac-key.ts';
import { SigningKeys } from '../../http/auth/signing-keys.ts';
import { decodePercent } from '../../http/request/percent-encoding.ts';
import { parseQuery } from '../../http/request/query.ts';
import { type Draft, type Signed, type Signing, sha256Hex, signHeader, signUrl } from '../support/sign.ts';

const signer = { accessKey: 'AKIDEXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', region: 'eu-west-3' };
const now = Date.UTC(2024, 1, 29, 23, 59, 0);
const empty = sha256Hex('');
const get: Draft = { method: 'GET', path: '/bucket/key', headers: { host: 'localhost:9000' } };
const signing: Signing = { time: now, payload: empty };

function authenticator(credentials: Credentials = rootCredentials(signer.accessKey, signer.secretKey, 'root'), time = now): Authenticator {
  return new Authenticator(credentials, { now: () => time, after: () => () => undefined }, 'eu-west-3');
}

/** As the server sees what a client sent. */
function check(method: string, signed: Pick<Signed, 'path' | 'query' | 'headers'>, by = authenticator()): Authenticated | Rejection {
  const path = decodePercent(signed.path);
  const query = parseQuery(signed.query);
  assert.ok(path !== undefined && query !== undefined);
  return by.authenticate({ method, path, resourcePath: signed.path, query, headers: new Map(Object.entries(signed.headers)) });
}

function accepted(outcome: Authenticated | Rejection): Authenticated {
  assert.ok(!isRejection(outcome), JSON.stringify(outcome));
  return outcome;
}

function refused(outcome: Authenticated | Rejection, code: string): Record<string, string | number> {
  assert.ok(isRejection(outcome), 'was accepted');
  assert.equal(outcome.rejected, code, JSON.stringify(outcome.facts));
  return { ...outcome.facts };
}

function withHeaders(signed: Signed, headers: Record<string, string | undefined>): Signed {
  const all = Object.entries({ ...signed.headers, ...headers }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...signed, headers: Object.fromEntries(all) };
}

function edited(signed: Signed, edit: (authorization: string) => string): Signed {
  return withHeaders(signed, { authorization: edit(signed.headers.authorization ?? '') });
}

test('the example of the S3 reference holds', () => {
  // GET Object of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
  const example = rootCredentials('AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'root');
  const headers = {
    host: 'examplebucket.s3.amazonaws.com',
    range: 'bytes=0-9',
    'x-amz-content-sha256': empty,
    'x-amz-date': '20130524T000000Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  };
  const by = authenticator(example, Date.UTC(2013, 4, 24));
  const { credential, payload } = accepted(check('GET', { path: '/test.txt', query: '', headers }, by));
  assert.equal(credential.account, 'root');
  assert.match(credential.owner.id, /^[0-9a-f]{64}$/);
  assert.deepEqual(payload, { kind: 'hash', sha256: Buffer.from(empty, 'hex') });
  const lifecycle = withHeaders({ path: '/', query: 'lifecycle', headers } as unknown as Signed, {
    range: undefined,
    authorization:
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  });
  accepted(check('GET', lifecycle, by));
});

test('the presigned example of the S3 reference holds', () => {
  const example = rootCredentials('AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'root');
  const query =
    'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';
  const url = { path: '/test.txt', query, headers: { host: 'examplebucket.s3.amazonaws.com' } };
  const { payload } = accepted(check('GET', url, authenticator(example, Date.UTC(2013, 4, 24, 23, 59, 59))));
  assert.deepEqual(payload, { kind: 'unsigned' });
});

test('paths and queries of every shape are signed as clients sign them', () => {
  const paths = [
    '/b/a b',
    '/b/a+b',
    '/b/100%',
    "/b/~*'()!",
    '/b/é',
    '/b/e\u0301',
    '/b//x//',
    '/b//',
    '/b/./a/../b',
    '/b/..',
    '/b/&=;,:@$',
    '/b/<>"{}|\\^`[]#?',
    '/b/\u{1f600}',
    '/b/\u0001\u007f',
    '/b.with.dots/k',
  ];
  for (const path of paths) {
    accepted(check('PUT', signHeader({ ...get, method: 'PUT', path }, signer, signing)));
    accepted(check('PUT', signUrl({ ...get, method: 'PUT', path }, signer, { ...signing, payload: 'UNSIGNED-PAYLOAD', seconds: 60 })));
  }
  const queries: [string, string][][] = [
    [
      ['list-type', '2'],
      ['prefix', 'a b+c%d/é;x'],
      ['delimiter', '/'],
    ],
    [
      ['a', '2'],
      ['a', '1'],
      ['a', ''],
      ['a-b', '0'],
      ['A', '9'],
    ],
    [['uploads', '']],
    [
      ['x', '=&?'],
      ['é', 'ü'],
    ],
  ];
  for (const query of queries) {
    accepted(check('GET', signHeader({ ...get, query }, signer, signing)));
    accepted(check('GET', signUrl({ ...get, query }, signer, { ...signing, payload: 'UNSIGNED-PAYLOAD', seconds: 60 })));
  }
});

test('a sub-resource without = and a + for a blank are signed as what they mean', () => {
  const acl = signHeader({ ...get, query: [['acl', '']] }, signer, signing);
  accepted(check('GET', { ...acl, query: 'acl' }));
  const blank = signHeader({ ...get, query: [['prefix', 'a b']] }, signer, signing);
  accepted(check('GET', { ...blank, query: 'prefix=a+b' }));
});

test('characters that need no escape may come escaped, in either case of hex', () => {
  const signed = signHeader({ ...get, path: '/bucket/a-é' }, signer, signing);
  accepted(check('GET', { ...signed, path: '/%62ucket/a%2D%c3%a9' }));
});

test('header values: runs of blanks, metadata in UTF-8, duplicates joined', () => {
  const headers = { ...get.headers, 'x-amz-meta-a': 'x   y \t z', 'x-amz-meta-b': 'naïve ☃', 'x-amz-meta-c': '1,2' };
  accepted(check('GET', signHeader({ ...get, headers }, signer, signing)));
});

test('whatever is changed after signing is noticed', () => {
  const draft: Draft = { ...get, query: [['prefix', 'a']], headers: { ...get.headers, range: 'bytes=0-1' } };
  const signed = signHeader(draft, signer, signing);
  accepted(check('GET', signed));
  const changes: [string, string, Signed][] = [
    ['method', 'PUT', signed],
    ['path', 'GET', { ...signed, path: '/bucket/kex' }],
    ['slash', 'GET', { ...signed, path: '/bucket//key' }],
    ['query', 'GET', { ...signed, query: 'prefix=b' }],
    ['query added', 'GET', { ...signed, query: 'prefix=a&max-keys=1' }],
    ['header', 'GET', withHeaders(signed, { range: 'bytes=0-2' })],
    ['host', 'GET', withHeaders(signed, { host: 'elsewhere' })],
    ['payload', 'GET', withHeaders(signed, { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' })],
    ['date', 'GET', withHeaders(signed, { 'x-amz-date': '20240229T235901Z' })],
    ['signed header gone', 'GET', withHeaders(signed, { range: undefined })],
  ];
  for (const [what, method, request] of changes) {
    assert.ok(isRejection(check(method, request)), what);
    refused(check(method, request), 'SignatureDoesNotMatch');
  }
});

test('SignatureDoesNotMatch shows what was signed here, InvalidSignature what is none', () => {
  const wrong = { ...signer, secretKey: 'another' };
  const facts = refused(check('GET', signHeader(get, wrong, signing)), 'SignatureDoesNotMatch');
  assert.deepEqual(Object.keys(facts), [
    'AWSAccessKeyId',
    'StringToSign',
    'SignatureProvided',
    'StringToSignBytes',
    'CanonicalRequest',
    'CanonicalRequestBytes',
  ]);
  assert.match(String(facts.CanonicalRequest), /^GET\n\/bucket\/key\n\nhost:localhost:9000\n/);
  assert.equal(Buffer.from(String(facts.StringToSignBytes).replaceAll(' ', ''), 'hex').toString(), facts.StringToSign);
  assert.ok(!JSON.stringify(facts).includes(signHeader(get, signer, signing).signature), 'the right signature is told');
  for (const signature of ['abc', 'g'.repeat(64), 'a'.repeat(63), 'a'.repeat(65), 'A'.repeat(64)]) {
    const outcome = check(
      'GET',
      edited(signHeader(get, signer, signing), (text) => text.replace(/Signature=.*/, `Signature=${signature}`)),
    );
    assert.equal(refused(outcome, 'InvalidSignature').SignatureProvided, signature);
  }
});

test('who did not sign, or signed otherwise, is told so', () => {
  const bare = { path: '/bucket', query: '', headers: { host: 'localhost' } };
  refused(check('GET', bare), 'AccessDenied');
  const attempt = (authorization: string, code: string) =>
    refused(check('GET', { ...bare, headers: { ...bare.headers, authorization } }), code);
  attempt('AWS AKID:signature', 'InvalidRequest');
  attempt('AWS4-ECDSA-P256-SHA256 Credential=x', 'NotImplemented');
  assert.ok(!JSON.stringify(attempt('Basic cm9vdDpzZWNyZXQ=', 'InvalidArgument')).includes('cm9vdD'));
  const both = signHeader(get, signer, signing);
  refused(check('GET', { ...both, query: signUrl(get, signer, { ...signing, seconds: 5 }).query }), 'InvalidArgument');
  refused(check('GET', signHeader(get, { ...signer, accessKey: 'NOBODY' }, signing)), 'InvalidAccessKeyId');
});

test('a malformed Authorization header', () => {
  const signed = signHeader(get, signer, signing);
  const edits: [RegExp | string, string][] = [
    [/Credential=[^,]*,/, ''],
    [/Credential=[^,]*/, 'Credential=short'],
    [/Credential=[^/]*/, 'Credential='],
    ['/20240229/', '/2024022/'],
    ['/20240229/', '/20240228/'],
    ['/s3/', '/ec2/'],
    ['aws4_request', 'aws3_request'],
    [/SignedHeaders=[^,]*,/, ''],
    [/SignedHeaders=[^,]*/, 'SignedHeaders=HOST'],
    [/,Signature=.*/, ''],
  ];
  for (const [from, to] of edits)
    refused(
      check(
        'GET',
        edited(signed, (text) => text.replace(from, to)),
      ),
      'AuthorizationHeaderMalformed',
    );
  const facts = refused(check('GET', signHeader(get, { ...signer, region: 'mars-1' }, signing)), 'AuthorizationHeaderMalformed');
  assert.equal(facts.Region, 'eu-west-3');
  assert.equal(facts['header:x-amz-bucket-region'], 'eu-west-3', 'an answer to HEAD has nothing else');
  accepted(
    check(
      'GET',
      edited(signed, (text) => text.replaceAll(',', ' , ')),
    ),
  );
  accepted(
    check(
      'GET',
      edited(signed, (text) => text.replace(/(Credential=[^,]*),(SignedHeaders=[^,]*),/, '$2, $1, ')),
    ),
  );
});

test('the configured region and us-east-1 are both right', () => {
  accepted(check('GET', signHeader(get, signer, signing)));
  accepted(check('GET', signHeader(get, { ...signer, region: 'us-east-1' }, signing)));
});

test('dates: missing, malformed, skewed, RFC 1123', () => {
  const signed = signHeader(get, signer, signing);
  refused(check('GET', withHeaders(signed, { 'x-amz-date': undefined })), 'AccessDenied');
  for (const bad of ['yesterday', '20240230T000000Z', '2024-02-29T23:59:00Z', '20240229T235900']) {
    refused(check('GET', withHeaders(signed, { 'x-amz-date': bad })), 'AccessDenied');
  }
  for (const offset of [-15 * 60_000, 15 * 60_000]) {
    const by = authenticator(undefined, now + offset);
    accepted(check('GET', signed, by));
    const facts = refused(check('GET', signed, authenticator(undefined, now + offset + Math.sign(offset) * 1000)), 'RequestTimeTooSkewed');
    assert.equal(facts.RequestTime, '20240229T235900Z');
    assert.equal(facts.MaxAllowedSkewMilliseconds, 900_000);
    assert.match(String(facts.ServerTime), /^2024-0\d-\d\dT\d\d:\d\d:\d\dZ$/);
  }
  // A Date header instead of x-amz-date: the time it names is what is signed.
  const dated = withHeaders(
    signHeader({ ...get, headers: { ...get.headers, date: 'Thu, 29 Feb 2024 23:59:00 GMT' } }, signer, {
      ...signing,
      unsigned: ['x-amz-date'],
    }),
    {
      'x-amz-date': undefined,
    },
  );
  accepted(check('GET', dated));
});

test('headers that must be signed', () => {
  const draft = { ...get, headers: { ...get.headers, 'x-amz-meta-a': '1', 'x-amz-acl': 'private' } };
  const facts = refused(check('GET', signHeader(draft, signer, { ...signing, unsigned: ['x-amz-meta-a', 'x-amz-acl'] })), 'AccessDenied');
  assert.equal(facts.HeadersNotSigned, 'x-amz-meta-a, x-amz-acl');
  const hostless = refused(check('GET', signHeader(get, signer, { ...signing, unsigned: ['host'] })), 'AccessDenied');
  assert.equal(hostless.HeadersNotSigned, 'host');
  const added = signUrl(get, signer, { ...signing, payload: 'UNSIGNED-PAYLOAD', seconds: 60 });
  refused(check('GET', withHeaders(added, { 'x-amz-meta-late': 'x' })), 'AccessDenied');
  refused(check('GET', withHeaders(signHeader(get, signer, signing), { 'x-amz-content-sha256': undefined })), 'InvalidRequest');
});

test('every payload mode is told apart, a bad value is InvalidArgument', () => {
  const modes = {
    'UNSIGNED-PAYLOAD': { kind: 'unsigned' },
    'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { kind: 'chunked', signed: false, trailers: true },
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { kind: 'chunked', signed: true, trailers: false },
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { kind: 'chunked', signed: true, trailers: true },
  };
  for (const [payload, expected] of Object.entries(modes)) {
    assert.deepEqual(accepted(check('GET', signHeader(get, signer, { ...signing, payload }))).payload, expected);
  }
  for (const payload of ['', 'unsigned-payload', empty.slice(1), 'STREAMING-PAYLOAD', `${empty}0`]) {
    const facts = refused(check('GET', signHeader(get, signer, { ...signing, payload })), 'InvalidArgument');
    assert.equal(facts.ArgumentName, 'x-amz-content-sha256');
  }
  refused(check('GET', signHeader(get, signer, { ...signing, payload: 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD' })), 'NotImplemented');
});

test('presigned: the window', () => {
  const url = (seconds: number | string, time = now) => signUrl(get, signer, { time, payload: 'UNSIGNED-PAYLOAD', seconds });
  accepted(check('GET', url(1)));
  accepted(check('GET', url(604_800)));
  for (const bad of [0, -1, 604_801, 'soon', '1e3', '1.5']) refused(check('GET', url(bad)), 'AuthorizationQueryParametersError');
  accepted(check('GET', url(60, now - 60_000)));
  const facts = refused(check('GET', url(60, now - 61_000)), 'AccessDenied');
  assert.deepEqual(facts, {
    Message: 'Request has expired',
    'X-Amz-Expires': 60,
    Expires: '2024-02-29T23:58:59Z',
    ServerTime: '2024-02-29T23:59:00Z',
  });
  accepted(check('GET', url(3600, now + 900_000)));
  assert.equal(refused(check('GET', url(3600, now + 901_000)), 'AccessDenied').Message, 'Request is not yet valid');
});

test('presigned: parameters missing or wrong', () => {
  const { query, ...rest } = signUrl(get, signer, { ...signing, payload: 'UNSIGNED-PAYLOAD', seconds: 60 });
  for (const name of ['Algorithm', 'Credential', 'Signature', 'Date', 'SignedHeaders', 'Expires']) {
    const without = query.replace(new RegExp(`X-Amz-${name}=[^&]*&?`), '').replace(/&$/, '');
    refused(check('GET', { ...rest, query: without }), 'AuthorizationQueryParametersError');
  }
  const edits: [RegExp, string, string][] = [
    [/AWS4-HMAC-SHA256/, 'AWS4-HMAC-SHA1', 'AuthorizationQueryParametersError'],
    [/AWS4-HMAC-SHA256/, 'AWS4-ECDSA-P256-SHA256', 'NotImplemented'],
    [/%2Fs3%2F/, '%2Fsts%2F', 'AuthorizationQueryParametersError'],
    [/%2Feu-west-3%2F/, '%2Feu-west-4%2F', 'AuthorizationQueryParametersError'],
    [/SignedHeaders=host/, 'SignedHeaders=host%0A', 'AuthorizationQueryParametersError'],
    [/Date=20240229T235900Z/, 'Date=20240229', 'AuthorizationQueryParametersError'],
    [/Signature=[0-9a-f]{8}/, 'Signature=00000000', 'SignatureDoesNotMatch'],
    [/Signature=.*/, 'Signature=x', 'InvalidSignature'],
    [/Expires=60/, 'Expires=61', 'SignatureDoesNotMatch'],
  ];
  for (const [from, to, code] of edits) refused(check('GET', { ...rest, query: query.replace(from, to) }), code);
  refused(check('PUT', { ...rest, query }), 'SignatureDoesNotMatch');
});

test('session tokens: needed, right, in time, and none for a key without a session', () => {
  const root = rootCredentials(signer.accessKey, signer.secretKey, 'root').find(signer.accessKey) as Credential;
  const temporary: Credentials = { find: () => ({ ...root, session: { token: 'right', expires: now + 1000 } }) };
  const withToken = (token: string) => signHeader({ ...get, headers: { ...get.headers, 'x-amz-security-token': token } }, signer, signing);
  accepted(check('GET', withToken('right'), authenticator(temporary)));
  refused(check('GET', withToken('wrong'), authenticator(temporary)), 'InvalidToken');
  refused(check('GET', signHeader(get, signer, signing), authenticator(temporary)), 'InvalidToken');
  refused(check('GET', withToken('right'), authenticator(temporary, now + 1000)), 'ExpiredToken');
  refused(check('GET', withToken('right')), 'InvalidToken');
  const url = signUrl({ ...get, query: [['X-Amz-Security-Token', 'right']] }, signer, {
    ...signing,
    payload: 'UNSIGNED-PAYLOAD',
    seconds: 60,
  });
  accepted(check('GET', url, authenticator(temporary)));
  refused(check('GET', url, authenticator(temporary, now + 2000)), 'ExpiredToken');
});

test('signing keys are kept per key, day and region, within a bound, and not past a change of the secret', () => {
  const keys = new SigningKeys(2);
  const scope = (accessKey: string) => ({ accessKey, date: '20240229', region: 'r', scope: '20240229/r/s3/aws4_request' });
  const first = keys.keyFor(scope('a'), 'secret');
  assert.equal(keys.keyFor(scope('a'), 'secret'), first);
  assert.notEqual(keys.keyFor(scope('a'), 'changed').digest('text'), first.digest('text'));
  const kept = keys.keyFor(scope('a'), 'secret');
  keys.keyFor(scope('b'), 'secret');
  keys.keyFor(scope('c'), 'secret');
  const again = keys.keyFor(scope('a'), 'secret');
  assert.notEqual(again, kept, 'the oldest place was given up');
  assert.equal(again.digest('text'), kept.digest('text'));
});

test('a signing key that is kept gives the digests of HMAC-SHA256', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.string({ unit: 'grapheme', maxLength: 3000 }), (key, text) => {
      const kept = new HmacKey(key);
      const expected = createHmac('sha256', key).update(text).digest('hex');
      assert.equal(kept.digest(text), expected);
      assert.equal(kept.digest(text), expected, 'again');
    }),
  );
  assert.throws(() => new HmacKey(new Uint8Array(65)));
});

test('presigned: an unsigned x-amz-content-sha256 binds the body, not the signature', () => {
  const put = { ...get, method: 'PUT' };
  const signed = signUrl(put, signer, { time: now, payload: 'UNSIGNED-PAYLOAD', seconds: 60 });
  const sent = (value: string) => check('PUT', withHeaders(signed, { 'x-amz-content-sha256': value }));
  assert.deepEqual(accepted(sent('UNSIGNED-PAYLOAD')).payload, { kind: 'unsigned' });
  assert.deepEqual(accepted(sent(empty)).payload, { kind: 'hash', sha256: Buffer.from(empty, 'hex') });
  assert.equal(accepted(sent('STREAMING-UNSIGNED-PAYLOAD-TRAILER')).payload.kind, 'chunked');
  refused(sent('nonsense'), 'InvalidArgument');
  const facts = refused(check('PUT', withHeaders(signed, { 'x-amz-content-sha256': empty, 'x-amz-meta-a': 'b' })), 'AccessDenied');
  assert.equal(facts.HeadersNotSigned, 'x-amz-meta-a');
  refused(check('PUT', signHeader(put, signer, { ...signing, unsigned: ['x-amz-content-sha256'] })), 'AccessDenied');
});
