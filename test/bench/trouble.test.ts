/** What goes wrong about a run is said in words that tell what to do, and never ends in a stack. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readResult } from '../../bench/report/json.ts';
import { temporaryDirectory } from '../support/files.ts';
import { cleanEnvironment, type RunningServer, startServer } from '../support/server.ts';
import { benchProgram, type Ended } from './bench-program.ts';

const work = temporaryDirectory('bench-trouble');
const environment = cleanEnvironment({ TMPDIR: work.path, HOME: work.path });
let plain: RunningServer;

before(async () => {
  plain = await startServer({ drives: 1 });
});
after(async () => {
  await plain.stop();
  work.remove();
});

/** A put of a moment on an endpoint, as whoever is named. */
function put(endpoint: string, ...more: readonly string[]): Promise<Ended> {
  const short = ['--operations', '5', '--turns', '1', '--warm-up', '0s', '--quiet'];
  const keys = ['--access-key', plain.accessKey, '--secret-key', plain.secretKey];
  return benchProgram(['put', '--endpoint', `there=${endpoint}`, ...short, ...keys, ...more], environment);
}

test('a file that takes no byte costs neither the figures nor the other file', { skip: !existsSync('/dev/full') }, async () => {
  const json = join(work.path, 'left.json');
  const { status, stdout, stderr } = await put(plain.endpoint, '--html', '/dev/full', '--json', json, '--fail-under', 'errors<=0');
  assert.equal(status, 1);
  assert.match(stdout, /^put-4KiB-c16 +there /m);
  assert.match(stdout, /^met +errors<=0/m);
  assert.match(stderr, /^liteio: cannot write \/dev\/full: ENOSPC: [^\n]*\n$/);
  assert.equal(readResult(json).lines.length, 1);
});
