/** Whole runs, every workload, in each way that bodies and requests go over the wire; what arrives is looked at on its way. */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { firstAnswer } from '../../bench/run/first-answer.ts';
import { type BenchPlan, type ServerPlan, workloads } from '../../bench/run/plan.ts';
import { runBench } from '../../bench/run/run-bench.ts';
import { temporaryDirectory } from '../support/files.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { type FlawedProxy, startFlawedProxy } from './flawed-proxy.ts';
import { endpointPlan, servePlan, shortPlan } from './short-plan.ts';
import { silentListener } from './silent-listener.ts';
import { tlsFlags } from './tls-flags.ts';

const work = temporaryDirectory('bench-ways');
let server: RunningServer;
let proxy: FlawedProxy;
let tls: string[] = [];

before(async () => {
  tls = tlsFlags(work.path);
  server = await startServer({ drives: 1 });
  proxy = await startFlawedProxy(server.endpoint);
});
after(async () => {
  await proxy.close();
  await server.stop();
  work.remove();
});

type Way = Partial<Pick<BenchPlan, 'payload' | 'checksum' | 'keepAlive' | 'insecure'>>;

/** Each workload, two steps of it with two at a time; a ramp has two lines. Resolves to the server's endpoint. */
async function runAll(plan: ServerPlan, way: Way): Promise<string> {
  const few = { limit: { seconds: 60, operations: 4 }, objects: 12, sizes: ['70KiB:0.5,1B:0.5'] };
  const result = await runBench(shortPlan({ servers: [plan], workloads, ...few, ...way }), silentListener(), new AbortController().signal);
  assert.equal(result.lines.length, workloads.length + 1);
  for (const { name, servers } of result.lines) {
    const [done] = servers;
    assert.equal(done?.failure, undefined, `${name}: ${done?.failure}`);
    const [turn] = done?.turns ?? [];
    assert.ok((turn?.operations ?? 0) >= 4 && turn?.errors === 0, `${name}: ${JSON.stringify(turn)}`);
  }
  return result.servers[0]?.endpoint ?? '';
}

/** The headers of everything that the run put as an object or a part. */
async function headersOfPuts(way: Way): Promise<IncomingHttpHeaders[]> {
  const puts: IncomingHttpHeaders[] = [];
  const others: IncomingHttpHeaders[] = [];
  proxy.instead = ({ method, target, headers }) => {
    const carries = method === 'PUT' && /^\/bench[^/]*\/./.test(target) && headers['x-amz-copy-source'] === undefined;
    (carries ? puts : others).push(headers);
    return undefined;
  };
  await runAll(endpointPlan('there', proxy.endpoint), way);
  const { Buckets } = await server.client().send(new ListBucketsCommand({}));
  assert.deepEqual(Buckets ?? [], [], 'nothing is left, in whatever way it came');
  assert.ok(puts.length > 30 && others.length > 30, `${puts.length} puts of ${puts.length + others.length} requests`);
  if (way.keepAlive === false) {
    const kept = others.filter(({ connection }) => connection !== 'close');
    // Buckets are made and emptied over a connection that stays; the load is not.
    assert.ok(kept.length < others.length / 2, `${kept.length} of ${others.length} kept their connection`);
  }
  return puts;
}

const streaming = /^STREAMING-AWS4-HMAC-SHA256-PAYLOAD/;
const ways: Readonly<Record<string, { readonly way: Way; readonly carries: (headers: IncomingHttpHeaders) => boolean }>> = {
  'signed, with SHA-256': {
    way: { payload: 'signed', checksum: 'sha256' },
    carries: (of) => /^[0-9a-f]{64}$/.test(String(of['x-amz-content-sha256'])) && of['x-amz-checksum-sha256'] !== undefined,
  },
  'signed, with SHA-1, a connection for each request': {
    way: { payload: 'signed', checksum: 'sha1', keepAlive: false },
    carries: (of) => of['x-amz-checksum-sha1'] !== undefined && of.connection === 'close',
  },
  'in signed chunks': {
    way: { payload: 'streaming' },
    carries: (of) => streaming.test(String(of['x-amz-content-sha256'])) && of['x-amz-trailer'] === undefined,
  },
  'in signed chunks with CRC32C behind them': {
    way: { payload: 'streaming', checksum: 'crc32c' },
    carries: (of) => streaming.test(String(of['x-amz-content-sha256'])) && of['x-amz-trailer'] === 'x-amz-checksum-crc32c',
  },
  'unsigned, with CRC64NVME': {
    way: { checksum: 'crc64nvme' },
    carries: (of) => of['x-amz-content-sha256'] === 'UNSIGNED-PAYLOAD' && of['x-amz-checksum-crc64nvme'] !== undefined,
  },
  'unsigned, with CRC32, a connection for each request': {
    way: { checksum: 'crc32', keepAlive: false },
    carries: (of) => of['x-amz-checksum-crc32'] !== undefined && of.connection === 'close',
  },
};

for (const [name, { way, carries }] of Object.entries(ways)) {
  test(`every workload, ${name}`, { timeout: 60_000 }, async () => {
    const puts = await headersOfPuts(way);
    const odd = puts.filter((headers) => !carries(headers));
    assert.deepEqual(odd, [], `${odd.length} of ${puts.length} puts went another way`);
  });
}

test('every workload over TLS, on a server that the harness starts', { timeout: 60_000 }, async () => {
  const endpoint = await runAll(servePlan('secure', tls), { payload: 'streaming', checksum: 'crc64nvme', insecure: true });
  assert.match(endpoint, /^https:/);
});

test('every workload over TLS, signed, a connection for each request', { timeout: 60_000 }, async () => {
  const endpoint = await runAll(servePlan('secure', tls), { payload: 'signed', checksum: 'crc32c', insecure: true, keepAlive: false });
  assert.match(endpoint, /^https:/);
});

test('a started server whose certificate nobody vouches for fails at once, with the way out', { timeout: 20_000 }, async () => {
  const plan = shortPlan({ servers: [servePlan('secure', tls)], workloads: ['put'] });
  const { lines } = await runBench(plan, silentListener(), new AbortController().signal);
  assert.match(lines[0]?.servers[0]?.failure ?? '', /speaks TLS, .*cannot be verified: self.signed certificate.*--insecure/);
});

test('a server that says 400 to everything is not taken for one of TLS', async () => {
  const refusing = createServer((_, answer) => void answer.writeHead(400, { server: 'strict' }).end()).listen(0, '127.0.0.1');
  await new Promise((resolve) => refusing.once('listening', resolve));
  const endpoint = `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`;
  const keys = { accessKey: 'key', secretKey: 'secret', region: 'us-east-1' };
  try {
    const first = await firstAnswer({ ...keys, endpoint }, false);
    assert.deepEqual([first?.server, first?.target.endpoint], ['strict', endpoint]);
  } finally {
    refusing.close();
    refusing.closeAllConnections();
  }
  assert.equal(await firstAnswer({ ...keys, endpoint }, false), undefined, 'nobody listens');
});
