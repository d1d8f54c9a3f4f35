import { encodePath, encodePercent } from '../request/percent-encoding.ts';
import type { Query } from '../request/query.ts';
import type { Claim, SignedRequest } from './claim.ts';

/**
 * The text a signature stands for (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html): S3's own
 * variant, in which the path is encoded once and never normalised.
 */
export function canonicalRequest(request: SignedRequest, claim: Claim): string {
  let headers = '';
  for (const name of claim.signedHeaders)
    headers += `${name}:${canonicalValue(request.headers.get(name) ?? claim.moved.get(name) ?? '')}\n`;
  const signed = claim.signedHeaders.join(';');
  return `${request.method}\n${encodePath(request.path)}\n${canonicalQuery(request.query)}\n${headers}\n${signed}\n${claim.payloadHash}`;
}

const runOfBlanks = /[ \t]+/g;

/** Outer blanks are gone already; inner runs become one blank, as every signer writes them. */
function canonicalValue(value: string): string {
  return value.includes('  ') || value.includes('\t') ? value.replace(runOfBlanks, ' ') : value;
}

function canonicalQuery(query: Query): string {
  const pairs: [name: string, value: string][] = [];
  for (const { name, value } of query.parameters) {
    if (name !== 'X-Amz-Signature') pairs.push([encodePercent(name), encodePercent(value)]);
  }
  if (pairs.length > 1) pairs.sort(byNameThenValue);
  let text = '';
  for (const [name, value] of pairs) text += text === '' ? `${name}=${value}` : `&${name}=${value}`;
  return text;
}

/** Encoded text is ASCII: comparing UTF-16 units compares bytes. */
function byNameThenValue(a: readonly [string, string], b: readonly [string, string]): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
  if (a[1] !== b[1]) return a[1] < b[1] ? -1 : 1;
  return 0;
}
