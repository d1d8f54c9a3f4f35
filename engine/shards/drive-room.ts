/** Whether a write finds room, and file systems that can be written to: asked before anything of it is read or stored. */

import { Fault } from '../fault.ts';
import type { Room } from '../room.ts';
import type { Drive } from './drive.ts';
import { writeQuorumOf } from './layout.ts';
import type { Drives } from './open-drives.ts';

/** Journal and rows lie on the first set, and as many of its drives need room as a body needs drives: a majority of the mirrors is among them. */
export function roomOf({ sets: [first = []], layout }: Drives): Room {
  const quorum = writeQuorumOf(layout.dataShards, layout.parityShards);
  const need = (what: string, can: (drive: Drive) => boolean): void => {
    const unable = first.filter((drive) => drive.readable && !can(drive));
    if (first.length - unable.length >= quorum) return;
    const full = unable.filter((drive) => !drive.readOnly).length;
    const readOnly = unable.length - full;
    const sentence = `of ${first.length} drives ${full} have no room for ${what}, ${readOnly} are read-only`;
    throw new Fault(readOnly > first.length - quorum ? 'unavailable' : 'full', sentence);
  };
  return {
    forGrowth: () => need('more', (drive) => !drive.full && !drive.readOnly),
    forRecords: () => need('another record', (drive) => drive.takesRecords),
  };
}
