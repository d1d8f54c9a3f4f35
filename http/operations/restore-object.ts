import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import { parseVersionId } from '../parameters/listing-parameters.ts';
import type { Operation } from '../request/s3-request.ts';
import { childOf, readXml, textOf } from '../xml.ts';

const documentBytesMax = 64 * 1024;

/** Archived objects lie where all others lie: whatever the tier, the restored copy is there at once. */
export const restoreObject: Operation = {
  name: 'RestoreObject',
  async run(request, engine) {
    const version = parseVersionId(request);
    if (isRejection(version)) return version;
    const body = await request.smallBody(documentBytesMax);
    if (isRejection(body)) return body;
    const days = daysIn(body);
    if (isRejection(days)) return days;
    const { bucket, key } = request;
    const restored = await engine.restoreObject(request.caller, { bucket, key, ...version, days });
    if (isRejection(restored)) return restored;
    return { status: restored.already ? 200 : 202, headers: [] };
  },
};

function daysIn(body: Buffer): number | Rejection {
  const root = readXml(body, 'RestoreRequest');
  if (isRejection(root)) return root;
  for (const name of ['SelectParameters', 'OutputLocation', 'Type'])
    if (childOf(root, name)) return reject('NotImplemented', { Header: name });
  const days = textOf(root, 'Days')?.trim() ?? '';
  return /^[1-9]\d{0,5}$/.test(days) ? Number(days) : reject('MalformedXML');
}
