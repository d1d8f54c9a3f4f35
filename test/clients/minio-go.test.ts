/** minio-go: `minio-go-session.go` beside this file ends with 1 on any difference. `go install .` in this folder makes it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { missingPeer, peer } from '../support/peer.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const program = 'minio-go-session';
const skip = missingPeer(program);
let server: RunningServer;

before(async () => {
  if (!skip) server = await startServer();
});
after(() => server?.stop());

test('minio-go: streams of known and unknown length with every checksum', { skip }, async () => {
  const environment = {
    LITEIO_TEST_ENDPOINT: server.endpoint,
    AWS_ACCESS_KEY_ID: server.accessKey,
    AWS_SECRET_ACCESS_KEY: server.secretKey,
  };
  assert.match(await peer(program, [], { environment, timeoutSeconds: 300 }), /all differences would have ended it/);
});
