/** Digests of stored bytes, read back: what CopyObject and UploadPartCopy need where the source does not know them. */
import type { Body, DigestName, Digests } from '../body.ts';
import { openDigester } from '../shards/digester.ts';
import { openKernel } from '../shards/erasure-code.ts';
import { createKernelMemory, kernelBytes } from '../shards/kernel.ts';

/** Bytes hashed in one step, so that the main thread is not held longer than a millisecond. */
const windowBytes = 256 * 1024;

let shared: { readonly kernel: ReturnType<typeof openKernel>['kernel']; readonly window: Buffer } | undefined;

/** Reads the body to its end. */
export async function digestBody(body: Body, names: readonly DigestName[]): Promise<Digests> {
  if (shared === undefined) {
    const { kernel } = openKernel(createKernelMemory(windowBytes));
    shared = { kernel, window: Buffer.from(kernel.memory, kernelBytes, windowBytes) };
  }
  const { kernel, window } = shared;
  const digester = openDigester(names, kernel);
  try {
    for (let chunk = await body.read(); chunk !== null; chunk = await body.read()) {
      for (let from = 0; from < chunk.length; from += windowBytes) {
        const piece = chunk.subarray(from, from + windowBytes);
        window.set(piece);
        digester.update(window.subarray(0, piece.length), kernelBytes);
      }
    }
    return digester.digests();
  } finally {
    body.cancel();
  }
}
