/** ListMultipartUploads and ListParts. */
import type { Row, RowRange } from '../../snapshots/state-store.ts';
import type { RowView } from '../actor/decider.ts';
import { unpack, unpackUpload } from '../bucket/codec.ts';
import type { UploadRow } from '../bucket/events.ts';
import { findBucket, noSuchBucket } from '../bucket/queries.ts';
import { behind, headKey, tables, uploadKey } from '../bucket/row-keys.ts';
import { type Rejection, reject } from '../rejection.ts';
import { noSuchUpload } from '../upload/decide.ts';
import type { PartRow } from '../upload/parts.ts';
import { findUpload, partsAfter } from '../upload/queries.ts';
import type { ListMultipartUploads, ListParts, PartInfo, PartPage, UploadInfo, UploadPage } from '../vocabulary.ts';
import type { Door, Outcome } from './door.ts';
import { commonPrefixOf, enclosingPrefix } from './list-objects.ts';
import { isUploadIdOf, partInfoOf } from './multipart.ts';
import { RowCursor } from './row-cursor.ts';

/** By key, then by the time they began. Rejection: NoSuchBucket, InvalidArgument for a marker that is no upload of its key. */
export async function listMultipartUploads(door: Door, query: ListMultipartUploads): Outcome<UploadPage> {
  const { bucket, prefix, delimiter, max } = query;
  if (findBucket(door.rows, bucket) === undefined) return noSuchBucket(bucket);
  const foreign = refuseForeignMarker(door, query);
  if (foreign !== undefined) return foreign;
  const uploads: UploadInfo[] = [];
  const commonPrefixes: string[] = [];
  if (max === 0) return { uploads, commonPrefixes, next: undefined };
  const read = (range: RowRange) => door.rows.range(tables.uploads, range);
  const walk = { read, keyOf: (row: Row) => row.key, lt: behind(headKey(bucket, prefix)), wanted: max + 1, leaps: delimiter !== '' };
  const cursor = new RowCursor(walk, startOf(query));
  let next: UploadPage['next'];
  for (;;) {
    if (cursor.needsRead) await cursor.read();
    const { row } = cursor;
    if (row === undefined) return { uploads, commonPrefixes, next: undefined };
    if (uploads.length + commonPrefixes.length === max) return { uploads, commonPrefixes, next };
    const upload = unpackUpload(unpack(row.value));
    const common = commonPrefixOf(upload.key, prefix, delimiter);
    if (common === undefined) {
      uploads.push(uploadInfoOf(upload));
      next = { key: upload.key, uploadId: upload.uploadId };
      cursor.next();
    } else {
      commonPrefixes.push(common);
      next = { key: common, uploadId: undefined };
      cursor.leap(behind(headKey(bucket, common)));
    }
  }
}

/** An upload that ended between two pages is still a marker; of ids without a sum, which older builds gave, only those of uploads under way are. */
function refuseForeignMarker(door: Door, query: ListMultipartUploads): Rejection | undefined {
  const { bucket, keyMarker: key, uploadIdMarker: uploadId } = query;
  if (uploadId === undefined || isUploadIdOf({ bucket, key, uploadId }) || findUpload(door.rows, { bucket, key, uploadId }))
    return undefined;
  return reject('InvalidArgument', { ArgumentName: 'upload-id-marker', ArgumentValue: uploadId, Message: 'Invalid uploadId marker' });
}

function startOf(query: ListMultipartUploads): { gte: Buffer } | { gt: Buffer } {
  const { bucket, prefix, delimiter, keyMarker, uploadIdMarker } = query;
  const first = headKey(bucket, prefix);
  const marker = headKey(bucket, keyMarker);
  if (Buffer.compare(marker, first) < 0) return { gte: first };
  const common = enclosingPrefix(keyMarker, prefix, delimiter);
  if (common !== undefined) return { gte: behind(headKey(bucket, common)) };
  // All uploads of a key lie between `key NUL` and `key 0x01`.
  return uploadIdMarker === undefined ? { gte: headKey(bucket, `${keyMarker}\x01`) } : { gt: uploadKey(bucket, keyMarker, uploadIdMarker) };
}

function uploadInfoOf(upload: UploadRow): UploadInfo {
  const { key, uploadId, initiated, owner, metadata, checksum } = upload;
  return { key, uploadId, initiated, owner, metadata, checksum };
}

/** Upload and parts as of one moment: one that ends meanwhile is shown with its parts, or not at all. */
export function listParts(door: Door, query: ListParts): Outcome<PartPage> {
  return door.rows.view((rows) => partPage(rows, query));
}

async function partPage(rows: RowView, query: ListParts): Outcome<PartPage> {
  const { bucket, uploadId, after, max } = query;
  if (findBucket(rows, bucket) === undefined) return noSuchBucket(bucket);
  const upload = findUpload(rows, query);
  if (upload === undefined) return noSuchUpload(uploadId);
  const parts = max === 0 ? [] : await partsAfter(rows, uploadId, after, max + 1);
  const shown = parts.slice(0, max).map((part) => shownPart(part, upload));
  return { upload: uploadInfoOf(upload), parts: shown, next: parts.length > max ? shown.at(-1)?.partNumber : undefined };
}

/** What came with a part of an upload that declared no checksum is held against the list at its end, and not shown. */
function shownPart(part: PartRow, upload: UploadRow): PartInfo {
  const info = partInfoOf(part);
  return upload.checksum === undefined ? { ...info, checksum: undefined } : info;
}
