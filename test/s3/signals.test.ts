/** Signals beside those that stop it, and certificates that change while it runs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect as connectPlainly } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { Certificates, lookMilliseconds } from '../../http/certificates.ts';
import { fileMark } from '../../http/system-files.ts';
import { temporaryDirectory } from '../support/files.ts';
import { manualClock } from '../support/manual-clock.ts';
import { type RunningServer, startServer } from '../support/server.ts';

let work: { path: string; remove(): void };

before(() => {
  work = temporaryDirectory('signals');
});
after(() => work.remove());

const patience = 10_000;

/** A new pair in a directory of its own. */
function pair(name: string): string {
  const directory = join(work.path, name);
  mkdirSync(directory);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem'];
  execFileSync('openssl', ['req', '-x509', ...key, '-days', '2', '-subj', `/CN=${name}`, '-out', 'cert.pem'], {
    cwd: directory,
    stdio: 'pipe',
  });
  return directory;
}

const flags = (directory: string) => ['--tls-cert', join(directory, 'cert.pem'), '--tls-key', join(directory, 'key.pem')];

async function shownName(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect');
    return String(socket.getPeerCertificate().subject.CN);
  } finally {
    socket.destroy();
  }
}

/** Says once more what it is asked to say: how often it was said before. */
async function saidAgain(server: RunningServer, signal: NodeJS.Signals, text: string): Promise<void> {
  const before = server.output.split(text).length;
  process.kill(server.pid, signal);
  for (let waited = 0; server.output.split(text).length === before; waited += 20) {
    assert.ok(waited < patience, `${text} was not said:\n${server.output}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('SIGHUP takes a new certificate; one that is no good leaves the old one in use', async () => {
  const [first, second, live] = [pair('first'), pair('second'), join(work.path, 'live')];
  symlinkSync(first, live);
  const args = ['--transport', 'node', '--log-level', 'info', ...flags(live)];
  const server = await startServer({ directory: work.path, drives: 1, args });
  try {
    assert.equal(await shownName(server.port), 'first');
    const kept = connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(kept, 'secureConnect');

    symlinkSync(second, `${live}.new`);
    renameSync(`${live}.new`, live);
    await saidAgain(server, 'SIGHUP', 'the certificate was read again');
    assert.equal(await shownName(server.port), 'second');
    kept.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const [answer] = (await once(kept, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 403/, 'connections that were open go on');
    kept.destroy();

    const refusal = "the new certificate can't be used";
    copyFileSync(join(first, 'cert.pem'), join(second, 'cert.pem'));
    await saidAgain(server, 'SIGHUP', refusal);
    assert.equal(await shownName(server.port), 'second', 'no pair');
    writeFileSync(join(second, 'cert.pem'), 'no certificate');
    await saidAgain(server, 'SIGHUP', refusal);
    unlinkSync(join(second, 'cert.pem'));
    await saidAgain(server, 'SIGHUP', refusal);
    assert.equal(await shownName(server.port), 'second');
    assert.equal(server.exited, false);
  } finally {
    await server.stop();
  }
});

test('a change of the files is seen without a signal, a pair that changes one by one in the end', async () => {
  const directory = pair('watched');
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const next = pair('next');
  const clock = manualClock();
  const said: string[] = [];
  const log = { info: (_: object, text: string) => said.push(text), warn: (_: object, text: string) => said.push(text) };
  let renewed = 0;
  const listener = {
    renewCertificate: async () => {
      const { createSecureContext } = await import('node:tls');
      const { readFile } = await import('node:fs/promises');
      createSecureContext({ cert: await readFile(certFile), key: await readFile(keyFile) });
      renewed += 1;
    },
  };
  const certificates = new Certificates({ tls: { certFile, keyFile }, listener, clock, fileMark, log });
  await certificates.watch();
  const look = async () => {
    await clock.advance(lookMilliseconds);
    await new Promise((resolve) => setTimeout(resolve, 100));
  };
  await look();
  assert.deepEqual([renewed, said], [0, []], 'nothing has changed');
  copyFileSync(join(next, 'cert.pem'), certFile);
  await look();
  await look();
  assert.deepEqual([renewed, said.length], [0, 1], 'the key is still the old one, which is told once');
  copyFileSync(join(next, 'key.pem'), keyFile);
  await look();
  assert.deepEqual([renewed, said.at(-1)], [1, 'the certificate was read again']);
  certificates.close();
  writeFileSync(certFile, 'x');
  await look();
  assert.equal(renewed + said.length, 3, 'closed, it looks no more');
});

test('SIGHUP without a certificate and SIGUSR1 end nothing and open nothing', async () => {
  const server = await startServer({ drives: 1 });
  try {
    await saidAgain(server, 'SIGHUP', 'there is no certificate to read again');
    for (let times = 0; times < 3; times += 1) process.kill(server.pid, 'SIGUSR1');
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.doesNotMatch(server.output, /Debugger listening/);
    const inspector = connectPlainly(9229, '127.0.0.1');
    const [error] = (await once(inspector, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
    assert.equal(server.exited, false);
    assert.equal((await fetch(server.endpoint)).status, 403);
  } finally {
    await server.stop();
  }
});

test('a refused start leaves a link that leads nowhere, and what it was to lead to', async () => {
  const directory = join(work.path, 'links');
  mkdirSync(directory);
  symlinkSync(join(directory, 'missing'), join(directory, 'drive1'));
  await assert.rejects(startServer({ directory, drives: 1 }), /can't be written to|is no directory|leads nowhere/);
  assert.deepEqual(readdirSync(directory), ['drive1']);
  symlinkSync(join(directory, 'missing2'), join(directory, 'drive2'));
  await assert.rejects(startServer({ directory, drives: 4 }));
  assert.deepEqual(
    readdirSync(directory)
      .filter((name) => name.startsWith('drive'))
      .slice(0, 2),
    ['drive1', 'drive2'],
  );
});
