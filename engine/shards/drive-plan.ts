/** Which directory is which drive: pure, from what was found in each. Any order of paths will do, the format files tell. */
import type { DriveFormat } from './drive-format.ts';
import { type Layout, layoutOf } from './layout.ts';

/** What is in a configured directory, by the order of the configuration. */
export interface Inspection {
  readonly name: string;
  readonly content:
    | { readonly kind: 'missing' | 'blank' }
    /** `whole`: its format files are as they should be. `bare`: nothing was stored on it yet. */
    | { readonly kind: 'formatted'; readonly format: DriveFormat; readonly whole: boolean; readonly bare: boolean }
    /** Files, and no format. */
    | { readonly kind: 'foreign' }
    | { readonly kind: 'broken'; readonly reason: string };
}

export interface PlannedDrive {
  readonly index: number;
  readonly set: number;
  readonly slot: number;
  /** `use`: as it is; `format`: it is empty, give it this slot; `absent`: `reason` says why. */
  readonly action: 'use' | 'format' | 'absent';
  readonly reason: string | undefined;
}

export interface DrivePlan {
  /** undefined: a new deployment. */
  readonly deployment: string | undefined;
  readonly layout: Layout;
  readonly drives: readonly PlannedDrive[];
}

type Refused = { readonly refused: string };

export function planDrives(inspections: readonly Inspection[], parity: number | undefined): DrivePlan | Refused {
  const formats = inspections.flatMap(({ name, content }) => (content.kind === 'formatted' ? [{ name, format: content.format }] : []));
  return formats.length === 0 ? planNew(inspections, parity) : planKnown(inspections, formats, parity);
}

function planNew(inspections: readonly Inspection[], parity: number | undefined): DrivePlan | Refused {
  for (const { name, content } of inspections) {
    if (content.kind === 'foreign') return { refused: `${name} is not empty and is no drive of a deployment: name an empty directory` };
    if (content.kind === 'broken') return { refused: `${name} can't be used: ${content.reason}` };
  }
  const layout = layoutOf(inspections.length, parity);
  if ('refused' in layout) return layout;
  const drives = inspections.map((_, index) => {
    return { index, set: Math.floor(index / layout.setSize), slot: index % layout.setSize, action: 'format' as const, reason: undefined };
  });
  return { deployment: undefined, layout, drives };
}

interface Named {
  readonly name: string;
  readonly format: DriveFormat;
}

function planKnown(inspections: readonly Inspection[], formats: readonly Named[], parity: number | undefined): DrivePlan | Refused {
  const first = formats[0]!;
  const disagreement = disagreementOf(inspections.length, formats, parity);
  if (disagreement !== undefined) return { refused: disagreement };
  const { setCount, dataShards, parityShards } = first.format;
  const layout = { setCount, setSize: dataShards + parityShards, dataShards, parityShards };
  const drives = placeAll(inspections, first.format);
  const isNew = formats.every(({ name }) =>
    inspections.some(({ name: other, content }) => other === name && content.kind === 'formatted' && content.bare),
  );
  for (let set = 0; set < setCount; set += 1) {
    const members = drives.filter((drive) => drive.set === set);
    const usable = members.filter((drive) => drive.action === 'use').length;
    // A first start that was cut short left some drives formatted and the others empty.
    const unfinished = isNew && members.every((drive) => drive.action !== 'absent');
    if (usable < dataShards && !unfinished) {
      const away = members.filter((drive) => drive.action !== 'use').map((drive) => inspections[drive.index]!.name);
      return { refused: `${usable} of the ${dataShards} drives that set ${set} needs are there: look after ${away.join(', ')}` };
    }
  }
  return { deployment: first.format.deployment, layout, drives };
}

/** What is wrong between the drives, in a sentence. */
function disagreementOf(count: number, formats: readonly Named[], parity: number | undefined): string | undefined {
  const { name, format } = formats[0]!;
  const setSize = format.dataShards + format.parityShards;
  if (count !== format.setCount * setSize)
    return `${count} drives are configured, the deployment on ${name} has ${format.setCount * setSize}`;
  if (parity !== undefined && parity !== format.parityShards)
    return `parity ${parity} is configured, the deployment on ${name} has ${format.parityShards}`;
  const seats = new Map<string, string>();
  for (const other of formats) {
    if (other.format.deployment !== format.deployment) return `${other.name} belongs to another deployment than ${name}`;
    const seat = `${other.format.set}/${other.format.slot}`;
    const taken = seats.get(seat);
    if (taken !== undefined) {
      return `${taken} and ${other.name} both claim slot ${other.format.slot} of set ${other.format.set}: one was replaced by the other, or copied`;
    }
    seats.set(seat, other.name);
  }
  return undefined;
}

/** Formatted drives sit where they say; the others where a directory of their name sat last, else in what is left. */
function placeAll(inspections: readonly Inspection[], format: DriveFormat): PlannedDrive[] {
  const setSize = format.dataShards + format.parityShards;
  const free = new Set(Array.from({ length: format.setCount * setSize }, (_, seat) => seat));
  const seats = inspections.map(({ content }) => {
    if (content.kind !== 'formatted') return undefined;
    const seat = content.format.set * setSize + content.format.slot;
    free.delete(seat);
    return seat;
  });
  const lastSeat = (name: string) => [...free].find((seat) => format.names[Math.floor(seat / setSize)]?.[seat % setSize] === name);
  for (const pass of ['named', 'rest'] as const) {
    inspections.forEach(({ name }, index) => {
      if (seats[index] !== undefined) return;
      const seat = pass === 'named' ? lastSeat(name) : [...free][0];
      if (seat !== undefined) free.delete(seat);
      seats[index] = seat;
    });
  }
  return inspections.map((inspection, index) => {
    const seat = seats[index]!;
    return { index, set: Math.floor(seat / setSize), slot: seat % setSize, ...actionFor(inspection) };
  });
}

function actionFor({ content }: Inspection): Pick<PlannedDrive, 'action' | 'reason'> {
  switch (content.kind) {
    case 'formatted':
      return { action: 'use', reason: undefined };
    case 'blank':
      return { action: 'format', reason: undefined };
    case 'missing':
      return { action: 'absent', reason: 'the directory is missing' };
    case 'foreign':
      return { action: 'absent', reason: 'the directory has files and no format file' };
    case 'broken':
      return { action: 'absent', reason: content.reason };
  }
}
