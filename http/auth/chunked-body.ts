import { createHash, type Hash } from 'node:crypto';
import type { Body } from '../../engine/body.ts';
import { BodyRejected, type Rejection, reject } from '../../engine/rejection.ts';
import type { ChunkSignatures } from './chunk-signatures.ts';

/** Longest line in front of a chunk: size, extensions and signature take about 100 bytes. */
export const chunkHeaderBytesMax = 1024;
/** Every chunk but the last has at least so many bytes. */
export const chunkBytesMin = 8 * 1024;
/** All trailer lines of a body together. */
export const trailerBytesMax = 16 * 1024;

const lineFeed = 10;
const sizeDigits = /^[0-9a-f]{1,12}$/i;
const signatureExtension = 'chunk-signature=';
const trailerSignatureName = 'x-amz-trailer-signature';

export interface ChunkedBodyOptions {
  /** Checks every chunk and the trailers; undefined when chunks aren't signed. */
  readonly signatures: ChunkSignatures | undefined;
  /** Lower-case names from x-amz-trailer: exactly these must follow the last chunk. */
  readonly trailerNames: readonly string[];
  /** x-amz-decoded-content-length. */
  readonly decodedLength: number | undefined;
  /** What all chunks may come to at most: one that says more is not waited for. */
  readonly bytesMax: number;
}

/**
 * The bytes inside aws-chunked framing. Pieces are views on the source's chunks, so memory is bounded by them and one line;
 * the last piece of a chunk is handed on only after the chunk's signature held. Everything behind the final chunk, up to the
 * end of the HTTP body, is trailers.
 * read() throws BodyRejected: EntityTooLarge, IncompleteBody for framing that is broken too, as S3 tells it, InvalidChunkSizeError, MalformedTrailerError,
 * InvalidSignature, SignatureDoesNotMatch.
 */
export class ChunkedBody implements Body {
  /** By lower-case name; complete after read() returned null. */
  readonly trailers = new Map<string, string>();

  readonly #source: Body;
  readonly #options: ChunkedBodyOptions;
  readonly #line = new LineReader();
  #piece: Uint8Array = new Uint8Array(0);
  #at = 0;
  #place: 'header' | 'data' | 'dataEnd' | 'trailers' | 'end' = 'header';
  /** Chunks begun, and what the header of the newest says. */
  #chunks = 0;
  #chunkBytes = 0;
  /** Bytes of the current chunk still to come. */
  #remaining = 0;
  #signature = '';
  #hash: Hash | undefined;
  #decoded = 0;
  #trailerBytes = 0;
  #signedTrailers = '';
  #trailerSignature: string | undefined;
  /** A body that failed once never comes to a good end. */
  #failure: Error | undefined;

  constructor(source: Body, options: ChunkedBodyOptions) {
    this.#source = source;
    this.#options = options;
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#failure) throw this.#failure;
    try {
      return await this.#next();
    } catch (error) {
      this.#failure = error as Error;
      throw error;
    }
  }

  cancel(): void {
    this.#source.cancel();
  }

  async #next(): Promise<Uint8Array | null> {
    while (this.#place !== 'end') {
      if (this.#at === this.#piece.length && !(await this.#refill())) {
        this.#finish();
        break;
      }
      const data = this.#step();
      if (data) return data;
    }
    return null;
  }

  async #refill(): Promise<boolean> {
    const piece = await this.#source.read();
    this.#piece = piece ?? new Uint8Array(0);
    this.#at = 0;
    return piece !== null;
  }

  /** Consumes at least one byte of what is at hand. */
  #step(): Uint8Array | undefined {
    if (this.#at === this.#piece.length) return undefined;
    if (this.#place === 'data') return this.#takeData();
    const before = this.#at;
    const inTrailers = this.#place === 'trailers';
    this.#at = this.#line.feed(this.#piece, this.#at, inTrailers ? trailerBytesMax : chunkHeaderBytesMax);
    if (inTrailers && (this.#trailerBytes += this.#at - before) > trailerBytesMax) throw malformedTrailer();
    const line = this.#line.take();
    if (line === undefined) return undefined;
    if (inTrailers) this.#addTrailer(line);
    else if (!line.endsWith('\r')) throw malformed();
    else if (this.#place === 'header') this.#startChunk(line.slice(0, -1));
    else if (line === '\r') this.#place = 'header';
    else throw malformed();
    return undefined;
  }

  #startChunk(line: string): void {
    const [size = '', ...extensions] = line.split(';');
    if (!sizeDigits.test(size)) throw malformed();
    const { signatures, decodedLength, bytesMax } = this.#options;
    if (signatures) {
      const extension = extensions.map((text) => text.trim()).find((text) => text.startsWith(signatureExtension));
      if (extension === undefined) throw malformed();
      this.#signature = extension.slice(signatureExtension.length);
      this.#hash = createHash('sha256');
    }
    this.#countChunk(Number.parseInt(size, 16));
    this.#decoded += this.#remaining;
    if (decodedLength !== undefined && this.#decoded > decodedLength) throw incomplete(decodedLength, this.#decoded);
    if (this.#decoded > bytesMax) {
      throw new BodyRejected(reject('EntityTooLarge', { ProposedSize: this.#decoded, MaxSizeAllowed: bytesMax }));
    }
    this.#place = this.#remaining === 0 ? 'trailers' : 'data';
    if (this.#remaining === 0) this.#checkChunk();
  }

  /** That a chunk was too small shows when another follows. */
  #countChunk(bytes: number): void {
    const before = this.#chunkBytes;
    this.#chunks += 1;
    if (bytes > 0 && this.#chunks > 1 && before < chunkBytesMin) {
      throw new BodyRejected(reject('InvalidChunkSizeError', { Chunk: this.#chunks, BadChunkSize: before }));
    }
    this.#chunkBytes = bytes;
    this.#remaining = bytes;
  }

  #takeData(): Uint8Array {
    const end = Math.min(this.#piece.length, this.#at + this.#remaining);
    const data = this.#piece.subarray(this.#at, end);
    this.#at = end;
    this.#remaining -= data.length;
    this.#hash?.update(data);
    if (this.#remaining === 0) {
      this.#checkChunk();
      this.#place = 'dataEnd';
    }
    return data;
  }

  #checkChunk(): void {
    const { signatures } = this.#options;
    if (signatures && this.#hash) refuse(signatures.verifyChunk(this.#hash.digest('hex'), this.#signature));
  }

  /** Some senders end trailers in a lone LF, some add blank lines. */
  #addTrailer(line: string): void {
    if (line.trim() === '') return;
    const colon = line.indexOf(':');
    if (colon < 1) throw malformedTrailer();
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === trailerSignatureName && this.#options.signatures) {
      if (this.#trailerSignature !== undefined) throw malformedTrailer();
      this.#trailerSignature = value;
      return;
    }
    if (!this.#options.trailerNames.includes(name) || this.trailers.has(name)) throw malformedTrailer();
    this.trailers.set(name, value);
    this.#signedTrailers += `${name}:${value}\n`;
  }

  /** The source is at its end: everything announced must have come. */
  #finish(): void {
    const { decodedLength, trailerNames, signatures } = this.#options;
    if (this.#place === 'trailers' && this.#line.pending) this.#addTrailer(this.#line.takeRest());
    if (this.#place !== 'trailers') throw incomplete(decodedLength, this.#decoded - this.#remaining);
    if (decodedLength !== undefined && this.#decoded !== decodedLength) throw incomplete(decodedLength, this.#decoded);
    if (trailerNames.some((name) => !this.trailers.has(name))) throw malformedTrailer();
    if (signatures && (trailerNames.length > 0 || this.#trailerSignature !== undefined)) {
      if (this.#trailerSignature === undefined) throw malformedTrailer();
      refuse(signatures.verifyTrailers(this.#signedTrailers, this.#trailerSignature));
    }
    this.#place = 'end';
  }
}

/** Gathers one line, without its LF, that may lie across pieces. */
class LineReader {
  #text = '';
  #whole = false;

  /** Reads on from `at` and returns where it stopped: behind the LF, or at the end of the piece. */
  feed(piece: Uint8Array, at: number, bytesMax: number): number {
    const found = piece.indexOf(lineFeed, at);
    const end = found < 0 ? piece.length : found;
    if (this.#text.length + end - at > bytesMax) throw malformed();
    this.#text += Buffer.from(piece.buffer, piece.byteOffset + at, end - at).toString('latin1');
    this.#whole = found >= 0;
    return found < 0 ? end : found + 1;
  }

  /** The line once it is whole. */
  take(): string | undefined {
    return this.#whole ? this.takeRest() : undefined;
  }

  get pending(): boolean {
    return this.#text !== '';
  }

  takeRest(): string {
    const text = this.#text;
    this.#text = '';
    this.#whole = false;
    return text;
  }
}

function refuse(rejection: Rejection | undefined): void {
  if (rejection) throw new BodyRejected(rejection);
}

/** S3 tells framing that can't be read as a body that ended where it can be read no further. */
function malformed(): BodyRejected {
  return new BodyRejected(reject('IncompleteBody', { Message: 'The request body terminated unexpectedly' }));
}

function malformedTrailer(): BodyRejected {
  return new BodyRejected(reject('MalformedTrailerError'));
}

function incomplete(expected: number | undefined, provided: number): BodyRejected {
  return new BodyRejected(
    reject('IncompleteBody', { ...(expected === undefined ? {} : { NumberBytesExpected: expected }), NumberBytesProvided: provided }),
  );
}
