import { type Rejection, reject } from '../engine/rejection.ts';
import type { Query } from './request/query.ts';
import type { OperationName } from './request/s3-request.ts';

/** What a path names. */
export type Resource = 'SERVICE' | 'BUCKET' | 'OBJECT';

interface Route {
  readonly resource: Resource;
  readonly method: string;
  /** Query parameter that must be there. */
  readonly marker?: string;
  /** Request header that must be there. */
  readonly withHeader?: string;
  readonly operation: OperationName;
}

/** The table: within a resource, method and marker the first row that fits wins. */
const routes: readonly Route[] = [
  { resource: 'SERVICE', method: 'GET', operation: 'ListBuckets' },

  { resource: 'BUCKET', method: 'PUT', operation: 'CreateBucket' },
  { resource: 'BUCKET', method: 'HEAD', operation: 'HeadBucket' },
  { resource: 'BUCKET', method: 'DELETE', operation: 'DeleteBucket' },
  { resource: 'BUCKET', method: 'GET', operation: 'ListObjects' },
  { resource: 'BUCKET', method: 'GET', marker: 'list-type', operation: 'ListObjectsV2' },
  { resource: 'BUCKET', method: 'GET', marker: 'versions', operation: 'ListObjectVersions' },
  { resource: 'BUCKET', method: 'GET', marker: 'uploads', operation: 'ListMultipartUploads' },
  { resource: 'BUCKET', method: 'GET', marker: 'location', operation: 'GetBucketLocation' },
  { resource: 'BUCKET', method: 'GET', marker: 'versioning', operation: 'GetBucketVersioning' },
  { resource: 'BUCKET', method: 'PUT', marker: 'versioning', operation: 'PutBucketVersioning' },
  { resource: 'BUCKET', method: 'GET', marker: 'tagging', operation: 'GetBucketTagging' },
  { resource: 'BUCKET', method: 'PUT', marker: 'tagging', operation: 'PutBucketTagging' },
  { resource: 'BUCKET', method: 'DELETE', marker: 'tagging', operation: 'DeleteBucketTagging' },
  { resource: 'BUCKET', method: 'POST', marker: 'delete', operation: 'DeleteObjects' },

  { resource: 'OBJECT', method: 'PUT', withHeader: 'x-amz-copy-source', operation: 'CopyObject' },
  { resource: 'OBJECT', method: 'PUT', operation: 'PutObject' },
  { resource: 'OBJECT', method: 'GET', operation: 'GetObject' },
  { resource: 'OBJECT', method: 'HEAD', operation: 'HeadObject' },
  { resource: 'OBJECT', method: 'DELETE', operation: 'DeleteObject' },
  { resource: 'OBJECT', method: 'GET', marker: 'attributes', operation: 'GetObjectAttributes' },
  { resource: 'OBJECT', method: 'GET', marker: 'tagging', operation: 'GetObjectTagging' },
  { resource: 'OBJECT', method: 'PUT', marker: 'tagging', operation: 'PutObjectTagging' },
  { resource: 'OBJECT', method: 'DELETE', marker: 'tagging', operation: 'DeleteObjectTagging' },
  { resource: 'OBJECT', method: 'POST', marker: 'restore', operation: 'RestoreObject' },
  { resource: 'OBJECT', method: 'POST', marker: 'uploads', operation: 'CreateMultipartUpload' },
  { resource: 'OBJECT', method: 'PUT', marker: 'uploadId', withHeader: 'x-amz-copy-source', operation: 'UploadPartCopy' },
  { resource: 'OBJECT', method: 'PUT', marker: 'uploadId', operation: 'UploadPart' },
  { resource: 'OBJECT', method: 'POST', marker: 'uploadId', operation: 'CompleteMultipartUpload' },
  { resource: 'OBJECT', method: 'DELETE', marker: 'uploadId', operation: 'AbortMultipartUpload' },
  { resource: 'OBJECT', method: 'GET', marker: 'uploadId', operation: 'ListParts' },
];

/** Sub-resources S3 has and this server does not: the answer is NotImplemented, whatever the method. */
const unservedMarkers: ReadonlySet<string> = new Set([
  'abac',
  'accelerate',
  'acl',
  'analytics',
  'cors',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'logging',
  'metadataConfiguration',
  'metadataInventoryTable',
  'metadataJournalTable',
  'metadataTable',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'renameObject',
  'replication',
  'requestPayment',
  'retention',
  'select',
  'session',
  'torrent',
  'website',
  'WriteGetObjectResponse',
]);

/** Parameters that qualify a request without choosing its operation; they may be empty. */
const qualifiers: ReadonlySet<string> = new Set([
  'bucket-region',
  'continuation-token',
  'delimiter',
  'encoding-type',
  'fetch-owner',
  'key-marker',
  'marker',
  'max-buckets',
  'max-keys',
  'max-parts',
  'max-uploads',
  'part-number-marker',
  'partNumber',
  'prefix',
  'start-after',
  'upload-id-marker',
  'version-id-marker',
  'versionId',
  'x-id',
]);

interface Choice {
  readonly withHeader: string | undefined;
  readonly operation: OperationName;
}

/** resource, marker ('' for none) -> method -> rows of the table. */
const choices = new Map<string, Map<string, Choice[]>>();
const markers = new Set<string>();
for (const { resource, method, marker = '', withHeader, operation } of routes) {
  if (marker !== '') markers.add(marker);
  const place = `${resource} ${marker}`;
  const byMethod = choices.get(place) ?? new Map<string, Choice[]>();
  choices.set(place, byMethod);
  byMethod.set(method, [...(byMethod.get(method) ?? []), { withHeader, operation }]);
}

/** The operation a request asks for. Rejection: NotImplemented, MethodNotAllowed, InvalidArgument, AccessForbidden (a CORS preflight). */
export function route(resource: Resource, method: string, query: Query, headers: ReadonlyMap<string, string>): OperationName | Rejection {
  if (method === 'OPTIONS') return preflight(resource, headers);
  let marker = '';
  for (const { name, value } of query.parameters) {
    if (unservedMarkers.has(name)) return reject('NotImplemented', { Header: name });
    if (markers.has(name)) marker ||= name;
    else if (value === '' && !isQualifier(name)) return reject('NotImplemented', { Header: name });
  }
  const byMethod = choices.get(`${resource} ${marker}`);
  if (byMethod === undefined) return reject('NotImplemented', { Header: marker });
  const choice = byMethod.get(method)?.find(({ withHeader }) => withHeader === undefined || headers.has(withHeader));
  if (choice === undefined) return unroutable(resource, method, headers, byMethod);
  return misplacedQualifier(choice.operation, query) ?? misplacedCopy(method, headers) ?? choice.operation;
}

function isQualifier(name: string): boolean {
  return qualifiers.has(name) || name.startsWith('response-') || name.toLowerCase().startsWith('x-amz-');
}

const misplaced = [
  ['partNumber', 'This operation does not accept partNumber without uploadId'],
  ['versionId', 'This operation does not accept a version-id.'],
] as const;

/** A part or a version that is written to by name must not end up as a plain object. */
function misplacedQualifier(operation: OperationName, query: Query): Rejection | undefined {
  if (operation !== 'PutObject' && operation !== 'CopyObject') return undefined;
  for (const [ArgumentName, Message] of misplaced) {
    const ArgumentValue = query.get(ArgumentName);
    if (ArgumentValue !== undefined) return reject('InvalidArgument', { ArgumentName, ArgumentValue, Message });
  }
  return undefined;
}

/** No bucket has CORS rules. */
function preflight(resource: Resource, headers: ReadonlyMap<string, string>): Rejection {
  return reject('AccessForbidden', { Method: headers.get('access-control-request-method') ?? 'OPTIONS', ResourceType: resource });
}

/** Who asks for a copy must not be answered with something else. */
function misplacedCopy(method: string, headers: ReadonlyMap<string, string>): Rejection | undefined {
  const ArgumentValue = headers.get('x-amz-copy-source');
  if (ArgumentValue === undefined || method === 'PUT') return undefined;
  const Message = 'You can only specify a copy source header for copy requests.';
  return reject('InvalidArgument', { ArgumentName: 'x-amz-copy-source', ArgumentValue, Message });
}

function unroutable(
  resource: Resource,
  method: string,
  headers: ReadonlyMap<string, string>,
  byMethod: ReadonlyMap<string, unknown>,
): Rejection {
  if (method === 'POST' && headers.get('content-type')?.startsWith('multipart/form-data')) {
    return reject('NotImplemented', { Header: 'multipart/form-data' });
  }
  const allowed = [...byMethod.keys()].join(', ');
  return reject('MethodNotAllowed', { Method: method, ResourceType: resource, 'header:Allow': allowed });
}
