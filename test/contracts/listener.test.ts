/** Every HTTP transport that loads here, over one suite; what each does otherwise is written down and checked too. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { describeTransports, openListener } from '../../http/transport/choose-listener.ts';
import { openNodeListener } from '../../http/transport/node-listener.ts';
import { loadUws } from '../../http/transport/uws-build.ts';
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
  utf8AtValueEnd: 'kept',
  namesItself: false,
  brokenChunkSize: 'told',
  fiveGibibytes: 'served',
};

/** uWebSockets.js 20.57. */
const uwsTraits: TransportTraits = {
  ...nodeTraits,
  answersContinueItself: true,
};

/** What uWebSockets.js 20.30 can't do. */
const oldUwsTraits: TransportTraits = {
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
  answersContinueItself: true,
  chunkExtensions: 'hangs',
  ninetyHeaders: 'hangs',
  splitHeaderBlock8k: 'closed',
  headersOf20k: 'told',
  utf8AtValueEnd: 'lost',
  namesItself: true,
  brokenChunkSize: 'closed',
  fiveGibibytes: 'closed',
};

const build = loadUws();

describe('HTTP listeners', { concurrency: true }, () => {
  httpConformance(`node ${process.versions.node}`, openNodeListener, nodeTraits);
  if ('uws' in build) {
    const open: OpenListener = (options, handler) => openUwsListener(build, options, handler);
    httpConformance(`uws ${build.version}`, open, build.sound ? uwsTraits : oldUwsTraits);
  }
});

if (!('uws' in build)) {
  console.error(`NOT TESTED: the listener on uWebSockets.js, because no build of it loads here:\n  ${build.join('\n  ')}`);
}

test('auto takes uWebSockets.js where a sound build loads, node by name is node', async () => {
  const options = { host: '127.0.0.1', port: 0, tls: undefined };
  const handler = async () => {};
  const chosen = await openListener('auto', options, handler);
  const node = await openListener('node', options, handler);
  await Promise.all([chosen.close(0), node.close(0)]);
  const sound = 'uws' in build && build.sound;
  assert.match(chosen.transport, sound ? /^uws 20\.\d+$/ : /^node /);
  assert.equal(chosen.limits.length > 0, sound);
  assert.equal(node.transport, `node ${process.versions.node}`);
  const lines = await describeTransports();
  assert.ok(lines.some((line) => line.includes('uws')) && lines.some((line) => line.includes('node')));
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

test('auto serves TLS whatever builds load, with back-pressure; uws by name does or says why not', () =>
  withCertificate(async (tls) => {
    const options = { host: '127.0.0.1', port: 0, tls };
    const probe = new ProbeHandler();
    const listener = await openListener('auto', options, probe.handle);
    try {
      assert.match(listener.transport, 'uws' in build && build.sound ? /^uws / : /^node /);
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
    if ('uws' in build && !build.sound) await assert.rejects(openListener('uws', options, probe.handle), /does not serve TLS/);
    const missing = { ...options, tls: { certFile: `${tls.certFile}.missing`, keyFile: tls.keyFile } };
    await assert.rejects(openListener('auto', missing, probe.handle));
  }));
