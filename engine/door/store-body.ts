/** The bytes of a write: stored, counted and checked against what the client said of them, before anything is committed. */
import { assert } from '../assert.ts';
import type { Body, ChecksumAlgorithm, DigestName, Digests, ExpectedDigests, UploadBody } from '../body.ts';
import { BodyRejected, type Rejection, reject } from '../rejection.ts';
import type { StoredBody } from '../shards/blob-store.ts';
import type { Checksum } from '../vocabulary.ts';
import type { Door } from './door.ts';

/** Largest object of one PUT, and largest part: 5 GiB. */
export const singleBodyBytesMax = 5 * 1024 ** 3;

export interface StoredUpload extends StoredBody {
  /** MD5 in hex. */
  readonly etag: string;
  readonly algorithm: ChecksumAlgorithm;
}

export interface StoreRequest {
  readonly inlineBytesMax: number;
  /** To compute besides MD5 and what the body's client declares. */
  readonly algorithms: readonly ChecksumAlgorithm[];
}

/** Rejections: EntityTooLarge, IncompleteBody, BadDigest, XAmzContentSHA256Mismatch. */
export async function storeBody(door: Door, body: UploadBody, request: StoreRequest): Promise<StoredUpload | Rejection> {
  const { length } = body;
  if (length !== undefined && length > singleBodyBytesMax) return tooLarge(length);
  const algorithm = body.algorithm ?? 'CRC64NVME';
  const digests = new Set<DigestName>(['MD5', algorithm, ...request.algorithms]);
  if (body.expected().sha256 !== undefined) digests.add('SHA256');
  const options = { digests: [...digests], inlineBytesMax: request.inlineBytesMax, length };
  const stored = await door.blobs.write(new CountedBody(body, length), options);
  const refused = refuseDigests(body.expected(), stored.digests, algorithm);
  return refused ?? { ...stored, etag: stored.digests.MD5!.toString('hex'), algorithm };
}

export function wholeChecksum(algorithm: ChecksumAlgorithm, digests: Digests): Checksum {
  return { algorithm, value: digests[algorithm]!.toString('base64'), type: 'FULL_OBJECT' };
}

function tooLarge(bytes: number): Rejection {
  return reject('EntityTooLarge', { ProposedSize: bytes, MaxSizeAllowed: singleBodyBytesMax });
}

function refuseDigests(expected: ExpectedDigests, found: Digests, algorithm: ChecksumAlgorithm): Rejection | undefined {
  const { md5, sha256, checksum } = expected;
  if (sha256 !== undefined) {
    assert(found.SHA256 !== undefined, 'a hash that the body was sent with was known before its first byte');
    if (!found.SHA256.equals(sha256)) {
      const client = Buffer.from(sha256).toString('hex');
      return reject('XAmzContentSHA256Mismatch', {
        ClientComputedContentSHA256: client,
        S3ComputedContentSHA256: found.SHA256.toString('hex'),
      });
    }
  }
  if (md5 !== undefined && !found.MD5!.equals(md5)) {
    return reject('BadDigest', { ExpectedDigest: Buffer.from(md5).toString('base64'), CalculatedDigest: found.MD5!.toString('base64') });
  }
  if (checksum !== undefined && !found[algorithm]!.equals(checksum)) {
    return reject('BadDigest', { Message: `The ${algorithm} you specified did not match the calculated checksum.` });
  }
  return undefined;
}

/** Neither fewer nor more bytes than declared, and never more than S3 takes at once. */
class CountedBody implements Body {
  private readonly body: UploadBody;
  private readonly declared: number | undefined;
  private count = 0;

  constructor(body: UploadBody, declared: number | undefined) {
    this.body = body;
    this.declared = declared;
  }

  async read(): Promise<Uint8Array | null> {
    const chunk = await this.body.read();
    if (chunk === null) {
      if (this.declared !== undefined && this.count !== this.declared) this.refuse(reject('IncompleteBody', this.counts()));
      return null;
    }
    this.count += chunk.length;
    if (this.declared !== undefined && this.count > this.declared) this.refuse(reject('IncompleteBody', this.counts()));
    if (this.count > singleBodyBytesMax) this.refuse(tooLarge(this.count));
    return chunk;
  }

  cancel(): void {
    this.body.cancel();
  }

  private counts(): { NumberBytesExpected: number; NumberBytesProvided: number } {
    return { NumberBytesExpected: this.declared ?? 0, NumberBytesProvided: this.count };
  }

  private refuse(rejection: Rejection): never {
    throw new BodyRejected(rejection);
  }
}
