import { type Rejection, reject } from '../../engine/rejection.ts';
import type { Query } from '../request/query.ts';
import { isoSeconds, parseAmzTime } from './amz-time.ts';
import { type Claim, clockSkewMillisecondsMax, parseSignedHeaders, type SignedRequest } from './claim.ts';
import { parseCredentialScope, regionFacts } from './credential-scope.ts';

/** Longest life of a presigned URL: a week. */
export const presignedSecondsMax = 604_800;

const hashHeader = 'x-amz-content-sha256';
const unsigned = 'UNSIGNED-PAYLOAD';

const required = ['X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Signature', 'X-Amz-Date', 'X-Amz-SignedHeaders', 'X-Amz-Expires'];

export function isPresigned(query: Query): boolean {
  return query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature') || query.has('X-Amz-Credential');
}

/** Reads the X-Amz-* parameters of a presigned URL. Rejection: AuthorizationQueryParametersError, NotImplemented for SigV4A. */
export function readPresignedUrl(request: SignedRequest, ownRegion: string): Claim | Rejection {
  const { query, headers } = request;
  const values = required.map((name) => query.get(name) ?? '');
  if (values.includes('')) {
    return malformed(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  }
  const [algorithm, credentialText, signature, amzTime, signedHeadersText, expiresText] = values as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if (algorithm === 'AWS4-ECDSA-P256-SHA256') return reject('NotImplemented', { Header: 'X-Amz-Algorithm' });
  if (algorithm !== 'AWS4-HMAC-SHA256') return malformed('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"');
  const credential = parseCredentialScope(credentialText, ownRegion);
  if ('problem' in credential) return malformed(`Error parsing the X-Amz-Credential parameter; ${credential.problem}`, credential.region);
  const signedHeaders = parseSignedHeaders(signedHeadersText);
  if (!signedHeaders) return malformed('Error parsing the X-Amz-SignedHeaders parameter');
  const time = parseAmzTime(amzTime);
  if (time === undefined) return malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  if (!amzTime.startsWith(credential.date)) {
    return malformed(`Invalid credential date "${credential.date}". This date is not the same as X-Amz-Date: "${amzTime.slice(0, 8)}".`);
  }
  const seconds = lifetime(expiresText);
  if (typeof seconds === 'string') return malformed(seconds);
  return {
    credential,
    amzTime,
    signedHeaders,
    moved: amzHeadersInQuery(query),
    signature,
    payloadHash:
      query.get('X-Amz-Content-Sha256') ?? (signedHeaders.includes(hashHeader) ? headers.get(hashHeader) : undefined) ?? unsigned,
    payload: query.get('X-Amz-Content-Sha256') ?? headers.get(hashHeader) ?? unsigned,
    unsignedAllowed: [hashHeader],
    sessionToken: query.get('X-Amz-Security-Token') ?? headers.get('x-amz-security-token'),
    untimely: (now) => outsideWindow(time, seconds, now),
  };
}

/** Some signers of version 4 name x-amz-* headers as signed and move them all the same: the URL has the value that was signed. */
function amzHeadersInQuery(query: Query): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const parameter of query.parameters) {
    const name = parameter.name.toLowerCase();
    if (name.startsWith('x-amz-') && !found.has(name)) found.set(name, parameter.value);
  }
  return found;
}

/** Seconds, or what is wrong with the text. */
function lifetime(text: string): number | string {
  if (!/^-?\d{1,15}$/.test(text)) return 'X-Amz-Expires should be a number';
  const seconds = Number(text);
  if (seconds < 1) return 'X-Amz-Expires must be at least one second';
  if (seconds > presignedSecondsMax)
    return `X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than ${presignedSecondsMax} seconds`;
  return seconds;
}

function outsideWindow(time: number, seconds: number, now: number): Rejection | undefined {
  const expires = time + seconds * 1000;
  const window = { 'X-Amz-Expires': seconds, Expires: isoSeconds(expires), ServerTime: isoSeconds(now) };
  if (time > now + clockSkewMillisecondsMax) return reject('AccessDenied', { Message: 'Request is not yet valid', ...window });
  if (now > expires) return reject('AccessDenied', { Message: 'Request has expired', ...window });
  return undefined;
}

function malformed(message: string, region?: string): Rejection {
  return reject('AuthorizationQueryParametersError', { Message: message, ...(region === undefined ? {} : regionFacts(region)) });
}
