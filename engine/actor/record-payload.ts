/**
 * The payload of a journal record: msgpack of [format, [[origin, [event...]]...]], one entry per command, everything in
 * positional arrays. Entries are encoded one by one as commands are decided, so that a record's size is known before it is
 * closed, and joined behind a header when it is appended.
 */
import { Packr } from 'msgpackr';
import { JournalCorrupt } from '../../journal/journal.ts';
import type { Caller } from '../vocabulary.ts';

/** Who asked, where from and when: the audit trail of the events. */
export interface Origin {
  readonly account: string;
  readonly accessKey: string;
  readonly requestId: string;
  readonly sourceAddress: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

export interface PayloadEntry {
  readonly origin: Origin;
  /** Encoded events; the actor's kind decodes them. Buffers in them are views on the payload. */
  readonly events: readonly unknown[][];
}

const format = 1;
/** Array of two, the format, an array whose 32-bit length follows. */
const header = Buffer.from([0x92, format, 0xdd]);
export const payloadHeaderBytes = header.length + 4;

/** No shared structures: read with other structures they decode silently into wrong fields. */
const packr = new Packr({ useRecords: false });
/** Entries lie one behind the other in pieces of this size: one of its own for each with an inline body would cost more than encoding it. */
const pieceBytes = 256 * 1024;
packr.useBuffer(Buffer.allocUnsafeSlow(pieceBytes));

export function packEntry(caller: Caller, events: readonly unknown[][]): Buffer {
  const { account, accessKey, requestId, sourceAddress, time } = caller;
  return packr.pack([[account, accessKey, requestId, sourceAddress, time], events]);
}

export function joinEntries(entries: readonly Buffer[], entryBytes: number): Buffer {
  const payload = Buffer.allocUnsafe(payloadHeaderBytes + entryBytes);
  header.copy(payload);
  payload.writeUInt32BE(entries.length, header.length);
  let at = payloadHeaderBytes;
  for (const entry of entries) at += entry.copy(payload, at);
  return payload;
}

/** @throws JournalCorrupt not a payload of a known format. */
export function unpackPayload(payload: Uint8Array): PayloadEntry[] {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  let decoded: unknown;
  try {
    decoded = packr.unpack(bytes);
  } catch (error) {
    throw new JournalCorrupt('a payload does not decode', { cause: error });
  }
  if (!Array.isArray(decoded) || decoded.length !== 2 || decoded[0] !== format || !Array.isArray(decoded[1])) {
    throw new JournalCorrupt('a payload of an unknown format: written by a later version?');
  }
  return (decoded[1] as [[string, string, string, string, number], unknown[][]][]).map(([origin, events]) => {
    const [account, accessKey, requestId, sourceAddress, time] = origin;
    return { origin: { account, accessKey, requestId, sourceAddress, time }, events };
  });
}
