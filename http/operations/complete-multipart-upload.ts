import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { CompletedPart } from '../../engine/vocabulary.ts';
import { parseWriteConditions, unquoted } from '../parameters/conditions.ts';
import { checksumElements, claimedInElement, claimedInHeaders, parseChecksumType } from '../parameters/object-checksums.ts';
import { quoted, writtenHeader } from '../parameters/object-headers.ts';
import { noPartNumber, partNumberMax } from '../parameters/ranges.ts';
import { uploadTarget } from '../parameters/upload-targets.ts';
import type { Operation, S3Request } from '../request/s3-request.ts';
import { childrenOf, element, readXml, s3Namespace, textOf, type XmlElement } from '../xml.ts';

/** 10,000 parts with an ETag and a checksum each, generously written. */
const documentBytesMax = 8 * 1024 * 1024;

export const completeMultipartUpload: Operation = {
  name: 'CompleteMultipartUpload',
  async run(request, engine) {
    const conditions = parseWriteConditions(request);
    if (isRejection(conditions)) return conditions;
    const objectSize = parseObjectSize(request);
    if (isRejection(objectSize)) return objectSize;
    const checksum = claimedInHeaders(request);
    if (isRejection(checksum)) return checksum;
    const checksumType = parseChecksumType(request);
    if (isRejection(checksumType)) return checksumType;
    const body = await request.smallBody(documentBytesMax);
    if (isRejection(body)) return body;
    const parts = readParts(body);
    if (isRejection(parts)) return parts;
    const target = uploadTarget(request);
    const written = await engine.completeMultipartUpload(request.caller, {
      ...target,
      parts,
      conditions,
      objectSize,
      checksum,
      checksumType,
    });
    if (isRejection(written)) return written;
    const fields =
      element('Location', locationOf(request)) +
      element('Bucket', target.bucket) +
      element('Key', target.key) +
      element('ETag', quoted(written.etag)) +
      checksumElements(written.checksum);
    return {
      status: 200,
      headers: writtenHeader(written.versionId),
      xml: `<CompleteMultipartUploadResult xmlns="${s3Namespace}">${fields}</CompleteMultipartUploadResult>`,
    };
  },
};

function parseObjectSize(request: S3Request): number | undefined | Rejection {
  const header = 'x-amz-mp-object-size';
  const sent = request.header(header);
  if (sent === undefined) return undefined;
  return /^\d{1,15}$/.test(sent) ? Number(sent) : reject('InvalidRequest', { Message: `Value for ${header} header is invalid: '${sent}'` });
}

function readParts(body: Buffer): CompletedPart[] | Rejection {
  const root = readXml(body, 'CompleteMultipartUpload');
  if (isRejection(root)) return root;
  const parts: CompletedPart[] = [];
  for (const listed of childrenOf(root, 'Part')) {
    const part = readPart(listed);
    if (isRejection(part)) return part;
    parts.push(part);
  }
  if (parts.length === 0) return reject('InvalidRequest', { Message: 'You must specify at least one part' });
  return parts.length > partNumberMax ? reject('MalformedXML') : parts;
}

function readPart(listed: XmlElement): CompletedPart | Rejection {
  const number = textOf(listed, 'PartNumber')?.trim() ?? '';
  const etag = textOf(listed, 'ETag');
  if (!/^\d{1,9}$/.test(number) || etag === undefined) return reject('MalformedXML');
  const partNumber = Number(number);
  if (partNumber < 1)
    return reject('InvalidArgument', { ArgumentName: 'PartNumber', ArgumentValue: number, Message: 'PartNumber must be >= 1' });
  if (partNumber > partNumberMax) return noPartNumber(number);
  const checksum = claimedInElement(listed);
  if (isRejection(checksum)) return checksum;
  return { partNumber, etag: unquoted(etag), checksum };
}

/** Where the object can be had, in the style it was asked for. */
function locationOf({ exchange, headers }: S3Request): string {
  return `${exchange.secure ? 'https' : 'http'}://${headers.get('host') ?? ''}${exchange.path}`;
}
