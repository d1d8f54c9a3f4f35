import { hash } from 'node:crypto';
import type { Rejection } from '../../engine/rejection.ts';
import type { HmacKey } from './hmac-key.ts';
import { verifySignature } from './signature.ts';

const emptyHash = hash('sha256', '', 'hex');

/** What the signatures of an aws-chunked body start from: the request's own. */
export interface ChunkSigning {
  readonly signingKey: HmacKey;
  readonly accessKey: string;
  readonly amzTime: string;
  readonly scope: string;
  /** The request's signature. */
  readonly seed: string;
}

/** The chain of signatures through a body: each covers the one before it, so no chunk can be dropped, moved or doubled. */
export class ChunkSignatures {
  readonly #signing: ChunkSigning;
  #previous: string;

  constructor(signing: ChunkSigning) {
    this.#signing = signing;
    this.#previous = signing.seed;
  }

  /** `sha256`: of the chunk's bytes, hex. */
  verifyChunk(sha256: string, signature: string): Rejection | undefined {
    return this.#verify('AWS4-HMAC-SHA256-PAYLOAD', `${emptyHash}\n${sha256}`, signature);
  }

  /** `trailers`: `name:value\n` each, in order, without the signature's own. */
  verifyTrailers(trailers: string, signature: string): Rejection | undefined {
    return this.#verify('AWS4-HMAC-SHA256-TRAILER', hash('sha256', trailers, 'hex'), signature);
  }

  #verify(algorithm: string, covered: string, signature: string): Rejection | undefined {
    const { signingKey, accessKey, amzTime, scope } = this.#signing;
    const stringToSign = `${algorithm}\n${amzTime}\n${scope}\n${this.#previous}\n${covered}`;
    const refused = verifySignature({ signingKey, accessKey, stringToSign, signature });
    this.#previous = signature;
    return refused;
  }
}
