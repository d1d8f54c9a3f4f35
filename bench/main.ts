/**
 * First figures: PUT and GET at 4 KiB, 128 KiB and 8 MiB, concurrency 1, 16 and 64, of liteio (fsync on, 4+2 over six drives)
 * against a bare handler on the same transport and against s3rver, interleaved in one run. Prints a Markdown table of ratios.
 *
 * `npm run bench -- [--turns 5] [--seconds 1] [--only put-4096-16] [--transport auto|uws|node]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { S3Client } from './client/s3-client.ts';
import { type Contender, startContender } from './contender.ts';
import { bucket, type Figure, type Line, measure, warmUp } from './measure.ts';

const { values: options } = parseArgs({
  options: {
    turns: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    transport: { type: 'string', default: 'auto' },
  },
});
const here = dirname(fileURLToPath(import.meta.url));
const keys = { accessKey: 'bench-key', secretKey: 'bench-secret-of-some-length' };
const s3rverPort = 39_517;

async function startAll(directory: string): Promise<Contender[]> {
  const drives = join(directory, 'liteio/drive{1...6}');
  const { transport } = options;
  const place = ['--drives', drives, '--address', '127.0.0.1:0', '--transport', transport];
  const flags = [...place, '--access-key', keys.accessKey, '--secret-key', keys.secretKey];
  const liteio = await startContender({
    name: 'liteio',
    command: [process.execPath, join(here, '../http/liteio.cjs'), 'server', ...flags],
    ready: /http:\/\/127\.0\.0\.1:(\d+)/,
    ...keys,
  });
  const bare = await startContender({
    name: 'bare',
    command: [process.execPath, join(here, 'bare-server.js'), transport],
    ready: /listening (\d+) (.*)/,
    ...keys,
  });
  const s3rver = join(dirname(createRequire(import.meta.url).resolve('s3rver/package.json')), 'bin/s3rver.js');
  const s3rverFlags = ['-d', join(directory, 's3rver'), '-a', '127.0.0.1', '-p', String(s3rverPort), '--silent'];
  const old = await startContender({
    name: 's3rver',
    command: [process.execPath, s3rver, ...s3rverFlags],
    environment: { NODE_NO_WARNINGS: '1' },
    ready: /listening/i,
    port: s3rverPort,
    accessKey: 'S3RVER',
    secretKey: 'S3RVER',
  });
  return [liteio, bare, old];
}

function lines(): Line[] {
  const all: Line[] = [];
  for (const bytes of [4096, 131_072, 8_388_608]) {
    for (const operation of ['PUT', 'GET'] as const) for (const concurrency of [1, 16, 64]) all.push({ operation, bytes, concurrency });
  }
  return all.filter((line) => `${line.operation.toLowerCase()}-${line.bytes}-${line.concurrency}`.startsWith(options.only));
}

const middle = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;

/** Ratio of two contenders turn by turn: median, with the least and the greatest. */
function ratio(a: Figure, b: Figure): string {
  const ratios = a.rates.map((rate, turn) => rate / (b.rates[turn] ?? Number.NaN));
  return `${middle(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`;
}

/** The client is one thread: near one core it is what is measured. */
const clientLimit = 0.9;

function clientShare({ clientShare }: Figure): string {
  return `${(clientShare * 100).toFixed(0)} %${clientShare >= clientLimit ? ', the limit' : ''}`;
}

function row(line: Line, [ours, bare, old]: readonly Figure[]): string {
  if (ours === undefined || bare === undefined || old === undefined) throw new Error('a contender is missing');
  const size = line.bytes < 1048576 ? `${line.bytes / 1024} KiB` : `${line.bytes / 1048576} MiB`;
  const rate = middle(ours.rates);
  const cells = [`${line.operation} ${size} c${line.concurrency}`, rate.toFixed(0), ((rate * line.bytes) / 1048576).toFixed(0)];
  cells.push(ours.p50.toFixed(2), ours.p99.toFixed(2), ...[ours, bare, old].map((one) => one.serverMicros.toFixed(0)));
  cells.push(ratio(ours, bare), ratio(ours, old), clientShare(ours));
  return `| ${cells.join(' | ')} |`;
}

const directory = mkdtempSync(join(tmpdir(), 'liteio-bench-'));
const contenders = await startAll(directory);
try {
  for (const contender of contenders.filter((one) => one.name !== 'bare')) {
    const client = new S3Client(contender, 1);
    await client.must({ method: 'PUT', bucket });
    client.close();
  }
  console.log(`transport: ${contenders[1]?.banner}; Node ${process.versions.node}; ${options.turns} turns of ${options.seconds} s each\n`);
  await warmUp(contenders);
  console.log(
    '| line | op/s | MiB/s | p50 ms | p99 ms | our CPU us/op | bare CPU us/op | s3rver CPU us/op | ratio to bare | ratio to s3rver | client CPU |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|---|---|');
  for (const line of lines()) console.log(row(line, await measure(line, contenders, Number(options.turns), Number(options.seconds))));
  for (const contender of contenders)
    console.log(`\npeak resident, ${contender.name}: ${(contender.peakBytes() / 1048576).toFixed(0)} MiB`);
} finally {
  await Promise.all(contenders.map((contender) => contender.stop()));
  rmSync(directory, { recursive: true, force: true });
}
