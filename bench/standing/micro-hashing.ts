/** Digests of bodies and the checksums of blocks, by the functions that the server calls for them. */
import { randomBytes, randomFillSync } from 'node:crypto';
import type { DigestName } from '../../engine/body.ts';
import {
  headBytesOf,
  isPieceIntact,
  pieceBytes,
  type StripePlace,
  shardBytesOf,
  stripeBytesMax,
  writeHead,
} from '../../engine/shards/block.ts';
import { digestsOf, openDigester } from '../../engine/shards/digester.ts';
import { openKernel } from '../../engine/shards/erasure-code.ts';
import { createKernelMemory, type Kernel, kernelBytes } from '../../engine/shards/kernel.ts';
import { Md5Lanes, md5LanesMax } from '../../engine/shards/md5-lanes.ts';
import { type Micro, type MicroSet, microSet } from './micro.ts';
import { inlineBytes } from './sample-objects.ts';

export function openHashingMicros(): MicroSet {
  const { kernel } = openKernel(createKernelMemory(stripeBytesMax));
  const stripe = Buffer.from(kernel.memory, kernelBytes, stripeBytesMax);
  randomFillSync(stripe);
  const small = randomBytes(inlineBytes);
  const digest = (names: readonly DigestName[]) => (): unknown => {
    const digester = openDigester(names, kernel);
    digester.update(stripe, kernelBytes);
    return digester.digests();
  };
  const large = (names: readonly DigestName[]): Micro => {
    return { group: 'hashing', name: `${names.join(' and ')} of 1 MiB`, bytes: stripeBytesMax, run: digest(names) };
  };
  const bothSmall = (): unknown => digestsOf(['MD5', 'CRC64NVME'], small);
  return microSet([
    { group: 'hashing', name: 'MD5 and CRC64NVME of 4 KiB', bytes: inlineBytes, run: bothSmall },
    large(['MD5']),
    large(['SHA256']),
    large(['SHA1']),
    large(['CRC32C']),
    ...[1, 4, md5LanesMax].map((bodies) => md5SideBySide(kernel, bodies)),
    ...blockMicros(),
  ]);
}

/** As a worker hashes what bodies bring it, an eighth of the kernel's stripe each. */
function md5SideBySide(kernel: Kernel, bodies: number): Micro {
  const bytes = stripeBytesMax / md5LanesMax;
  const run = (): void => {
    const tasks: (() => void)[] = [];
    const lanes = new Md5Lanes(kernel, (task) => tasks.push(task));
    const streams = Array.from({ length: bodies }, () => lanes.open());
    for (const [lane, stream] of streams.entries()) void stream.update(kernelBytes + lane * bytes, bytes);
    for (const task of tasks) task();
    for (const stream of streams) stream.digest();
  };
  return {
    group: 'hashing',
    name: `MD5 of ${bodies === 1 ? 'one body' : `${bodies} bodies side by side`}, 128 KiB each`,
    bytes: bodies * bytes,
    run,
  };
}

function blockMicros(): Micro[] {
  const layout = { dataShards: 4, parityShards: 2, stripe: 0, stripeBytes: stripeBytesMax };
  const place: StripePlace = { blob: randomBytes(16).toString('hex'), set: 0, segment: 1, offset: 0, ...layout };
  const shard = randomBytes(shardBytesOf(stripeBytesMax, place.dataShards));
  const head = Buffer.alloc(headBytesOf(shard.length));
  const content = { shard, deployment: randomBytes(8) };
  const write = (): void => writeHead(head, place, 0, content);
  write();
  const piece = shard.subarray(0, pieceBytes);
  if (!isPieceIntact(head, 0, piece)) throw new Error('the checksum just written does not match');
  return [
    { group: 'hashing', name: 'XXH3 of a shard of 256 KiB, its block head written', bytes: shard.length, run: write },
    { group: 'hashing', name: 'XXH3 of a piece of 64 KiB, compared', bytes: pieceBytes, run: () => isPieceIntact(head, 0, piece) },
  ];
}
