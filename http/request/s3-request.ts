/** What an S3 operation gets to see of a request, and what it gives back. The request is authenticated; nothing of its body was read. */
import type { Body, UploadBody } from '../../engine/body.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Rejection } from '../../engine/rejection.ts';
import type { Caller } from '../../engine/vocabulary.ts';
import type { Exchange, ResponseHeaders } from '../transport/listener.ts';
import type { Query } from './query.ts';

export interface S3Request {
  readonly exchange: Exchange;
  readonly caller: Caller;
  /** '' on the service. Names a client may not create are refused before an operation runs. */
  readonly bucket: string;
  /** Decoded once; '' on the service and on a bucket. At most 1024 bytes of UTF-8. */
  readonly key: string;
  readonly query: Query;
  /** Lower-case names; values of duplicates joined with commas in order of arrival. */
  readonly headers: ReadonlyMap<string, string>;
  /** The region this deployment calls its own. */
  readonly region: string;
  /** Lower-case domains below which a host name starts with the bucket's. */
  readonly domains: readonly string[];
  /** The body comes framed as aws-chunked. */
  readonly framed: boolean;
  header(name: string): string | undefined;
  /**
   * The bytes to store: aws-chunked framing removed and verified, with the digests the client declared in headers and
   * trailers. Once a request. Rejection: MissingContentLength, InvalidDigest, InvalidRequest, InvalidArgument, EntityTooLarge.
   */
  uploadBody(): UploadBody | Rejection;
  /**
   * A body to be understood (XML), whole and with every declared digest verified; empty when none was sent. Once a request.
   * Rejection: as uploadBody, and BadDigest, XAmzContentSHA256Mismatch, IncompleteBody, and MalformedXML over `maxBytes`.
   */
  smallBody(maxBytes: number): Promise<Buffer | Rejection>;
}

export interface S3Answer {
  readonly status: number;
  /** Without x-amz-request-id and x-amz-id-2, which every answer gets. */
  readonly headers: ResponseHeaders;
  /** The root element, in pieces where it is long: the XML declaration and Content-Type application/xml go out with it. */
  readonly xml?: string | readonly string[];
  /** Bytes of an object, streamed with back-pressure. */
  readonly content?: { readonly body: Body; readonly length: number };
  /** Answers without a body (HEAD): the length the header shows. */
  readonly contentLength?: number;
}

export interface Operation {
  readonly name: OperationName;
  run(request: S3Request, engine: Engine): Promise<S3Answer | Rejection>;
}

/** Every operation that is served: `http/operations/` has one of each name. */
export type Operations = { readonly [Name in OperationName]: Operation };

export type OperationName =
  | 'ListBuckets'
  | 'CreateBucket'
  | 'HeadBucket'
  | 'DeleteBucket'
  | 'GetBucketLocation'
  | 'GetBucketVersioning'
  | 'PutBucketVersioning'
  | 'GetBucketTagging'
  | 'PutBucketTagging'
  | 'DeleteBucketTagging'
  | 'ListObjects'
  | 'ListObjectsV2'
  | 'ListObjectVersions'
  | 'ListMultipartUploads'
  | 'DeleteObjects'
  | 'PutObject'
  | 'GetObject'
  | 'HeadObject'
  | 'DeleteObject'
  | 'CopyObject'
  | 'GetObjectAttributes'
  | 'GetObjectTagging'
  | 'PutObjectTagging'
  | 'DeleteObjectTagging'
  | 'RestoreObject'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'UploadPartCopy'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListParts';
