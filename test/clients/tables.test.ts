/** pyarrow, deltalake (four writers, conditional puts), DuckDB's httpfs and the AWS CRT: `tables-session.py` raises on any difference. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { projectRoot } from '../support/files.ts';
import { missingPeer, peer } from '../support/peer.ts';
import { type RunningServer, startServer } from '../support/server.ts';

/** With the packages that test/clients/tables-requirements.txt names. */
const python = process.env.TABLES_PYTHON ?? 'python3';
const skip = missingPeer(python, ['-c', 'import pyarrow, deltalake, duckdb, duckdb_ext, awscrt']);
let server: RunningServer;

before(async () => {
  if (!skip) server = await startServer();
});
after(() => server?.stop());

test('pyarrow, deltalake, DuckDB and the AWS CRT', { skip }, async () => {
  const environment = {
    LITEIO_TEST_ENDPOINT: server.endpoint,
    AWS_ACCESS_KEY_ID: server.accessKey,
    AWS_SECRET_ACCESS_KEY: server.secretKey,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const said = await peer(python, [join(projectRoot, 'test/clients/tables-session.py')], { environment, timeoutSeconds: 300 });
  assert.match(said, /all differences would have raised/);
});
