/**
 * A refused command, as a value. The code is spelled as the S3 error code; `facts` are the error's own fields, named as S3
 * names them (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). `http/s3-errors.ts` gives each code
 * its status and message.
 */
export interface Rejection {
  readonly rejected: RejectionCode;
  readonly facts: RejectionFacts;
}

/**
 * Field name -> value. Names beginning with `header:` become response headers (e.g. `header:x-amz-delete-marker`); `Message`
 * replaces the code's usual sentence.
 */
export type RejectionFacts = Readonly<Record<string, string | number>>;

export type RejectionCode = (typeof rejectionCodes)[number];

export const rejectionCodes = [
  'AccessDenied',
  'AccessForbidden',
  'AuthorizationHeaderMalformed',
  'AuthorizationQueryParametersError',
  'BadDigest',
  'BucketAlreadyExists',
  'BucketAlreadyOwnedByYou',
  'BucketNotEmpty',
  'ConditionalRequestConflict',
  'EntityTooLarge',
  'EntityTooSmall',
  'ExpectationFailed',
  'ExpiredToken',
  'IllegalLocationConstraintException',
  'IllegalVersioningConfigurationException',
  'IncompleteBody',
  'InternalError',
  'InvalidAccessKeyId',
  'InvalidArgument',
  'InvalidBucketName',
  'InvalidBucketOwnerAWSAccountID',
  'InvalidBucketState',
  'InvalidChunkSizeError',
  'InvalidDigest',
  'InvalidLocationConstraint',
  'InvalidObjectName',
  'InvalidObjectState',
  'InvalidPart',
  'InvalidPartNumber',
  'InvalidPartOrder',
  'InvalidRange',
  'InvalidRedirectLocation',
  'InvalidRequest',
  'InvalidSignature',
  'InvalidStorageClass',
  'InvalidTag',
  'InvalidToken',
  'InvalidURI',
  'KeyTooLongError',
  'MalformedTrailerError',
  'MalformedXML',
  'MetadataTooLarge',
  'MethodNotAllowed',
  'MissingContentLength',
  'MissingRequestBodyError',
  'MissingSecurityHeader',
  'NoSuchBucket',
  'NoSuchKey',
  'NoSuchTagSet',
  'NoSuchUpload',
  'NoSuchVersion',
  'NotImplemented',
  'NotModified',
  'OperationAborted',
  'PreconditionFailed',
  'RequestHeaderSectionTooLarge',
  'RequestTimeTooSkewed',
  'RequestTimeout',
  'SignatureDoesNotMatch',
  'SlowDown',
  'TooManyBuckets',
  'XAmzContentSHA256Mismatch',
] as const;

/** Codes that many different wrongs share: each says which. */
export type SharedCode = 'InvalidArgument' | 'InvalidRequest' | 'InvalidTag';

export function reject(rejected: SharedCode, facts: RejectionFacts & { readonly Message: string }): Rejection;
export function reject(rejected: Exclude<RejectionCode, SharedCode>, facts?: RejectionFacts): Rejection;
export function reject(rejected: RejectionCode, facts: RejectionFacts = {}): Rejection {
  return { rejected, facts };
}

export function isRejection(outcome: unknown): outcome is Rejection {
  return typeof outcome === 'object' && outcome !== null && 'rejected' in outcome;
}

/** A rejection found in the middle of a body stream, where only throwing reaches the reader. The engine turns it back into a value. */
export class BodyRejected extends Error {
  override readonly name = 'BodyRejected';
  readonly rejection: Rejection;
  constructor(rejection: Rejection) {
    super(rejection.rejected);
    this.rejection = rejection;
  }
}
