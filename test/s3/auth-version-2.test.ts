import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRejection, type Rejection } from '../../engine/rejection.ts';
import { type Authenticated, Authenticator } from '../../http/auth/authenticator.ts';
import { rootCredentials } from '../../http/auth/credentials.ts';
import { parseQuery } from '../../http/request/query.ts';
import { parseTarget } from '../../http/request/request-target.ts';
import { type Draft, type Signed, signUrlV2 } from '../support/sign.ts';

const signer = { accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', region: 'us-east-1' };
const expires = 1_175_139_620;
const get: Draft = { method: 'GET', path: '/bucket/key', headers: { host: 'localhost:9000' } };

function check(method: string, url: Pick<Signed, 'path' | 'query' | 'headers'>, now = expires * 1000): Authenticated | Rejection {
  const clock = { now: () => now, after: () => () => undefined };
  const by = new Authenticator(rootCredentials(signer.accessKey, signer.secretKey, 'root'), clock, 'us-east-1');
  const target = parseTarget(url.path, url.headers.host ?? '', ['s3.amazonaws.com']);
  const query = parseQuery(url.query);
  assert.ok(!isRejection(target) && query);
  const { path, resourcePath } = target;
  return by.authenticate({ method, path, resourcePath, query, headers: new Map(Object.entries(url.headers)) });
}

function accepted(outcome: Authenticated | Rejection): void {
  assert.ok(!isRejection(outcome), JSON.stringify(outcome));
  assert.equal(outcome.credential.account, 'root');
  assert.deepEqual(outcome.payload, { kind: 'unsigned' });
}

function refused(outcome: Authenticated | Rejection, code: string): Record<string, string | number> {
  assert.ok(isRejection(outcome), 'was accepted');
  assert.equal(outcome.rejected, code, JSON.stringify(outcome.facts));
  return { ...outcome.facts };
}

test('the example of the S3 reference holds', () => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html, query string request authentication
  const query = 'AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620';
  accepted(check('GET', { path: '/photos/puppy.jpg', query, headers: { host: 'johnsmith.s3.amazonaws.com' } }));
  refused(check('GET', { path: '/photos/puppy.jpg', query, headers: { host: 'other.s3.amazonaws.com' } }), 'SignatureDoesNotMatch');
});

test('paths, sub-resources, overrides and moved headers are covered', () => {
  for (const path of ['/bucket/a b+c/é', '/bucket//x/', "/bucket/~*'()"])
    accepted(check('GET', signUrlV2({ ...get, path }, signer, expires)));
  const query = [
    ['response-content-type', 'text/plain; charset=utf-8'],
    ['versionId', 'x+y'],
  ] as const;
  accepted(check('GET', signUrlV2({ ...get, query }, signer, expires)));
  const headers = { host: 'localhost', 'content-type': 'text/plain', 'content-md5': 'x', 'x-amz-meta-b': '2', 'x-amz-meta-a': '1' };
  const put = { ...get, method: 'PUT', headers };
  const url = signUrlV2(put, signer, expires);
  accepted(check('PUT', url));
  accepted(check('PUT', { ...url, headers: { ...url.headers, 'content-type': 'text/plain' } }));
  refused(check('PUT', { ...url, headers: { ...url.headers, 'content-type': 'text/html' } }), 'SignatureDoesNotMatch');
  refused(check('PUT', { ...url, headers: { ...url.headers, 'x-amz-meta-c': '3' } }), 'SignatureDoesNotMatch');
});

test('whatever is changed is noticed, and what is not covered is refused', () => {
  const url = signUrlV2(get, signer, expires);
  accepted(check('GET', url));
  refused(check('PUT', url), 'SignatureDoesNotMatch');
  refused(check('GET', { ...url, path: '/bucket/kex' }), 'SignatureDoesNotMatch');
  refused(check('GET', { ...url, query: url.query.replace(String(expires), String(expires + 1)) }), 'SignatureDoesNotMatch');
  refused(check('GET', { ...url, query: `${url.query}&tagging` }), 'SignatureDoesNotMatch');
  refused(check('GET', { ...url, query: `${url.query}&response-content-type=a` }), 'SignatureDoesNotMatch');
  refused(check('GET', { ...url, query: `${url.query}&x-amz-meta-a=1` }), 'SignatureDoesNotMatch');
  for (const more of ['attributes', 'prefix=a', 'list-type=2', 'max-keys=1', 'content-length=1']) {
    refused(check('GET', { ...url, query: `${url.query}&${more}` }), 'InvalidRequest');
  }
  refused(check('GET', { ...url, query: `${url.query}&content-type=a%0A` }), 'InvalidRequest');
  refused(check('GET', { ...url, query: url.query.replace(/Signature=[^&]*/, 'Signature=abc') }), 'InvalidSignature');
  refused(check('GET', { ...url, query: url.query.replace(/KeyId=[^&]*/, 'KeyId=x') }), 'InvalidAccessKeyId');
  const facts = refused(check('GET', signUrlV2(get, { ...signer, secretKey: 'x' }, expires)), 'SignatureDoesNotMatch');
  assert.equal(facts.StringToSign, `GET\n\n\n${expires}\n/bucket/key`);
});

test('the time, and a token nobody asked for', () => {
  const url = signUrlV2(get, signer, expires);
  accepted(check('GET', url, expires * 1000));
  const facts = refused(check('GET', url, expires * 1000 + 1), 'AccessDenied');
  assert.equal(facts.Expires, '2007-03-29T03:40:20Z');
  for (const bad of ['', 'soon', '-5', '1e9']) {
    refused(check('GET', { ...url, query: url.query.replace(/Expires=.*/, `Expires=${bad}`) }), 'AccessDenied');
  }
  const token = { ...get, headers: { ...get.headers, 'x-amz-security-token': 't' } };
  refused(check('GET', signUrlV2(token, signer, expires)), 'InvalidToken');
});
