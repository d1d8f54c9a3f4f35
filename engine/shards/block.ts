/**
 * A block: one shard of one stripe as it lies in a segment file. Head (64 bytes: what and where it is), a checksum (XXH3,
 * 64 bits) for each 64 KiB piece, padding to 64 bytes, then the shard's bytes. All numbers little endian.
 *
 *   0 magic u32 · 4 format u8 · 5 shard u8 · 6 data shards u8 · 7 parity shards u8 · 8 set u32 · 12 segment u32 · 16 offset u32
 *   20 stripe u32 · 24 stripe bytes u32 · 28 shard bytes u32 · 32 blob id, 16 bytes · 48 deployment, 8 bytes
 *   56 checksum of bytes 0..56 and of table and padding, 8 bytes · 64 table, 8 bytes a piece
 *
 * The head says its own place and the deployment's secret name: neither a block that was moved or left over, nor bytes that a
 * client stored to look like one pass for the block that belongs here.
 */
import xxhash from 'xxhash-addon';
import type { Blob, Extent } from './blob-store.ts';

/** Body bytes of a full stripe. */
export const stripeBytesMax = 1024 * 1024;
/** Bytes under one checksum. */
export const pieceBytes = 64 * 1024;
/** Bytes of one drive's file; a segment is closed when the next stripe would go beyond. */
export const segmentBytesMax = 1024 * 1024 * 1024;

const shardPaddingBytes = 64;
const fixedHeadBytes = 64;
const checksumBytes = 8;
const magic = 0x4b4c424c; // 'LBLK'
const blockFormat = 1;

/** One stripe and where it lies. */
export interface StripePlace {
  /** 32 hex digits. */
  readonly blob: string;
  readonly set: number;
  readonly segment: number;
  /** Of the block, the same on every drive. */
  readonly offset: number;
  /** Number of the stripe in its blob. */
  readonly stripe: number;
  /** Body bytes in this stripe. */
  readonly stripeBytes: number;
  readonly dataShards: number;
  readonly parityShards: number;
}

/** Bytes of each shard of a stripe: a short stripe has short shards. */
export function shardBytesOf(stripeBytes: number, dataShards: number): number {
  return Math.ceil(stripeBytes / dataShards / shardPaddingBytes) * shardPaddingBytes;
}

export function headBytesOf(shardBytes: number): number {
  const bytes = fixedHeadBytes + Math.ceil(shardBytes / pieceBytes) * checksumBytes;
  return Math.ceil(bytes / shardPaddingBytes) * shardPaddingBytes;
}

/** Bytes that a stripe takes on each drive. */
export function blockBytesOf(stripeBytes: number, dataShards: number): number {
  const shardBytes = shardBytesOf(stripeBytes, dataShards);
  return headBytesOf(shardBytes) + shardBytes;
}

/** The slot that holds a shard. Rotated by blob and stripe, so that parity falls on every drive in turn. */
export function slotOf(place: StripePlace, shard: number): number {
  const setSize = place.dataShards + place.parityShards;
  return (shard + place.stripe + Number.parseInt(place.blob.slice(0, 8), 16)) % setSize;
}

export function segmentPath(set: number, segment: number): string {
  return `${segmentDirectory(set)}/${String(segment).padStart(8, '0')}.seg`;
}

export function segmentDirectory(set: number): string {
  return `segments/${set}`;
}

/** The number in a segment file's name; undefined for another file. */
export function segmentNumber(name: string): number | undefined {
  return /^\d{8,}\.seg$/.test(name) ? Number.parseInt(name, 10) : undefined;
}

/** A file without bytes, in place of a segment that was removed while its number was the highest: numbers go on behind it. */
export function markerPath(set: number, segment: number): string {
  return `${segmentDirectory(set)}/${String(segment).padStart(8, '0')}.gone`;
}

/** The number in the name of a segment's file or marker; undefined for another file. */
export function takenNumber(name: string): number | undefined {
  return /^\d{8,}\.(seg|gone)$/.test(name) ? Number.parseInt(name, 10) : undefined;
}

/** Stripes of a blob. Every one but the last of an extent is full. */
export function stripeCountOf(blob: Blob): number {
  return blob.extents.reduce((count, extent) => count + stripesIn(extent), 0);
}

/** The place of one of a blob's stripes, by its number. */
export function stripePlaceOf(blob: Blob, stripe: number): StripePlace {
  let before = 0;
  for (const extent of blob.extents) {
    const count = stripesIn(extent);
    if (stripe < before + count) return placeIn(blob, extent, { stripe, index: stripe - before });
    before += count;
  }
  throw new RangeError(`blob ${blob.id} has no stripe ${stripe}`);
}

/** The stripe that byte `position` of a blob lies in, and how many of the stripe's bytes lie before it. */
export function stripeAt(blob: Blob, position: number): { readonly stripe: StripePlace; readonly from: number } {
  let before = 0;
  let start = 0;
  for (const extent of blob.extents) {
    const within = position - start;
    if (within < extent.length) {
      const index = Math.floor(within / stripeBytesMax);
      return { stripe: placeIn(blob, extent, { stripe: before + index, index }), from: within % stripeBytesMax };
    }
    before += stripesIn(extent);
    start += extent.length;
  }
  throw new RangeError(`blob ${blob.id} has no byte ${position}`);
}

function stripesIn(extent: Extent): number {
  return Math.ceil(extent.length / stripeBytesMax);
}

/** The stripe with that number in the blob and that index in the extent. */
function placeIn(blob: Blob, extent: Extent, { stripe, index }: { stripe: number; index: number }): StripePlace {
  const { dataShards, parityShards, set } = blob;
  const stripeBytes = Math.min(stripeBytesMax, extent.length - index * stripeBytesMax);
  const offset = extent.offset + index * blockBytesOf(stripeBytesMax, dataShards);
  return { blob: blob.id, set, segment: extent.segment, offset, stripe, stripeBytes, dataShards, parityShards };
}

/** Appends a stripe to a blob's extents; runs that touch become one, unless a short stripe lies between. */
export function extendExtents(extents: Extent[], place: StripePlace): void {
  const last = extents.at(-1);
  const stripes = (last?.length ?? 0) / stripeBytesMax;
  const end = (last?.offset ?? 0) + stripes * blockBytesOf(stripeBytesMax, place.dataShards);
  if (last !== undefined && last.segment === place.segment && Number.isInteger(stripes) && end === place.offset) {
    extents[extents.length - 1] = { ...last, length: last.length + place.stripeBytes };
  } else {
    extents.push({ segment: place.segment, offset: place.offset, length: place.stripeBytes });
  }
}

/** Writes head and checksums of `shard` into `head` (headBytesOf(shard.length) bytes). `deployment`: 8 bytes. */
export function writeHead(head: Buffer, place: StripePlace, shard: number, content: { shard: Buffer; deployment: Buffer }): void {
  head.fill(0);
  writeIdentity(head, place, shard, content.deployment);
  for (let piece = 0, at = fixedHeadBytes; piece < content.shard.length; piece += pieceBytes, at += checksumBytes) {
    checksumOf(content.shard.subarray(piece, piece + pieceBytes)).copy(head, at);
  }
  headChecksum(head).copy(head, 56);
}

function writeIdentity(head: Buffer, place: StripePlace, shard: number, deployment: Buffer): void {
  head.writeUInt32LE(magic, 0);
  head[4] = blockFormat;
  head[5] = shard;
  head[6] = place.dataShards;
  head[7] = place.parityShards;
  head.writeUInt32LE(place.set, 8);
  head.writeUInt32LE(place.segment, 12);
  head.writeUInt32LE(place.offset, 16);
  head.writeUInt32LE(place.stripe, 20);
  head.writeUInt32LE(place.stripeBytes, 24);
  head.writeUInt32LE(shardBytesOf(place.stripeBytes, place.dataShards), 28);
  head.write(place.blob, 32, 16, 'hex');
  deployment.copy(head, 48, 0, 8);
}

const expectedIdentity = Buffer.alloc(56);

/** Is this the head of that shard, undamaged? `head` has headBytesOf bytes. */
export function isHeadOf(head: Buffer, place: StripePlace, shard: number, deployment: Buffer): boolean {
  writeIdentity(expectedIdentity, place, shard, deployment);
  return head.compare(expectedIdentity, 0, 56, 0, 56) === 0 && head.compare(headChecksum(head), 0, 8, 56, 64) === 0;
}

/** Does a piece match its checksum in a proved head? */
export function isPieceIntact(head: Buffer, piece: number, bytes: Buffer): boolean {
  const at = fixedHeadBytes + piece * checksumBytes;
  return head.compare(checksumOf(bytes), 0, checksumBytes, at, at + checksumBytes) === 0;
}

/** Of which stripe is this a block? undefined when it is no block of this place, or damaged. For those who walk a segment file. */
export function stripeOfHead(
  head: Buffer,
  where: { set: number; segment: number; offset: number },
  deployment: Buffer,
): StripePlace | undefined {
  if (head.length < fixedHeadBytes || head.readUInt32LE(0) !== magic || head[4] !== blockFormat) return undefined;
  const dataShards = head[6]!;
  const stripeBytes = head.readUInt32LE(24);
  if (dataShards === 0 || stripeBytes === 0 || stripeBytes > stripeBytesMax) return undefined;
  const blob = head.toString('hex', 32, 48);
  const place = { ...where, blob, stripe: head.readUInt32LE(20), stripeBytes, dataShards, parityShards: head[7]! };
  const whole = head.subarray(0, headBytesOf(shardBytesOf(stripeBytes, dataShards)));
  return isHeadOf(whole, place, head[5]!, deployment) ? place : undefined;
}

function headChecksum(head: Buffer): Buffer {
  const end = headBytesOf(head.readUInt32LE(28));
  if (end > head.length) return noChecksum;
  head.copy(headScratch, 0, 0, 56);
  head.copy(headScratch, 56, fixedHeadBytes, end);
  return checksumOf(headScratch.subarray(0, end - checksumBytes));
}

const headScratch = Buffer.alloc(headBytesOf(stripeBytesMax));
const noChecksum = Buffer.alloc(checksumBytes);

function checksumOf(bytes: Buffer): Buffer {
  return xxhash.XXHash3.hash(bytes);
}
