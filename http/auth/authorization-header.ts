import { type Rejection, reject } from '../../engine/rejection.ts';
import { formatAmzTime, isoSeconds, parseAmzTime } from './amz-time.ts';
import { type Claim, clockSkewMillisecondsMax, parseSignedHeaders, type SignedRequest } from './claim.ts';
import { parseCredentialScope, regionFacts } from './credential-scope.ts';

const algorithm = 'AWS4-HMAC-SHA256';

/**
 * Reads `Authorization: AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`.
 * Rejection: AuthorizationHeaderMalformed, AccessDenied without a date, InvalidRequest for signature version 2 or a missing
 * x-amz-content-sha256, NotImplemented for SigV4A, InvalidArgument for other schemes.
 */
export function readAuthorizationHeader(header: string, request: SignedRequest, ownRegion: string): Claim | Rejection {
  if (!header.startsWith(algorithm)) return unsupportedScheme(header);
  const fields = parseFields(header.slice(algorithm.length));
  if (typeof fields === 'string') return malformed(fields);
  const credential = parseCredentialScope(fields.credential, ownRegion);
  if ('problem' in credential) return malformed(credential.problem, credential.region);
  const signedHeaders = parseSignedHeaders(fields.signedHeaders);
  if (!signedHeaders) return malformed('the SignedHeaders field is mal-formed.');

  const when = requestTime(request.headers);
  if (!when) return reject('AccessDenied', { Message: 'AWS authentication requires a valid Date or x-amz-date header' });
  if (!when.amzTime.startsWith(credential.date)) {
    const sameDay = `This date is not the same as X-Amz-Date: "${when.amzTime.slice(0, 8)}".`;
    return malformed(`Invalid credential date "${credential.date}". ${sameDay}`);
  }
  const payloadHash = request.headers.get('x-amz-content-sha256');
  if (payloadHash === undefined) {
    return reject('InvalidRequest', { Message: 'Missing required header for this request: x-amz-content-sha256' });
  }
  return {
    credential,
    amzTime: when.amzTime,
    signedHeaders,
    moved: nowhere,
    signature: fields.signature,
    payloadHash,
    payload: payloadHash,
    unsignedAllowed: [],
    sessionToken: request.headers.get('x-amz-security-token'),
    untimely: (now) => skewed(when.sent, when.time, now),
  };
}

const nowhere: ReadonlyMap<string, string> = new Map();

interface Fields {
  credential: string;
  signedHeaders: string;
  signature: string;
}

/** The three fields, in any order; a sentence when one is missing. */
function parseFields(text: string): Fields | string {
  let credential = '';
  let signedHeaders = '';
  let signature = '';
  for (const piece of text.split(',')) {
    const equals = piece.indexOf('=');
    const name = piece.slice(0, equals).trim();
    const value = piece.slice(equals + 1).trim();
    if (name === 'Credential') credential = value;
    else if (name === 'SignedHeaders') signedHeaders = value;
    else if (name === 'Signature') signature = value;
  }
  if (credential === '') return 'the Credential field is missing.';
  if (signedHeaders === '') return 'the SignedHeaders field is missing.';
  if (signature === '') return 'the Signature field is missing.';
  return { credential, signedHeaders, signature };
}

interface RequestTime {
  readonly sent: string;
  readonly amzTime: string;
  readonly time: number;
}

/** x-amz-date, or else Date in either of the two forms clients send. */
function requestTime(headers: ReadonlyMap<string, string>): RequestTime | undefined {
  const sent = headers.get('x-amz-date') ?? headers.get('date');
  if (sent === undefined) return undefined;
  const basic = parseAmzTime(sent);
  if (basic !== undefined) return { sent, amzTime: sent, time: basic };
  if (headers.has('x-amz-date')) return undefined;
  const time = Date.parse(sent);
  return Number.isNaN(time) ? undefined : { sent, amzTime: formatAmzTime(time), time };
}

function skewed(sent: string, time: number, now: number): Rejection | undefined {
  if (Math.abs(now - time) <= clockSkewMillisecondsMax) return undefined;
  return reject('RequestTimeTooSkewed', {
    RequestTime: sent,
    ServerTime: isoSeconds(now),
    MaxAllowedSkewMilliseconds: clockSkewMillisecondsMax,
  });
}

function unsupportedScheme(header: string): Rejection {
  if (header.startsWith('AWS4-ECDSA-P256-SHA256')) return reject('NotImplemented', { Header: 'Authorization' });
  if (header.startsWith('AWS ')) {
    return reject('InvalidRequest', {
      Message: 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
    });
  }
  // Whatever else is in there may be somebody's password: it is not repeated.
  return reject('InvalidArgument', { Message: 'Unsupported Authorization Type', ArgumentName: 'Authorization' });
}

function malformed(problem: string, region?: string): Rejection {
  return reject('AuthorizationHeaderMalformed', {
    Message: `The authorization header is malformed; ${problem}`,
    ...(region === undefined ? {} : regionFacts(region)),
  });
}
