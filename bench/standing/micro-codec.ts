/** Events and rows to bytes and back: what every write pays once, and every read for the row. */
import { joinEntries, packEntry, unpackPayload } from '../../engine/actor/record-payload.ts';
import { versionOf, versionRow } from '../../engine/bucket/codec.ts';
import type { NewObject } from '../../engine/bucket/commands.ts';
import { decodeEvent, encodeEvent } from '../../engine/bucket/event-codec.ts';
import { type Micro, type MicroSet, microSet } from './micro.ts';
import { blobObject, inlineObject, putEvent, sampleCaller } from './sample-objects.ts';

export function openCodecMicros(): MicroSet {
  return microSet([...codecOf('ObjectPut, 4 KiB inline', inlineObject()), ...codecOf('ObjectPut, 128 KiB on drives', blobObject())]);
}

function codecOf(what: string, object: NewObject): Micro[] {
  const event = putEvent('2024/07/holiday-000001.jpg', object);
  const entry = packEntry(sampleCaller, [encodeEvent(event)]);
  const payload = joinEntries([entry], entry.length);
  const row = versionRow(event.version);
  return [
    { group: 'codec', name: `event to payload, ${what}`, run: () => packEntry(sampleCaller, [encodeEvent(event)]) },
    { group: 'codec', name: `payload to event, ${what}`, run: () => unpackPayload(payload).map(({ events }) => events.map(decodeEvent)) },
    { group: 'codec', name: `version to row, ${what}`, run: () => versionRow(event.version) },
    { group: 'codec', name: `row to version, ${what}`, run: () => versionOf(row) },
  ];
}
