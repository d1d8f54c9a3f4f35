/** The door: one method per S3 operation. Refusals come back as Rejection values, trouble is thrown as Fault. */
import type { Rejection } from './rejection.ts';
import type * as v from './vocabulary.ts';

export type Outcome<T> = Promise<T | Rejection>;

export interface Engine {
  createBucket(caller: v.Caller, command: v.CreateBucket): Outcome<v.BucketInfo>;
  /** HeadBucket, GetBucketLocation, GetBucketVersioning, GetBucketTagging read this. */
  headBucket(caller: v.Caller, bucket: string): Outcome<v.BucketInfo>;
  deleteBucket(caller: v.Caller, bucket: string): Outcome<null>;
  listBuckets(caller: v.Caller, query: v.ListBuckets): Outcome<v.BucketPage>;
  putBucketVersioning(caller: v.Caller, bucket: string, versioning: 'enabled' | 'suspended'): Outcome<null>;
  /** Empty tags remove the tag set. */
  putBucketTagging(caller: v.Caller, bucket: string, tags: v.Tags): Outcome<null>;

  putObject(caller: v.Caller, command: v.PutObject): Outcome<v.Written>;
  getObject(caller: v.Caller, query: v.ReadObject): Outcome<v.ObjectContent>;
  headObject(caller: v.Caller, query: v.ReadObject): Outcome<v.ObjectHead>;
  deleteObject(caller: v.Caller, command: v.DeleteObject): Outcome<v.Deleted>;
  copyObject(caller: v.Caller, command: v.CopyObject): Outcome<v.Copied>;
  getObjectAttributes(caller: v.Caller, query: v.GetObjectAttributes): Outcome<v.ObjectAttributes>;
  getObjectTagging(caller: v.Caller, target: v.ObjectTarget): Outcome<v.ObjectTags>;
  /** Empty tags remove the tag set (DeleteObjectTagging). */
  putObjectTagging(caller: v.Caller, target: v.ObjectTarget, tags: v.Tags): Outcome<v.ObjectTags>;

  listObjects(caller: v.Caller, query: v.ListObjects): Outcome<v.ObjectPage>;
  listObjectVersions(caller: v.Caller, query: v.ListObjectVersions): Outcome<v.VersionPage>;

  createMultipartUpload(caller: v.Caller, command: v.CreateMultipartUpload): Outcome<{ readonly uploadId: string }>;
  uploadPart(caller: v.Caller, command: v.UploadPart): Outcome<v.PartInfo>;
  uploadPartCopy(caller: v.Caller, command: v.UploadPartCopy): Outcome<v.PartInfo & { readonly sourceVersionId: string | undefined }>;
  completeMultipartUpload(caller: v.Caller, command: v.CompleteMultipartUpload): Outcome<v.Written>;
  abortMultipartUpload(caller: v.Caller, target: v.UploadTarget): Outcome<null>;
  listParts(caller: v.Caller, query: v.ListParts): Outcome<v.PartPage>;
  listMultipartUploads(caller: v.Caller, query: v.ListMultipartUploads): Outcome<v.UploadPage>;

  /** Waits for what is under way, then closes actors, journal, state store and drives. */
  close(): Promise<void>;
}
