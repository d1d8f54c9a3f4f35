/** A bucket of a million keys: the last page comes as fast as the first, with and without a delimiter, and no key is lost or shown twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3Client } from '../../bench/client/s3-client.ts';
import { temporaryDirectory } from '../support/files.ts';
import { startServer } from '../support/server.ts';

const keys = Number(process.env.TRIAL_KEYS ?? 1_000_000);
const perFolder = 1000;
const repeats = 21;

const keyOf = (number: number): string =>
  `f${String(Math.floor(number / perFolder)).padStart(6, '0')}/k${String(number % perFolder).padStart(6, '0')}`;

test(`a bucket of ${keys} keys: page latency`, { timeout: 1_500_000 }, async () => {
  const work = temporaryDirectory('million');
  const server = await startServer({ directory: work.path });
  const client = new S3Client(
    { endpoint: server.endpoint, accessKey: server.accessKey, secretKey: server.secretKey, region: 'us-east-1' },
    128,
  );
  const list = (query: Record<string, string>): Promise<string> =>
    client.must({ method: 'GET', bucket: 'million', query: { 'list-type': '2', ...query } }).then((answer) => answer.body.toString());
  const latency = async (query: Record<string, string>): Promise<number> => {
    const times: number[] = [];
    for (let i = 0; i < repeats; i += 1) {
      const begun = performance.now();
      await list(query);
      times.push(performance.now() - begun);
    }
    return times.sort((a, b) => a - b)[repeats >> 1] ?? 0;
  };
  try {
    await client.must({ method: 'PUT', bucket: 'million' });
    let next = 0;
    const begun = performance.now();
    const fill = async (): Promise<void> => {
      while (next < keys) await client.must({ method: 'PUT', bucket: 'million', key: keyOf(next++), body: Buffer.from('x') });
    };
    await Promise.all(Array.from({ length: 128 }, fill));
    console.log(`filled with ${keys} keys at ${(keys / ((performance.now() - begun) / 1000)).toFixed(0)} PUT/s`);

    let seen = 0;
    let last = '';
    for (let token = '', more = true; more; ) {
      const page = await list(token === '' ? {} : { 'continuation-token': token });
      for (const [, key] of page.matchAll(/<Key>([^<]+)</g)) {
        assert.ok((key as string) > last, `${key} after ${last}`);
        last = key as string;
        seen += 1;
      }
      token = /<NextContinuationToken>([^<]+)</.exec(page)?.[1] ?? '';
      more = token !== '';
    }
    assert.equal(seen, keys);

    const flatFirst = await latency({});
    const flatLast = await latency({ 'start-after': keyOf(keys - 1001) });
    const folderFirst = await latency({ delimiter: '/', 'max-keys': '100' });
    const folderLast = await latency({ delimiter: '/', 'max-keys': '100', 'start-after': keyOf(keys - 100 * perFolder - 1) });
    console.log(
      `page of 1000 keys: first ${flatFirst.toFixed(1)} ms, last ${flatLast.toFixed(1)} ms (${(flatLast / flatFirst).toFixed(2)}x)`,
    );
    console.log(
      `page of 100 prefixes: first ${folderFirst.toFixed(1)} ms, last ${folderLast.toFixed(1)} ms (${(folderLast / folderFirst).toFixed(2)}x)`,
    );
    assert.ok(flatLast < 2 * flatFirst, `last page ${flatLast.toFixed(1)} ms against first ${flatFirst.toFixed(1)} ms`);
    assert.ok(folderLast < 2 * folderFirst, `last page of prefixes ${folderLast.toFixed(1)} ms against first ${folderFirst.toFixed(1)} ms`);
  } finally {
    client.close();
    await server.stop();
    work.remove();
  }
});
