/** How drives form erasure sets: pure arithmetic over counts. */
import { shardsMax } from './erasure-code.ts';

export interface Layout {
  readonly setCount: number;
  /** Drives of a set: dataShards + parityShards. */
  readonly setSize: number;
  readonly dataShards: number;
  readonly parityShards: number;
}

/** Drives of the smallest set when there are several. */
const severalSetsSizeMin = 4;

/** The layout of `drives` drives, or one sentence that says why there is none. `parity`: drives of a set that may be lost. */
export function layoutOf(drives: number, parity: number | undefined): Layout | { readonly refused: string } {
  if (!Number.isInteger(drives) || drives < 1) return { refused: 'at least one drive is needed' };
  const setSize = setSizeOf(drives);
  if (setSize === undefined) {
    const low = nearestCount(drives, -1);
    const high = nearestCount(drives, 1);
    return { refused: `${drives} drives can't be split into equal sets of ${severalSetsSizeMin} to ${shardsMax}: use ${low} or ${high}` };
  }
  const parityShards = parity ?? defaultParity(setSize);
  const parityMax = Math.floor(setSize / 2);
  if (!Number.isInteger(parityShards) || parityShards < 0 || parityShards > parityMax) {
    return { refused: `parity ${parityShards} is impossible with sets of ${setSize}: it must be from 0 to ${parityMax}` };
  }
  return { setCount: drives / setSize, setSize, dataShards: setSize - parityShards, parityShards };
}

export function defaultParity(setSize: number): number {
  if (setSize === 1) return 0;
  if (setSize <= 3) return 1;
  return setSize <= 7 ? 2 : 4;
}

/** Drives that must have taken a write durably. Of K = M one more than K, so that two halves can't both succeed. */
export function writeQuorumOf(dataShards: number, parityShards: number): number {
  return dataShards === parityShards ? dataShards + 1 : dataShards;
}

/** The largest size up to 16 that divides the count. */
function setSizeOf(drives: number): number | undefined {
  if (drives <= shardsMax) return drives;
  for (let size = shardsMax; size >= severalSetsSizeMin; size -= 1) if (drives % size === 0) return size;
  return undefined;
}

function nearestCount(drives: number, step: 1 | -1): number {
  let count = drives + step;
  while (setSizeOf(count) === undefined) count += step;
  return count;
}
