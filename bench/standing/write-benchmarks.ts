/** Puts what was measured where people read it: parts of BENCHMARKS.md, and all of it as files that `liteio bench compare` reads. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeResult } from '../report/json.ts';
import { partOf, withPart } from './document.ts';
import { renderGoals } from './goals-table.ts';
import { renderParts } from './parts.ts';
import type { StandingResult } from './standing-result.ts';

export const goalsPart = 'goals';
/** Next to the document; too large for a repository, so it is ignored there. */
const resultsDirectory = 'bench-results';

/** The document with the parts that the results tell of, and the goals they measure. @throws MarksBroken */
export function withResults(document: string, results: StandingResult): string {
  let written = document;
  for (const [part, content] of renderParts(results)) written = withPart(written, part, content);
  return withPart(written, goalsPart, renderGoals(partOf(document, goalsPart), results));
}

/** @throws MarksBroken the document is left as it was */
export function writeBenchmarks(file: string, results: StandingResult): void {
  const written = withResults(readFileSync(file, 'utf8'), results);
  const draft = `${file}.draft`;
  writeFileSync(draft, written);
  renameSync(draft, file);
}

/** Where the raw results went. */
export function writeRawResults(file: string, results: StandingResult): string {
  const directory = join(dirname(file), resultsDirectory);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'standing.json'), `${JSON.stringify(results, undefined, 1)}\n`);
  for (const [group, { result }] of Object.entries(results.matrix)) writeResult(join(directory, `matrix-${group}.json`), result);
  for (const { keys, result } of results.listing) writeResult(join(directory, `listing-${keys}.json`), result);
  if (results.endurance !== undefined) writeResult(join(directory, 'endurance.json'), results.endurance);
  return directory;
}
