import type { CredentialScope } from './credential-scope.ts';
import { HmacKey, hmac } from './hmac-key.ts';

interface CachedKey {
  readonly secretKey: string;
  readonly signingKey: HmacKey;
}

/**
 * The signing key of an access key, day and region: four HMACs, so it is kept. Only keys that were looked up get here, and
 * only days within the life of a signature, so a few places are enough.
 */
export class SigningKeys {
  readonly #placesMax: number;
  readonly #kept = new Map<string, CachedKey>();

  constructor(placesMax = 1024) {
    this.#placesMax = placesMax;
  }

  keyFor(credential: CredentialScope, secretKey: string): HmacKey {
    const place = `${credential.accessKey}/${credential.scope}`;
    const kept = this.#kept.get(place);
    if (kept && kept.secretKey === secretKey) return kept.signingKey;
    this.#kept.delete(place);
    if (this.#kept.size >= this.#placesMax) this.#kept.delete(this.#kept.keys().next().value as string);
    const signingKey = deriveSigningKey(secretKey, credential);
    this.#kept.set(place, { secretKey, signingKey });
    return signingKey;
  }
}

function deriveSigningKey(secretKey: string, { date, region }: CredentialScope): HmacKey {
  return new HmacKey(hmac(hmac(hmac(hmac(`AWS4${secretKey}`, date), region), 's3'), 'aws4_request'));
}
