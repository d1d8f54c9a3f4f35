import { hash } from 'node:crypto';
import { crc32, crc32c } from '@node-rs/crc32';
import xxhash from 'xxhash-addon';
import type { ChecksumAlgorithm, UploadBody } from '../../engine/body.ts';
import { BodyRejected, type Rejection, reject } from '../../engine/rejection.ts';
import { crc64Nvme } from './crc64-nvme.ts';

/** Reads a body whole and holds it against its digests. Rejection: MalformedXML over `maxBytes`, BadDigest, XAmzContentSHA256Mismatch. */
export async function readSmallBody(body: UploadBody, maxBytes: number): Promise<Buffer | Rejection> {
  try {
    const whole = await gather(body, maxBytes);
    return whole === undefined ? reject('MalformedXML') : (digestMismatch(whole, body) ?? whole);
  } catch (error) {
    if (error instanceof BodyRejected) return error.rejection;
    throw error;
  } finally {
    body.cancel();
  }
}

async function gather(body: UploadBody, maxBytes: number): Promise<Buffer | undefined> {
  if (body.length !== undefined && body.length > maxBytes) return undefined;
  const pieces: Buffer[] = [];
  let bytes = 0;
  for (let piece = await body.read(); piece !== null; piece = await body.read()) {
    bytes += piece.length;
    if (bytes > maxBytes) return undefined;
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces, bytes);
}

function digestMismatch(whole: Buffer, body: UploadBody): Rejection | undefined {
  const { md5, sha256, checksum } = body.expected();
  if (md5) {
    const computed = hash('md5', whole, 'buffer');
    if (!computed.equals(md5)) return badDigest(md5, computed);
  }
  if (sha256) {
    const computed = hash('sha256', whole, 'buffer');
    if (!computed.equals(sha256)) {
      return reject('XAmzContentSHA256Mismatch', {
        ClientComputedContentSHA256: Buffer.from(sha256).toString('hex'),
        S3ComputedContentSHA256: computed.toString('hex'),
      });
    }
  }
  if (checksum && body.algorithm) {
    const computed = checksumOf(body.algorithm, whole);
    if (!computed.equals(checksum)) {
      const Message = `The ${body.algorithm} you specified did not match the calculated checksum.`;
      const { facts } = badDigest(checksum, computed);
      return reject('BadDigest', { ...facts, Message });
    }
  }
  return undefined;
}

function badDigest(expected: Uint8Array, computed: Buffer): Rejection {
  return reject('BadDigest', {
    ExpectedDigest: Buffer.from(expected).toString('base64'),
    CalculatedDigest: computed.toString('base64'),
  });
}

function checksumOf(algorithm: ChecksumAlgorithm, whole: Buffer): Buffer {
  switch (algorithm) {
    case 'CRC32':
      return bigEndian(crc32(whole));
    case 'CRC32C':
      return bigEndian(crc32c(whole));
    case 'CRC64NVME':
      return crc64Nvme(whole);
    case 'SHA1':
    case 'SHA256':
    case 'SHA512':
    case 'MD5':
      return hash(algorithm.toLowerCase(), whole, 'buffer');
    case 'XXHASH64':
      return xxhash.XXHash64.hash(whole);
    case 'XXHASH3':
      return xxhash.XXHash3.hash(whole);
    case 'XXHASH128':
      return xxhash.XXHash128.hash(whole);
  }
}

function bigEndian(crc: number): Buffer {
  const digest = Buffer.alloc(4);
  digest.writeUInt32BE(crc >>> 0);
  return digest;
}
