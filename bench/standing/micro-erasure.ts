/** The WebAssembly kernel on a stripe of 1 MiB over four data and two parity shards: in memory, one thread. */
import { randomFillSync } from 'node:crypto';
import { shardBytesOf, stripeBytesMax } from '../../engine/shards/block.ts';
import { openErasureCode, openKernel } from '../../engine/shards/erasure-code.ts';
import { createKernelMemory, kernelBytes } from '../../engine/shards/kernel.ts';
import { type MicroSet, microSet } from './micro.ts';

const dataShards = 4;
const parityShards = 2;

export function openErasureMicros(): MicroSet {
  const shardBytes = shardBytesOf(stripeBytesMax, dataShards);
  const { kernel } = openKernel(createKernelMemory((dataShards + parityShards) * shardBytes));
  randomFillSync(Buffer.from(kernel.memory), kernelBytes, dataShards * shardBytes);
  const code = openErasureCode(dataShards, parityShards, kernel);
  const places = Array.from({ length: dataShards + parityShards }, (_, shard) => kernelBytes + shard * shardBytes);
  const encode = (): void => code.encode(places.slice(0, dataShards), places.slice(dataShards), shardBytes);
  encode();
  const reconstruct = (wanted: readonly number[]) => (): void => {
    const present = places.map((_, shard) => shard).filter((shard) => !wanted.includes(shard));
    code.reconstruct({ places, present, wanted, length: shardBytes });
  };
  const bytes = stripeBytesMax;
  const by = `${kernel.name} kernel`;
  return microSet([
    { group: 'erasure', name: `encode 4+2, ${by}`, bytes, run: encode },
    { group: 'erasure', name: `bring back one data shard of 4+2, ${by}`, bytes, run: reconstruct([1]) },
    { group: 'erasure', name: `bring back two data shards of 4+2, ${by}`, bytes, run: reconstruct([0, 2]) },
    { group: 'erasure', name: `CRC-64/NVME of 1 MiB, ${by}`, bytes, run: () => kernel.crc64(kernelBytes, stripeBytesMax, 0n) },
  ]);
}
