import type { Drives } from './open-drives.ts';

/** How many there are, how many may fail and how many are away, for people. */
export function describeDrives({ sets, layout }: Drives): string {
  const { dataShards, parityShards } = layout;
  const away = sets.flat().filter((drive) => !drive.readable).length;
  const count = sets.flat().length;
  const shape = sets.length === 1 ? '' : `in ${sets.length} sets, `;
  const loss = parityShards === 0 ? 'none may fail' : `${parityShards}${sets.length === 1 ? '' : ' of each set'} may fail`;
  return `${count}, ${shape}${dataShards}+${parityShards}: ${loss}${away === 0 ? '' : `; ${away} offline`}`;
}
