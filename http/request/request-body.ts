import { assert } from '../../engine/assert.ts';
import type { Body, ChecksumAlgorithm, ExpectedDigests, UploadBody } from '../../engine/body.ts';
import { BodyRejected, isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import { ChunkSignatures, type ChunkSigning } from '../auth/chunk-signatures.ts';
import { ChunkedBody } from '../auth/chunked-body.ts';
import type { Payload } from '../auth/payload.ts';
import type { Exchange } from '../transport/listener.ts';
import { checksumFormOfHeader, decodeBase64 } from './checksum-headers.ts';
import { type DeclaredDigests, declaredDigests } from './declared-digests.ts';

/** Largest object one PUT or one part may carry: 5 GiB. */
export const uploadBytesMax = 5 * 1024 ** 3;

/** What is known of a request's body before a byte of it is read. */
export interface BodySource {
  readonly exchange: Exchange;
  readonly headers: ReadonlyMap<string, string>;
  readonly payload: Payload;
  readonly chunkSigning: ChunkSigning | undefined;
}

/**
 * Bytes the client declares, framing taken off; undefined when it doesn't say, which HTTP chunks alone may. Rejection: MissingContentLength,
 * InvalidArgument for framing that the signature doesn't announce, EntityTooLarge.
 */
export function declaredLength({ exchange, headers, payload }: BodySource): number | undefined | Rejection {
  let length = exchange.contentLength;
  if (payload.kind === 'chunked') {
    const decoded = headers.get('x-amz-decoded-content-length');
    if (decoded === undefined ? length !== undefined : !/^\d{1,15}$/.test(decoded)) return reject('MissingContentLength');
    length = decoded === undefined ? undefined : Number(decoded);
  } else if (payload.kind === 'unsigned' && namesAwsChunked(headers.get('content-encoding'))) {
    return unannouncedFraming(headers.get('content-encoding') as string);
  }
  if (length !== undefined && length > uploadBytesMax) return tooLarge(length);
  return length;
}

/** Whether a Content-Encoding speaks of aws-chunked. */
export function namesAwsChunked(contentEncoding: string | undefined): boolean {
  return contentEncoding !== undefined && /(^|,)\s*aws-chunked\s*(,|$)/i.test(contentEncoding);
}

/** Stored as it comes, the framing would become part of the object. */
function unannouncedFraming(contentEncoding: string): Rejection {
  const Message = 'aws-chunked encoding is not supported when x-amz-content-sha256 UNSIGNED-PAYLOAD is supplied';
  return reject('InvalidArgument', { ArgumentName: 'Content-Encoding', ArgumentValue: contentEncoding, Message });
}

/** Opens the body for reading. Rejection: MissingContentLength, InvalidArgument, EntityTooLarge, InvalidDigest, InvalidRequest. */
export function openBody(source: BodySource): OpenedBody | Rejection {
  const length = declaredLength(source);
  if (isRejection(length)) return length;
  const declared = declaredDigests(source.headers, source.payload);
  return isRejection(declared) ? declared : new OpenedBody(source, declared, length);
}

/**
 * A request's body as its operation reads it: `100 Continue` goes out with the first read, aws-chunked framing is taken off,
 * and bytes are counted, for a body of unknown length is bounded too. read() throws BodyRejected.
 */
export class OpenedBody implements UploadBody {
  readonly length: number | undefined;
  readonly algorithm: ChecksumAlgorithm | undefined;
  readonly #exchange: Exchange;
  readonly #declared: DeclaredDigests;
  readonly #bytes: Body;
  readonly #chunked: ChunkedBody | undefined;
  #started = false;
  #count = 0;

  constructor({ exchange, payload, chunkSigning }: BodySource, declared: DeclaredDigests, length: number | undefined) {
    this.length = length;
    this.algorithm = declared.algorithm;
    this.#exchange = exchange;
    this.#declared = declared;
    if (payload.kind === 'chunked') {
      assert(chunkSigning, 'only signature version 4 announces aws-chunked');
      this.#chunked = new ChunkedBody(exchange.body, {
        signatures: payload.signed ? new ChunkSignatures(chunkSigning) : undefined,
        trailerNames: declared.trailerNames,
        decodedLength: length,
        bytesMax: uploadBytesMax,
      });
    }
    this.#bytes = this.#chunked ?? exchange.body;
  }

  async read(): Promise<Uint8Array | null> {
    if (!this.#started) {
      this.#started = true;
      this.#exchange.proceed();
    }
    const piece = await this.#bytes.read();
    if (piece === null) {
      this.#checkTrailer();
      return null;
    }
    this.#count += piece.length;
    if (this.#count > uploadBytesMax) throw new BodyRejected(tooLarge(this.#count));
    return piece;
  }

  cancel(): void {
    this.#bytes.cancel();
  }

  expected(): ExpectedDigests {
    const { md5, sha256, checksum = this.#trailerChecksum() } = this.#declared;
    return { ...(md5 && { md5 }), ...(sha256 && { sha256 }), ...(checksum && { checksum }) };
  }

  #checkTrailer(): void {
    const [name] = this.#declared.trailerNames;
    if (name === undefined || this.#trailerChecksum()) return;
    throw new BodyRejected(reject('InvalidRequest', { Message: `Value for ${name} trailing header is invalid.` }));
  }

  #trailerChecksum(): Buffer | undefined {
    const [name = ''] = this.#declared.trailerNames;
    const value = this.#chunked?.trailers.get(name);
    return value === undefined ? undefined : decodeBase64(value, checksumFormOfHeader(name)?.bytes ?? 0);
  }
}

function tooLarge(bytes: number): Rejection {
  return reject('EntityTooLarge', { ProposedSize: bytes, MaxSizeAllowed: uploadBytesMax });
}
