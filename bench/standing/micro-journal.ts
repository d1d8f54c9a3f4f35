/** Appends to the embedded journal on real files, each answered after its syncs; and what a record's frame and hash cost alone. */
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinEntries, packEntry } from '../../engine/actor/record-payload.ts';
import { encodeEvent } from '../../engine/bucket/event-codec.ts';
import { type EmbeddedJournal, openEmbeddedJournal } from '../../journal/embedded/embedded-journal.ts';
import { emptyStream, noHash, type StreamHead } from '../../journal/journal.ts';
import { nodeDisk } from '../../journal/node-disk.ts';
import { decodeRecord, encodeRecord } from '../../journal/record.ts';
import type { Micro, MicroSet } from './micro.ts';
import { blobObject, inlineObject, putEvent, sampleCaller } from './sample-objects.ts';

const mirrorCounts = [1, 5];
const groupRecords = [1, 16, 64];

export async function openJournalMicros(): Promise<MicroSet> {
  const directory = await mkdtemp(join(tmpdir(), 'liteio-micro-journal-'));
  const journals: EmbeddedJournal[] = [];
  const micros: Micro[] = [...framing('4 KiB inline', payloadOf(inlineObject())), ...framing('no body', payloadOf(blobObject()))];
  const payload = payloadOf(inlineObject());
  for (const mirrors of mirrorCounts) {
    const roots = Array.from({ length: mirrors }, (_, mirror) => join(directory, `${mirrors}-${mirror + 1}`));
    for (const root of roots) mkdirSync(root);
    const journal = await openEmbeddedJournal({ disks: roots.map(nodeDisk), headOf: () => emptyStream });
    journals.push(journal);
    for (const records of groupRecords) micros.push(appends(journal, mirrors, records, payload));
  }
  const close = async (): Promise<void> => {
    for (const journal of journals) await journal.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { micros, close };
}

/** As many streams as records: of one stream only one append is in flight. All go in one group, since they come in one turn. */
function appends(journal: EmbeddedJournal, mirrors: number, records: number, payload: Buffer): Micro {
  const heads: StreamHead[] = Array.from({ length: records }, () => emptyStream);
  const append = async (number: number): Promise<void> => {
    const stream = `bucket/micro-${records}-${number}`;
    const { head } = await journal.append({ stream, expected: heads[number] ?? emptyStream, time: sampleCaller.time, payload });
    heads[number] = head;
  };
  return {
    group: 'journal',
    name: `append, ${mirrors} mirror${mirrors > 1 ? 's' : ''}, group of ${records}, synced`,
    operations: records,
    bytes: records * payload.length,
    run: () => Promise.all(heads.map((_, number) => append(number))),
  };
}

function framing(what: string, payload: Buffer): Micro[] {
  const content = { sequence: 1, stream: 'bucket/photos', position: 1, previousHash: noHash, time: sampleCaller.time, payload };
  const { frame } = encodeRecord(content);
  return [
    { group: 'journal', name: `frame, CRC32C and hash of a record, ${what}`, bytes: frame.length, run: () => encodeRecord(content) },
    { group: 'journal', name: `read and verify a record, ${what}`, bytes: frame.length, run: () => decodeRecord(frame) },
  ];
}

function payloadOf(object: Parameters<typeof putEvent>[1]): Buffer {
  const entry = packEntry(sampleCaller, [encodeEvent(putEvent('2024/07/holiday-000001.jpg', object))]);
  return joinEntries([entry], entry.length);
}
