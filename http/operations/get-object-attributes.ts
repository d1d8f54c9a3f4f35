import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { Checksum, ObjectAttributes, PartInfo } from '../../engine/vocabulary.ts';
import { listingRowsMax, notAnInteger, parseVersionId } from '../parameters/listing-parameters.ts';
import { checksumElement, checksumElements } from '../parameters/object-checksums.ts';
import { httpDate, storageClassOf, versionHeader } from '../parameters/object-headers.ts';
import { partNumberMax } from '../parameters/ranges.ts';
import type { Operation, S3Request } from '../request/s3-request.ts';
import { element, s3Namespace } from '../xml.ts';

const attributes = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'] as const;
type Attribute = (typeof attributes)[number];

export const getObjectAttributes: Operation = {
  name: 'GetObjectAttributes',
  async run(request, engine) {
    const asked = parseAttributes(request);
    if (isRejection(asked)) return asked;
    const version = parseVersionId(request);
    if (isRejection(version)) return version;
    const maxParts = parseCount(request, 'x-amz-max-parts', listingRowsMax);
    if (isRejection(maxParts)) return maxParts;
    const partNumberMarker = parseCount(request, 'x-amz-part-number-marker', 0);
    if (isRejection(partNumberMarker)) return partNumberMarker;
    const { bucket, key } = request;
    const page = { partNumberMarker: Math.min(partNumberMarker, partNumberMax), maxParts: Math.min(maxParts, listingRowsMax) };
    const found = await engine.getObjectAttributes(request.caller, { bucket, key, ...version, ...page });
    if (isRejection(found)) return found;
    const { object } = found;
    const fields: Record<Attribute, () => string> = {
      ETag: () => element('ETag', object.etag),
      Checksum: () => (object.checksum ? `<Checksum>${checksumElements(withoutPartCount(object.checksum))}</Checksum>` : ''),
      ObjectParts: () => partsXml(found, page),
      StorageClass: () => element('StorageClass', storageClassOf(object)),
      ObjectSize: () => element('ObjectSize', object.size),
    };
    const shown = attributes.filter((attribute) => asked.has(attribute)).map((attribute) => fields[attribute]());
    return {
      status: 200,
      headers: [
        ['Last-Modified', httpDate(object.lastModified)],
        ...versionHeader(object.versioning === 'unversioned' ? undefined : object.versionId),
      ],
      xml: `<GetObjectAttributesResponse xmlns="${s3Namespace}">${shown.join('')}</GetObjectAttributesResponse>`,
    };
  },
};

function parseAttributes(request: S3Request): ReadonlySet<string> | Rejection {
  const header = 'x-amz-object-attributes';
  const sent = request.header(header) ?? '';
  if (sent.trim() === '') {
    const Message = `The ${header} header specifying the attributes to be retrieved is either missing or empty`;
    return reject('InvalidRequest', { Message });
  }
  const names = sent.split(',').map((name) => name.trim());
  const known: readonly string[] = attributes;
  if (names.every((name) => known.includes(name))) return new Set(names);
  return reject('InvalidArgument', { ArgumentName: header, ArgumentValue: sent, Message: 'Invalid attribute name specified.' });
}

function parseCount(request: S3Request, header: string, fallback: number): number | Rejection {
  const sent = request.header(header);
  if (sent === undefined) return fallback;
  return /^\d{1,9}$/.test(sent) ? Number(sent) : notAnInteger(header, sent);
}

/** This operation alone shows a composite checksum so: the number of parts is a field of its own. */
function withoutPartCount(checksum: Checksum): Checksum {
  return { ...checksum, value: checksum.value.replace(/-\d+$/, '') };
}

/** Parts that have no checksum are not told of, only how many there are. */
function partsXml({ object, parts, partsTruncated }: ObjectAttributes, page: { partNumberMarker: number; maxParts: number }): string {
  if (object.partCount === 0) return '';
  const count = element('PartsCount', object.partCount);
  if (object.checksum?.type !== 'COMPOSITE') return `<ObjectParts>${count}</ObjectParts>`;
  const fields =
    count +
    element('PartNumberMarker', page.partNumberMarker) +
    element('NextPartNumberMarker', parts.at(-1)?.partNumber ?? page.partNumberMarker) +
    element('MaxParts', page.maxParts) +
    element('IsTruncated', partsTruncated);
  return `<ObjectParts>${fields}${parts.map(partXml).join('')}</ObjectParts>`;
}

function partXml(part: PartInfo): string {
  return `<Part>${element('PartNumber', part.partNumber)}${element('Size', part.size)}${checksumElement(part.checksum)}</Part>`;
}
