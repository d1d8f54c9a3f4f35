/** `liteio bench`: loaded only when it is asked for. */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { CredentialMistake } from './client/credentials.ts';
import { Misuse } from './command/misuse.ts';
import { runCommand } from './command/run-command.ts';
import { addRunOptions, planRun, type RunOptions } from './command/run-options.ts';
import { keyVariables } from './command/servers.ts';
import { analyzeResult } from './report/analyze.ts';
import { compareResults, renderComparison } from './report/compare.ts';
import { ResultMistake, readResult } from './report/json.ts';
import { renderPage } from './report/page.ts';
import { ThresholdMistake } from './report/thresholds.ts';
import { workloads } from './run/plan.ts';

const exitMisused = 2;
const mistakes = [Misuse, CredentialMistake, ThresholdMistake, ResultMistake];

const more = `
Workloads: ${workloads.join(', ')}.
Several servers are loaded in turn with the same keys and bytes; ratios are of the first over each other one, turn by turn.
Without --endpoint and --serve a liteio of this installation is started.

A server of --serve is started with keys of its own (or --access-key and --secret-key), which it finds in
${keyVariables.accessKey.join(', ')} and
${keyVariables.secretKey.join(', ')};
{access-key} and {secret-key} in its command stand for them. {port2}, {port3} ... are further free ports; the word liteio at the
beginning of a command is this installation. A server that speaks TLS is found out; --insecure accepts a certificate of its own making.

Keys for --endpoint: in its URL (http://key:secret@host:port, percent-encoded), --access-key and --secret-key, --profile,
LITEIO_ACCESS_KEY and LITEIO_SECRET_KEY, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the AWS profile.

Exit code: 0; 1 when a server gave a wrong answer or none, --fail-under does not hold or a file cannot be written; 2 when the command
line is wrong; 128 and the signal's number when one ended the run: the lines that were finished are told and written.

  liteio bench put get --size 4KiB --concurrency 1,16,64
  liteio bench put --endpoint 'minio=http://key:secret@127.0.0.1:9000' --serve 'liteio=liteio server --drives {dir}/drive{1...6} --address 127.0.0.1:{port}'
  liteio bench mixed --duration 10m --turns 1 --json today.json --fail-under 'mixed.p99<=50'
  liteio bench compare yesterday.json today.json`;

/** Fills `command`, which says how refusals are told, and runs it. @throws CommanderError */
export async function benchCommand(command: Command, args: readonly string[]): Promise<void> {
  command
    .description('Measure S3 servers side by side: any of them, on this machine or elsewhere')
    .usage('<workload...> [options]')
    .argument('<workload...>', workloads.join(', '))
    .enablePositionalOptions();
  addRunOptions(command);
  command.addHelpText('after', more);
  command.action((names: string[], options: RunOptions) =>
    told(command, async () => {
      const plan = planRun(names, options, args);
      process.exitCode = await runCommand(plan, options);
    }),
  );
  command
    .command('compare <before> <after>')
    .description('which differences between two results (--json) exceed noise')
    .action((before: string, after: string) =>
      told(command, () => void process.stdout.write(renderComparison(compareResults(readResult(before), readResult(after))))),
    );
  command
    .command('analyze <result>')
    .description('latencies, pace, trend and stalls of a result')
    .action((file: string) => told(command, () => void process.stdout.write(analyzeResult(readResult(file)))));
  command
    .command('page <result>')
    .description('a result as a page')
    .requiredOption('--html <file>', 'where to write it')
    .action((file: string, { html }: { html: string }) => told(command, () => writePage(html, renderPage(readResult(file)))));
  await command.parseAsync([...args], { from: 'user' });
}

function writePage(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (error) {
    throw new Misuse(`cannot write ${file}: ${(error as Error).message}`);
  }
}

/** What is wrong with the command line, its files or the environment is one line and exit code 2. */
async function told(command: Command, work: () => void | Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (mistakes.some((kind) => error instanceof kind)) command.error((error as Error).message, { exitCode: exitMisused });
    throw error;
  }
}
