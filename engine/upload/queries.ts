import type { RowView } from '../actor/decider.ts';
import { unpack, unpackUpload, unpackWritten } from '../bucket/codec.ts';
import type { UploadRow } from '../bucket/events.ts';
import { behind, nameKey, partKey, tables, uploadKey } from '../bucket/row-keys.ts';
import type { UploadTarget, Written } from '../vocabulary.ts';
import { partOf } from './codec.ts';
import { type PartRow, partNumberMax } from './parts.ts';

/** Rows of one read, and so parts of one upload: as many as S3 has. */
export const partRowsMax = partNumberMax;

export function findUpload(rows: RowView, target: UploadTarget): UploadRow | undefined {
  const row = rows.get(tables.uploads, uploadKey(target.bucket, target.key, target.uploadId));
  return row === undefined ? undefined : unpackUpload(unpack(row));
}

export function findPart(rows: RowView, uploadId: string, partNumber: number): PartRow | undefined {
  const row = rows.get(tables.parts, partKey(uploadId, partNumber));
  return row === undefined ? undefined : partOf(row);
}

/** Parts with a number above `after`, ascending. */
export async function partsAfter(rows: RowView, uploadId: string, after: number, limit: number): Promise<PartRow[]> {
  const lt = behind(nameKey(`${uploadId}\0`));
  const found = await rows.range(tables.parts, { gt: partKey(uploadId, after), lt, limit });
  return found.map((row) => partOf(row.value));
}

/** The answer of an upload that was completed, as long as its object lives. */
export function findCompleted(rows: RowView, target: UploadTarget): Written | undefined {
  const row = rows.get(tables.completed, nameKey(target.uploadId));
  if (row === undefined) return undefined;
  const [bucket, key, answer] = unpack(row) as [string, string, unknown[]];
  return bucket === target.bucket && key === target.key ? unpackWritten(answer) : undefined;
}
