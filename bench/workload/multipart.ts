/** Multipart uploads of four parts, one after the other: a step is a whole upload, each of its requests an operation. */
import { createHash } from 'node:crypto';
import type { Answer } from '../client/connection.ts';
import type { Body } from './bodies.ts';
import { mebibyte } from './sizes.ts';
import { WrongAnswer } from './trouble.ts';
import type { Ground, Workload } from './workload.ts';
import { xmlTexts } from './xml-texts.ts';

/** The least that S3 takes for a part that is not the last: smaller sizes are rounded up. */
export const partBytesMin = 5 * mebibyte;
const partsPerUpload = 4;

export const multipart: Workload = {
  async step(ground) {
    const number = ground.fresh();
    const key = ground.own(number);
    const uploadId = await create(ground, key);
    const parts: string[] = [];
    const bodies: Body[] = [];
    for (let part = 1; part <= partsPerUpload; part += 1) {
      const body = ground.bodies.of(number, part);
      const answer = await uploadPart(ground, { key, uploadId, part, body });
      bodies.push(body);
      parts.push(partXml(ground, part, answer));
    }
    await complete(ground, { key, uploadId, parts, bodies });
    return true;
  },
};

async function create({ requests, checksum }: Ground, key: string): Promise<string> {
  const algorithm: Record<string, string> = checksum === 'none' ? {} : { 'x-amz-checksum-algorithm': checksum.toUpperCase() };
  const call = { method: 'POST', key, query: { uploads: '' }, headers: algorithm } as const;
  const answer = await requests.send(call, { operation: 'create-upload', status: 200 });
  const uploadId = xmlTexts(answer.body.toString(), 'UploadId')[0];
  if (uploadId === undefined) throw new WrongAnswer(`POST ${key}?uploads: no UploadId`);
  return uploadId;
}

interface Part {
  readonly key: string;
  readonly uploadId: string;
  readonly part: number;
  readonly body: Body;
}

function uploadPart({ requests }: Ground, { key, uploadId, part, body }: Part): Promise<Answer> {
  return requests.put(key, body, 'upload-part', { query: { partNumber: String(part), uploadId } });
}

function partXml({ checksum }: Ground, part: number, { headers }: Answer): string {
  const digest = headers[`x-amz-checksum-${checksum}`];
  const element = `Checksum${checksum.toUpperCase()}`;
  const checked = digest === undefined ? '' : `<${element}>${digest}</${element}>`;
  return `<Part><PartNumber>${part}</PartNumber><ETag>${headers.etag}</ETag>${checked}</Part>`;
}

interface Parts {
  readonly key: string;
  readonly uploadId: string;
  readonly parts: readonly string[];
  readonly bodies: readonly Body[];
}

/** The ETag of an object of parts is the MD5 of the parts' MD5s with their number, where a server makes it that way. */
async function complete({ requests }: Ground, { key, uploadId, parts, bodies }: Parts): Promise<void> {
  const xml = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`;
  const check = (answer: Answer): void => {
    const text = answer.body.toString();
    const etag = xmlTexts(text, 'ETag')[0]?.replaceAll('"', '');
    if (etag === undefined || !text.includes('CompleteMultipartUploadResult')) {
      throw new WrongAnswer(`completing ${key}: 200 with ${text.slice(0, 300)}`);
    }
    const digests = createHash('md5');
    for (const body of bodies) digests.update(body.md5);
    const expected = `${digests.digest('hex')}-${bodies.length}`;
    if (/^[0-9a-f]{32}-\d+$/.test(etag) && etag !== expected) {
      throw new WrongAnswer(`completing ${key}: ETag ${etag} instead of ${expected}`);
    }
  };
  const call = {
    method: 'POST',
    key,
    query: { uploadId },
    headers: { 'content-type': 'application/xml' },
    body: Buffer.from(xml),
  } as const;
  await requests.send(call, { operation: 'complete-upload', status: 200, check });
}
