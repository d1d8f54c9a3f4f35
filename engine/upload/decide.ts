/** The rules of one upload. That it began and that it ended are its bucket's events; its own are the parts. */
import type { Decision } from '../actor/decider.ts';
import type { UploadRow } from '../bucket/events.ts';
import { isRejection, type Rejection, reject } from '../rejection.ts';
import type { Caller } from '../vocabulary.ts';
import { assemble, removedParts } from './assemble.ts';
import { type PartRow, partNumberMax, type UploadCommand, type UploadEvent, type UploadReply } from './parts.ts';

export interface UploadState {
  /** undefined: no such upload under this bucket and key, or it has ended. */
  readonly upload: UploadRow | undefined;
  /** The part under the command's number. */
  readonly part?: PartRow | undefined;
  /** All parts, ascending. */
  readonly parts?: readonly PartRow[];
}

export function decideWith(partBytesMin: number) {
  return (state: UploadState, command: UploadCommand, _caller: Caller): Decision<UploadEvent, UploadReply> => {
    const { upload } = state;
    if (upload === undefined) return noSuchUpload(command.uploadId);
    switch (command.type) {
      case 'UploadPart': {
        const { uploadId, part, blobs } = command;
        const refused = refusePartNumber(part.partNumber);
        if (refused !== undefined) return refused;
        const replaced = state.part?.refs.map((ref) => ref.blob) ?? [];
        return { events: [{ type: 'PartAccepted', uploadId, part, blobs, replaced }], reply: part };
      }
      case 'CompleteMultipartUpload': {
        const assembly = assemble(upload, state.parts ?? [], command, partBytesMin);
        return isRejection(assembly) ? assembly : { events: [], reply: assembly };
      }
      case 'AbortMultipartUpload':
        return { events: [], reply: removedParts(state.parts ?? [], []) };
    }
  };
}

export function noSuchUpload(uploadId: string): Rejection {
  return reject('NoSuchUpload', { UploadId: uploadId });
}

export function refusePartNumber(partNumber: number): Rejection | undefined {
  if (Number.isInteger(partNumber) && partNumber >= 1 && partNumber <= partNumberMax) return undefined;
  const Message = `Part number must be an integer between 1 and ${partNumberMax}, inclusive`;
  return reject('InvalidArgument', { ArgumentName: 'partNumber', ArgumentValue: partNumber, Message });
}
