import { assert } from '../assert.ts';
import {
  expectFormat,
  type Packed,
  packBlob,
  packChecksum,
  packRefs,
  unpack,
  unpackBlob,
  unpackChecksum,
  unpackRefs,
} from '../bucket/codec.ts';
import type { PartRow, UploadEvent } from './parts.ts';

const format = 1;

export function packPart(part: PartRow): Packed {
  const { partNumber, size, etag, lastModified, checksum, crc64, refs } = part;
  return [format, partNumber, size, etag, lastModified, packChecksum(checksum), crc64, packRefs(refs)];
}

export function unpackPart(row: Packed): PartRow {
  expectFormat(row);
  const [, partNumber, size, etag, lastModified] = row as [number, number, number, string, number];
  return { partNumber, size, etag, lastModified, checksum: unpackChecksum(row[5]), crc64: row[6] as string, refs: unpackRefs(row[7]) };
}

export const partOf = (row: Uint8Array): PartRow => unpackPart(unpack(row));

export function encodeEvent(event: UploadEvent): unknown[] {
  return [format, event.type, event.uploadId, packPart(event.part), event.blobs.map(packBlob), event.replaced];
}

export function decodeEvent(encoded: unknown[]): UploadEvent {
  assert(encoded[0] === format && encoded[1] === 'PartAccepted', `an upload event ${String(encoded[1])} of format ${String(encoded[0])}`);
  const [, , uploadId, part, blobs, replaced] = encoded as [number, string, string, Packed, Packed[], string[]];
  return { type: 'PartAccepted', uploadId, part: unpackPart(part), blobs: blobs.map(unpackBlob), replaced };
}
