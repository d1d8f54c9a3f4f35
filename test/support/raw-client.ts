/** Signed requests and bare answers, for what an SDK would hide or refuse to send. */
import assert from 'node:assert/strict';
import type { Answer } from '../../bench/client/connection.ts';
import { S3Client } from '../../bench/client/s3-client.ts';
import type { RunningServer } from './server.ts';

export type RawClient = S3Client;

const connections = 16;

export function startRaw(server: RunningServer): RawClient {
  const { endpoint, accessKey, secretKey } = server;
  return new S3Client({ endpoint, accessKey, secretKey, region: 'us-east-1' }, connections);
}

/** The text of the first element of a name in an answer's XML, entities resolved; undefined when there is none. */
export function xmlText(answer: Answer, name: string): string | undefined {
  const found = new RegExp(`<${name}(?: [^>]*)?>([^<]*)</${name}>`).exec(answer.body.toString());
  return found?.[1]
    ?.replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');
}

/** All texts of a name, in order. */
export function xmlTexts(answer: Answer, name: string): string[] {
  return [...answer.body.toString().matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map((found) => found[1] ?? '');
}

/** The answer is this error, told the way S3 tells errors; `code` undefined for an answer without a body. */
export function refused(answer: Answer, status: number, code: string | undefined, facts: Readonly<Record<string, string>> = {}): void {
  assert.equal(answer.status, status, `${answer.status} ${answer.body}`);
  assert.match(answer.headers['x-amz-id-2'] ?? '', /./, 'x-amz-id-2');
  if (code === undefined) {
    assert.equal(answer.body.length, 0);
    return;
  }
  assert.equal(xmlText(answer, 'Code'), code, answer.body.toString());
  assert.equal(xmlText(answer, 'RequestId'), answer.headers['x-amz-request-id']);
  assert.equal(answer.headers['content-type'], 'application/xml');
  for (const [name, value] of Object.entries(facts)) assert.equal(xmlText(answer, name), value, name);
}
