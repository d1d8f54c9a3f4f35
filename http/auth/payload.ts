import { type Rejection, reject } from '../../engine/rejection.ts';

/** What a signature says about the body: x-amz-content-sha256, read. */
export type Payload =
  | { readonly kind: 'hash'; readonly sha256: Buffer }
  | { readonly kind: 'unsigned' }
  /** Framed as aws-chunked. `signed`: each chunk, and the trailers if there are any, carry a signature of their own. */
  | { readonly kind: 'chunked'; readonly signed: boolean; readonly trailers: boolean };

const hexHash = /^[0-9a-f]{64}$/i;

const named: ReadonlyMap<string, Payload> = new Map<string, Payload>([
  ['UNSIGNED-PAYLOAD', { kind: 'unsigned' }],
  ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', { kind: 'chunked', signed: false, trailers: true }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { kind: 'chunked', signed: true, trailers: false }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', { kind: 'chunked', signed: true, trailers: true }],
]);

export function parsePayload(value: string): Payload | Rejection {
  if (hexHash.test(value)) return { kind: 'hash', sha256: Buffer.from(value, 'hex') };
  const payload = named.get(value);
  if (payload) return payload;
  if (value.startsWith('STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD')) return reject('NotImplemented', { Header: 'x-amz-content-sha256' });
  return reject('InvalidArgument', {
    Message:
      'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, or a valid sha256 value.',
    ArgumentName: 'x-amz-content-sha256',
    ArgumentValue: value,
  });
}
