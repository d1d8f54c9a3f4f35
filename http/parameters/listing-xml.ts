/** Pieces of XML that listings share. */
import type { ObjectInfo, Owner } from '../../engine/vocabulary.ts';
import { element, escapeXml } from '../xml.ts';
import { isoTime, storageClassOf } from './object-headers.ts';

/** How keys are shown: see `keyText`. */
export type KeyText = (key: string) => string;

export function commonPrefixesXml(prefixes: readonly string[], show: KeyText): string {
  return prefixes.map((prefix) => `<CommonPrefixes>${element('Prefix', show(prefix))}</CommonPrefixes>`).join('');
}

export function ownerXml(owner: Owner, name = 'Owner'): string {
  return `<${name}>${element('ID', owner.id)}${element('DisplayName', owner.displayName)}</${name}>`;
}

export interface ObjectRow {
  readonly show: KeyText;
  readonly owner: boolean;
}

/** One `<Contents>`: written out in one go, a page has a thousand of them. */
export function contentsXml(object: ObjectInfo, row: ObjectRow): string {
  return `<Contents><Key>${escapeXml(row.show(object.key))}</Key>${objectFields(object)}${row.owner ? ownerXml(object.owner) : ''}</Contents>`;
}

/** What a listing shows of stored bytes, in versions as in objects. */
export function objectFields(object: ObjectInfo): string {
  const { checksum } = object;
  const checksumFields =
    checksum === undefined
      ? ''
      : `<ChecksumAlgorithm>${checksum.algorithm}</ChecksumAlgorithm><ChecksumType>${checksum.type}</ChecksumType>`;
  return (
    `<LastModified>${isoTime(object.lastModified)}</LastModified><ETag>&quot;${escapeXml(object.etag)}&quot;</ETag>${checksumFields}` +
    `<Size>${object.size}</Size><StorageClass>${storageClassOf(object)}</StorageClass>`
  );
}
