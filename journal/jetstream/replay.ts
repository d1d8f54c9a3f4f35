import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { createInbox } from '@nats-io/transport-node';
import { ChainCheck } from '../chain-check.ts';
import { type HeadOf, JournalCorrupt, type JournalRecord, JournalUnavailable } from '../journal.ts';
import { decodeRecord, RecordTorn } from '../record.ts';
import type { JournalClock } from './appends.ts';
import { type JournalPlace, streamOf } from './stream.ts';

/** One request brings at most this many records ... */
const batchRecordsMax = 512;
/** ... or the record that passes this many bytes; two batches are in memory at a time. */
const batchBytesMax = 4 * 1024 * 1024;
const batchMilliseconds = 10_000;
const batchAttemptsMax = 4;

export interface ReplaySource {
  readonly connection: NatsConnection;
  readonly place: JournalPlace;
  readonly headOf: HeadOf;
  readonly clock: JournalClock;
}

/**
 * The records after sequence `after` up to `until`, in order and without gaps, each one's CRC and link to its stream's previous verified.
 * @throws JournalCorrupt a record is missing, damaged or out of its chain.
 * @throws JournalUnavailable the server stopped answering.
 */
export async function* replay(source: ReplaySource, after: number, until: number): AsyncGenerator<JournalRecord> {
  const chain = new ChainCheck(source.headOf, after === 0);
  let next = after + 1;
  let coming = next <= until ? ahead(source, next) : undefined;
  while (coming !== undefined) {
    const messages = await coming;
    const from = next;
    next += messages.length;
    coming = next <= until ? ahead(source, next) : undefined;
    for (const [index, message] of messages.entries()) {
      const record = recordOf(source.place, message, from + index);
      if (record.sequence > until) return;
      chain.check(record);
      yield record;
    }
  }
}

/** A batch that is fetched while the one before is read; its failure waits until somebody asks. */
function ahead(source: ReplaySource, from: number): Promise<Msg[]> {
  const batch = fetchBatch(source, from);
  batch.catch(() => undefined);
  return batch;
}

/** At least one message, the first with sequence `from`. */
async function fetchBatch(source: ReplaySource, from: number): Promise<Msg[]> {
  let trouble = '';
  for (let attempt = 1; attempt <= batchAttemptsMax; attempt++) {
    const answer = await directGet(source, from);
    if (answer.messages.length > 0) return answer.messages;
    trouble = answer.trouble;
  }
  throw new JournalUnavailable(`the nats-server did not bring records from sequence ${from} on: ${trouble}`);
}

/** What one request brought, and how it ended. */
interface Batch {
  readonly messages: Msg[];
  readonly trouble: string;
}

function directGet({ connection, place, clock }: ReplaySource, from: number): Promise<Batch> {
  return new Promise((resolve) => {
    const messages: Msg[] = [];
    const inbox = createInbox();
    const end = (trouble: string): void => {
      subscription.unsubscribe();
      cancelTimer();
      resolve({ messages, trouble });
    };
    const subscription = connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) return end(error.message);
        const status = message.headers?.code ?? 0;
        if (status === 0) return void messages.push(message);
        end(`${status} ${message.headers?.description ?? ''}`);
      },
    });
    const cancelTimer = clock.after(batchMilliseconds, () => end('no answer'));
    const request = JSON.stringify({ seq: from, batch: batchRecordsMax, max_bytes: batchBytesMax });
    connection.publish(`$JS.API.DIRECT.GET.${place.stream}`, request, { reply: inbox });
  });
}

function recordOf(place: JournalPlace, message: Msg, expected: number): JournalRecord {
  const sequence = Number(message.headers?.last('Nats-Sequence'));
  if (sequence !== expected) throw new JournalCorrupt(`record ${expected} is missing: the next one on the server is ${sequence}`);
  const record = decodeMessage(message.data, sequence);
  const stream = streamOf(place, message.headers?.last('Nats-Subject') ?? '');
  if (stream !== record.stream)
    throw new JournalCorrupt(`record ${sequence} of stream ${record.stream} lies under the subject of ${stream}`);
  return record;
}

/** @throws JournalCorrupt the message is not exactly one whole frame. */
export function decodeMessage(data: Uint8Array, sequence: number): JournalRecord {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  try {
    const record = decodeRecord(bytes);
    if (bytes.readUInt32BE(0) !== bytes.length) throw new JournalCorrupt(`${bytes.length} bytes are not one frame`);
    return { ...record, sequence };
  } catch (error) {
    if (!(error instanceof JournalCorrupt) && !(error instanceof RecordTorn)) throw error;
    throw new JournalCorrupt(`record ${sequence}: ${error.message}`, { cause: error });
  }
}
