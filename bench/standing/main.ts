/** `npm run bench`: the standing set, stage after stage; what a stage measured is written before the next one begins. */
import { readFileSync } from 'node:fs';
import { installPeers } from '../peers/install.ts';
import { duration } from '../report/format.ts';
import { exitCodeOf, Interrupt } from '../run/interrupt.ts';
import { describeMachine, harnessVersion } from '../run/machine.ts';
import { fileSystemOf } from './file-system.ts';
import { readOptions, type StandingOptions, usage } from './options.ts';
import { partsText } from './parts.ts';
import { findServers } from './server-groups.ts';
import { openStages, type StageRun } from './stages.ts';
import type { StandingResult } from './standing-result.ts';
import { withResults, writeBenchmarks, writeRawResults } from './write-benchmarks.ts';

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const interrupt = new Interrupt();
/** What broke off without ending the run. */
const troubles: string[] = [];

function trouble(what: string, error: unknown): void {
  const told = `BROKE OFF: ${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  troubles.push(told);
  say(told);
}

async function main(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options.help) return void process.stdout.write(`${usage}\n`);
  if (options.installPeers) {
    if (!(await installPeers(process.env, say))) throw new Error('not all of what can be built was built');
    return;
  }
  // A broken mark is found before an hour has passed.
  withResults(readFileSync(options.file, 'utf8'), emptyResult(args));
  const servers = await findServers(options.peers, process.env);
  for (const line of servers.missing) say(`NOT ON THIS MACHINE: ${line}`);
  const runs = openStages({ options, servers, signal: interrupt.signal, say, trouble });
  if (runs.length === 0) throw new Error('nothing was run');
  for (const { what, seconds } of runs) say(`${what}: about ${duration(seconds)}`);
  say(`in all about ${duration(runs.reduce((sum, { seconds }) => sum + seconds, 0))}`);
  await runAll(runs, emptyResult(args), options);
  if (troubles.length > 0) throw new Error(`${troubles.length} of the runs broke off`);
}

async function runAll(runs: readonly StageRun[], before: StandingResult, options: StandingOptions): Promise<void> {
  let results = before;
  for (const { what, run } of runs) {
    say(`== ${what}`);
    try {
      results = { ...results, ...(await run(results)) };
    } catch (error) {
      interrupt.signal.throwIfAborted();
      trouble(what, error);
      continue;
    }
    say(`results: ${writeRawResults(options.file, results)}`);
    if (options.writes) writeBenchmarks(options.file, results);
  }
  if (options.writes) say(`written: ${options.file}`);
  else process.stdout.write(`${partsText(results)}\n`);
}

function emptyResult(args: readonly string[]): StandingResult {
  // Where the document lies does not matter to whoever repeats it.
  const repeated = args.filter((arg, index) => !arg.startsWith('--file') && args[index - 1] !== '--file');
  const command = ['npm', 'run', 'bench', ...(repeated.length > 0 ? ['--', ...repeated] : [])];
  const place = { machine: describeMachine(), fileSystem: fileSystemOf() };
  const whole = readOptions(args).only.length === 0;
  return { startedAt: new Date().toISOString(), version: harnessVersion(), command, ...place, whole, matrix: {}, listing: [] };
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: Error) => {
    say(`bench: ${error.message}`);
    process.exit(interrupt.name === undefined ? 1 : exitCodeOf(interrupt.name));
  },
);
