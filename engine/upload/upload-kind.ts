import type { RowChange } from '../../snapshots/state-store.ts';
import type { ActorKind, RowView } from '../actor/decider.ts';
import { blobRows, holdBlobs, partReferrer, releaseBlobs } from '../bucket/blob-rows.ts';
import { pack } from '../bucket/codec.ts';
import { partKey, tables } from '../bucket/row-keys.ts';
import { decodeEvent, encodeEvent, packPart } from './codec.ts';
import { decideWith, refusePartNumber, type UploadState } from './decide.ts';
import type { UploadCommand, UploadEvent, UploadReply } from './parts.ts';
import { findPart, findUpload, partRowsMax, partsAfter } from './queries.ts';

export type UploadKind = ActorKind<UploadCommand, UploadState, UploadEvent, UploadReply>;

/** One actor an upload, named by its id. `partBytesMin`: of every part but the last. */
export function uploadKind(partBytesMin: number): UploadKind {
  return { name: 'upload', consult, decide: decideWith(partBytesMin), rowsOf, encode: encodeEvent, decode: decodeEvent };
}

function consult(uploadId: string, command: UploadCommand, rows: RowView): UploadState | Promise<UploadState> {
  const upload = findUpload(rows, command);
  if (upload === undefined) return { upload };
  if (command.type === 'UploadPart') {
    const { partNumber } = command.part;
    return { upload, part: refusePartNumber(partNumber) === undefined ? findPart(rows, uploadId, partNumber) : undefined };
  }
  return partsAfter(rows, uploadId, 0, partRowsMax).then((parts) => ({ upload, parts }));
}

function rowsOf(event: UploadEvent): RowChange[] {
  const { uploadId, part, blobs, replaced } = event;
  const referrer = partReferrer(uploadId, part.partNumber);
  const held = part.refs.map((ref) => ref.blob);
  return [
    ...releaseBlobs(replaced, referrer, part.lastModified),
    ...blobs.flatMap(blobRows),
    ...holdBlobs(held, referrer),
    { table: tables.parts, key: partKey(uploadId, part.partNumber), value: pack(packPart(part)) },
  ];
}
