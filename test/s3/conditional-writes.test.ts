/** Many writers, one key, one condition: exactly one gets a 200, round after round. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { S3Client } from '../../bench/client/s3-client.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const writers = 64;
const rounds = 200;
let server: RunningServer;
let client: S3Client;

before(async () => {
  server = await startServer();
  client = new S3Client(
    { endpoint: server.endpoint, accessKey: server.accessKey, secretKey: server.secretKey, region: 'us-east-1' },
    writers,
  );
  await client.must({ method: 'PUT', bucket: 'race' });
});
after(async () => {
  client.close();
  await server.stop();
});

async function race(key: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const attempts = Array.from({ length: writers }, (_, writer) =>
    client.call({ method: 'PUT', bucket: 'race', key, headers, body: Buffer.from(`writer ${writer}`) }),
  );
  const answers = await Promise.all(attempts);
  const winners = answers.filter((answer) => answer.status === 200);
  const losers = answers.filter((answer) => answer.status === 412 || answer.status === 409);
  assert.equal(winners.length, 1, `${winners.length} winners of ${key}: ${answers.map((answer) => answer.status)}`);
  assert.equal(losers.length, writers - 1);
  const winner = answers.indexOf(winners[0] as (typeof answers)[number]);
  const stored = await client.must({ method: 'GET', bucket: 'race', key });
  assert.equal(stored.body.toString(), `writer ${winner}`, 'what is stored is the winner’s');
  return winners[0]?.headers.etag ?? '';
}

test(`If-None-Match: * with ${writers} writers, ${rounds} rounds: exactly one 200`, async () => {
  for (let round = 0; round < rounds; round += 1) await race(`none/${round}`, { 'if-none-match': '*' });
});

test(`If-Match with ${writers} writers, ${rounds} rounds: exactly one 200`, async () => {
  const first = await client.must({ method: 'PUT', bucket: 'race', key: 'match', body: Buffer.from('start') });
  let etag = first.headers.etag ?? '';
  for (let round = 0; round < rounds; round += 1) {
    const next = await race('match', { 'if-match': etag });
    // The same writer may win twice in a row; a fixed body in between gives the next round an ETag nobody writes.
    const between = await client.must({
      method: 'PUT',
      bucket: 'race',
      key: 'match',
      headers: { 'if-match': next },
      body: Buffer.from(`round ${round}`),
    });
    etag = between.headers.etag ?? '';
  }
});
