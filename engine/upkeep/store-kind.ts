/** The actor of the bytes themselves: blobs that nobody refers to go, blobs move out of segments that are nearly empty, what a drive missed is brought to it. */
import type { RowChange } from '../../snapshots/state-store.ts';
import type { ActorSystem } from '../actor/actor-system.ts';
import type { ActorKind, Decision, RowView } from '../actor/decider.ts';
import { assert } from '../assert.ts';
import { blobGone, blobRows, nobody } from '../bucket/blob-rows.ts';
import { type Packed, packBlob, unpack, unpackBlob } from '../bucket/codec.ts';
import { nameKey, orphanKey, parseNumber, refKey, startingWith, tables } from '../bucket/row-keys.ts';
import type { Blob } from '../shards/blob-store.ts';
import type { Caller } from '../vocabulary.ts';

/** A blob that lost a reference, and when. */
export interface Candidate {
  readonly time: number;
  readonly blob: string;
}

export type StoreCommand =
  | { readonly type: 'ReclaimBlobs'; readonly candidates: readonly Candidate[] }
  | { readonly type: 'MoveBlob'; readonly from: Blob; readonly to: Blob }
  /** The drive in that slot has what it missed of the blob. */
  | { readonly type: 'RecordHealed'; readonly blob: Blob; readonly slot: number };

export type StoreEvent =
  | { readonly type: 'BlobReclaimed'; readonly blob: Blob; readonly time: number }
  /** Somebody refers to it still or again, or it lost its last reference later. */
  | { readonly type: 'CandidateDropped'; readonly blob: string; readonly time: number }
  | { readonly type: 'BlobMoved'; readonly from: Blob; readonly to: Blob }
  | { readonly type: 'BlobHealed'; readonly from: Blob; readonly to: Blob };

export interface StoreState {
  /** Of each candidate: the blob when nobody refers to it and has not since that time. */
  readonly unreferenced: readonly (Blob | undefined)[];
  /** Of MoveBlob and RecordHealed: the blob's row. */
  readonly current: Blob | undefined;
}

/** Blobs that have left the places named here. */
export type StoreReply = readonly Blob[];

/** Its one actor. */
const storeActor = 'blobs';

/** A command of the house itself, at `time` (ms since the epoch). */
export async function tellStore(actors: ActorSystem, command: StoreCommand, time: number): Promise<StoreReply> {
  const owner = { id: '', displayName: '' };
  const house: Caller = { account: '', owner, accessKey: '', requestId: 'house', sourceAddress: '', time };
  return (await actors.tell(storeKind, storeActor, command, house)) as StoreReply;
}

export const storeKind: ActorKind<StoreCommand, StoreState, StoreEvent, StoreReply> = {
  name: 'store',
  consult,
  decide,
  rowsOf,
  encode,
  decode,
};

async function consult(_actor: string, command: StoreCommand, rows: RowView): Promise<StoreState> {
  if (command.type === 'MoveBlob') return { unreferenced: [], current: findBlob(rows, command.from.id) };
  if (command.type === 'RecordHealed') return { unreferenced: [], current: findBlob(rows, command.blob.id) };
  const unreferenced = await Promise.all(command.candidates.map((candidate) => unreferencedSince(rows, candidate)));
  return { unreferenced, current: undefined };
}

async function unreferencedSince(rows: RowView, { blob, time }: Candidate): Promise<Blob | undefined> {
  const referrers = await rows.range(tables.refs, startingWith(refKey(blob, nobody), 2));
  const [first] = referrers;
  if (referrers.length !== 1 || first === undefined || !first.key.equals(refKey(blob, nobody))) return undefined;
  return parseNumber(first.value) === time ? findBlob(rows, blob) : undefined;
}

function findBlob(rows: RowView, id: string): Blob | undefined {
  const row = rows.get(tables.blobs, nameKey(id));
  return row === undefined ? undefined : unpackBlob(unpack(row));
}

function decide(state: StoreState, command: StoreCommand): Decision<StoreEvent, StoreReply> {
  if (command.type === 'MoveBlob') {
    const { from, to } = command;
    const unchanged = state.current !== undefined && sameExtents(state.current, from);
    return unchanged ? { events: [{ type: 'BlobMoved', from, to }], reply: [from] } : { events: [], reply: [] };
  }
  if (command.type === 'RecordHealed') return decideHealed(state.current, command.blob, command.slot);
  const events = command.candidates.map(({ blob, time }, at): StoreEvent => {
    const free = state.unreferenced[at];
    return free === undefined ? { type: 'CandidateDropped', blob, time } : { type: 'BlobReclaimed', blob: free, time };
  });
  return { events, reply: state.unreferenced.filter((blob) => blob !== undefined) };
}

/** Nothing to record when the blob has moved meanwhile, or is gone: the drive has the old place. */
function decideHealed(current: Blob | undefined, healed: Blob, slot: number): Decision<StoreEvent, StoreReply> {
  if (current === undefined || !sameExtents(current, healed) || !current.missed.includes(slot)) return { events: [], reply: [] };
  const to = { ...current, missed: current.missed.filter((each) => each !== slot) };
  return { events: [{ type: 'BlobHealed', from: current, to }], reply: [] };
}

function sameExtents(one: Blob, other: Blob): boolean {
  return JSON.stringify(one.extents) === JSON.stringify(other.extents);
}

function rowsOf(event: StoreEvent): RowChange[] {
  switch (event.type) {
    case 'BlobReclaimed':
      return [
        ...blobGone(event.blob),
        { table: tables.refs, key: refKey(event.blob.id, nobody), value: null },
        { table: tables.orphans, key: orphanKey(event.time, event.blob.id), value: null },
      ];
    case 'CandidateDropped':
      return [{ table: tables.orphans, key: orphanKey(event.time, event.blob), value: null }];
    case 'BlobMoved':
    case 'BlobHealed':
      return [...blobGone(event.from), ...blobRows(event.to)];
  }
}

const format = 1;

function encode(event: StoreEvent): unknown[] {
  switch (event.type) {
    case 'BlobReclaimed':
      return [format, event.type, packBlob(event.blob), event.time];
    case 'CandidateDropped':
      return [format, event.type, event.blob, event.time];
    case 'BlobMoved':
    case 'BlobHealed':
      return [format, event.type, packBlob(event.from), packBlob(event.to)];
  }
}

function decode(encoded: unknown[]): StoreEvent {
  const [version, type, first, second] = encoded as [number, StoreEvent['type'], never, never];
  assert(version === format, `a store event of format ${version}, known is ${format}`);
  switch (type) {
    case 'BlobReclaimed':
      return { type, blob: unpackBlob(first as Packed), time: second };
    case 'CandidateDropped':
      return { type, blob: first, time: second };
    case 'BlobMoved':
    case 'BlobHealed':
      return { type, from: unpackBlob(first as Packed), to: unpackBlob(second as Packed) };
  }
}
