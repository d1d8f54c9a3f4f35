/**
 * Bytes on their way, pulled one chunk at a time: whoever reads sets the pace, and not reading pauses the socket. The same
 * contract serves a request's body (socket -> engine) and an object's (drives -> socket).
 */
export interface Body {
  /** All of it, where it is in memory already and nothing was read yet: who takes it need not read. */
  readonly whole?: Uint8Array;
  /** The next bytes, or null at the end. A chunk is valid until the next call of read or cancel. Throws Fault or BodyRejected. */
  read(): Promise<Uint8Array | null>;
  /** No more will be read: frees what is held. Safe to call at any time and more than once. */
  cancel(): void;
}

/** The body of a write, with what the client said about it. */
export interface UploadBody extends Body {
  /** Bytes after decoding, when the client declared them. */
  readonly length: number | undefined;
  /** The checksum the client declares up front or in a trailer; undefined: CRC64NVME is computed. */
  readonly algorithm: ChecksumAlgorithm | undefined;
  /** What the body must come to. Complete only after read() returned null: trailers come last. */
  expected(): ExpectedDigests;
}

export interface ExpectedDigests {
  /** Content-MD5, 16 bytes. */
  readonly md5?: Uint8Array;
  /** x-amz-content-sha256 as a hash, 32 bytes. */
  readonly sha256?: Uint8Array;
  /** Value of x-amz-checksum-<algorithm>, raw bytes. */
  readonly checksum?: Uint8Array;
}

/** Their places in this list are durable, in events and rows: append, never reorder. */
export const checksumAlgorithms = [
  'CRC32',
  'CRC32C',
  'CRC64NVME',
  'SHA1',
  'SHA256',
  'SHA512',
  'MD5',
  'XXHASH64',
  'XXHASH3',
  'XXHASH128',
] as const;

export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

/** Of a multipart object: the checksum of its bytes, or the digest of its parts' checksums. */
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

/** What an object of parts can have, the one that nobody has to ask for first. Checksums of parts can be joined where they are CRCs. */
export const multipartTypes: Readonly<Record<ChecksumAlgorithm, readonly [ChecksumType, ...ChecksumType[]]>> = {
  CRC32: ['COMPOSITE', 'FULL_OBJECT'],
  CRC32C: ['COMPOSITE', 'FULL_OBJECT'],
  CRC64NVME: ['FULL_OBJECT'],
  SHA1: ['COMPOSITE'],
  SHA256: ['COMPOSITE'],
  SHA512: ['COMPOSITE'],
  MD5: ['COMPOSITE'],
  XXHASH64: ['COMPOSITE'],
  XXHASH3: ['COMPOSITE'],
  XXHASH128: ['COMPOSITE'],
};

/** Those that ETags and signatures need are checksums too. */
export type DigestName = ChecksumAlgorithm;

/** Raw bytes, CRCs and XXHASHes big endian as S3 sends them in base64. */
export type Digests = Partial<Record<DigestName, Buffer>>;
