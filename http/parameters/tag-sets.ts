/** Tags of objects and buckets: `x-amz-tagging` and the Tagging document. */
import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { Tags } from '../../engine/vocabulary.ts';
import { parseQuery } from '../request/query.ts';
import type { S3Request } from '../request/s3-request.ts';
import { childOf, childrenOf, element, readXml, s3Namespace, textOf } from '../xml.ts';

export const objectTagsMax = 10;
export const bucketTagsMax = 50;
const keyCharactersMax = 128;
const valueCharactersMax = 256;
const taggingDocumentBytesMax = 256 * 1024;
const tagCharacters = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** `x-amz-tagging: a=1&b=2`, percent-encoded. Rejection: InvalidArgument, InvalidTag. */
export function parseTaggingHeader(request: S3Request): Tags | Rejection {
  const sent = request.header('x-amz-tagging');
  if (sent === undefined || sent === '') return [];
  const pairs = parseQuery(sent);
  if (pairs === undefined) return reject('InvalidArgument', { ArgumentName: 'x-amz-tagging', ArgumentValue: sent });
  return checkTags(
    pairs.parameters.map(({ name, value }) => [name, value] as const),
    objectTagsMax,
  );
}

/** The body of PutObjectTagging and PutBucketTagging. Rejection: MalformedXML, InvalidTag, and those of the body. */
export async function readTagging(request: S3Request, most: number): Promise<Tags | Rejection> {
  const body = await request.smallBody(taggingDocumentBytesMax);
  if (isRejection(body)) return body;
  const root = readXml(body, 'Tagging');
  if (isRejection(root)) return root;
  const set = childOf(root, 'TagSet');
  if (set === undefined) return reject('MalformedXML');
  const tags: [string, string][] = [];
  for (const tag of childrenOf(set, 'Tag')) {
    const key = textOf(tag, 'Key');
    const value = textOf(tag, 'Value');
    if (key === undefined || value === undefined) return reject('MalformedXML');
    tags.push([key, value]);
  }
  return checkTags(tags, most);
}

function checkTags(tags: Tags, most: number): Tags | Rejection {
  if (tags.length > most) return reject('InvalidTag', { TagCount: tags.length, MaxTagCount: most });
  const seen = new Set<string>();
  for (const [key, value] of tags) {
    if (seen.has(key) || !isTagKey(key)) return reject('InvalidTag', { TagKey: key });
    if (!fits(value, valueCharactersMax)) return reject('InvalidTag', { TagKey: key, TagValue: value });
    seen.add(key);
  }
  return tags;
}

function isTagKey(key: string): boolean {
  return key !== '' && !/^aws:/i.test(key) && fits(key, keyCharactersMax);
}

function fits(text: string, charactersMax: number): boolean {
  return text.length <= 2 * charactersMax && [...text].length <= charactersMax && tagCharacters.test(text);
}

export function taggingXml(tags: Tags): string {
  const set = tags.map(([key, value]) => `<Tag>${element('Key', key)}${element('Value', value)}</Tag>`).join('');
  return `<Tagging xmlns="${s3Namespace}"><TagSet>${set}</TagSet></Tagging>`;
}
