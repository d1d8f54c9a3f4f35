/** The bytes of a version, wherever they are. */
import { StateStoreCorrupt } from '../../snapshots/state-store.ts';
import type { RowView } from '../actor/decider.ts';
import type { Body, DigestName, Digests } from '../body.ts';
import { manifestParts, manifestRefs, unpack, unpackBlob } from '../bucket/codec.ts';
import { contentKey, nameKey, tables } from '../bucket/row-keys.ts';
import type { ManifestPart, Version } from '../bucket/version.ts';
import { Fault } from '../fault.ts';
import type { Blob, BlobRef, BlobSlice } from '../shards/blob-store.ts';
import { digestsOf } from '../shards/digester.ts';
import type { Door } from './door.ts';

export interface Place {
  readonly bucket: string;
  readonly key: string;
  readonly version: Version;
}

/**
 * What a version's bytes consist of: inline bytes, or slices of blobs in their order. undefined: the version has gone since its row was
 * read. @throws StateStoreCorrupt the rows contradict each other
 */
export type Bytes = { readonly inline: Buffer } | { readonly refs: readonly BlobRef[] };

export function bytesOf(rows: RowView, place: Place): Bytes | undefined {
  const { bucket, key, version } = place;
  if (version.content === 'none') return { refs: [] };
  if (version.content === 'inline') {
    const inline = rows.get(tables.bodies, contentKey(bucket, key, version.seq));
    if (inline !== undefined && inline.length !== version.size) {
      throw new StateStoreCorrupt(`${bucket}/${key} has ${version.size} bytes, its row of bodies ${inline.length}`);
    }
    return inline === undefined ? undefined : { inline };
  }
  if (version.content !== 'manifest') return { refs: version.content };
  const row = rows.get(tables.manifests, contentKey(bucket, key, version.seq));
  return row === undefined ? undefined : { refs: manifestRefs(unpack(row)) };
}

/** Of a multipart object; no parts for any other; undefined: the version has gone. */
export function partsOf(rows: RowView, place: Place): readonly ManifestPart[] | undefined {
  if (place.version.content !== 'manifest') return [];
  const row = rows.get(tables.manifests, contentKey(place.bucket, place.key, place.version.seq));
  return row === undefined ? undefined : manifestParts(unpack(row));
}

/** Slices that make up [offset, offset + length). */
export function sliceRefs(refs: readonly BlobRef[], offset: number, length: number): BlobRef[] {
  const slices: BlobRef[] = [];
  let start = 0;
  for (const ref of refs) {
    const from = Math.max(offset, start);
    const to = Math.min(offset + length, start + ref.length);
    if (from < to) slices.push({ blob: ref.blob, offset: ref.offset + from - start, length: to - from });
    start += ref.length;
    if (start >= offset + length) break;
  }
  return slices;
}

/** The first stripe is read and proved before this resolves. Fault 'unavailable' below read quorum. */
export async function openBytes(door: Door, bytes: Bytes, offset: number, length: number): Promise<Body> {
  if ('inline' in bytes) return bodyOf(bytes.inline.subarray(offset, offset + length));
  const slices = sliceRefs(bytes.refs, offset, length);
  if (slices.length === 0) return bodyOf(Buffer.alloc(0));
  const first = await openSlice(door, slices[0]!);
  return slices.length === 1 ? first : new ChainedBody(door, first, slices);
}

/** Bytes on drives are read and hashed in a shard thread; inline ones are few. Fault 'unavailable' below read quorum. */
export async function digestBytes(
  door: Door,
  bytes: Bytes,
  slice: { offset: number; length: number },
  names: readonly DigestName[],
): Promise<Digests> {
  const { offset, length } = slice;
  if ('inline' in bytes) return digestsOf(names, bytes.inline.subarray(offset, offset + length));
  return door.blobs.digest(blobSlices(door.rows, sliceRefs(bytes.refs, offset, length)), names);
}

/** One by one: an object may have ten thousand. */
function* blobSlices(rows: RowView, refs: readonly BlobRef[]): Iterable<BlobSlice> {
  for (const { blob, offset, length } of refs) yield { blob: findBlob(rows, blob), offset, length };
}

export function bodyOf(bytes: Uint8Array): Body {
  let left: Uint8Array | null = bytes.length > 0 ? bytes : null;
  return {
    whole: bytes,
    async read() {
      const chunk = left;
      left = null;
      return chunk;
    },
    cancel() {
      left = null;
    },
  };
}

async function openSlice(door: Door, slice: BlobRef): Promise<Body> {
  const blob = await door.reading(() => findBlob(door.rows, slice.blob));
  return door.blobs.read(blob, slice.offset, slice.length);
}

function findBlob(rows: RowView, id: string): Blob {
  const row = rows.get(tables.blobs, nameKey(id));
  if (row === undefined)
    throw new Fault('internal', `blob ${id} has no row: it was reclaimed under a reader that outlived the grace window`);
  return unpackBlob(unpack(row));
}

/** Slice after slice, each opened when the one before is drained. */
class ChainedBody implements Body {
  private readonly door: Door;
  private readonly slices: readonly BlobRef[];
  private current: Body;
  private next = 1;
  private cancelled = false;

  constructor(door: Door, first: Body, slices: readonly BlobRef[]) {
    this.door = door;
    this.current = first;
    this.slices = slices;
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.cancelled) return null;
      const chunk = await this.current.read();
      if (chunk !== null) return chunk;
      this.current.cancel();
      const slice = this.slices[this.next];
      if (slice === undefined) return null;
      this.next += 1;
      const opened = await openSlice(this.door, slice);
      if (this.cancelled) opened.cancel();
      this.current = opened;
    }
  }

  cancel(): void {
    this.cancelled = true;
    this.current.cancel();
  }
}
