/** Every HTTP transport that loads here, over one suite; what each does otherwise is written down and checked too. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { describeTransports, openListener, type Transport } from '../../http/transport/choose-listener.ts';
import { openNodeListener } from '../../http/transport/node-listener.ts';
import { loadUws, type Need, unmetNeeds } from '../../http/transport/uws-build.ts';
import { openUwsListener } from '../../http/transport/uws-listener.ts';
import { httpConformance } from '../support/http-conformance.ts';
import { echoOf, type OpenListener, type TransportTraits } from '../support/listener-stage.ts';
import { fillPattern, ProbeHandler } from '../support/probe-handler.ts';
import { RawSocket } from '../support/raw-socket.ts';

const nodeTraits: TransportTraits = {
  malformed: {},
  answersContinueItself: false,
  chunkExtensions: 'served',
  ninetyHeaders: 'served',
  splitHeaderBlock8k: 'served',
  headersOf20k: 'told',
  utf8AtValueEnds: 'kept',
  namesItself: false,
  brokenChunkSize: 'told',
  fiveGibibytes: 'served',
  http10: 'served',
  slowBody: 'served',
  endlessBodyClosedWithinSeconds: 14,
  pipelined: 'in order',
  halfClosed: 'answered',
  stalledBody: 'told',
  refusalsOfFraming: 'read',
};

/** uWebSockets.js 20.57. */
const uwsTraits: TransportTraits = {
  ...nodeTraits,
  malformed: { 'a CR within a value': 'hangs', 'no HTTP at all': 'hangs' },
  answersContinueItself: true,
  chunkExtensions: 'hangs',
  utf8AtValueEnds: 'lost',
  http10: 'told',
  slowBody: 'closed',
  endlessBodyClosedWithinSeconds: 36,
  pipelined: 'closed',
  halfClosed: 'closed',
  stalledBody: 'closed',
  refusalsOfFraming: 'lost',
};

/** uWebSockets.js 20.30. */
const oldUwsTraits: TransportTraits = {
  ...uwsTraits,
  malformed: {
    'Content-Length with Transfer-Encoding': 'closed',
    'Transfer-Encoding before Content-Length': 'closed',
    'Content-Length: +3': 'closed',
    'Content-Length: 3, 3': 'closed',
    'Content-Length: 0x3': 'closed',
    'Content-Length beyond 64 bits': 'closed',
    'lines that end in LF': 'hangs',
    'a header line that ends in LF': 'hangs',
    'a CR within a value': 'hangs',
    'a NUL within a value': 'hangs',
    'a folded line': 'hangs',
    'a blank before the colon': 'hangs',
    'no Host': 'closed',
    'no HTTP at all': 'hangs',
  },
  ninetyHeaders: 'hangs',
  splitHeaderBlock8k: 'closed',
  brokenChunkSize: 'closed',
  fiveGibibytes: 'closed',
  http10: 'hangs',
  endlessBodyClosedWithinSeconds: 14,
};

/** What the suite sees of each need; TLS has a test of its own. */
function needsUnmet(traits: TransportTraits): readonly Need[] {
  const served: readonly (readonly [Need, boolean])[] = [
    ['HTTP/1.0', traits.http10 === 'served'],
    ['UTF-8 at the ends of header values', traits.utf8AtValueEnds === 'kept'],
    ['bodies slower than 16 KB/s', traits.slowBody === 'served'],
    ['ninety headers', traits.ninetyHeaders === 'served'],
    ['header blocks of 8 KiB in several packets', traits.splitHeaderBlock8k === 'served'],
    ['bodies of 5 GiB', traits.fiveGibibytes === 'served'],
  ];
  return served.filter(([, met]) => !met).map(([need]) => need);
}

const build = loadUws();

describe('HTTP listeners', { concurrency: true }, () => {
  httpConformance(`node ${process.versions.node}`, openNodeListener, nodeTraits);
  if ('uws' in build) {
    const open: OpenListener = (options, handler) => openUwsListener(build, options, handler);
    httpConformance(`uws ${build.version}`, open, build.servesTls ? uwsTraits : oldUwsTraits);
  }
});

if (!('uws' in build)) {
  console.error(`NOT TESTED: the listener on uWebSockets.js, because no build of it loads here:\n  ${build.join('\n  ')}`);
}

test('the list that auto goes by is what the suite sees', () => {
  const seen = Object.entries({ 20.57: uwsTraits, '20.30': oldUwsTraits });
  const list = Object.fromEntries(seen.map(([release, traits]) => [release, needsUnmet(traits)]));
  list['20.30'] = [...(list['20.30'] ?? []), 'TLS'];
  assert.deepEqual(unmetNeeds, list);
  assert.deepEqual(needsUnmet(nodeTraits), []);
});

test('auto takes uWebSockets.js where a complete build loads, node by name is node', async () => {
  const options = { host: '127.0.0.1', port: 0, tls: undefined };
  const handler = async () => {};
  const chosen = await openListener('auto', options, handler);
  const node = await openListener('node', options, handler);
  await Promise.all([chosen.close(0), node.close(0)]);
  const complete = 'uws' in build && unmetNeeds[build.version]?.length === 0;
  assert.match(chosen.transport, complete ? /^uws 20\.\d+$/ : /^node /);
  assert.equal(chosen.limits.length > 0, complete);
  assert.equal(node.transport, `node ${process.versions.node}`);
  const lines = await describeTransports();
  assert.ok(lines.some((line) => line.includes('uws')) && lines.some((line) => line.includes('node')));
  if ('uws' in build && !complete) assert.ok(lines.some((line) => line.includes('only with --transport uws')));
});

test('uws by name is uws or a clear error', async () => {
  const options = { host: '127.0.0.1', port: 0, tls: undefined };
  if ('uws' in build) {
    const listener = await openListener('uws', options, async () => {});
    await listener.close(0);
    assert.match(listener.transport, /^uws /);
  } else {
    await assert.rejects(
      openListener('uws', options, async () => {}),
      /transport uws: no build of uWebSockets.js loads here\n.*uWebSockets\.js/,
    );
  }
});

/** Made anew for every run: no key lies in the tree. */
async function withCertificate(body: (tls: { certFile: string; keyFile: string }) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'liteio-tls-'));
  try {
    const tls = { certFile: join(directory, 'cert.pem'), keyFile: join(directory, 'key.pem') };
    const subject = ['-subj', '/CN=localhost', '-days', '2', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', tls.keyFile, '-out', tls.certFile], { stdio: 'pipe' });
    await body(tls);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function servesTls(transport: Transport, tls: { certFile: string; keyFile: string }): Promise<void> {
  const probe = new ProbeHandler();
  const listener = await openListener(transport, { host: '127.0.0.1', port: 0, tls }, probe.handle);
  try {
    const client = await RawSocket.openSecure(listener.port);
    client.write('PUT /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello');
    const echo = echoOf(await client.answer());
    assert.deepEqual([echo.secure, echo.bytes], [true, 5]);
    client.write('GET /do/stream?bytes=5000000 HTTP/1.1\r\nHost: a.example\r\n\r\n');
    const { body } = await client.answer();
    const expected = Buffer.alloc(5_000_000);
    fillPattern(expected, 0);
    assert.ok(body.equals(expected));
    client.destroy();
  } finally {
    await listener.close(0);
  }
}

test('auto serves TLS whatever builds load, with back-pressure; uws by name does or says why not', () =>
  withCertificate(async (tls) => {
    await servesTls('auto', tls);
    if ('uws' in build) {
      if (build.servesTls) await servesTls('uws', tls);
      else await assert.rejects(servesTls('uws', tls), /does not serve TLS/);
    }
    const missing = { certFile: `${tls.certFile}.missing`, keyFile: tls.keyFile };
    await assert.rejects(servesTls('auto', missing));
  }));
