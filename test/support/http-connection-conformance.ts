/** What every HTTP transport must do with a connection: requests that don't wait for answers, clients that close their side, refusals that must arrive. */
import assert from 'node:assert/strict';
import { Fault } from '../../engine/fault.ts';
import {
  echoOf,
  eventually,
  expectRefusal,
  hangMilliseconds,
  host,
  type OpenListener,
  on,
  type TransportTraits,
  using,
} from './listener-stage.ts';

const get = (target: string) => `GET ${target} HTTP/1.1\r\n${host}\r\n`;
const put = (target: string, body = '') => `PUT ${target} HTTP/1.1\r\n${host}Content-Length: ${body.length}\r\n\r\n${body}`;

export function connections(open: OpenListener, traits: TransportTraits): void {
  if (traits.pipelined === 'in order') turns(open);
  halfClosed(open, traits);
  balancers(open, traits);
  refusals(open, traits);
  on(
    open,
    `nothing more comes of a body: ${traits.stalledBody}`,
    (stage) =>
      using(stage, async (client) => {
        client.write(`PUT /x?id=1 HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhel`);
        const record = stage.probe.record('1');
        await eventually('the handler is told', () => record.readBytes === 3);
        assert.ok(await client.endsWithin(40_000));
        await eventually('the handler is told', () => record.finished);
        const kind = traits.stalledBody === 'told' ? 'clientStalled' : 'clientGone';
        assert.ok(record.thrown instanceof Fault && record.thrown.kind === kind, String(record.thrown));
        if (traits.stalledBody === 'closed') return assert.equal(client.received.length, 0);
        const answer = await client.answer();
        assert.deepEqual([answer.status, answer.header('connection')], [500, 'close'], 'the handler answers');
      }),
    { stallMilliseconds: 300 },
  );
}

function turns(open: OpenListener): void {
  const orders: readonly (readonly [what: string, first: string, second: string])[] = [
    ['PUT, PUT', put('/do/wait-and-echo?id=1', 'abc'), put('/2', 'de')],
    ['PUT, GET', put('/do/wait-and-echo?id=1', 'abc'), get('/2')],
    ['GET, PUT', get('/do/wait-and-echo?id=1'), put('/2', 'de')],
    ['GET, DELETE', get('/do/wait-and-echo?id=1'), `DELETE /2 HTTP/1.1\r\n${host}\r\n`],
    ['PUT of 400 kB, PUT of 400 kB', put('/do/wait-and-echo?id=1', 'a'.repeat(400_000)), put('/2', 'd'.repeat(400_000))],
  ];
  for (const [what, first, second] of orders) {
    on(open, `pipelined ${what}: the second begins when the first is done`, (stage) =>
      using(stage, async (client) => {
        client.write(first + second);
        await eventually('the first one begins', () => stage.probe.paths.length === 1);
        await new Promise((resolve) => setTimeout(resolve, hangMilliseconds));
        assert.deepEqual(stage.probe.paths, ['/do/wait-and-echo']);
        stage.probe.record('1').release();
        assert.equal(echoOf(await client.answer()).path, '/do/wait-and-echo');
        assert.equal(echoOf(await client.answer()).path, '/2');
        client.write(get('/3'));
        assert.equal(echoOf(await client.answer()).path, '/3');
      }),
    );
  }
  on(open, 'pipelined GETs run side by side', (stage) =>
    using(stage, async (client) => {
      client.write(get('/do/wait-and-echo?id=1') + get('/2') + get('/3') + put('/4', 'x'));
      await eventually('three of them begin', () => stage.probe.paths.length === 3);
      stage.probe.record('1').release();
      for (const path of ['/do/wait-and-echo', '/2', '/3', '/4']) assert.equal(echoOf(await client.answer()).path, path);
    }),
  );
  on(open, 'what leaves before its turn is not begun, and leaves nothing behind', async (stage) => {
    await using(stage, async (client) => {
      client.write(put('/do/wait-and-echo?id=1', 'abc') + put('/2', 'de') + put('/3', 'f'));
      await eventually('the first one begins', () => stage.probe.paths.length === 1);
      client.socket.resetAndDestroy();
      await new Promise((resolve) => setTimeout(resolve, 100));
      stage.probe.record('1').release();
      await eventually('the first one ends', () => stage.probe.record('1').finished);
    });
    const before = Date.now();
    await stage.listener.close(10_000);
    assert.ok(Date.now() - before < 2000, 'nothing is under way any more');
    assert.deepEqual(stage.probe.paths, ['/do/wait-and-echo']);
  });
  on(open, 'a hundred at once: those beyond the limit are refused, with the connection', (stage) =>
    using(stage, async (client) => {
      client.write(put('/do/wait-and-echo?id=1', 'abc') + Array.from({ length: 99 }, (_, i) => put(`/${i}`)).join(''));
      await eventually('the first one begins', () => stage.probe.paths.length === 1);
      stage.probe.record('1').release();
      for (let i = 0; i < 64; i++) echoOf(await client.answer());
      assert.equal((await client.answer()).status, 503);
      assert.ok(await client.endsWithin(3000));
      assert.equal(stage.probe.paths.length, 64);
    }),
  );
  on(open, 'garbage behind requests is refused behind their answers', (stage) =>
    using(stage, async (client) => {
      client.write(`${put('/do/wait-and-echo?id=1', 'abc') + get('/2')}hello\r\n\r\n${get('/smuggled')}`);
      await eventually('the first one begins', () => stage.probe.paths.length === 1);
      stage.probe.record('1').release();
      for (const path of ['/do/wait-and-echo', '/2']) assert.equal(echoOf(await client.answer()).path, path);
      assert.equal((await client.answer()).status, 400);
      assert.ok(await client.endsWithin(3000));
      assert.deepEqual(stage.probe.paths, ['/do/wait-and-echo', '/2']);
    }),
  );
}

function halfClosed(open: OpenListener, { halfClosed: expected }: TransportTraits): void {
  const requests: readonly (readonly [what: string, request: string])[] = [
    ['a PUT', put('/do/wait-and-echo?id=1', 'hello')],
    ['a GET', get('/do/wait-and-echo?id=1')],
    ['one that closes', `GET /do/wait-and-echo?id=1 HTTP/1.1\r\n${host}Connection: close\r\n\r\n`],
  ];
  for (const [what, request] of requests) {
    on(open, `a client that closes its side behind ${what}: ${expected}`, (stage) =>
      using(stage, async (client) => {
        client.socket.end(request);
        await eventually('the request is under way', () => stage.probe.paths.length === 1);
        await new Promise((resolve) => setTimeout(resolve, 100));
        stage.probe.record('1').release();
        if (expected === 'answered') assert.equal(echoOf(await client.answer()).path, '/do/wait-and-echo');
        assert.ok(await client.endsWithin(3000));
      }),
    );
  }
  if (expected === 'closed') return;
  on(open, 'a client that closes its side gets a large answer whole, however slowly it reads', (stage) =>
    using(stage, async (client) => {
      const bytes = 24 << 20;
      client.socket.end(get(`/do/stream?id=1&bytes=${bytes}`));
      await client.until(() => client.receivedBytes > 0);
      client.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 4000));
      client.socket.resume();
      assert.equal((await client.answer()).body.length, bytes);
      assert.ok(await client.endsWithin(3000));
    }),
  );
  on(open, 'pipelined requests of a client that closes its side are all answered', (stage) =>
    using(stage, async (client) => {
      client.socket.end(put('/1', 'abc') + get('/2') + put('/3', 'de'));
      for (const path of ['/1', '/2', '/3']) assert.equal(echoOf(await client.answer()).path, path);
      assert.ok(await client.endsWithin(3000));
    }),
  );
}

function balancers(open: OpenListener, { http10 }: TransportTraits): void {
  for (const [what, head] of [
    ['without Host', ''],
    ['with Host', host],
  ]) {
    on(open, `HTTP/1.0 ${what}: ${http10}`, (stage) =>
      using(stage, async (client) => {
        client.write(`GET /check HTTP/1.0\r\n${head}\r\n`);
        if (http10 !== 'served') return expectRefusal(client, http10, [400, 505]);
        assert.equal(echoOf(await client.answer()).path, '/check');
        assert.ok(await client.endsWithin(1000), 'and closed');
      }),
    );
  }
  if (http10 !== 'served') return;
  on(open, 'HTTP/1.0 with a body of chunks is refused', (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /x HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`);
      await expectRefusal(client, 'told', [400]);
      assert.deepEqual(stage.probe.paths, []);
    }),
  );
}

/** Closed on bytes it has not read, a connection is reset, and what the client had not read yet is lost to it. */
function refusals(open: OpenListener, traits: TransportTraits): void {
  const bytes = 4_000_000;
  const byHandlers: readonly (readonly [what: string, status: number, head: string])[] = [
    ['of a connection that closes', 403, `PUT /do/refuse HTTP/1.1\r\n${host}Connection: close\r\n`],
    ...(traits.http10 === 'served' ? [['of HTTP/1.0', 403, 'PUT /do/refuse HTTP/1.0\r\n'] as const] : []),
  ];
  const byTransport: typeof byHandlers = [
    ['of a framing that is no good', 400, `PUT /x HTTP/1.1\r\n${host}${host}`],
    ['of what is no HTTP', 400, `PUT /x HTTP/1.1\r\n${host}X A: 1\r\n`],
  ];
  for (const [what, status, head] of [...byHandlers, ...(traits.refusalsOfFraming === 'read' ? byTransport : [])]) {
    on(open, `a refusal ${what} is read by a client that sends first and reads then`, (stage) =>
      using(stage, async (client) => {
        client.socket.pause();
        client.write(`${head}Content-Length: ${bytes}\r\n\r\n`);
        const piece = Buffer.alloc(250_000);
        for (let sent = 0; sent < bytes; sent += piece.length) {
          await client.deliver(piece);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        assert.equal(client.brokenBy, undefined, 'the whole body was taken');
        client.socket.resume();
        assert.equal((await client.answer()).status, status);
        client.socket.end();
        assert.ok(await client.endsWithin(3000));
      }),
    );
  }
}
