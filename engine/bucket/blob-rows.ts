/**
 * Who refers to which blob, as rows of presence: put or deleted, never counted, so that an event needs no read to change them. A
 * blob that loses a reference becomes a candidate of the reclaimer, which looks for other references before it acts.
 */
import type { RowChange } from '../../snapshots/state-store.ts';
import type { Blob } from '../shards/blob-store.ts';
import { pack, packBlob } from './codec.ts';
import { extentKey, missedKey, nameKey, nul, numberValue, orphanKey, refKey, tables } from './row-keys.ts';

const nothing = new Uint8Array(0);

/** Stands in front of a blob's referrers once one has gone, and says when the last one went. */
export const nobody = '';

export function versionReferrer(bucket: string, key: string, seq: number): string {
  return `v${bucket}${nul}${key}${nul}${seq}`;
}

export function partReferrer(uploadId: string, partNumber: number): string {
  return `p${uploadId}${nul}${partNumber}`;
}

/** The blob's own row, one for each segment it lies in, by which what lives in a segment is found, and one for each drive that missed it. */
export function blobRows(blob: Blob): RowChange[] {
  const rows: RowChange[] = [{ table: tables.blobs, key: nameKey(blob.id), value: pack(packBlob(blob)) }];
  const bytes = new Map<number, number>();
  for (const extent of blob.extents) bytes.set(extent.segment, (bytes.get(extent.segment) ?? 0) + extent.length);
  for (const [segment, length] of bytes) {
    const onEachDrive = Math.ceil(length / blob.dataShards);
    rows.push({ table: tables.extents, key: extentKey(blob.set, segment, blob.id), value: numberValue(onEachDrive) });
  }
  for (const slot of blob.missed) rows.push({ table: tables.missed, key: missedKey(blob.set, slot, blob.id), value: nothing });
  return rows;
}

/** Takes away all that `blobRows` put. */
export function blobGone(blob: Blob): RowChange[] {
  return blobRows(blob).map((row) => ({ ...row, value: null }));
}

export function holdBlobs(blobs: Iterable<string>, referrer: string): RowChange[] {
  const rows: RowChange[] = [];
  for (const blob of new Set(blobs)) rows.push({ table: tables.refs, key: refKey(blob, referrer), value: nothing });
  return rows;
}

/** A reference goes because another of the same record stays: no candidate for the reclaimer. */
export function handOverBlobs(blobs: Iterable<string>, referrer: string): RowChange[] {
  const rows: RowChange[] = [];
  for (const blob of new Set(blobs)) rows.push({ table: tables.refs, key: refKey(blob, referrer), value: null });
  return rows;
}

export function releaseBlobs(blobs: Iterable<string>, referrer: string, time: number): RowChange[] {
  const rows: RowChange[] = [];
  for (const blob of new Set(blobs)) {
    rows.push({ table: tables.refs, key: refKey(blob, referrer), value: null });
    rows.push({ table: tables.refs, key: refKey(blob, nobody), value: numberValue(time) });
    rows.push({ table: tables.orphans, key: orphanKey(time, blob), value: nothing });
  }
  return rows;
}
