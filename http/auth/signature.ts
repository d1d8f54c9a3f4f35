import { timingSafeEqual } from 'node:crypto';
import { type Rejection, type RejectionFacts, reject } from '../../engine/rejection.ts';
import type { HmacKey } from './hmac-key.ts';

const wellFormed = /^[0-9a-f]{64}$/;

/** A signature to be proved, and what to tell the client when it is wrong. */
export interface Proof {
  readonly signingKey: HmacKey;
  readonly accessKey: string;
  readonly stringToSign: string;
  readonly signature: string;
}

/**
 * Rejection: InvalidSignature when the text can't be a signature, SignatureDoesNotMatch when it is another one.
 * `moreFacts` is asked only then.
 */
export function verifySignature(proof: Proof, moreFacts: () => RejectionFacts = () => ({})): Rejection | undefined {
  const { signingKey, stringToSign, signature, accessKey } = proof;
  if (!wellFormed.test(signature)) return reject('InvalidSignature', { AWSAccessKeyId: accessKey, SignatureProvided: signature });
  const expected = signingKey.digest(stringToSign);
  if (timingSafeEqual(Buffer.from(expected, 'latin1'), Buffer.from(signature, 'latin1'))) return undefined;
  return signatureDoesNotMatch(proof, moreFacts());
}

/** What was signed here, for comparison; never the signature that would have been right. */
export function signatureDoesNotMatch(proof: Omit<Proof, 'signingKey'>, moreFacts: RejectionFacts = {}): Rejection {
  const { accessKey, stringToSign, signature } = proof;
  return reject('SignatureDoesNotMatch', {
    AWSAccessKeyId: accessKey,
    StringToSign: stringToSign,
    SignatureProvided: signature,
    StringToSignBytes: hexBytes(stringToSign),
    ...moreFacts,
  });
}

/** `41 57 53`: how S3 shows what it signed byte by byte. */
export function hexBytes(text: string): string {
  return (Buffer.from(text).toString('hex').match(/../g) ?? []).join(' ');
}
