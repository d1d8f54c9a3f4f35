/**
 * Where a request's body ends, decided once for both transports (RFC 9112, sections 3.2 and 6). A request on whose end two
 * readers could disagree is refused: behind a proxy that reads it the other way, its rest would become a request of its own.
 */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** Bytes of a request line with its headers; beyond it 431, where the transport can tell. */
export const headerBytesMax = 16 * 1024;

export interface RequestFraming {
  /** Bytes of the body; undefined when it comes in chunks. */
  readonly contentLength: number | undefined;
  readonly expectsContinue: boolean;
  readonly closeRequested: boolean;
}

/** The framing, or in a few words why the request is refused with 400. HTTP/1.0 knows neither Host nor chunks. */
export function frameRequest(headers: HeaderList, version: '1.0' | '1.1' = '1.1'): RequestFraming | string {
  let contentLength: number | undefined;
  let chunked = false;
  let hosts = 0;
  let expectsContinue = false;
  let closeRequested = false;
  for (const [name, value] of headers) {
    switch (name) {
      case 'host':
        hosts += 1;
        break;
      case 'content-length': {
        if (contentLength !== undefined) return 'Content-Length sent twice';
        if (!isLength(value)) return 'Content-Length is not a number';
        contentLength = Number(value);
        break;
      }
      case 'transfer-encoding':
        if (chunked || value.toLowerCase() !== 'chunked') return 'Transfer-Encoding other than chunked';
        chunked = true;
        break;
      case 'expect':
        expectsContinue = value.toLowerCase() === '100-continue';
        break;
      case 'connection':
        closeRequested ||= /(^|,)\s*close\s*(,|$)/i.test(value);
        break;
    }
  }
  if (hosts > 1 || (hosts === 0 && version !== '1.0')) return 'exactly one Host is needed';
  if (chunked && version === '1.0') return 'Transfer-Encoding in HTTP/1.0';
  if (chunked && contentLength !== undefined) return 'Content-Length with Transfer-Encoding';
  return { contentLength: chunked ? undefined : (contentLength ?? 0), expectsContinue, closeRequested };
}

/** The first value of each name. */
export function firstValues(headers: HeaderList): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of headers) if (!values.has(name)) values.set(name, value);
  return values;
}

/** Up to 15 digits: exact as a number, and far above the largest object. */
function isLength(value: string): boolean {
  return /^[0-9]{1,15}$/.test(value);
}

/** A dual-stack socket shows IPv4 clients as ::ffff:a.b.c.d, uWebSockets with every zero written out. */
export function plainAddress(address: string): string {
  if (address.startsWith('::ffff:')) return address.slice(7);
  if (!address.startsWith('0000:0000:0000:0000:0000:ffff:')) return address;
  const [high, low] = address.slice(30).split(':');
  const bits = (Number.parseInt(high ?? '', 16) << 16) | Number.parseInt(low ?? '', 16);
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}
