/** Debian's boto3 through /usr/bin/python3: `boto3-session.py` beside this file raises on any difference. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { projectRoot } from '../support/files.ts';
import { missingPeer, peer } from '../support/peer.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const python = '/usr/bin/python3';
const skip = missingPeer(python, ['-c', 'import boto3']);
let server: RunningServer;

before(async () => {
  if (!skip) server = await startServer();
});
after(() => server?.stop());

test('boto3: objects, multipart, listings, copies, versions, presigned', { skip }, async () => {
  const environment = {
    LITEIO_TEST_ENDPOINT: server.endpoint,
    AWS_ACCESS_KEY_ID: server.accessKey,
    AWS_SECRET_ACCESS_KEY: server.secretKey,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const said = await peer(python, [join(projectRoot, 'test/clients/boto3-session.py')], { environment });
  assert.match(said, /all differences would have raised/);
});
