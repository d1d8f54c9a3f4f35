/** Names of objects: what an object's number becomes in a bucket. */
import type { BenchPlan } from '../run/plan.ts';
import { mixOf } from './seeded-random.ts';

export type KeyLayout = BenchPlan['keyLayout'];

/**
 * `flat`: one folder, ascending. `prefixes`: 16 folders of 16 folders. `hex`: no order, every key begins elsewhere in the key space.
 * Different numbers have different keys; numbers go up to 10^15.
 */
export function keyOf(layout: KeyLayout, number: number): string {
  if (layout === 'flat') return number.toString().padStart(15, '0');
  const mixed = mixOf(number).toString(16).padStart(8, '0');
  if (layout === 'prefixes') return `${mixed.slice(0, 1)}/${mixed.slice(1, 2)}/${number.toString().padStart(15, '0')}`;
  return `${mixed}${number.toString(16).padStart(13, '0')}`;
}

/** Of the objects of a size that workloads read; `run` begins all keys of a run. */
export function laidOutPrefix(run: string, size: string): string {
  return `${run}laid-out/${plain(size)}/`;
}

/** Of the objects that a line, or a group of lines, makes for itself. */
export function ownPrefix(run: string, group: string): string {
  return `${run}${plain(group)}/`;
}

/** Sizes hold characters that not every server takes in a key. */
function plain(text: string): string {
  return text.replaceAll(/[^\w.]+/g, '-');
}
