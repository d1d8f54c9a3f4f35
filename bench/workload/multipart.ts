/** Multipart uploads: each of four parts of 5 MiB, or of the size asked for where that is more. */

/** The least that S3 takes for a part that is not the last. */
export const partBytesMin = 5 * 1024 * 1024;
