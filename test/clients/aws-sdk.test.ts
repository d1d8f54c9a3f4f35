/** @aws-sdk/client-s3 and lib-storage at their defaults: streams of unknown length, checksums on, multipart, versions, conditions. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { Sha512 } from '@aws-sdk/checksums/sha';
import { Xxh3_64, Xxh3_128, Xxh64 } from '@aws-sdk/checksums/xxh';
import {
  ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  type CompleteMultipartUploadCommandOutput,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { seededBytes } from '../support/files.ts';
import { type RunningServer, startServer } from '../support/server.ts';

let server: RunningServer;
let client: S3Client;

before(async () => {
  server = await startServer();
  client = server.client();
  await client.send(new CreateBucketCommand({ Bucket: 'sdk' }));
});
after(() => server?.stop());

const bytesOf = async (key: string): Promise<Buffer> => {
  const got = await client.send(new GetObjectCommand({ Bucket: 'sdk', Key: key }));
  return buffer(got.Body as Readable);
};

test('aws-sdk: put and get of every size class, strings and streams', async () => {
  for (const length of [0, 1, 8191, 8192, 8193, 65_537, 1_048_576, 9_000_001]) {
    const body = seededBytes(length, length);
    await client.send(new PutObjectCommand({ Bucket: 'sdk', Key: `size/${length}`, Body: body }));
    assert.ok((await bytesOf(`size/${length}`)).equals(body), `${length} bytes`);
  }
  const streamed = seededBytes(3_000_000, 12);
  await client.send(
    new PutObjectCommand({ Bucket: 'sdk', Key: 'stream', Body: Readable.from([streamed]), ContentLength: streamed.length }),
  );
  assert.ok((await bytesOf('stream')).equals(streamed));
});

test('aws-sdk: lib-storage uploads a stream of unknown length in parts', async () => {
  const body = seededBytes(23_000_000, 13);
  const parts = Array.from({ length: 23 }, (_, i) => body.subarray(i * 1_000_000, (i + 1) * 1_000_000));
  const upload = new Upload({ client, params: { Bucket: 'sdk', Key: 'upload', Body: Readable.from(parts) }, partSize: 5 * 1024 * 1024 });
  const done = await upload.done();
  assert.match(done.ETag ?? '', /-5"$/);
  assert.ok((await bytesOf('upload')).equals(body));
  const attributes = await client.send(
    new GetObjectAttributesCommand({ Bucket: 'sdk', Key: 'upload', ObjectAttributes: ['ETag', 'ObjectParts', 'Checksum', 'ObjectSize'] }),
  );
  assert.equal(attributes.ObjectSize, body.length);
  assert.equal(attributes.ObjectParts?.TotalPartsCount, 5);
  const part = await client.send(new GetObjectCommand({ Bucket: 'sdk', Key: 'upload', PartNumber: 2 }));
  assert.equal(part.PartsCount, 5);
  assert.ok((await buffer(part.Body as Readable)).equals(body.subarray(5 * 1024 * 1024, 10 * 1024 * 1024)));
});

interface Parts {
  readonly Bucket: string;
  readonly Key: string;
  readonly ChecksumAlgorithm: ChecksumAlgorithm;
}
const partSize = 5 * 1024 * 1024;

/** Of these lib-storage names the parts' checksums at the end; of the others it does not, as S3 demands it. */
const knownToUpload: readonly ChecksumAlgorithm[] = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'];

const upload = (by: S3Client, parts: Parts, body: Buffer): Promise<CompleteMultipartUploadCommandOutput> =>
  new Upload({ client: by, params: { ...parts, Body: Readable.from([body]) }, partSize }).done();

async function uploadBySteps(by: S3Client, parts: Parts, body: Buffer): Promise<CompleteMultipartUploadCommandOutput> {
  const { UploadId } = await by.send(new CreateMultipartUploadCommand(parts));
  const sent = [];
  for (let at = 0; at < body.length; at += partSize) {
    const PartNumber = at / partSize + 1;
    const part = await by.send(new UploadPartCommand({ ...parts, UploadId, PartNumber, Body: body.subarray(at, at + partSize) }));
    sent.push({ ...part, PartNumber });
  }
  const { Bucket, Key } = parts;
  return by.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts: sent } }));
}

test('aws-sdk: every checksum algorithm is verified and given back, of objects put at once and in parts', async () => {
  const checksumAlgorithms = { SHA512: Sha512, XXHASH64: Xxh64, XXHASH3: Xxh3_64, XXHASH128: Xxh3_128 };
  const summing = server.client({ checksumAlgorithms });
  const Bucket = 'sdk';
  const body = seededBytes(11_000_000, 14);
  for (const algorithm of Object.values(ChecksumAlgorithm)) {
    const Key = `sum/${algorithm}`;
    const name = `Checksum${algorithm}` as const;
    const put = await summing.send(new PutObjectCommand({ Bucket, Key, Body: 'checked', ChecksumAlgorithm: algorithm }));
    const head = await summing.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    assert.ok(head[name], algorithm);
    assert.equal(head[name], put[name], algorithm);
    // The SDK holds what it reads against the checksum that comes with it.
    const got = await summing.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    assert.equal(await got.Body?.transformToString(), 'checked');
    const parts = { Bucket, Key: `${Key}/parts`, ChecksumAlgorithm: algorithm };
    const done = await (knownToUpload.includes(algorithm) ? upload(summing, parts, body) : uploadBySteps(summing, parts, body));
    assert.match(done[name] ?? '', algorithm === 'CRC64NVME' ? /=$/ : /=-3$/, algorithm);
    const part = await summing.send(new GetObjectCommand({ Bucket, Key: `${Key}/parts`, PartNumber: 3, ChecksumMode: 'ENABLED' }));
    assert.ok((await buffer(part.Body as Readable)).equals(body.subarray(10 * 1024 * 1024)), algorithm);
    assert.equal(part[name] === undefined, algorithm === 'CRC64NVME', algorithm);
  }
});

test('aws-sdk: versions, copies, conditions, pages, presigned, delete many', async () => {
  await client.send(new PutBucketVersioningCommand({ Bucket: 'sdk', VersioningConfiguration: { Status: 'Enabled' } }));
  await client.send(new PutObjectCommand({ Bucket: 'sdk', Key: 'v', Body: '1' }));
  await client.send(new PutObjectCommand({ Bucket: 'sdk', Key: 'v', Body: '2' }));
  const versions = await client.send(new ListObjectVersionsCommand({ Bucket: 'sdk', Prefix: 'v' }));
  assert.deepEqual(
    versions.Versions?.map((version) => version.IsLatest),
    [true, false],
  );
  await client.send(
    new CopyObjectCommand({ Bucket: 'sdk', Key: 'back', CopySource: `sdk/v?versionId=${versions.Versions?.[1]?.VersionId}` }),
  );
  assert.equal((await bytesOf('back')).toString(), '1');
  const once = new PutObjectCommand({ Bucket: 'sdk', Key: 'back', Body: 'x', IfNoneMatch: '*' });
  await assert.rejects(client.send(once), (error: Error) => error.name === 'PreconditionFailed');
  const keys: string[] = [];
  for await (const page of paginateListObjectsV2({ client, pageSize: 3 }, { Bucket: 'sdk' }))
    keys.push(...(page.Contents ?? []).map((item) => item.Key ?? ''));
  assert.deepEqual(keys, [...new Set(keys)].sort());
  const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: 'sdk', Key: 'back' }), { expiresIn: 60 });
  assert.equal(await (await fetch(url)).text(), '1');
  const deleted = await client.send(new DeleteObjectsCommand({ Bucket: 'sdk', Delete: { Objects: keys.map((Key) => ({ Key })) } }));
  assert.equal(deleted.Deleted?.length, keys.length);
  assert.equal(deleted.Errors, undefined);
});
