/**
 * Percent-encoding as S3 signs and shows it: RFC 3986 unreserved characters stay, everything else becomes %XX of its UTF-8.
 * Every text here was decoded from UTF-8, so none holds a lone surrogate.
 */

const reservedLeftovers = /[!'()*]/g;
const plainText = /^[A-Za-z0-9._~-]*$/;
const plainPath = /^[A-Za-z0-9._~/-]*$/;

export function encodePercent(text: string): string {
  if (plainText.test(text)) return text;
  return encodeURIComponent(text).replace(reservedLeftovers, escapeCharacter);
}

/** As encodePercent, with `/` left alone: paths in signatures, keys under encoding-type=url. */
export function encodePath(text: string): string {
  if (plainPath.test(text)) return text;
  return encodePercent(text).replaceAll('%2F', '/');
}

/** undefined: an escape is broken or the bytes are no UTF-8. */
export function decodePercent(raw: string): string | undefined {
  if (!raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    return undefined;
  }
}

function escapeCharacter(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
