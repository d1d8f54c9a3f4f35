/** From a workload's name to what it does: an instance for each line, server and thread. */
import type { WorkloadName } from '../run/plan.ts';
import { Conditional } from './conditional.ts';
import { DeleteObjects } from './delete-objects.ts';
import { ListWalk } from './list-walk.ts';
import { MixedLoad } from './mixed-load.ts';
import { multipart } from './multipart.ts';
import { copy, get, put, rangeGet, stat } from './object-workloads.ts';
import { Versioned } from './versioned.ts';
import type { Workload } from './workload.ts';

const makers: Readonly<Record<WorkloadName, () => Workload>> = {
  put: () => put,
  get: () => get,
  stat: () => stat,
  list: () => new ListWalk(),
  delete: () => new DeleteObjects(),
  mixed: () => new MixedLoad(),
  multipart: () => multipart,
  versioned: () => new Versioned(),
  copy: () => copy,
  'range-get': () => rangeGet,
  conditional: () => new Conditional(),
  // Mixed load, at a concurrency that doubles from line to line.
  ramp: () => new MixedLoad(),
};

export function chooseWorkload(name: WorkloadName): Workload {
  return makers[name]();
}
