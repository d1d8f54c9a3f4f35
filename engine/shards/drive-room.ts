/** Whether a write finds room: asked before anything of it is read or stored. */

import { Fault } from '../fault.ts';
import type { Room } from '../room.ts';
import type { Drive } from './drive.ts';
import { writeQuorumOf } from './layout.ts';
import type { Drives } from './open-drives.ts';

/** Journal and rows lie on the first set, and as many of its drives need room as a body needs drives: a majority of the mirrors is among them. */
export function roomOf({ sets: [first = []], layout }: Drives): Room {
  const quorum = writeQuorumOf(layout.dataShards, layout.parityShards);
  const need = (what: string, hasRoom: (drive: Drive) => boolean): void => {
    const full = first.filter((drive) => drive.readable && !hasRoom(drive)).length;
    if (first.length - full >= quorum) return;
    throw new Fault('full', `${full} of ${first.length} drives have no room for ${what}`);
  };
  return {
    forGrowth: () => need('more', (drive) => !drive.full),
    forRecords: () => need('another record', (drive) => drive.takesRecords),
  };
}
