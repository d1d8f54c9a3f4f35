/** Rows of the error catalogue by what S3 says: the sentence and the fields that name the matter, as AWS was recorded to send them. */
import { complete, type ErrorRow, put } from './error-rows.ts';

const bucket = { method: 'GET', path: '/errors' } as const;
const there = { method: 'GET', path: '/errors/there' } as const;
const upload = '0123456789abcdef0123456789abcdef';
const source = { 'x-amz-copy-source': '/errors/there' };
const copy = { ...put, body: '', headers: source };
const part = (number: string): string => complete(`<Part><PartNumber>${number}</PartNumber><ETag>"0"</ETag></Part>`);
const finish = { method: 'POST', path: '/errors/not-stored', query: [['uploadId', upload]] } as const;

type Row = Omit<ErrorRow, 'condition' | 'status'> & { readonly status?: number };

function argument(ArgumentName: string, ArgumentValue: string, Message: string): Pick<Row, 'code' | 'fields'> {
  return { code: 'InvalidArgument', fields: { ArgumentName, ArgumentValue, Message } };
}

function request(Message: string): Pick<Row, 'code' | 'fields'> {
  return { code: 'InvalidRequest', fields: { Message } };
}

const encoding = 'Invalid Encoding Method specified in Request';
const partNumber = 'Part number must be an integer between 1 and 10000, inclusive';
const checksums = 'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.';

const listings: readonly Row[] = [
  ...['list-type=2', 'uploads', 'versions', 'prefix=a'].flatMap((kind): Row[] => {
    const [name = '', value = ''] = kind.split('=');
    const asked = (sent: string) => ({ ...bucket, query: [[name, value] as const, ['encoding-type', sent] as const] });
    return [
      { ...asked('value'), ...argument('encoding-type', 'value', encoding) },
      { ...asked(''), ...argument('encoding-type', '', encoding) },
    ];
  }),
  {
    ...bucket,
    query: [['max-keys', '-1']],
    ...argument('maxKeys', '-1', 'Argument maxKeys must be an integer between 0 and 2147483647'),
  },
  { ...bucket, query: [['max-keys', 'x']], ...argument('max-keys', 'x', 'Provided max-keys not an integer or within integer range') },
  { ...bucket, query: [['list-type', '3']], ...argument('list-type', '3', 'Invalid List Type specified in Request') },
  {
    ...bucket,
    query: [
      ['list-type', '2'],
      ['continuation-token', 'x'],
    ],
    code: 'InvalidArgument',
    fields: { ArgumentName: 'continuation-token', Message: 'The continuation token provided is incorrect' },
  },
  {
    ...bucket,
    query: [
      ['versions', ''],
      ['version-id-marker', 'null'],
    ],
    ...argument('version-id-marker', 'null', 'A version-id marker cannot be specified without a key marker.'),
  },
  {
    method: 'GET',
    path: '/',
    query: [['max-buckets', '0']],
    ...argument('max-buckets', '0', 'Argument max-buckets must be an integer between 1 and 10000.'),
  },
  {
    ...there,
    query: [
      ['uploadId', upload],
      ['part-number-marker', 'x'],
    ],
    ...argument('part-number-marker', 'x', 'Provided part-number-marker not an integer or within integer range'),
  },
];

const reads: readonly Row[] = [
  { ...there, query: [['versionId', '']], ...argument('versionId', '', 'Version id cannot be the empty string') },
  { ...there, query: [['versionId', 'x']], ...argument('versionId', 'x', 'Invalid version id specified') },
  { ...there, query: [['partNumber', '0']], ...argument('partNumber', '0', partNumber) },
  {
    ...there,
    query: [['partNumber', '1']],
    headers: { range: 'bytes=0-1' },
    ...request('Cannot specify both Range header and partNumber query parameter'),
  },
  {
    ...there,
    query: [['attributes', '']],
    headers: { 'x-amz-object-attributes': 'Colour' },
    ...argument('x-amz-object-attributes', 'Colour', 'Invalid attribute name specified.'),
  },
  {
    ...there,
    query: [['attributes', '']],
    ...request('The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty'),
  },
  {
    ...there,
    headers: source,
    ...argument('x-amz-copy-source', '/errors/there', 'You can only specify a copy source header for copy requests.'),
  },
  { ...there, headers: { 'x-amz-checksum-mode': 'x' }, ...request('Value for x-amz-checksum-mode header is invalid.') },
  {
    ...there,
    headers: { 'x-amz-expected-bucket-owner': 'abcd' },
    code: 'InvalidBucketOwnerAWSAccountID',
    fields: { Message: 'The value of the expected bucket owner parameter must be an AWS Account ID... [abcd]' },
  },
];

const writes: readonly Row[] = [
  { ...put, query: [['partNumber', '1']], ...argument('partNumber', '1', 'This operation does not accept partNumber without uploadId') },
  { ...put, query: [['versionId', 'null']], ...argument('versionId', 'null', 'This operation does not accept a version-id.') },
  { ...put, query: [['uploadId', upload]], ...argument('partNumber', '', partNumber) },
  {
    ...put,
    headers: { 'x-amz-website-redirect-location': 'nowhere' },
    code: 'InvalidRedirectLocation',
    fields: { Message: "The website redirect location must have a prefix of 'http://' or 'https://' or '/'." },
  },
  {
    ...put,
    headers: { 'x-amz-storage-class': 'OUTPOSTS' },
    code: 'InvalidStorageClass',
    fields: { StorageClassRequested: 'OUTPOSTS', Message: 'The storage class you specified is not valid' },
  },
  { ...put, headers: { 'x-amz-checksum-crc32': 'no' }, ...request('Value for x-amz-checksum-crc32 header is invalid.') },
  { ...put, headers: { 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-crc32c': 'AAAAAA==' }, ...request(checksums) },
  {
    ...put,
    headers: { 'x-amz-checksum-crc32': 'AAAAAA==' },
    code: 'BadDigest',
    fields: { Message: 'The CRC32 you specified did not match the calculated checksum.' },
  },
  {
    ...put,
    headers: { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' },
    code: 'BadDigest',
    fields: {
      Message: 'The Content-MD5 you specified did not match what we received.',
      ExpectedDigest: 'AAAAAAAAAAAAAAAAAAAAAA==',
      CalculatedDigest: /==$/,
    },
  },
  {
    ...copy,
    headers: { ...source, 'x-amz-metadata-directive': 'MERGE' },
    ...argument('x-amz-metadata-directive', 'MERGE', 'Unknown metadata directive.'),
  },
  {
    ...copy,
    headers: { ...source, 'x-amz-tagging-directive': 'MERGE' },
    ...argument('x-amz-tagging-directive', 'MERGE', 'Unknown tagging directive.'),
  },
  ...(['If-Match', 'If-None-Match', 'If-Unmodified-Since'] as const).map((name): Row => {
    const values = { 'If-Match': '"x"', 'If-None-Match': '*', 'If-Unmodified-Since': 'Mon, 01 Jan 2001 00:00:00 GMT' };
    const headers = { ...source, [`x-amz-copy-source-${name.toLowerCase()}`]: values[name] };
    return { ...copy, headers, status: 412, code: 'PreconditionFailed', fields: { Condition: `x-amz-copy-source-${name}` } };
  }),
  {
    method: 'PUT',
    path: '/errors',
    query: [['versioning', '']],
    body: '<VersioningConfiguration/>',
    code: 'IllegalVersioningConfigurationException',
    fields: { Message: 'The Versioning element must be specified' },
  },
  { ...finish, body: complete(), ...request('You must specify at least one part') },
  { ...finish, body: part('0'), ...argument('PartNumber', '0', 'PartNumber must be >= 1') },
  { ...finish, body: part('10001'), ...argument('partNumber', '10001', partNumber) },
  {
    ...finish,
    body: part('1'),
    headers: { 'x-amz-mp-object-size': 'x' },
    ...request("Value for x-amz-mp-object-size header is invalid: 'x'"),
  },
  {
    method: 'DELETE',
    path: '/errors/there',
    headers: { 'x-amz-if-match-size': 'x' },
    ...argument('x-amz-if-match-size', 'x', 'Provided x-amz-if-match-size not an integer or within integer range'),
  },
];

export const errorSentences: readonly ErrorRow[] = [...listings, ...reads, ...writes].map((row) => {
  const { method, path, query = [], headers = {} } = row;
  const told = [...query.map(([name, value]) => `${name}=${value}`), ...Object.entries(headers).map((pair) => pair.join(': '))];
  return { status: 400, ...row, condition: `${method} ${path} ${told.join(', ')}` };
});
