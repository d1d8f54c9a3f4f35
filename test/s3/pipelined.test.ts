/** Requests sent without waiting for answers are carried out one after the other, as they were sent. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RawClient, startRaw } from '../support/raw-client.ts';
import { RawSocket } from '../support/raw-socket.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { signHeader } from '../support/sign.ts';

const bucket = 'pipelined';
const rounds = 30;
let server: RunningServer;
let client: RawClient;

before(async () => {
  server = await startServer({ args: ['--transport', 'node'] });
  client = startRaw(server);
  await client.must({ method: 'PUT', bucket });
});
after(async () => {
  client?.close();
  await server?.stop();
});

interface Request {
  readonly method: string;
  readonly key: string;
  readonly body?: Buffer;
}

function wire({ method, key, body }: Request): Buffer {
  const draft = { method, path: `/${bucket}/${key}`, headers: { host: new URL(server.endpoint).host } };
  const signed = signHeader(draft, { ...server, region: 'us-east-1' }, { time: Date.now(), payload: 'UNSIGNED-PAYLOAD' });
  const length: Record<string, string> = body === undefined ? {} : { 'content-length': String(body.length) };
  const lines = Object.entries({ ...signed.headers, ...length }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${signed.path} HTTP/1.1\r\n${lines.join('')}\r\n`), body ?? Buffer.alloc(0)]);
}

/** All of them in one piece on one connection; their statuses and bodies. */
async function together(...requests: readonly Request[]): Promise<(readonly [status: number, body: Buffer])[]> {
  const socket = await RawSocket.open(server.port);
  try {
    socket.write(Buffer.concat(requests.map(wire)));
    const answers: (readonly [number, Buffer])[] = [];
    for (const { method } of requests) {
      const { status, body } = await socket.answer(method === 'HEAD');
      answers.push([status, body]);
    }
    return answers;
  } finally {
    socket.destroy();
  }
}

const large = (letter: string) => Buffer.alloc(200_000, letter);
const put = (key: string, body: Buffer): Request => ({ method: 'PUT', key, body });
const get = (key: string): Request => ({ method: 'GET', key });
const remove = (key: string): Request => ({ method: 'DELETE', key });

test(`PUT and PUT of one key, ${rounds} times: the second one stays`, async () => {
  for (let round = 0; round < rounds; round += 1) {
    const key = `twice-${round}`;
    // The later one is ready sooner.
    const answers = await together(put(key, large('a')), put(key, Buffer.from('second')));
    assert.deepEqual(
      answers.map(([status]) => status),
      [200, 200],
    );
    assert.equal((await client.must({ method: 'GET', bucket, key })).body.toString(), 'second', key);
  }
});

test(`GET, PUT, GET of one key, ${rounds} times: what was, then what is`, async () => {
  for (let round = 0; round < rounds; round += 1) {
    const key = `seen-${round}`;
    await client.must({ method: 'PUT', bucket, key, body: large('a') });
    const [before, written, after] = await together(get(key), put(key, large('b')), get(key));
    assert.deepEqual([before?.[0], written?.[0], after?.[0]], [200, 200, 200]);
    assert.ok(before?.[1].equals(large('a')) && after?.[1].equals(large('b')), key);
  }
});

test(`PUT, DELETE, GET of one key, ${rounds} times: it is gone`, async () => {
  for (let round = 0; round < rounds; round += 1) {
    const key = `gone-${round}`;
    const answers = await together(put(key, large('a')), remove(key), get(key));
    assert.deepEqual(
      answers.map(([status]) => status),
      [200, 204, 404],
      key,
    );
  }
});

test('many mixed requests of one client come out as if sent one by one', async () => {
  const key = 'mixed';
  const requests: Request[] = [];
  const expected: number[] = [];
  for (let step = 0; step < 20; step += 1) {
    requests.push(put(key, Buffer.from(`step ${step}`)), get(key), get(key));
    expected.push(200, 200, 200);
  }
  requests.push(remove(key), { method: 'HEAD', key });
  expected.push(204, 404);
  const answers = await together(...requests);
  assert.deepEqual(
    answers.map(([status]) => status),
    expected,
  );
  for (const [at, [, body]] of answers.slice(0, 60).entries()) if (at % 3 > 0) assert.equal(body.toString(), `step ${Math.floor(at / 3)}`);
});
