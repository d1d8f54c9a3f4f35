/** What a run consists of: each stage with its servers, its limits and about how long it takes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { number } from '../report/format.ts';
import { liveLine } from '../report/live-line.ts';
import { summarizeLines } from '../report/summary.ts';
import { runBench } from '../run/run-bench.ts';
import { endurancePlan } from './endurance.ts';
import { laysOut, listedKeys, listingPlan } from './list-flatness.ts';
import { runPlans } from './matrix.ts';
import { estimatedSeconds, matrixPlans } from './matrix-plan.ts';
import { runMicroProcess } from './micro-process.ts';
import type { StandingOptions } from './options.ts';
import type { GroupServer, ServerGroups } from './server-groups.ts';
import type { GroupName, ListingResult, StandingResult, StartUpFigure } from './standing-result.ts';
import { measureStarts, startStore } from './start-up.ts';

const microMilliseconds = 500;
/** Benchmarks there are, about: for the estimate. */
const microCount = 45;
const startsPerStore = 5;

export interface StageRun {
  readonly what: string;
  /** About how long it takes. */
  readonly seconds: number;
  /** Parts of the result, in place of those before. */
  run(before: StandingResult): Promise<Partial<StandingResult>>;
}

export interface StageParts {
  readonly options: StandingOptions;
  readonly servers: ServerGroups;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  /** Told of what broke off. */
  readonly trouble: (what: string, error: unknown) => void;
}

export function openStages(parts: StageParts): StageRun[] {
  const { stages, groups } = parts.options;
  const runs: StageRun[] = [];
  if (stages.includes('micro')) runs.push(microStage(parts));
  if (stages.includes('macro')) for (const group of groups) runs.push(...matrixStage(parts, group));
  if (stages.includes('listing') || stages.includes('start-up')) runs.push(largeStoreStage(parts));
  if (stages.includes('endurance')) runs.push(enduranceStage(parts));
  return runs;
}

function microStage({ signal, say }: StageParts): StageRun {
  const told = (name: string, microseconds: number): void => say(`${name}: ${number(microseconds)} us`);
  const run = async (): Promise<Partial<StandingResult>> => {
    const limits = { milliseconds: microMilliseconds };
    return { micros: await runMicroProcess(limits, signal, ({ group, name, microseconds }) => told(`${group}, ${name}`, microseconds)) };
  };
  return { what: 'micro benchmarks', seconds: (microCount * microMilliseconds * 1.3) / 1000, run };
}

/** None where nothing was chosen, or nothing is there to compare a journal with. */
function matrixStage({ options, servers, signal, say, trouble }: StageParts, group: GroupName): StageRun[] {
  const members = servers.groups[group];
  if (group === 'journals' && members.length === 1) {
    say('NOT RUN: the group journals: there is no nats-server to compare the embedded journal with');
    return [];
  }
  const plansOf = (only: readonly string[]) =>
    matrixPlans(
      group,
      members.map(({ plan }) => plan),
      { ...options, only },
    );
  for (const name of options.only) if (plansOf([name]).length === 0) say(`NOT RUN: the group ${group} has no line ${name}`);
  const plans = plansOf(options.only);
  if (plans.length === 0) return [];
  const run = async ({ matrix }: StandingResult): Promise<Partial<StandingResult>> => {
    const redundancy = group === 'one-drive' ? 1 : 1.5;
    const result = await runPlans(plans, { redundancy, signal, say, trouble });
    if (result === undefined) return {};
    const described = members.map(({ name, version, durability }) => ({ name, version, durability }));
    return { matrix: { ...matrix, [group]: { servers: described, result } } };
  };
  const seconds = plans.reduce((sum, plan) => sum + estimatedSeconds(plan), 0);
  return [{ what: `matrix of ${group}: ${members.map(({ name }) => name).join(', ')}`, seconds, run }];
}

/** Listings and starts share a store: laying out a million objects takes minutes. */
function largeStoreStage(parts: StageParts): StageRun {
  const { options, servers } = parts;
  const { keys, stages, turns, seconds } = options;
  const limit = { turns, seconds };
  const lists = stages.includes('listing');
  const starts = stages.includes('start-up');
  const smaller = lists ? listedKeys.filter((count) => count < keys) : [];
  const first = servers.defaults.slice(0, 1).map(({ plan }) => plan);
  const all = servers.defaults.map(({ plan }) => plan);
  const plans = [...smaller.map((count, index) => listingPlan(index === 0 ? all : first, count, limit)), listingPlan(first, keys, limit)];
  const run = async (before: StandingResult): Promise<Partial<StandingResult>> => {
    const listing: ListingResult[] = [];
    for (const count of smaller) listing.push({ keys: count, result: await listSmaller(parts, before, count) });
    const large = await largeStore(parts);
    return { ...(lists && { listing: [...listing, large.listing] }), ...(starts && { startUp: large.startUp }) };
  };
  const estimate = plans.reduce((sum, plan) => sum + estimatedSeconds(plan), 0) + (starts ? startsPerStore * 8 : 0);
  const what = [lists ? 'listings' : '', starts ? 'cold starts' : ''].filter((name) => name !== '').join(' and ');
  return { what: `${what}, up to ${keys.toLocaleString('en-US')} objects`, seconds: estimate, run };
}

/** All peers at the smallest count; beyond, those that showed in the matrix that they put so many in a bearable time. */
async function listSmaller(
  { options, servers, signal, say }: StageParts,
  before: StandingResult,
  keys: number,
): Promise<ListingResult['result']> {
  const lays = ({ name }: GroupServer, index: number): boolean =>
    index === 0 || keys === listedKeys[0] || laysOut(keys, putsPerSecond(before, name));
  const members = servers.defaults.filter(lays);
  const left = servers.defaults.filter((server) => !members.includes(server));
  if (left.length > 0)
    say(`listing ${keys} keys without ${left.map(({ name }) => name).join(', ')}: too slow to lay out, or its PUT rate is not known`);
  const plan = listingPlan(
    members.map((server) => server.plan),
    keys,
    options,
  );
  return runBench(plan, liveLine(process.stderr), signal);
}

function putsPerSecond({ matrix }: StandingResult, server: string): number | undefined {
  for (const group of Object.values(matrix)) {
    const lines = group.result.lines.filter(({ name }) => name === 'put-4KiB-c16');
    const figures = summarizeLines({ ...group.result, lines }).flatMap(({ servers }) => servers.filter((one) => one.server === server));
    if (figures[0]?.figures !== undefined) return figures[0].figures.opsPerSecond;
  }
  return undefined;
}

async function largeStore({ options, servers, signal, say }: StageParts): Promise<{ listing: ListingResult; startUp: StartUpFigure[] }> {
  const [liteio] = servers.defaults;
  if (liteio === undefined) throw new Error('there is no liteio');
  const directory = mkdtempSync(join(tmpdir(), 'liteio-bench-large-'));
  const { plan } = liteio;
  try {
    const store = await startStore(plan, join(directory, 'large'));
    const { endpoint } = store.target;
    const member = { kind: 'endpoint', name: plan.name, endpoint, credentials: plan.credentials } as const;
    // What was laid out stays for the starts.
    const lasting = { ...listingPlan([member], options.keys, options), cleanUp: false };
    const result = await runBench(lasting, liveLine(process.stderr), signal).finally(() => store.kill());
    const listing = { keys: options.keys, result };
    if (!options.stages.includes('start-up')) return { listing, startUp: [] };
    say(`${startsPerStore} starts each of an empty and of the large store`);
    const empty = { objects: 0, plan, directory: (start: number) => join(directory, `empty-${start}`) };
    const large = { objects: options.keys, plan, directory: () => join(directory, 'large') };
    const startUp = [...(await measureStarts(empty, startsPerStore, signal)), ...(await measureStarts(large, startsPerStore, signal))];
    return { listing, startUp };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function enduranceStage({ options, servers, signal }: StageParts): StageRun {
  const first = servers.defaults.slice(0, 1).map(({ plan }) => plan);
  const [plan] = first.map((server) => endurancePlan(server, options.minuteSeconds));
  if (plan === undefined) throw new Error('there is no liteio');
  const run = async (): Promise<Partial<StandingResult>> => ({ endurance: await runBench(plan, liveLine(process.stderr), signal) });
  return { what: 'endurance: ten minutes of mixed load', seconds: estimatedSeconds(plan), run };
}
