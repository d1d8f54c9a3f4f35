/** The standing matrix as runs: what is put, read, listed and deleted at which size, for how long, and about how long all of it takes. */
import type { BenchPlan, ServePlan, WorkloadName } from '../run/plan.ts';
import { gibibyte, mebibyte, parseSize } from '../workload/sizes.ts';
import type { GroupName } from './standing-result.ts';

export interface MatrixOptions {
  readonly turns: number;
  /** Of a turn. */
  readonly seconds: number;
  /** Lines or the beginnings of their names up to a dash: `put`, `put-4KiB`, `put-4KiB-c16`; none: all. */
  readonly only: readonly string[];
}

/** Lines of one size that are run alike, on servers started for them. */
interface Block {
  readonly workloads: readonly WorkloadName[];
  readonly size: string;
  readonly concurrencies: readonly number[];
  /** Of the seconds and turns asked for. */
  readonly secondsShare: number;
  readonly turnsMax: number;
  readonly operationsMax: number;
  readonly objects: number;
  readonly warmUpSeconds: number;
}

/** Up to so many there is time for twice the turns. */
const fewServers = 4;
const everyConcurrency = [1, 16, 64];
const full = {
  concurrencies: everyConcurrency,
  secondsShare: 1,
  turnsMax: Number.POSITIVE_INFINITY,
  operationsMax: 1_000_000,
  warmUpSeconds: 0.3,
};
/** Lines that hardly depend on the size: briefly at each. */
const brief = { ...full, secondsShare: 0.4, turnsMax: 2, warmUpSeconds: 0.2 };
const putAndGet: readonly WorkloadName[] = ['put', 'get'];
const statAndList: readonly WorkloadName[] = ['stat', 'list'];
const others: readonly WorkloadName[] = [...statAndList, 'delete'];
/** Without a warm-up: the line with the most requests comes first and is one, since a turn has but few requests of such a size. */
const mostFirst = { ...full, concurrencies: everyConcurrency.toReversed(), warmUpSeconds: 0 };
const large = { ...mostFirst, turnsMax: 1, size: '64MiB', objects: 8 };

/**
 * At the large sizes a turn is a wave or two of what is under way, however long it takes. 64 MiB at c64 are 4 GiB of it: puts of that go to
 * servers of their own, so that a disk holds what all of them keep, and there are no deletes, which would first lay out as much again.
 */
const blocks: readonly Block[] = [
  { ...full, workloads: putAndGet, size: '4KiB', objects: 1000 },
  { ...brief, workloads: others, size: '4KiB', objects: 1000 },
  { ...full, workloads: putAndGet, size: '128KiB', objects: 256 },
  { ...brief, workloads: others, size: '128KiB', objects: 256 },
  { ...mostFirst, workloads: putAndGet, size: '8MiB', objects: 32, operationsMax: 128, turnsMax: 2 },
  { ...brief, workloads: statAndList, size: '8MiB', objects: 16, turnsMax: 1, warmUpSeconds: 0 },
  { ...large, workloads: ['delete'], size: '8MiB', objects: 16, operationsMax: 64 },
  { ...large, workloads: ['put'], concurrencies: [64], operationsMax: 64 },
  { ...large, workloads: ['put', 'delete'], concurrencies: [16, 1], objects: 2, operationsMax: 16 },
  { ...large, workloads: ['get', ...statAndList], secondsShare: 0.3 },
];

/** What a journal has a part in. */
const journaled: readonly WorkloadName[] = ['put', 'delete'];

/** Runs in order, those without lines left out: each line that was named is in one of them, and no other. */
export function matrixPlans(group: GroupName, servers: readonly ServePlan[], options: MatrixOptions): BenchPlan[] {
  return blocks.flatMap((block) => {
    if (group === 'journals' && block.size === large.size) return [];
    const workloads = block.workloads.filter((workload) => group !== 'journals' || journaled.includes(workload));
    return chosenParts({ ...block, workloads }, options.only).map((part) => planOf(servers, options, part));
  });
}

/** A run has all its workloads at all its concurrencies: workloads that were named at others are runs of their own. */
function chosenParts(block: Block, only: readonly string[]): Block[] {
  const parts: Block[] = [];
  for (const workload of block.workloads) {
    const isChosen = (concurrency: number): boolean => isNamed(`${workload}-${block.size}-c${concurrency}`, only);
    const concurrencies = block.concurrencies.filter(isChosen);
    const same = parts.findIndex((part) => String(part.concurrencies) === String(concurrencies));
    const part = parts[same];
    if (part !== undefined) parts[same] = { ...part, workloads: [...part.workloads, workload] };
    else if (concurrencies.length > 0) parts.push({ ...block, workloads: [workload], concurrencies });
  }
  return parts;
}

/** Whether any group has such a line. */
export function isInMatrix(name: string): boolean {
  return blocks.some((block) => chosenParts(block, [name]).length > 0);
}

function isNamed(line: string, only: readonly string[]): boolean {
  return only.length === 0 || only.some((name) => line === name || line.startsWith(`${name}-`));
}

function planOf(servers: readonly ServePlan[], options: MatrixOptions, block: Block): BenchPlan {
  return {
    ...standingPlan,
    servers,
    workloads: block.workloads,
    sizes: [block.size],
    concurrencies: block.concurrencies,
    limit: { seconds: options.seconds * block.secondsShare, operations: block.operationsMax },
    turns: Math.min(options.turns, servers.length <= fewServers ? 2 * block.turnsMax : block.turnsMax),
    objects: block.objects,
    warmUpSeconds: Math.min(block.warmUpSeconds, options.seconds),
  };
}

/** What all runs of the standing set share: bodies unsigned and without checksums of the client's, so that servers and not the client do work. */
export const standingPlan = {
  keyLayout: 'prefixes',
  payload: 'unsigned',
  checksum: 'none',
  keepAlive: true,
  insecure: false,
  seed: 1,
  cleanUp: true,
  bucket: 'bench',
  threads: 2,
} as const;

/** What a server here does at least, roughly: only for estimates. */
const putBytesPerSecond = 160 * mebibyte;
const getBytesPerSecond = 400 * mebibyte;
const putsPerSecond = 1200;
/** Of liteio, which alone lays out a million. */
const ownPutsPerSecond = 2500;
const startSeconds = 4;

/** About how long a plan takes. */
export function estimatedSeconds(plan: BenchPlan): number {
  let seconds = 0;
  for (const size of plan.sizes) {
    const bytes = parseSize(size).mean;
    const puts = plan.servers.length === 1 ? ownPutsPerSecond : putsPerSecond;
    const layOut = (objects: number): number => objects / puts + (objects * bytes) / putBytesPerSecond;
    if (plan.workloads.some((workload) => workload !== 'put' && workload !== 'delete')) seconds += layOut(plan.objects);
    for (const workload of plan.workloads) {
      for (const concurrency of plan.concurrencies) {
        const rate = { put: putBytesPerSecond, mixed: putBytesPerSecond, get: getBytesPerSecond }[workload as 'put'] ?? Infinity;
        // Whatever is under way when the time is up is waited for.
        const wave = (Math.min(concurrency, plan.limit.operations) * bytes) / rate;
        const before = workload === 'delete' ? layOut(Math.max(concurrency, Math.min(plan.objects, plan.limit.operations))) : 0;
        seconds +=
          plan.turns * (Math.max(plan.limit.seconds, wave) + before) + (plan.warmUpSeconds > 0 ? plan.warmUpSeconds + wave + before : 0);
      }
    }
  }
  return plan.servers.length * (seconds + startSeconds);
}

/** Bytes that all servers of a plan may come to hold at once; `redundancy`: bytes on drives for a byte of a body. */
export function diskBytesOf(plan: BenchPlan, redundancy: number): number {
  const ofOneServer = plan.sizes.reduce((sum, size) => {
    const bytes = parseSize(size).mean;
    const ofLine = (concurrency: number): number => {
      const inTime = Math.max(plan.limit.seconds * putBytesPerSecond * 2, concurrency * bytes);
      const turns = plan.turns + (plan.warmUpSeconds > 0 ? 1 : 0);
      return turns * Math.min(plan.limit.operations * bytes, inTime);
    };
    const writing = plan.workloads.filter((workload) => ['put', 'delete', 'mixed'].includes(workload)).length;
    return sum + plan.objects * bytes + writing * plan.concurrencies.reduce((lines, concurrency) => lines + ofLine(concurrency), 0);
  }, 0);
  return plan.servers.length * ofOneServer * redundancy;
}

/** Free bytes that a disk keeps after a run. */
export const freeBytesLeft = 4 * gibibyte;
