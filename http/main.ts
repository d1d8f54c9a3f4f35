/** The command line. `liteio server` serves until SIGTERM or SIGINT; a start that is refused says why in one line and exits 2. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Command, type CommanderError, Option } from 'commander';
import { StartedThreads } from '../engine/shards/started-threads.ts';
import { type Flags, readServerConfig, type ServerConfig, StartRefused, settings, variableOf } from './config.ts';
import type { RunningServer } from './serve.ts';
import { endProcess } from './system-process.ts';

const exitRefused = 2;
const exitFailed = 1;

const drivesSetting = settings.find(({ name }) => name === 'drives')!;

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

await main(process.argv).catch((error: unknown) => {
  if (isCommanders(error)) process.exit(error.exitCode === 0 ? 0 : exitRefused);
  if (error instanceof StartRefused) {
    process.stderr.write(`liteio: ${error.message}\n`);
    return endProcess(exitRefused);
  }
  process.stderr.write(`liteio: ${error instanceof Error ? error.stack : String(error)}\n`);
  return endProcess(exitFailed);
});

async function main(args: readonly string[]): Promise<void> {
  const program = new Command('liteio').description('An S3-compatible object store').version(version, '-V, --version');
  configure(program);
  const server = configure(program.command('server')).description('serve S3 from directories on this machine');
  for (const setting of settings) server.addOption(optionOf(setting));
  server.option('--config <file>', 'JSON file of settings by flag name; flags and variables win over it [LITEIO_CONFIG]');
  server.action(() => runServer(readServerConfig(flagsOf(server))));
  const journal = configure(program.command('journal')).description('look after the journal of a deployment');
  const mend = configure(journal.command('mend')).description(
    'make a journal of what is whole on any mirror, where no start can open it; what was there is set aside, never removed',
  );
  mend.addOption(optionOf(drivesSetting)).option('--dry-run', 'say what would be kept, lost and set aside, and change nothing');
  mend.action(() => runMend(flagsOf(mend)));
  configure(program.command('version'))
    .description('show the version, the runtime and the HTTP transport that loads')
    .action(() => showVersion());
  configure(program.command('bench [arguments...]'))
    .description('measure S3 servers side by side; `liteio bench --help` says how')
    .allowUnknownOption()
    .helpOption(false)
    .action((rest: string[]) => runBench(rest));
  await program.parseAsync([...args]);
}

/** By its code: the bench command comes with a commander of its own, whose errors are of another class. */
function isCommanders(error: unknown): error is CommanderError {
  return error instanceof Error && String((error as { code?: unknown }).code).startsWith('commander.');
}

/** Refusals of the command line are one line, and thrown instead of an exit in the middle. */
function configure(command: Command): Command {
  return command
    .exitOverride()
    .allowExcessArguments(false)
    .configureOutput({
      outputError: (text, write) =>
        write(
          `liteio: ${text
            .replace(/^error: /, '')
            .trim()
            .replaceAll('\n', ' ')}\n`,
        ),
    });
}

function optionOf({ name, value, about, fallback, many }: (typeof settings)[number]): Option {
  const byDefault = fallback === undefined ? '' : ` (default: ${fallback})`;
  const option = new Option(value === undefined ? `--${name}` : `--${name} <${value}>`, `${about}${byDefault} [${variableOf(name)}]`);
  return many ? option.argParser((next: string, earlier: string[] | undefined) => [...(earlier ?? []), next]) : option;
}

/** What was given on the command line, by setting name. */
function flagsOf(command: Command): Flags {
  const values = command.opts<Record<string, string | string[] | boolean>>();
  return Object.fromEntries(command.options.map((option) => [option.long?.slice(2) ?? '', values[option.attributeName()]]));
}

// What follows is loaded when it is asked for: a wrong flag is told at once.

async function showVersion(): Promise<void> {
  const { describeTransports } = await import('./transport/choose-listener.ts');
  const lines = [`liteio ${version}`, `node ${process.version} ${process.platform} ${process.arch}`, ...(await describeTransports())];
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function runBench(args: readonly string[]): Promise<void> {
  const { benchCommand } = await import('../bench/bench-command.ts');
  await benchCommand(configure(new Command('liteio bench')), args);
}

async function runMend(flags: Flags): Promise<void> {
  const { drives } = readServerConfig({ drives: flags.drives });
  const { mendDrives } = await import('./serve-mend.ts');
  // Where it is watched whether another host lives, nothing else keeps the process.
  const waiting = setInterval(() => undefined, 1_000);
  const lost = (sentence: string): void => {
    process.stderr.write(`liteio: ${sentence}\n`);
    process.exit(exitFailed);
  };
  const tell = (line: string): void => void process.stdout.write(`${line}\n`);
  await mendDrives({ drives, dryRun: flags['dry-run'] === true, tell, lost });
  clearInterval(waiting);
}

async function runServer(config: ServerConfig): Promise<void> {
  // The bytes of a body come in buffers that count against a heap of little more than 10 MiB: left to itself the collector goes
  // through all of it several times a second. It may grow to four times what was left after the last time instead.
  setFlagsFromString('--heap-growing-percent=300');
  // The threads load while this one does.
  const threads = new StartedThreads(config.threads);
  const [{ default: pino }, { serve }] = await Promise.all([import('pino'), import('./serve.ts')]);
  const log = pino({ level: config.logLevel, base: undefined }, pino.destination({ dest: 2, sync: true }));
  const dieOf = (kind: string) => (error: unknown) => {
    log.fatal({ err: error }, kind);
    void endProcess(exitFailed);
  };
  process.on('uncaughtException', dieOf('uncaught exception'));
  process.on('unhandledRejection', dieOf('unhandled rejection'));
  // By default it ends the process at once. While it starts, the certificate is read anyway; whoever asks meanwhile has it read once more.
  let hungUp = false;
  const hangUp = (): void => {
    hungUp = true;
  };
  process.on('SIGHUP', hangUp);
  const lost = (sentence: string): void => {
    log.fatal({ reason: sentence }, 'another server has the drives: nothing more is written or answered');
    process.exit(exitFailed);
  };
  const server = await serve({ config, logger: log, threads, lost });
  process.on('SIGHUP', () => void server.renewCertificate());
  process.off('SIGHUP', hangUp);
  if (hungUp) void server.renewCertificate();
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    // Whoever asks twice doesn't want to wait: nothing acknowledged is lost by it.
    if (stopping) return void endProcess(exitFailed);
    stopping = true;
    log.info({ signal }, 'stopping');
    const left = (closed: boolean): Promise<void> => {
      if (!closed) log.warn('stopped while a drive owes answers: what it holds is brought up to date at the next start');
      return endProcess(0, !closed);
    };
    server.close().then(left, dieOf('stopping failed'));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.stdout.write(banner(config, server));
}

/** What a person wants to know at the start; programs read the `endpoint` line. */
function banner(config: ServerConfig, server: RunningServer): string {
  const { endpoint } = server;
  const lines = [
    `liteio ${version}`,
    `  endpoint    ${endpoint}`,
    `  region      ${config.region}`,
    ...server.summary.map(([name, value]) => `  ${name.padEnd(11)} ${value}`),
    ...server.limits.map((limit) => `  limit       ${limit}`),
    `  try         AWS_ACCESS_KEY_ID=${config.accessKey} AWS_SECRET_ACCESS_KEY=${config.defaultCredentials ? config.secretKey : '...'} aws --endpoint-url ${endpoint} s3 ls`,
    ...(config.defaultCredentials
      ? ['  warning     the default credentials are in use: set LITEIO_ACCESS_KEY and LITEIO_SECRET_KEY before you store anything of value']
      : []),
  ];
  return `${lines.join('\n')}\n`;
}
