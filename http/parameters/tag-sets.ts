/** Tags of objects and buckets: `x-amz-tagging`, the Tagging document and the tags of a new bucket. */
import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { Tags } from '../../engine/vocabulary.ts';
import { parseQuery } from '../request/query.ts';
import type { S3Request } from '../request/s3-request.ts';
import { childOf, childrenOf, element, readXml, s3Namespace, textOf, type XmlElement } from '../xml.ts';

/** What is tagged: how many tags it may have, and how S3 words what is wrong with them. */
interface Taggable {
  readonly most: number;
  readonly tooMany: string;
  readonly reserved: string;
}

export const objectTags: Taggable = {
  most: 10,
  tooMany: 'Object tags cannot be greater than 10',
  reserved: 'Your TagKey cannot be prefixed with aws:',
};
export const bucketTags: Taggable = {
  most: 50,
  tooMany: 'Bucket tag count cannot be greater than 50',
  reserved: 'System tags cannot be added/updated by requester',
};
export const newBucketTags: Taggable = {
  ...bucketTags,
  reserved:
    'User-defined tag keys can\'t start with "aws:". This prefix is reserved for system tags. Remove "aws:" from your tag keys and try again.',
};

const keyCharactersMax = 128;
const valueCharactersMax = 256;
const taggingDocumentBytesMax = 256 * 1024;
const tagCharacters = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** `x-amz-tagging: a=1&b=2`, encoded as a query is. Rejection: InvalidArgument, InvalidTag. */
export function parseTaggingHeader(request: S3Request): Tags | Rejection {
  const sent = request.header('x-amz-tagging');
  if (sent === undefined || sent === '') return [];
  const pairs = sent.split('&').some((pair) => pair.split('=').length > 2) ? undefined : parseQuery(sent)?.parameters;
  const names = new Set(pairs?.map(({ name }) => name));
  if (pairs !== undefined && names.size === pairs.length) {
    const tags = pairs.map(({ name, value }) => [name, value] as const);
    return checkTags(tags, objectTags);
  }
  const Message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.";
  return reject('InvalidArgument', { ArgumentName: 'x-amz-tagging', ArgumentValue: sent, Message });
}

/** The body of PutObjectTagging and PutBucketTagging. Rejection: MalformedXML, InvalidTag, and those of the body. */
export async function readTagging(request: S3Request, tagged: Taggable): Promise<Tags | Rejection> {
  const body = await request.smallBody(taggingDocumentBytesMax);
  if (isRejection(body)) return body;
  const root = readXml(body, 'Tagging');
  if (isRejection(root)) return root;
  const set = childOf(root, 'TagSet');
  return set === undefined ? reject('MalformedXML') : tagsIn(set, tagged);
}

/** The `<Tag>`s of an element. Rejection: MalformedXML, InvalidTag. */
export function tagsIn(set: XmlElement, tagged: Taggable): Tags | Rejection {
  const tags: [string, string][] = [];
  for (const tag of childrenOf(set, 'Tag')) {
    const key = textOf(tag, 'Key');
    const value = textOf(tag, 'Value');
    if (key === undefined || value === undefined) return reject('MalformedXML');
    tags.push([key, value]);
  }
  return checkTags(tags, tagged);
}

function checkTags(tags: Tags, { most, tooMany, reserved }: Taggable): Tags | Rejection {
  if (tags.length > most) return reject('InvalidTag', { Message: tooMany, TagCount: tags.length, MaxTagCount: most });
  const seen = new Set<string>();
  for (const [TagKey, TagValue] of tags) {
    if (seen.has(TagKey)) return reject('InvalidTag', { Message: 'Cannot provide multiple Tags with the same key', TagKey });
    if (/^aws:/i.test(TagKey)) return reject('InvalidTag', { Message: reserved, TagKey });
    if (TagKey === '' || !fits(TagKey, keyCharactersMax)) {
      return reject('InvalidTag', { Message: 'The TagKey you have provided is invalid', TagKey });
    }
    if (!fits(TagValue, valueCharactersMax)) {
      return reject('InvalidTag', { Message: 'The TagValue you have provided is invalid', TagKey, TagValue });
    }
    seen.add(TagKey);
  }
  return tags;
}

function fits(text: string, charactersMax: number): boolean {
  return text.length <= 2 * charactersMax && [...text].length <= charactersMax && tagCharacters.test(text);
}

export function taggingXml(tags: Tags): string {
  const set = tags.map(([key, value]) => `<Tag>${element('Key', key)}${element('Value', value)}</Tag>`).join('');
  return `<Tagging xmlns="${s3Namespace}"><TagSet>${set}</TagSet></Tagging>`;
}
