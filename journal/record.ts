import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { JournalCorrupt, type JournalRecord, journalPayloadBytesMax } from './journal.ts';

/**
 * The frame of one record, the same bytes in a segment file and in a JetStream message. Numbers are big endian.
 *
 *     0  u32  frame bytes, header included
 *     4  u32  CRC32C of bytes 8 to the end
 *     8  u48  sequence in the journal; 0 where the server assigns it on append
 *    14  u8   format of the frame: 1
 *    15  u8   zero
 *    16  32   hash of the stream's previous record, zeros for its first
 *    48  u48  position in the stream, from 1
 *    54  u48  time, milliseconds since the epoch
 *    60  u16  bytes of the stream's name
 *    62  ...  the stream's name (UTF-8), then the payload to the end
 *
 * The hash of a record is SHA-256 over bytes 16 to the end: previous hash and content, not the sequence.
 */
export const frameHeaderBytes = 62;
export const streamNameBytesMax = 1100;
export const frameBytesMax = frameHeaderBytes + streamNameBytesMax + journalPayloadBytesMax;

const frameFormat = 1;
const crcFrom = 8;
const hashFrom = 16;
const u48Max = 2 ** 48 - 1;

/** What the writer of a frame has to say; the hash follows from it. */
export type RecordContent = Omit<JournalRecord, 'hash'>;

export interface EncodedRecord {
  /** The whole frame in a buffer of its own: the payload was copied, the caller may reuse it. */
  readonly frame: Buffer;
  readonly hash: Buffer;
}

/** The bytes end before the frame does: what an interrupted write leaves at the tail of a log. */
export class RecordTorn extends Error {
  override readonly name = 'RecordTorn';
}

/** @throws RangeError a name, payload or number outside its limits; nothing about it can be stored. */
export function encodeRecord(content: RecordContent): EncodedRecord {
  const { stream, payload } = content;
  const nameBytes = Buffer.byteLength(stream);
  if (nameBytes === 0 || nameBytes > streamNameBytesMax)
    throw new RangeError(`stream name of ${nameBytes} bytes: 1 to ${streamNameBytesMax} are allowed`);
  if (payload.length > journalPayloadBytesMax)
    throw new RangeError(`payload of ${payload.length} bytes: at most ${journalPayloadBytesMax} are allowed`);
  if (content.previousHash.length !== 32) throw new RangeError(`previous hash of ${content.previousHash.length} bytes instead of 32`);
  const payloadFrom = frameHeaderBytes + nameBytes;
  const frame = Buffer.allocUnsafeSlow(payloadFrom + payload.length);
  frame.writeUInt32BE(frame.length, 0);
  frame.writeUIntBE(inU48(content.sequence, 'sequence'), 8, 6);
  frame[14] = frameFormat;
  frame[15] = 0;
  frame.set(content.previousHash, hashFrom);
  frame.writeUIntBE(inU48(content.position, 'position'), 48, 6);
  frame.writeUIntBE(inU48(content.time, 'time'), 54, 6);
  frame.writeUInt16BE(nameBytes, 60);
  frame.write(stream, frameHeaderBytes, 'utf8');
  frame.set(payload, payloadFrom);
  frame.writeUInt32BE(crc32c(frame.subarray(crcFrom)), 4);
  return { frame, hash: hashOfFrame(frame) };
}

/**
 * The record whose frame starts at `offset`. Payload and previous hash are views on `bytes`.
 * @throws RecordTorn the bytes end before the frame does.
 * @throws JournalCorrupt the frame is damaged.
 */
export function decodeRecord(bytes: Buffer, offset = 0): JournalRecord {
  const frame = frameAt(bytes, offset);
  const payloadFrom = frameHeaderBytes + frame.readUInt16BE(60);
  return {
    sequence: frame.readUIntBE(8, 6),
    stream: frame.toString('utf8', frameHeaderBytes, payloadFrom),
    position: frame.readUIntBE(48, 6),
    previousHash: frame.subarray(hashFrom, hashFrom + 32),
    hash: hashOfFrame(frame),
    time: frame.readUIntBE(54, 6),
    payload: frame.subarray(payloadFrom),
  };
}

/**
 * The verified bytes of the frame at `offset`: length, CRC and format are right. A view on `bytes`; cheaper than decodeRecord, no SHA-256.
 * @throws RecordTorn
 * @throws JournalCorrupt
 */
export function frameAt(bytes: Buffer, offset: number): Buffer {
  const left = bytes.length - offset;
  if (left < 4) throw new RecordTorn(`${left} bytes left of a frame's length`);
  const frameBytes = bytes.readUInt32BE(offset);
  if (frameBytes <= frameHeaderBytes || frameBytes > frameBytesMax) throw new JournalCorrupt(`a frame claims ${frameBytes} bytes`);
  if (left < frameBytes) throw new RecordTorn(`${left} bytes left of a frame of ${frameBytes}`);
  const frame = bytes.subarray(offset, offset + frameBytes);
  if (crc32c(frame.subarray(crcFrom)) !== frame.readUInt32BE(4))
    throw new JournalCorrupt(`the CRC32C of a frame of ${frameBytes} bytes is wrong`);
  if (frame[14] !== frameFormat) throw new JournalCorrupt(`frame format ${frame[14]} is unknown: this program reads format ${frameFormat}`);
  const nameBytes = frame.readUInt16BE(60);
  if (nameBytes === 0 || nameBytes > frameBytes - frameHeaderBytes)
    throw new JournalCorrupt(`a frame of ${frameBytes} bytes claims a stream name of ${nameBytes}`);
  return frame;
}

function hashOfFrame(frame: Buffer): Buffer {
  return createHash('sha256').update(frame.subarray(hashFrom)).digest();
}

function inU48(value: number, what: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= u48Max) return value;
  throw new RangeError(`${what} ${value} is not an integer from 0 to ${u48Max}`);
}
