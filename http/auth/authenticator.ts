import { hash } from 'node:crypto';
import type { Clock } from '../../engine/clock.ts';
import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import { readAuthorizationHeader } from './authorization-header.ts';
import { canonicalRequest } from './canonical-request.ts';
import type { ChunkSigning } from './chunk-signatures.ts';
import type { Claim, SignedRequest } from './claim.ts';
import type { Credential, Credentials } from './credentials.ts';
import { type Payload, parsePayload } from './payload.ts';
import { isPresigned, readPresignedUrl } from './presigned-url.ts';
import { isPresignedV2, readPresignedUrlV2, verifyPresignedUrlV2 } from './presigned-url-v2.ts';
import { hexBytes, verifySignature } from './signature.ts';
import { SigningKeys } from './signing-keys.ts';

/** A request whose signature holds. */
export interface Authenticated {
  readonly credential: Credential;
  readonly payload: Payload;
  /** Where the signatures of an aws-chunked body start; a URL of signature version 2 has no such body. */
  readonly chunkSigning: ChunkSigning | undefined;
}

/** Signature version 4 in the header or in the query, version 2 in the query. Nothing of a request is believed before it went through here. */
export class Authenticator {
  readonly #credentials: Credentials;
  readonly #clock: Clock;
  readonly #region: string;
  readonly #signingKeys = new SigningKeys();

  constructor(credentials: Credentials, clock: Clock, region: string) {
    this.#credentials = credentials;
    this.#clock = clock;
    this.#region = region;
  }

  /** Rejection: AccessDenied when nobody signed, else what is wrong with the signature, in the order S3 looks. */
  authenticate(request: SignedRequest): Authenticated | Rejection {
    if (isPresignedV2(request.query) && !request.headers.has('authorization')) return this.#authenticateV2(request);
    const claim = this.#readClaim(request);
    if (isRejection(claim)) return claim;
    const { accessKey, scope } = claim.credential;
    const credential = this.#credentials.find(accessKey);
    if (!credential) return reject('InvalidAccessKeyId', { AWSAccessKeyId: accessKey });
    const refused =
      this.#checkSession(credential, claim.sessionToken) ?? claim.untimely(this.#clock.now()) ?? unsignedHeaders(request, claim);
    if (refused) return refused;
    const payload = parsePayload(claim.payload);
    if (isRejection(payload)) return payload;

    const canonical = canonicalRequest(request, claim);
    const stringToSign = `AWS4-HMAC-SHA256\n${claim.amzTime}\n${scope}\n${hash('sha256', canonical, 'hex')}`;
    const signingKey = this.#signingKeys.keyFor(claim.credential, credential.secretKey);
    const mismatch = verifySignature({ signingKey, accessKey, stringToSign, signature: claim.signature }, () => ({
      CanonicalRequest: canonical,
      CanonicalRequestBytes: hexBytes(canonical),
    }));
    if (mismatch) return mismatch;
    const chunkSigning = { signingKey, accessKey, amzTime: claim.amzTime, scope, seed: claim.signature };
    return { credential, payload, chunkSigning };
  }

  #authenticateV2(request: SignedRequest): Authenticated | Rejection {
    const claim = readPresignedUrlV2(request);
    if (isRejection(claim)) return claim;
    const credential = this.#credentials.find(claim.accessKey);
    if (!credential) return reject('InvalidAccessKeyId', { AWSAccessKeyId: claim.accessKey });
    const refused =
      this.#checkSession(credential, claim.sessionToken) ??
      claim.untimely(this.#clock.now()) ??
      verifyPresignedUrlV2(claim, credential.secretKey);
    return refused ?? { credential, payload: { kind: 'unsigned' }, chunkSigning: undefined };
  }

  #readClaim(request: SignedRequest): Claim | Rejection {
    const header = request.headers.get('authorization');
    const presigned = request.query.parameters.length > 0 && isPresigned(request.query);
    if (header !== undefined && presigned) {
      return reject('InvalidArgument', {
        Message:
          'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
        ArgumentName: 'Authorization',
      });
    }
    if (header !== undefined) return readAuthorizationHeader(header, request, this.#region);
    if (presigned) return readPresignedUrl(request, this.#region);
    return reject('AccessDenied');
  }

  #checkSession(credential: Credential, token: string | undefined): Rejection | undefined {
    const { session } = credential;
    if (session?.token !== token) return reject('InvalidToken', token === undefined ? {} : { 'Token-0': token });
    if (session && this.#clock.now() >= session.expires) return reject('ExpiredToken', { 'Token-0': session.token });
    return undefined;
  }
}

/** Host and every x-amz-* header must be signed: an unsigned one could have been added on the way. Who holds a URL may say what the body's hash is. */
function unsignedHeaders(request: SignedRequest, claim: Claim): Rejection | undefined {
  const { signedHeaders, unsignedAllowed } = claim;
  const missing = signedHeaders.includes('host') ? [] : ['host'];
  for (const name of request.headers.keys()) {
    if (name.startsWith('x-amz-') && !signedHeaders.includes(name) && !unsignedAllowed.includes(name)) missing.push(name);
  }
  if (missing.length === 0) return undefined;
  return reject('AccessDenied', {
    Message: 'There were headers present in the request which were not signed',
    HeadersNotSigned: missing.join(', '),
  });
}
