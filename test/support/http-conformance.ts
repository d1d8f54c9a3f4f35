/** What every HTTP transport must do, checked with raw sockets, as a function of how a listener is opened. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe } from 'node:test';
import { Fault } from '../../engine/fault.ts';
import { connections } from './http-connection-conformance.ts';
import { bodies, framing, requests } from './http-request-conformance.ts';
import { echoOf, eventually, host, type OpenListener, on, sha256, type TransportTraits, using } from './listener-stage.ts';
import { fillPattern } from './probe-handler.ts';
import { RawSocket } from './raw-socket.ts';

export function httpConformance(name: string, open: OpenListener, traits: TransportTraits): void {
  describe(`HTTP listener: ${name}`, { concurrency: 16 }, () => {
    framing(open, traits);
    requests(open, traits);
    bodies(open, traits);
    answers(open, traits);
    departures(open);
    pressure(open);
    closing(open);
    connections(open, traits);
  });
}

function answers(open: OpenListener, traits: TransportTraits): void {
  on(open, 'HEAD, 204 and 304 end with their headers', (stage) =>
    using(stage, async (client) => {
      client.write(`HEAD /do/head HTTP/1.1\r\n${host}\r\n`);
      const head = await client.answer(true);
      assert.deepEqual([head.status, head.header('content-length')], [200, '123456789012']);
      client.write(`HEAD /do/refuse HTTP/1.1\r\n${host}\r\n`);
      assert.equal((await client.answer(true)).header('content-length'), '8');
      client.write(`HEAD /do/stream?bytes=1000 HTTP/1.1\r\n${host}\r\n`);
      assert.equal((await client.answer(true)).header('content-length'), '1000');
      for (const status of [204, 304]) {
        client.write(`GET /do/status?status=${status} HTTP/1.1\r\n${host}\r\n`);
        const answer = await client.answer();
        assert.deepEqual([answer.status, answer.header('content-length'), answer.header('etag')], [status, undefined, '"0"']);
      }
      client.write(`GET /next HTTP/1.1\r\n${host}\r\n`);
      assert.equal(echoOf(await client.answer()).path, '/next');
    }),
  );
  on(open, 'answers without a body say so', (stage) =>
    using(stage, async (client) => {
      for (const target of ['/do/status?status=200', '/do/stream?bytes=0', '/do/large?bytes=0']) {
        client.write(`GET ${target} HTTP/1.1\r\n${host}\r\n`);
        assert.equal((await client.answer()).header('content-length'), '0', target);
      }
    }),
  );
  on(open, 'no value or name reaches into another header', (stage) =>
    using(stage, async (client) => {
      client.write(`GET /do/inject HTTP/1.1\r\n${host}\r\n`);
      const { headers, header } = await client.answer();
      assert.equal(header('injected'), undefined);
      assert.match(header('x-value') ?? '', /^a +Injected: 1 +b$/);
      assert.equal(header('x-utf8'), 'grüße ☃');
      const count = (name: string) => headers.filter(([each]) => each === name).length;
      assert.deepEqual([count('date'), count('content-length'), count('server')], [1, 1, 0]);
      assert.equal(count('uwebsockets'), traits.namesItself ? 1 : 0);
      assert.ok(!headers.some(([each]) => each.startsWith('x-bad')));
    }),
  );
  on(open, 'answers of every size arrive whole', (stage) =>
    using(stage, async (client) => {
      for (const bytes of [1, 4096, 65_536, 65_537, 1_000_000, 6_000_000]) {
        client.write(`GET /do/large?bytes=${bytes} HTTP/1.1\r\n${host}\r\n`);
        const { body } = await client.answer();
        assert.ok(body.equals(Buffer.alloc(bytes, 'x')), `${bytes} in one piece`);
        for (const chunk of [1000, 65_536, 1 << 20].filter((each) => bytes / each < 100)) {
          const id = `${bytes}-${chunk}`;
          client.write(`GET /do/stream?id=${id}&bytes=${bytes}&chunk=${chunk} HTTP/1.1\r\n${host}\r\n`);
          const streamed = (await client.answer()).body;
          assert.ok(streamed.equals(pattern(bytes)), id);
          await eventually('the body is given back', () => stage.probe.record(id).cancelled);
        }
      }
      assert.deepEqual(stage.reported, []);
    }),
  );
  on(open, 'a handler that throws or forgets to answer is a 500 and is reported', (stage) =>
    using(stage, async (client) => {
      for (const path of ['/do/throw', '/do/nothing']) {
        client.write(`GET ${path} HTTP/1.1\r\n${host}\r\n`);
        assert.equal((await client.answer()).status, 500);
      }
      assert.equal(stage.reported.length, 2);
    }),
  );
  on(open, 'a body that fails at once can still be answered', (stage) =>
    using(stage, async (client) => {
      client.write(`GET /do/break-at-once?id=1 HTTP/1.1\r\n${host}\r\n`);
      const answer = await client.answer();
      assert.deepEqual([answer.status, answer.header('x-never')], [503, undefined]);
      assert.ok(stage.probe.record('1').cancelled);
    }),
  );
  for (const path of ['/do/stream-and-break', '/do/stream-too-little']) {
    on(open, `a body that fails later is cut short (${path})`, (stage) =>
      using(stage, async (client) => {
        client.write(`GET ${path}?id=1 HTTP/1.1\r\n${host}\r\n`);
        await assert.rejects(client.answer(), /closed/);
        assert.ok(client.received.length < 1 << 20);
        assert.ok(stage.probe.record('1').cancelled);
        assert.equal(stage.reported.length, 1);
      }),
    );
  }
}

function pattern(bytes: number): Buffer {
  const expected = Buffer.alloc(bytes);
  fillPattern(expected, 0);
  return expected;
}

function departures(open: OpenListener): void {
  for (const how of ['resets', 'ends'] as const) {
    on(open, `a client that ${how} in the middle of its body`, (stage) =>
      using(stage, async (client) => {
        client.write(`PUT /x?id=1 HTTP/1.1\r\n${host}Content-Length: 5000\r\n\r\n${'x'.repeat(1000)}`);
        const record = stage.probe.record('1');
        await eventually('the first bytes are read', () => record.readBytes === 1000);
        if (how === 'resets') client.socket.resetAndDestroy();
        else client.socket.end();
        await eventually('the handler is told', () => record.finished);
        assert.ok(record.thrown instanceof Fault && record.thrown.kind === 'clientGone', String(record.thrown));
      }),
    );
  }
  on(open, 'a client that leaves while its answer waits for more bytes', (stage) =>
    using(stage, async (client) => {
      client.write(`GET /do/stream-and-stop?id=1 HTTP/1.1\r\n${host}\r\n`);
      await client.until(() => client.receivedBytes > 1 << 19);
      client.destroy();
      const record = stage.probe.record('1');
      await eventually('the handler is told', () => record.finished);
      assert.deepEqual([record.thrown, record.cancelled], [undefined, true]);
    }),
  );
  on(open, 'a client that leaves while its answer waits for the socket', async (stage) => {
    const socket = connect(stage.listener.port, '127.0.0.1');
    socket.pause();
    socket.write(`GET /do/stream?id=1&bytes=${1 << 30} HTTP/1.1\r\n${host}\r\n`);
    const record = stage.probe.record('1');
    await eventually('bytes flow', () => record.pulledBytes > 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    socket.destroy();
    await eventually('the handler is told', () => record.finished);
    assert.deepEqual([record.thrown, record.cancelled], [undefined, true]);
  });
}

/** What two kernels hold for a connection on the loopback, and one chunk more. */
const kernelBytesMax = 24 << 20;

/** Waits until a number stops growing. */
async function settled(value: () => number): Promise<number> {
  let before = -1;
  while (before !== value()) {
    before = value();
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return before;
}

function pressure(open: OpenListener): void {
  on(open, 'a client that does not read stops the source', async (stage) => {
    const bytes = 64 << 20;
    const socket = connect(stage.listener.port, '127.0.0.1');
    socket.pause();
    socket.write(`GET /do/stream?id=1&bytes=${bytes} HTTP/1.1\r\n${host}\r\n`);
    const record = stage.probe.record('1');
    await eventually('bytes flow', () => record.pulledBytes > 0);
    const pulled = await settled(() => record.pulledBytes);
    assert.ok(pulled <= kernelBytesMax, `${pulled} bytes were pulled`);
    const pieces: Buffer[] = [];
    let received = 0;
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece);
      received += piece.length;
    });
    socket.resume();
    await eventually('the rest arrives', () => received > bytes);
    const answer = Buffer.concat(pieces);
    assert.ok(answer.subarray(answer.indexOf('\r\n\r\n') + 4).equals(pattern(bytes)));
    socket.destroy();
  });
  on(open, 'a handler that does not read stops the client', (stage) =>
    using(stage, async (client) => {
      const piece = Buffer.alloc(1 << 20, 'y');
      const pieces = 48;
      let taken = 0;
      client.write(`PUT /do/wait-and-echo?id=1 HTTP/1.1\r\n${host}Content-Length: ${pieces * piece.length}\r\n\r\n`);
      const more = (error?: Error | null): void => {
        if (!error && ++taken <= pieces) client.socket.write(piece, more);
      };
      more();
      const held = await settled(() => taken);
      assert.ok(held * piece.length <= kernelBytesMax, `${held} MiB were taken`);
      stage.probe.record('1').release();
      assert.equal(echoOf(await client.answer()).bytes, pieces * piece.length);
    }),
  );
  on(open, '80 clients that trickle at one time', (stage) =>
    Promise.all(
      Array.from({ length: 80 }, (_, i) =>
        using(stage, async (client) => {
          await client.trickle(`PUT /${i} HTTP/1.1\r\n${host}Content-Length: 1600\r\n\r\n${'z'.repeat(1600)}`, 200, 40);
          const echo = echoOf(await client.answer());
          assert.deepEqual([echo.path, echo.bytes], [`/${i}`, 1600]);
        }),
      ),
    ).then(() => undefined),
  );
}

function closing(open: OpenListener): void {
  on(open, 'closing waits for requests under way and takes no others', (stage) =>
    using(stage, async (client) => {
      const idle = await RawSocket.open(stage.listener.port);
      client.write(`PUT /do/wait-and-echo?id=1 HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhello`);
      await eventually('the request is under way', () => stage.probe.paths.length === 1);
      let closed = false;
      const done = stage.listener.close(5000).then(() => {
        closed = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(closed, false);
      await assert.rejects(RawSocket.open(stage.listener.port), /ECONNREFUSED/);
      stage.probe.record('1').release();
      const answer = await client.answer();
      assert.equal(echoOf(answer).sha256, sha256('hello'));
      assert.equal(answer.header('connection'), 'close');
      await done;
      assert.ok((await client.endsWithin(1000)) && (await idle.endsWithin(1000)));
    }),
  );
  on(open, 'closing cuts what does not come to its end', (stage) =>
    using(stage, async (client) => {
      client.write(`PUT /x?id=1 HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhel`);
      await eventually('the request is under way', () => stage.probe.record('1').readBytes === 3);
      const before = Date.now();
      await stage.listener.close(200);
      const took = Date.now() - before;
      assert.ok(took >= 150 && took < 2000, `${took} ms`);
      assert.ok(await client.endsWithin(1000));
      await eventually('the handler is told', () => stage.probe.record('1').finished);
    }),
  );
  on(open, 'a port that is taken is refused', async (stage) => {
    const options = { host: '127.0.0.1', port: stage.listener.port, tls: undefined };
    await assert.rejects(open(options, stage.probe.handle), /EADDRINUSE|cannot listen/);
  });
}
