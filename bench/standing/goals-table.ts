/** The goals as a table. A run that did not measure a goal leaves its row as an earlier run wrote it. */
import { goals } from './goals.ts';
import type { StandingResult } from './standing-result.ts';

const heads = ['goal', 'measured', 'reached', 'on'];
const notMeasured = 'not measured';

/** `before`: the part as it stands in the document. */
export function renderGoals(before: string, results: StandingResult): string {
  const old = rowsOf(before);
  const rows = goals.map(({ name, measure }) => {
    const measured = measure(results);
    if (measured === undefined) return old.get(name) ?? [name, notMeasured, '', ''];
    return [name, measured.value, measured.reached ? 'yes' : '**no**', results.startedAt.slice(0, 10)];
  });
  return [heads, heads.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function rowsOf(table: string): Map<string, string[]> {
  const rows = table.split('\n').map((line) => line.replace(/^\| | \|$/g, '').split(' | '));
  return new Map(rows.filter((row) => row.length === heads.length).map((row) => [row[0] ?? '', row.map((cell) => cell.trim())]));
}
