import type { Engine } from '../../engine/engine.ts';
import { Fault } from '../../engine/fault.ts';
import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { Deleted, DeleteObject } from '../../engine/vocabulary.ts';
import { deleteConditions } from '../parameters/conditions.ts';
import { keyRejection } from '../request/request-target.ts';
import type { Operation, S3Request } from '../request/s3-request.ts';
import { rejectionOf, s3Errors } from '../s3-errors.ts';
import { childrenOf, element, readXml, s3Namespace, textOf, type XmlElement } from '../xml.ts';

const keysMax = 1000;
/** Deletes of one request under way at once: enough to fill the journal's batches, too few to crowd out the others. */
const deletesAtOnce = 64;
/** A thousand keys of 1024 bytes, each written as a character reference at worst. */
const documentBytesMax = 8 * 1024 * 1024;

/** One `<Object>`, or why it can't be carried out: the others go on. */
interface Listed {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly command: DeleteObject | Rejection;
}

export const deleteObjects: Operation = {
  name: 'DeleteObjects',
  async run(request, engine) {
    const body = await request.smallBody(documentBytesMax);
    if (isRejection(body)) return body;
    const root = readXml(body, 'Delete');
    if (isRejection(root)) return root;
    const listed = readListed(root, request.bucket);
    if (isRejection(listed)) return listed;
    // A bucket that is not there is the whole request's refusal, not each key's.
    const bucket = await engine.headBucket(request.caller, request.bucket);
    if (isRejection(bucket)) return bucket;
    const quiet = textOf(root, 'Quiet')?.trim().toLowerCase() === 'true';
    const results = await deleteAll(request, engine, listed);
    const shown = listed.map((item, at) => resultXml(item, results[at] as Deleted | Rejection, quiet));
    return { status: 200, headers: [], xml: `<DeleteResult xmlns="${s3Namespace}">${shown.join('')}</DeleteResult>` };
  },
};

function readListed(root: XmlElement, bucket: string): Listed[] | Rejection {
  const objects = childrenOf(root, 'Object');
  if (objects.length === 0 || objects.length > keysMax) return reject('MalformedXML');
  const listed: Listed[] = [];
  for (const object of objects) {
    const key = textOf(object, 'Key');
    if (key === undefined) return reject('MalformedXML');
    const versionId = textOf(object, 'VersionId') || undefined;
    const conditions = deleteConditions({
      etag: textOf(object, 'ETag'),
      lastModified: textOf(object, 'LastModifiedTime'),
      size: textOf(object, 'Size'),
    });
    const command = isRejection(conditions) ? conditions : { bucket, key, ...(versionId !== undefined && { versionId }), conditions };
    listed.push({ key, versionId, command: keyRejection(key) ?? command });
  }
  return listed;
}

/** Results in the order of the list. */
async function deleteAll(request: S3Request, engine: Engine, listed: readonly Listed[]): Promise<(Deleted | Rejection)[]> {
  const results: (Deleted | Rejection)[] = new Array(listed.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < listed.length; at = next++) results[at] = await deleteOne(request, engine, listed[at] as Listed);
  };
  await Promise.all(Array.from({ length: Math.min(deletesAtOnce, listed.length) }, lane));
  return results;
}

/** Trouble with one key is that key's error: others may have been deleted already, and the client must hear of them. Defects go up to the log. */
async function deleteOne(request: S3Request, engine: Engine, { command }: Listed): Promise<Deleted | Rejection> {
  if (isRejection(command)) return command;
  try {
    return knownVersion(await engine.deleteObject(request.caller, command), command);
  } catch (error) {
    if (!(error instanceof Fault) || error.kind === 'internal') throw error;
    return rejectionOf(error);
  }
}

/** An id that can't be one names, in a list, a version that isn't there. */
function knownVersion(result: Deleted | Rejection, { key, versionId }: DeleteObject): Deleted | Rejection {
  if (!isRejection(result) || versionId === undefined || result.facts.ArgumentName !== 'versionId') return result;
  return reject('NoSuchVersion', { Key: key, VersionId: versionId });
}

function resultXml({ key, versionId }: Listed, result: Deleted | Rejection, quiet: boolean): string {
  const name = element('Key', key) + element('VersionId', versionId);
  if (isRejection(result)) {
    const { rejected, facts } = result;
    return `<Error>${name}${element('Code', rejected)}${element('Message', facts.Message ?? s3Errors[rejected].message)}</Error>`;
  }
  if (quiet) return '';
  const marker = result.deleteMarker ? element('DeleteMarker', true) + element('DeleteMarkerVersionId', result.versionId) : '';
  return `<Deleted>${name}${marker}</Deleted>`;
}
