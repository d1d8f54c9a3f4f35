/** From a workload's name to what it does; each line, server and thread has an instance of its own. */
import type { WorkloadName } from '../run/plan.ts';
import { copy, get, put, rangeGet, stat } from './object-workloads.ts';
import type { Workload } from './workload.ts';

const makers: Readonly<Partial<Record<WorkloadName, () => Workload>>> = {
  put: () => put,
  get: () => get,
  stat: () => stat,
  copy: () => copy,
  'range-get': () => rangeGet,
};

export function chooseWorkload(name: WorkloadName): Workload {
  const maker = makers[name];
  if (maker === undefined) throw new Error(`no such workload: ${name}`);
  return maker();
}
