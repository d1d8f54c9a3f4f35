/**
 * aws-chunked framing of a body: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html.
 * Each signature covers the one before it, so they are made as the body is sent; the chunks' hashes are kept with the body.
 */
import { createHmac, hash } from 'node:crypto';
import { chunkBytes, digestsOf } from './body-digests.ts';
import type { Signed } from './signer.ts';

export interface ChunkFraming {
  /** Chunks, and the trailer if there is one, are signed from this on. */
  readonly signed: boolean;
  /** `name:value` of the checksum that follows the last chunk. */
  readonly trailer: string | undefined;
}

const emptyHash = hash('sha256', '', 'hex');
const signatureBytes = ';chunk-signature='.length + 64;
const trailerSignatureBytes = 'x-amz-trailer-signature:'.length + 64 + 2;

/** x-amz-content-sha256 of a body that is framed so. */
export function framingName({ signed, trailer }: ChunkFraming): string {
  if (!signed) return 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
  return trailer === undefined ? 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' : 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER';
}

/** Bytes on the wire of a body of `bodyBytes`. */
export function framedBytes(bodyBytes: number, { signed, trailer }: ChunkFraming): number {
  const whole = Math.floor(bodyBytes / chunkBytes);
  const last = bodyBytes % chunkBytes;
  const chunk = (bytes: number): number => bytes.toString(16).length + (signed ? signatureBytes : 0) + 2 + (bytes === 0 ? 0 : bytes + 2);
  const trailers = trailer === undefined ? 0 : trailer.length + 2 + (signed ? trailerSignatureBytes : 0);
  return whole * chunk(chunkBytes) + (last === 0 ? 0 : chunk(last)) + chunk(0) + trailers + 2;
}

/** Pieces in the order they go on the wire. `request`: what the first chunk's signature goes on from. */
export function* frameChunks(body: Uint8Array, framing: ChunkFraming, request: Signed): Generator<string | Uint8Array, void> {
  const { signed, trailer } = framing;
  const hashes = signed ? digestsOf(body).chunks : [];
  let previous = request.signature;
  const sign = (algorithm: string, covered: string): string => {
    const text = `${algorithm}\n${request.stamp}\n${request.scope}\n${previous}\n${covered}`;
    previous = createHmac('sha256', request.signingKey).update(text).digest('hex');
    return previous;
  };
  const line = (bytes: number, sha256: string): string =>
    signed
      ? `${bytes.toString(16)};chunk-signature=${sign('AWS4-HMAC-SHA256-PAYLOAD', `${emptyHash}\n${sha256}`)}\r\n`
      : `${bytes.toString(16)}\r\n`;
  let before = '';
  for (let at = 0; at < body.length; at += chunkBytes) {
    const chunk = body.subarray(at, at + chunkBytes);
    yield `${before}${line(chunk.length, hashes[at / chunkBytes] ?? '')}`;
    yield chunk;
    before = '\r\n';
  }
  let end = `${before}${line(0, emptyHash)}`;
  if (trailer !== undefined) end += `${trailer}\r\n`;
  if (trailer !== undefined && signed)
    end += `x-amz-trailer-signature:${sign('AWS4-HMAC-SHA256-TRAILER', hash('sha256', `${trailer}\n`, 'hex'))}\r\n`;
  yield `${end}\r\n`;
}
