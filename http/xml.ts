/**
 * XML as S3 speaks it. Reading: small trees by way of saxes, no DOCTYPE, no entities of its own, depth and size bounded.
 * Writing: template strings over `element` and `escapeXml`.
 */
import { SaxesParser } from 'saxes';
import { type Rejection, reject } from '../engine/rejection.ts';
import { encodePath } from './request/percent-encoding.ts';

export const xmlDeclaration = '<?xml version="1.0" encoding="UTF-8"?>\n';
export const s3Namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** Deepest nesting read; S3's own requests stay under 6. */
const depthMax = 16;
/** Elements in one document: 10,000 parts with a number, an ETag and every checksum fit. */
const elementsMax = 100_000;

export interface XmlElement {
  /** Local name, prefix removed. */
  readonly name: string;
  /** Character data directly inside, as sent. */
  readonly text: string;
  readonly children: readonly XmlElement[];
  /** Value of an attribute by its name as sent (`xsi:type`). */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Reads a document whose root is `rootName`, in any namespace or none. Rejection: MalformedXML. */
export function readXml(bytes: Uint8Array, rootName: string): XmlElement | Rejection {
  const text = decodeUtf8(bytes);
  if (text === undefined) return reject('MalformedXML');
  const tree = new TreeReader();
  try {
    tree.parse(text);
  } catch (error) {
    if (error instanceof Unreadable) return reject('MalformedXML');
    throw error;
  }
  return tree.root?.name === rootName ? tree.root : reject('MalformedXML');
}

/** The only child of a name; undefined when there is none. */
export function childOf(element: XmlElement, name: string): XmlElement | undefined {
  for (const child of element.children) if (child.name === name) return child;
  return undefined;
}

/** Text of the first child of a name; undefined when there is none. */
export function textOf(element: XmlElement, name: string): string | undefined {
  return childOf(element, name)?.text;
}

export function childrenOf(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

class Unreadable extends Error {}

interface OpenElement {
  name: string;
  text: string;
  children: OpenElement[];
  attributes: Record<string, string>;
}

const noAttributes: Record<string, string> = Object.freeze({});

class TreeReader {
  root: OpenElement | undefined;
  readonly #open: OpenElement[] = [];
  #elements = 0;

  parse(text: string): void {
    const parser = new SaxesParser({ xmlns: false, position: false });
    parser.on('error', (error) => {
      throw new Unreadable(error.message);
    });
    parser.on('doctype', () => {
      throw new Unreadable('DOCTYPE is refused');
    });
    parser.on('opentag', (tag) => this.#enter(tag.name, tag.attributes));
    parser.on('closetag', () => this.#open.pop());
    parser.on('text', (characters) => this.#append(characters));
    parser.on('cdata', (characters) => this.#append(characters));
    parser.write(text).close();
  }

  #enter(qualifiedName: string, attributes: Record<string, string>): void {
    this.#elements++;
    if (this.#elements > elementsMax || this.#open.length >= depthMax) throw new Unreadable('too large');
    const colon = qualifiedName.indexOf(':');
    const name = colon < 0 ? qualifiedName : qualifiedName.slice(colon + 1);
    const element = { name, text: '', children: [], attributes: hasKeys(attributes) ? { ...attributes } : noAttributes };
    const parent = this.#open.at(-1);
    if (parent) parent.children.push(element);
    else this.root = element;
    this.#open.push(element);
  }

  #append(characters: string): void {
    const element = this.#open.at(-1);
    if (element) element.text += characters;
  }
}

function hasKeys(record: Record<string, string>): boolean {
  for (const _ in record) return true;
  return false;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

// ---- writing

/** `<name>text</name>`, the text escaped; '' for undefined, so that optional fields drop out. */
export function element(name: string, text: string | number | boolean | undefined): string {
  return text === undefined ? '' : `<${name}>${typeof text === 'string' ? escapeXml(text) : text}</${name}>`;
}

/** A document as UTF-8. Pieces are written one by one: putting a long text together first costs more than its encoding. */
export function xmlBytes(root: string | readonly string[]): Buffer {
  const pieces = typeof root === 'string' ? [xmlDeclaration, root] : [xmlDeclaration, ...root];
  let bytes = 0;
  for (const piece of pieces) bytes += Buffer.byteLength(piece);
  const document = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const piece of pieces) at += document.write(piece, at);
  return document;
}

const hostile = /[&<>"'\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffe\uffff]/;
const everyHostile = new RegExp(hostile, 'g');

/**
 * Text safe between tags. Control characters go out as references, as S3 sends them: XML 1.0 has no form
 * for those under U+0020 other than tab and line ends, clients that need such keys ask for encoding-type=url.
 */
export function escapeXml(text: string): string {
  return hostile.test(text) ? text.replace(everyHostile, escapeCharacter) : text;
}

const named: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  return named[character] ?? `&#x${code.toString(16).toUpperCase()};`;
}

/** How keys, prefixes, delimiters and markers are shown: as text, or percent-encoded under encoding-type=url. */
export function keyText(encodingType: 'url' | undefined): (key: string) => string {
  return encodingType === 'url' ? encodePath : (key) => key;
}
