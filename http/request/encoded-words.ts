/**
 * Encoded words of RFC 2047, as S3 uses them for user metadata beyond ASCII: taken apart when they come in, and one word around a whole value when it
 * goes out. Its set of plain characters is S3's own.
 */

/** `=?charset?Q or B?text?=` */
const word = /=\?(utf-8|us-ascii|iso-8859-1)\?([qb])\?([^?\s]*)\?=/gi;
/** Blanks between two words only part them. */
const betweenWords = /(\?=)[ \t]+(?==\?(?:utf-8|us-ascii|iso-8859-1)\?[qb]\?[^?\s]*\?=)/gi;

/** The text that a value stands for. What looks like a word and can't be read stays as it is. */
export function decodeWords(value: string): string {
  if (!value.includes('=?')) return value;
  return value.replace(betweenWords, '$1').replace(word, (whole: string, charset: string, form: string, text: string) => {
    const bytes = form.toLowerCase() === 'q' ? quotedBytes(text) : base64Bytes(text);
    return (bytes && textOf(bytes, charset.toLowerCase())) ?? whole;
  });
}

function quotedBytes(text: string): Buffer | undefined {
  if (/=(?![0-9a-f]{2})/i.test(text) || /[^!-~]/.test(text)) return undefined;
  const spaced = text.replaceAll('_', ' ');
  return Buffer.from(
    spaced.replace(/=(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}

function base64Bytes(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '') ? bytes : undefined;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Buffer, charset: string): string | undefined {
  if (charset === 'iso-8859-1') return bytes.toString('latin1');
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Sent as it is. */
const plain = /^[\t -~]*$/;
/** What can't be printed: the whole value is put into base64. */
const unprintable = /[\p{C}\ufffd]/u;

/** A value as a header may carry it. */
export function encodeWords(value: string): string {
  if (plain.test(value)) return value;
  const bytes = Buffer.from(value);
  if (unprintable.test(value)) return `=?UTF-8?B?${bytes.toString('base64')}?=`;
  let text = '';
  for (const byte of bytes) text += quoted[byte]!;
  return `=?UTF-8?Q?${text}?=`;
}

const quoted = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (character === ' ') return '_';
  return /[!-~]/.test(character) && !'_=?'.includes(character) ? character : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
});
