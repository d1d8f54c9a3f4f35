import { createHmac, hash } from 'node:crypto';
import { assert } from '../../engine/assert.ts';

/** What SHA-256 takes at a time. */
const blockBytes = 64;
const digestBytes = 32;
/** Longer texts are rare and go the long way. */
const textCharactersMax = 1024;
/** Block and text side by side; each digest is done before the next one begins. */
const scratch = Buffer.alloc(blockBytes + 3 * textCharactersMax);

/**
 * A key of HMAC-SHA256 (RFC 2104) that is used many times: H(K ^ opad, H(K ^ ipad, text)) with both padded blocks kept, as two
 * one-shot digests, costs a third of an HMAC object.
 */
export class HmacKey {
  readonly #inner: Buffer;
  readonly #outer: Buffer;

  /** `key`: at most 64 bytes. */
  constructor(key: Uint8Array) {
    assert(key.length <= blockBytes, 'a longer key would be hashed first');
    this.#inner = padded(key, 0x36, blockBytes);
    this.#outer = padded(key, 0x5c, blockBytes + digestBytes);
  }

  /** In lower-case hex. */
  digest(text: string): string {
    this.#outer.write(this.#innerDigest(text), blockBytes, 'hex');
    return hash('sha256', this.#outer, 'hex');
  }

  #innerDigest(text: string): string {
    if (text.length > textCharactersMax) return hash('sha256', Buffer.concat([this.#inner, Buffer.from(text)]), 'hex');
    scratch.set(this.#inner);
    return hash('sha256', scratch.subarray(0, blockBytes + scratch.write(text, blockBytes)), 'hex');
  }
}

function padded(key: Uint8Array, pad: number, bytes: number): Buffer {
  const block = Buffer.alloc(bytes, pad);
  for (const [at, byte] of key.entries()) block[at] = byte ^ pad;
  return block;
}

/** With a key that is used once. */
export function hmac(key: Uint8Array | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
