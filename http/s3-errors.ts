import { Fault, type FaultKind } from '../engine/fault.ts';
import { BodyRejected, type Rejection, type RejectionCode, reject, type SharedCode } from '../engine/rejection.ts';
import { element, xmlDeclaration } from './xml.ts';

interface S3Error {
  readonly status: number;
  readonly message: string;
}

/** Seconds after which a client that was told to slow down may try again. */
const retryAfterSeconds = 1;

/** Every code there is: status and sentence as S3 has them (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). */
export const s3Errors: Readonly<Record<RejectionCode, S3Error>> = {
  AccessDenied: { status: 403, message: 'Access Denied' },
  AccessForbidden: { status: 403, message: 'CORSResponse: CORS is not enabled for this bucket.' },
  AuthorizationHeaderMalformed: { status: 400, message: 'The authorization header you provided is invalid.' },
  AuthorizationQueryParametersError: { status: 400, message: 'The authorization query parameters that you provided are not valid.' },
  BadDigest: { status: 400, message: 'The Content-MD5 you specified did not match what we received.' },
  BucketAlreadyExists: {
    status: 409,
    message:
      'The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.',
  },
  BucketAlreadyOwnedByYou: {
    status: 409,
    message: 'Your previous request to create the named bucket succeeded and you already own it.',
  },
  BucketNotEmpty: { status: 409, message: 'The bucket you tried to delete is not empty.' },
  ConditionalRequestConflict: {
    status: 409,
    message: 'The conditional request cannot succeed due to a conflicting operation against this resource.',
  },
  EntityTooLarge: { status: 400, message: 'Your proposed upload exceeds the maximum allowed size' },
  EntityTooSmall: { status: 400, message: 'Your proposed upload is smaller than the minimum allowed size' },
  ExpectationFailed: { status: 417, message: 'The only expectation a request may have is 100-continue.' },
  ExpiredToken: { status: 400, message: 'The provided token has expired.' },
  IllegalLocationConstraintException: {
    status: 400,
    message: 'The specified location constraint is incompatible for the region specific endpoint this request was sent to.',
  },
  IllegalVersioningConfigurationException: { status: 400, message: 'The Versioning element must be specified' },
  IncompleteBody: { status: 400, message: 'You did not provide the number of bytes specified by the Content-Length HTTP header' },
  InternalError: { status: 500, message: 'We encountered an internal error. Please try again.' },
  InvalidAccessKeyId: { status: 403, message: 'The AWS Access Key Id you provided does not exist in our records.' },
  InvalidArgument: { status: 400, message: 'Invalid Argument' },
  InvalidBucketName: { status: 400, message: 'The specified bucket is not valid.' },
  InvalidBucketOwnerAWSAccountID: { status: 400, message: 'The value of the expected bucket owner parameter must be an AWS Account ID...' },
  InvalidBucketState: { status: 409, message: 'The request is not valid for the current state of the bucket.' },
  InvalidChunkSizeError: { status: 400, message: 'Only the last chunk is allowed to have a size less than 8192 bytes' },
  InvalidDigest: { status: 400, message: 'The Content-MD5 you specified was invalid.' },
  InvalidLocationConstraint: { status: 400, message: 'The specified location-constraint is not valid' },
  InvalidObjectName: { status: 400, message: 'The specified object key is not valid.' },
  InvalidObjectState: { status: 403, message: "The operation is not valid for the object's storage class" },
  InvalidPart: {
    status: 400,
    message:
      "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
  },
  InvalidPartNumber: { status: 416, message: 'The requested partnumber is not satisfiable' },
  InvalidPartOrder: {
    status: 400,
    message: 'The list of parts was not in ascending order. Parts must be ordered by part number.',
  },
  InvalidRange: { status: 416, message: 'The requested range is not satisfiable' },
  InvalidRedirectLocation: {
    status: 400,
    message: "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
  },
  InvalidRequest: { status: 400, message: 'Invalid Request' },
  InvalidSignature: { status: 403, message: 'The signature you provided is not a valid signature.' },
  InvalidStorageClass: { status: 400, message: 'The storage class you specified is not valid' },
  InvalidTag: { status: 400, message: 'The tag provided was not a valid tag.' },
  InvalidToken: { status: 400, message: 'The provided token is malformed or otherwise invalid.' },
  InvalidURI: { status: 400, message: "Couldn't parse the specified URI." },
  KeyTooLongError: { status: 400, message: 'Your key is too long' },
  MalformedTrailerError: {
    status: 400,
    message: 'The request contained trailing data that was not well-formed or did not conform to our published schema.',
  },
  MalformedXML: { status: 400, message: 'The XML you provided was not well-formed or did not validate against our published schema' },
  MetadataTooLarge: { status: 400, message: 'Your metadata headers exceed the maximum allowed metadata size' },
  MethodNotAllowed: { status: 405, message: 'The specified method is not allowed against this resource.' },
  MissingContentLength: { status: 411, message: 'You must provide the Content-Length HTTP header.' },
  MissingRequestBodyError: { status: 400, message: 'Request body is empty.' },
  MissingSecurityHeader: { status: 400, message: 'Your request was missing a required header' },
  NoSuchBucket: { status: 404, message: 'The specified bucket does not exist' },
  NoSuchKey: { status: 404, message: 'The specified key does not exist.' },
  NoSuchTagSet: { status: 404, message: 'The TagSet does not exist' },
  NoSuchUpload: {
    status: 404,
    message: 'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
  },
  NoSuchVersion: { status: 404, message: 'The specified version does not exist.' },
  NotImplemented: { status: 501, message: 'A header you provided implies functionality that is not implemented' },
  NotModified: { status: 304, message: 'Not Modified' },
  OperationAborted: {
    status: 409,
    message: 'A conflicting conditional operation is currently in progress against this resource. Try again.',
  },
  PreconditionFailed: { status: 412, message: 'At least one of the pre-conditions you specified did not hold' },
  RequestHeaderSectionTooLarge: {
    status: 400,
    message: 'Your request header and query parameters used to make the request exceed the maximum allowed size.',
  },
  RequestTimeTooSkewed: { status: 403, message: 'The difference between the request time and the current time is too large.' },
  RequestTimeout: {
    status: 400,
    message:
      'Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.',
  },
  SignatureDoesNotMatch: {
    status: 403,
    message: 'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  },
  SlowDown: { status: 503, message: 'Please reduce your request rate.' },
  TooManyBuckets: { status: 400, message: 'You have attempted to create more buckets than allowed' },
  XAmzContentSHA256Mismatch: { status: 400, message: "The provided 'x-amz-content-sha256' header does not match what was computed." },
};

const faultCodes: Readonly<Record<FaultKind, Exclude<RejectionCode, SharedCode>>> = {
  unavailable: 'SlowDown',
  overloaded: 'SlowDown',
  full: 'SlowDown',
  // The connection may still take an answer when only its sending half was closed.
  clientGone: 'IncompleteBody',
  clientStalled: 'RequestTimeout',
  internal: 'InternalError',
};

const fullSentence =
  'The drives of this server are full. Reads and deletes go on; writes do when objects were deleted and their space was given back, or drives have more room.';

/** What a client is told when something was thrown. Whoever calls this logs the error: nothing of it is in the answer. */
export function rejectionOf(thrown: unknown): Rejection {
  if (thrown instanceof BodyRejected) return thrown.rejection;
  if (!(thrown instanceof Fault)) return reject('InternalError');
  return reject(faultCodes[thrown.kind], thrown.kind === 'full' ? { Message: fullSentence } : {});
}

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** undefined where HTTP allows none: 304, and every answer to HEAD. */
  readonly body: string | undefined;
}

export interface ErrorContext {
  readonly method: string;
  /** The request's path as sent. */
  readonly resource: string;
  readonly requestId: string;
  readonly hostId: string;
}

export function errorAnswer({ rejected, facts }: Rejection, context: ErrorContext): ErrorAnswer {
  const { status, message } = s3Errors[rejected];
  const headers: [string, string][] = [];
  let fields = '';
  for (const [name, value] of Object.entries(facts)) {
    if (name.startsWith('header:')) headers.push([name.slice('header:'.length), String(value)]);
    else if (name !== 'Message') fields += element(name, value);
  }
  if (rejected === 'SlowDown') headers.push(['Retry-After', String(retryAfterSeconds)]);
  if (status === 304 || context.method === 'HEAD') return { status, headers, body: undefined };
  headers.push(['Content-Type', 'application/xml']);
  const ids = element('RequestId', context.requestId) + element('HostId', context.hostId);
  const body = `${xmlDeclaration}<Error>${element('Code', rejected)}${element('Message', facts.Message ?? message)}${element('Resource', context.resource)}${fields}${ids}</Error>`;
  return { status, headers, body };
}
