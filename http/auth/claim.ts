import type { Rejection } from '../../engine/rejection.ts';
import { remembering } from '../remembering.ts';
import type { Query } from '../request/query.ts';
import type { CredentialScope } from './credential-scope.ts';

/** What a signature covers. */
export interface SignedRequest {
  readonly method: string;
  /** Decoded once. */
  readonly path: string;
  /** As sent, the bucket in front. */
  readonly resourcePath: string;
  readonly query: Query;
  /** Lower-case names, duplicates joined with commas. */
  readonly headers: ReadonlyMap<string, string>;
}

/** What a request says about its own signature, read from the Authorization header or from the query; nothing of it proved yet. */
export interface Claim {
  readonly credential: CredentialScope;
  /** As sent: it is part of the string to sign. */
  readonly amzTime: string;
  /** Lower-case names in the order they were signed. */
  readonly signedHeaders: readonly string[];
  /** Where a signed header that was not sent has its value, by lower-case name. */
  readonly moved: ReadonlyMap<string, string>;
  readonly signature: string;
  /** Last line of the canonical request. */
  readonly payloadHash: string;
  /** What the body is held to. */
  readonly payload: string;
  /** x-amz-* headers that need not be signed. */
  readonly unsignedAllowed: readonly string[];
  readonly sessionToken: string | undefined;
  /** Why the request is too early or too late at a time (ms), if it is. */
  untimely(now: number): Rejection | undefined;
}

/** Names that can't carry a line end or a separator into the canonical request. */
const headerNames = /^[a-z0-9!#$%&'*+.^_`|~-]+(;[a-z0-9!#$%&'*+.^_`|~-]+)*$/;

/** The names of a SignedHeaders value; undefined when it isn't one. */
export const parseSignedHeaders = remembering(256, (value: string): readonly string[] | undefined =>
  headerNames.test(value) ? value.split(';') : undefined,
);

/** How far a client's clock may be off, either way. */
export const clockSkewMillisecondsMax = 15 * 60 * 1000;
