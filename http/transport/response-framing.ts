/** What both transports do to an answer before it reaches the wire. */

/** Answers that end with their headers, whatever else they say (RFC 9110, section 6.4.1). */
export function isBodyless(status: number): boolean {
  return status === 204 || status === 304 || status < 200;
}

/** Whatever could end a header line early, or be read so by someone on the way, becomes a blank. */
export function cleanHeaderValue(value: string): string {
  return UNSAFE_IN_VALUE.test(value) ? value.replace(EACH_UNSAFE_IN_VALUE, ' ') : value;
}

/** Names come partly from clients (x-amz-meta-*): one that is no token can't be sent, and is left out. */
export function isHeaderName(name: string): boolean {
  return TOKEN.test(name);
}

const UNSAFE_IN_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/;
const EACH_UNSAFE_IN_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/g;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
